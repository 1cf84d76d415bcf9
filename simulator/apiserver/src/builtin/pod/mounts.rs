//! Where a container has its volumes.

use std::collections::BTreeMap;

use super::container::Pod;
use crate::Tree;
use crate::builtin::check::{list, on, one_of, relative, required, text};
use crate::schema::{Faults, Path};

pub(in crate::builtin) fn check(
    container: &Tree,
    pod: &Pod<'_>,
    at: &Path<'_>,
    faults: &mut Faults,
) {
    let (mounts, devices) = (list(container, "volumeMounts"), list(container, "volumeDevices"));
    volume_mounts(container, pod, at, faults);
    let all = at.field("volumeDevices");
    let mounted = by_name(mounts, "mountPath");
    let mut paths: Vec<&str> = Vec::new();
    for (index, device) in devices.iter().enumerate() {
        let at = all.index(index);
        let (name, path) = (text(device, "name"), text(device, "devicePath"));
        if name.is_empty() {
            faults.required(at.field("name"), "");
        } else if devices[..index].iter().any(|other| text(other, "name") == name) {
            faults.invalid(at.field("name"), name, "must be unique");
        }
        match pod.volumes.iter().find(|(other, _)| *other == name) {
            None => faults.not_found(at.field("name"), name),
            Some((_, volume)) => {
                if volume.get("persistentVolumeClaim").is_none()
                    && volume.get("ephemeral").is_none()
                {
                    let why = "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode";
                    faults.invalid(at.field("name"), name, why);
                }
            }
        }
        required(faults, device, "devicePath", &at);
        if paths.contains(&path) {
            faults.invalid(at.field("devicePath"), path, "must be unique");
        }
        if path.split('/').any(|part| part == "..") {
            let why = "can not contain backsteps ('..')";
            faults.invalid(at.field("devicePath"), path, why);
        } else {
            paths.push(path);
        }
        if mounted.contains_key(name) {
            faults.invalid(at.field("name"), name, "must not already exist in volumeMounts");
        }
        if mounted.values().any(|other| *other == path) {
            let why = "must not already exist as a path in volumeMounts";
            faults.invalid(at.field("devicePath"), path, why);
        }
    }
}

/// Of several with one name the last counts.
fn by_name<'t>(all: &'t [Tree], path: &str) -> BTreeMap<&'t str, &'t str> {
    all.iter().map(|one| (text(one, "name"), text(one, path))).collect()
}

fn volume_mounts(container: &Tree, pod: &Pod<'_>, at: &Path<'_>, faults: &mut Faults) {
    let mounts = list(container, "volumeMounts");
    let devices = by_name(list(container, "volumeDevices"), "devicePath");
    let all = at.field("volumeMounts");
    for (index, mount) in mounts.iter().enumerate() {
        let at = all.index(index);
        let (name, path) = (text(mount, "name"), text(mount, "mountPath"));
        if name.is_empty() {
            faults.required(at.field("name"), "");
        }
        if !pod.volumes.iter().any(|(other, _)| *other == name) {
            faults.not_found(at.field("name"), name);
        }
        required(faults, mount, "mountPath", &at);
        if mounts[..index].iter().any(|other| text(other, "mountPath") == path) {
            faults.invalid(at.field("mountPath"), path, "must be unique");
        }
        if devices.contains_key(name) {
            faults.invalid(at.field("name"), name, "must not already exist in volumeDevices");
        }
        if devices.values().any(|other| *other == path) {
            let why = "must not already exist as a path in volumeDevices";
            faults.invalid(at.field("mountPath"), path, why);
        }
        // Named without their place in the list, as the real server does.
        let sub = text(mount, "subPath");
        relative(faults, sub, all.field("subPath"));
        let expression = text(mount, "subPathExpr");
        if !expression.is_empty() && !sub.is_empty() {
            let why = "subPathExpr and subPath are mutually exclusive";
            faults.invalid(at.field("subPathExpr"), expression, why);
        }
        relative(faults, expression, all.field("subPathExpr"));
        ways(mount, container, &all, faults);
    }
}

/// How a mount shows what is mounted below it.
fn ways(mount: &Tree, container: &Tree, all: &Path<'_>, faults: &mut Faults) {
    let known = ["Bidirectional", "HostToContainer", "None"];
    one_of(faults, mount, "mountPropagation", all, &known);
    let propagation = mount.str_at(&["mountPropagation"]);
    let privileged = container.bool_at(&["securityContext", "privileged"]) == Some(true);
    if propagation == Some("Bidirectional") && !privileged {
        let why = "Bidirectional mount propagation is available only to privileged containers";
        faults.forbidden(all.field("mountPropagation"), why);
    }
    let place = all.field("recursiveReadOnly");
    if let Some("Enabled" | "IfPossible") = mount.str_at(&["recursiveReadOnly"]) {
        if !on(mount, "readOnly") {
            faults.forbidden(place, "may only be specified when readOnly is true");
        }
        if propagation.is_some_and(|propagation| propagation != "None") {
            let why = "may only be specified when mountPropagation is None or not specified";
            faults.forbidden(place, why);
        }
    } else {
        let known = ["Disabled", "Enabled", "IfPossible"];
        one_of(faults, mount, "recursiveReadOnly", all, &known);
    }
}
