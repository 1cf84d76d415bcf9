//! Where a container has its volumes.

use super::container::Pod;
use crate::Tree;
use crate::builtin::check::{list, no_dots_up, on, required, text};
use crate::schema::{Faults, Path};

pub(in crate::builtin) fn check(
    container: &Tree,
    pod: &Pod<'_>,
    at: &Path<'_>,
    faults: &mut Faults,
) {
    let spec = pod.spec;
    let volumes = list(spec, "volumes");
    let (mounts, devices) = (list(container, "volumeMounts"), list(container, "volumeDevices"));
    let all = at.field("volumeMounts");
    for (index, mount) in mounts.iter().enumerate() {
        let at = all.index(index);
        let (name, path) = (text(mount, "name"), text(mount, "mountPath"));
        if name.is_empty() {
            faults.required(at.field("name"), "");
        }
        if !volumes.iter().any(|volume| text(volume, "name") == name)
            || pod.unsound.iter().any(|unsound| unsound == name)
        {
            faults.not_found(at.field("name"), name);
        }
        if path.is_empty() {
            faults.required(at.field("mountPath"), "");
        }
        if mounts[..index].iter().any(|other| text(other, "mountPath") == path) {
            faults.invalid(at.field("mountPath"), path, "must be unique");
        }
        if devices.iter().any(|device| text(device, "name") == name) {
            faults.invalid(at.field("name"), name, "must not already exist in volumeDevices");
        }
        if devices.iter().any(|device| text(device, "devicePath") == path) {
            faults.invalid(
                at.field("mountPath"),
                path,
                "must not already exist as a path in volumeDevices",
            );
        }
        let sub = text(mount, "subPath");
        if !sub.is_empty() {
            // Named without its place in the list, as the real server does.
            let place = all.field("subPath");
            if sub.starts_with('/') {
                faults.invalid(place, sub, "must be a relative path");
            }
            no_dots_up(faults, sub, place);
        }
        let expression = text(mount, "subPathExpr");
        if !expression.is_empty() && !sub.is_empty() {
            let why = "subPathExpr and subPath are mutually exclusive";
            faults.invalid(at.field("subPathExpr"), expression, why);
        }
        let privileged = container.bool_at(&["securityContext", "privileged"]) == Some(true);
        if text(mount, "mountPropagation") == "Bidirectional" && !privileged {
            let why = "Bidirectional mount propagation is available only to privileged containers";
            faults.forbidden(all.field("mountPropagation"), why);
        }
        if matches!(text(mount, "recursiveReadOnly"), "Enabled" | "IfPossible")
            && !on(mount, "readOnly")
        {
            let why = "may only be specified when readOnly is true";
            faults.forbidden(all.field("recursiveReadOnly"), why);
        }
    }
    let all = at.field("volumeDevices");
    for (index, device) in devices.iter().enumerate() {
        let at = all.index(index);
        let (name, path) = (text(device, "name"), text(device, "devicePath"));
        if name.is_empty() {
            faults.required(at.field("name"), "");
        }
        if devices[..index].iter().any(|other| text(other, "name") == name) {
            faults.invalid(at.field("name"), name, "must be unique");
        }
        match volumes.iter().find(|volume| text(volume, "name") == name) {
            None => faults.not_found(at.field("name"), name),
            Some(volume) => {
                if volume.get("persistentVolumeClaim").is_none()
                    && volume.get("ephemeral").is_none()
                {
                    let why = "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode";
                    faults.invalid(at.field("name"), name, why);
                }
            }
        }
        if mounts.iter().any(|mount| text(mount, "name") == name) {
            faults.invalid(at.field("name"), name, "must not already exist in volumeMounts");
        }
        if required(faults, device, "devicePath", &at)
            && mounts.iter().any(|mount| text(mount, "mountPath") == path)
        {
            faults.invalid(
                at.field("devicePath"),
                path,
                "must not already exist as a path in volumeMounts",
            );
        }
    }
}
