//! Persistent volumes, and those that an attachment tells inline.

use super::sources;
use crate::Tree;
use crate::builtin::check::{NOTHING, complain, list, no_dots_up, one_of, required, text};
use crate::builtin::pod::scheduling;
use crate::builtin::rules::Write;
use crate::names;
use crate::quantity::Quantity;
use crate::schema::{Faults, Path};

/// The order in which the real server looks for sources.
const SOURCES: &[&str] = &[
    "hostPath",
    "gcePersistentDisk",
    "awsElasticBlockStore",
    "glusterfs",
    "flocker",
    "nfs",
    "rbd",
    "quobyte",
    "cephfs",
    "iscsi",
    "cinder",
    "fc",
    "flexVolume",
    "azureFile",
    "vsphereVolume",
    "photonPersistentDisk",
    "portworxVolume",
    "azureDisk",
    "scaleIO",
    "local",
    "storageos",
    "csi",
];

pub(in crate::builtin) fn check(write: &Write<'_>, faults: &mut Faults) {
    if write.changed(&["spec"]) {
        let spec = write.new.get("spec").unwrap_or(&NOTHING);
        let name = text(write.part(&["metadata"]), "name");
        volume_spec(
            spec,
            &Kept { name: Some(name), minor: write.minor },
            &Path::Root.field("spec"),
            faults,
        );
    }
}

/// A volume that is no object of its own: a driver's, without what only an object of its own has.
pub(super) fn inline(spec: &Tree, minor: u32, at: &Path<'_>, faults: &mut Faults) {
    volume_spec(spec, &Kept { name: None, minor }, at, faults);
}

/// Where a volume is told of.
struct Kept<'a> {
    /// Of the object that it is; `None` for one that is told inline.
    name: Option<&'a str>,
    minor: u32,
}

const NOT_INLINE: &str = "may not be specified in the context of inline volumes";

fn volume_spec(spec: &Tree, kept: &Kept<'_>, at: &Path<'_>, faults: &mut Faults) {
    if kept.name.is_none() {
        for key in ["claimRef", "capacity"] {
            forbid(spec, key, at, faults);
        }
        if spec.get("csi").is_none() {
            faults
                .required(at.field("csi"), "has to be specified in the context of inline volumes");
        }
    }
    if list(spec, "accessModes").is_empty() {
        faults.required(at.field("accessModes"), "");
    }
    super::access_modes(spec, at, faults);
    if kept.name.is_some() {
        capacity(spec.get("capacity"), at.field("capacity"), faults);
    }
    let policy = text(spec, "persistentVolumeReclaimPolicy");
    let policies = at.field("persistentVolumeReclaimPolicy");
    if kept.name.is_some() {
        let known = ["Delete", "Recycle", "Retain"];
        one_of(faults, spec, "persistentVolumeReclaimPolicy", at, &known);
    } else if !matches!(policy, "" | "Retain") {
        faults.forbidden(policies, "may only be Retain in the context of inline volumes");
    }
    let affinity = at.field("nodeAffinity");
    match spec.get("nodeAffinity") {
        Some(_) if kept.name.is_none() => faults.forbidden(affinity, NOT_INLINE),
        Some(nodes) => match nodes.get("required") {
            Some(required) => {
                scheduling::node_selector(required, &affinity.field("required"), faults);
            }
            None => {
                faults
                    .required(affinity.field("required"), "must specify required node constraints");
            }
        },
        None => {}
    }
    sources_of(spec, kept, at, faults);
    let host = spec.str_at(&["hostPath", "path"]);
    if policy == "Recycle" && host.is_some_and(is_root) {
        faults.forbidden(policies, "may not be 'recycle' for a hostPath mount of '/'");
    }
    if kept.name.is_none() {
        forbid(spec, "storageClassName", at, faults);
        if spec.str_at(&["volumeMode"]).is_some_and(|mode| mode != "Filesystem") {
            let why =
                "may not specify volumeMode other than Filesystem in the context of inline volumes";
            faults.forbidden(at.field("volumeMode"), why);
        }
        return;
    }
    let class = text(spec, "storageClassName");
    if !class.is_empty() {
        complain(faults, at.field("storageClassName"), class, names::dns_subdomain(class));
    }
    one_of(faults, spec, "volumeMode", at, &["Block", "Filesystem"]);
    if kept.minor >= 34 {
        attributes_class(spec, at, faults);
    }
}

fn forbid(spec: &Tree, key: &str, at: &Path<'_>, faults: &mut Faults) {
    if spec.get(key).is_some_and(|value| value.is_map() && key == "claimRef" || !value.is_empty()) {
        faults.forbidden(at.field(key), NOT_INLINE);
    }
}

fn capacity(amounts: Option<&Tree>, at: Path<'_>, faults: &mut Faults) {
    let Some(amounts) = amounts.filter(|amounts| !amounts.is_empty()) else {
        faults.required(at, "");
        faults.not_supported(at, amounts.cloned().unwrap_or_default(), &["storage"]);
        return;
    };
    if amounts.get("storage").is_none() || amounts.entries().len() > 1 {
        faults.not_supported(at, amounts.clone(), &["storage"]);
    }
    for (name, amount) in amounts.entries() {
        let quantity = amount.as_str().and_then(Quantity::parse);
        let whole = quantity.and_then(|q| i64::try_from(q.ceil()).ok());
        if let Some(whole) = whole.filter(|whole| *whole < 0) {
            faults.invalid(at.key(name), whole, "must be a valid resource quantity");
        }
        if quantity.is_none_or(|q| q.is_negative() || q.is_zero()) {
            faults.invalid(at.key(name), amount, "must be greater than zero");
        }
    }
}

fn sources_of(spec: &Tree, kept: &Kept<'_>, at: &Path<'_>, faults: &mut Faults) {
    let mut count = 0;
    for name in SOURCES {
        let Some(source) = spec.get(name) else { continue };
        count += 1;
        // One kind is looked at however many there are.
        if count > 1 && *name != "flexVolume" {
            let said = if *name == "cephfs" { "cephFS" } else { name };
            faults.forbidden(at.field(said), "may not specify more than 1 volume type");
            continue;
        }
        // Some are not named as their fields are.
        let said = if *name == "gcePersistentDisk" { "persistentDisk" } else { name };
        let place = at.field(said);
        match *name {
            "csi" => csi(source, kept.minor, &place, faults),
            "local" => {
                if required(faults, source, "path", &place) {
                    no_dots_up(faults, text(source, "path"), place.field("path"));
                }
                if kept.name.is_none() || spec.get("nodeAffinity").is_none() {
                    let why = "Local volume requires node affinity";
                    faults.required(at.field("nodeAffinity"), why);
                }
            }
            other => {
                let name = Some(kept.name.unwrap_or_default());
                sources::check(other, source, name, &place, faults);
            }
        }
    }
    if count == 0 {
        faults.required(*at, "must specify a volume type");
    }
}

/// Whether a path leads to the root, with whatever detours.
fn is_root(path: &str) -> bool {
    path.starts_with('/') && path.split('/').all(|part| matches!(part, "" | "." | ".."))
}

fn attributes_class(spec: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let Some(class) = spec.str_at(&["volumeAttributesClassName"]) else { return };
    let place = at.field("volumeAttributesClassName");
    if class.is_empty() {
        faults.required(place, "an empty string is disallowed");
    } else {
        complain(faults, place, class, names::dns_subdomain(class));
    }
    if spec.get("csi").is_none() {
        let why = "has to be specified when using volumeAttributesClassName";
        faults.required(at.field("csi"), why);
    }
}

fn csi(source: &Tree, minor: u32, at: &Path<'_>, faults: &mut Faults) {
    sources::driver(text(source, "driver"), at.field("driver"), faults);
    required(faults, source, "volumeHandle", at);
    let stages = "nodeStageSecretRef";
    let known = [
        "controllerPublishSecretRef",
        "controllerExpandSecretRef",
        "nodePublishSecretRef",
        "nodeExpandSecretRef",
        stages,
    ];
    // Newer servers do not look at one of them.
    for key in known.into_iter().filter(|key| minor < 34 || *key != stages) {
        let Some(reference) = source.get(key) else { continue };
        let at = at.field(key);
        let (name, namespace) = (text(reference, "name"), text(reference, "namespace"));
        if required(faults, reference, "name", &at) {
            complain(faults, at.field("name"), name, names::dns_subdomain(name));
        }
        if required(faults, reference, "namespace", &at) {
            complain(faults, at.field("namespace"), namespace, names::dns_label(namespace));
        }
    }
}
