//! Claims, volumes and their classes.

pub(super) mod csi;
pub(super) mod sources;
pub(super) mod storage_class;

use super::check::{NOTHING, complain, list, no_dots_up, one_of, required, selector, text};
use super::rules::Write;
use crate::Tree;
use crate::names;
use crate::quantity::Quantity;
use crate::schema::{Faults, Path};

pub(super) const MODES: &[&str] =
    &["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];

pub(super) fn claim(write: &Write<'_>, faults: &mut Faults) {
    if write.changed(&["spec"]) {
        let spec = write.part(&["spec"]);
        // One that was let in with any group keeps it.
        let grouped =
            |key| write.old.is_some_and(|old| old.at(&["spec", key, "apiGroup"]).is_some());
        let any_group = ["dataSource", "dataSourceRef"].into_iter().any(grouped);
        claim_spec(spec, any_group, &Path::Root.field("spec"), faults);
    }
}

pub(super) fn claim_spec(spec: &Tree, any_group: bool, at: &Path<'_>, faults: &mut Faults) {
    let modes = list(spec, "accessModes");
    if modes.is_empty() {
        faults.required(at.field("accessModes"), "at least 1 access mode is required");
    }
    if let Some(labels) = spec.get("selector") {
        selector(faults, labels, &at.field("selector"));
    }
    access_modes(spec, at, faults);
    let resources = at.field("resources");
    match spec.at(&["resources", "requests", "storage"]).and_then(Tree::as_str) {
        None => faults.required(resources.key("storage"), ""),
        Some(amount) => {
            let quantity = Quantity::parse(amount);
            if quantity.is_none_or(|q| q.is_negative() || q.is_zero()) {
                faults.invalid(resources.key("storage"), amount, "must be greater than zero");
            }
        }
    }
    let class = text(spec, "storageClassName");
    if !class.is_empty() {
        complain(faults, at.field("storageClassName"), class, names::dns_subdomain(class));
    }
    one_of(faults, spec, "volumeMode", at, &["Block", "Filesystem"]);
    data_sources(spec, any_group, at, faults);
    let class = text(spec, "volumeAttributesClassName");
    if !class.is_empty() {
        let why = names::dns_subdomain(class);
        complain(faults, at.field("volumeAttributesClassName"), class, why);
    }
}

/// What a new volume is filled with.
fn data_sources(spec: &Tree, any_group: bool, at: &Path<'_>, faults: &mut Faults) {
    for key in ["dataSource", "dataSourceRef"] {
        let Some(source) = spec.get(key) else { continue };
        let at = at.field(key);
        required(faults, source, "name", &at);
        required(faults, source, "kind", &at);
        let (group, kind) = (text(source, "apiGroup"), text(source, "kind"));
        if group.is_empty() && kind != "PersistentVolumeClaim" {
            let why = "must be 'PersistentVolumeClaim' when referencing the default apiGroup";
            faults.invalid(at, kind, why);
        }
        if !group.is_empty() && !any_group {
            complain(faults, at.field("apiGroup"), group, names::dns_subdomain(group));
        }
        let namespace = text(source, "namespace");
        if key == "dataSourceRef" && !namespace.is_empty() {
            complain(faults, at.field("namespace"), namespace, names::dns_label(namespace));
        }
    }
    let (Some(source), Some(reference)) = (spec.get("dataSource"), spec.get("dataSourceRef"))
    else {
        return;
    };
    let alike = source.get("apiGroup") == reference.get("apiGroup")
        && ["kind", "name"].iter().all(|key| text(source, key) == text(reference, key));
    let why = if !text(reference, "namespace").is_empty() {
        "may not be specified when dataSourceRef.namespace is specified"
    } else if alike {
        return;
    } else {
        "must match dataSourceRef"
    };
    // The real server shows the place as the value, and nothing of it can be seen.
    faults.invalid(*at, Tree::empty_map(), why);
}

fn access_modes(spec: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let modes = list(spec, "accessModes");
    let place = at.field("accessModes");
    for mode in modes {
        if !mode.as_str().is_some_and(|mode| MODES.contains(&mode)) {
            faults.not_supported(place, mode, MODES);
        }
    }
    let is_alone = |mode: &&str| *mode == "ReadWriteOncePod";
    let known: Vec<&str> =
        modes.iter().filter_map(Tree::as_str).filter(|mode| MODES.contains(mode)).collect();
    if known.iter().any(is_alone) && !known.iter().all(is_alone) {
        faults.forbidden(place, "may not use ReadWriteOncePod with other access modes");
    }
}

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

pub(super) fn volume(write: &Write<'_>, faults: &mut Faults) {
    if !write.changed(&["spec"]) {
        return;
    }
    let spec = write.new.get("spec").unwrap_or(&NOTHING);
    let at = Path::Root.field("spec");
    if list(spec, "accessModes").is_empty() {
        faults.required(at.field("accessModes"), "");
    }
    access_modes(spec, &at, faults);
    let capacity = at.field("capacity");
    let amounts = spec.get("capacity");
    match amounts.filter(|amounts| !amounts.is_empty()) {
        None => {
            faults.required(capacity, "");
            let said = amounts.cloned().unwrap_or_default();
            faults.not_supported(capacity, said, &["storage"]);
        }
        Some(amounts) => {
            if amounts.get("storage").is_none() || amounts.entries().len() > 1 {
                faults.not_supported(capacity, amounts.clone(), &["storage"]);
            }
            for (name, amount) in amounts.entries() {
                let quantity = amount.as_str().and_then(Quantity::parse);
                let whole = quantity.and_then(|q| i64::try_from(q.ceil()).ok());
                if let Some(whole) = whole.filter(|whole| *whole < 0) {
                    faults.invalid(capacity.key(name), whole, "must be a valid resource quantity");
                }
                if quantity.is_none_or(|q| q.is_negative() || q.is_zero()) {
                    faults.invalid(capacity.key(name), amount, "must be greater than zero");
                }
            }
        }
    }
    let policies = ["Delete", "Recycle", "Retain"];
    one_of(faults, spec, "persistentVolumeReclaimPolicy", &at, &policies);
    if let Some(affinity) = spec.get("nodeAffinity") {
        let at = at.field("nodeAffinity");
        match affinity.get("required") {
            Some(required) => {
                super::pod::scheduling::node_selector(required, &at.field("required"), faults);
            }
            None => faults.required(at.field("required"), "must specify required node constraints"),
        }
    }
    let metadata = write.part(&["metadata"]);
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
        let at = at.field(said);
        match *name {
            "csi" => csi(source, write.minor, &at, faults),
            "local" => {
                if required(faults, source, "path", &at) {
                    no_dots_up(faults, text(source, "path"), at.field("path"));
                }
                if spec.get("nodeAffinity").is_none() {
                    let spec = Path::Root.field("spec");
                    faults.required(
                        spec.field("nodeAffinity"),
                        "Local volume requires node affinity",
                    );
                }
            }
            other => sources::check(other, source, Some(text(metadata, "name")), &at, faults),
        }
    }
    if count == 0 {
        faults.required(at, "must specify a volume type");
    }
    let policy = text(spec, "persistentVolumeReclaimPolicy");
    let host = spec.str_at(&["hostPath", "path"]);
    if policy == "Recycle" && host.is_some_and(is_root) {
        let why = "may not be 'recycle' for a hostPath mount of '/'";
        faults.forbidden(at.field("persistentVolumeReclaimPolicy"), why);
    }
    let class = text(spec, "storageClassName");
    if !class.is_empty() {
        complain(faults, at.field("storageClassName"), class, names::dns_subdomain(class));
    }
    one_of(faults, spec, "volumeMode", &at, &["Block", "Filesystem"]);
    if write.minor >= 34 {
        attributes_class(spec, &at, faults);
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
