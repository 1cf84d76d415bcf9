//! Claims, volumes and their classes.

use super::check::{NOTHING, complain, list, one_of, required, selector, text};
use super::rules::Write;
use crate::Tree;
use crate::names;
use crate::quantity::Quantity;
use crate::schema::{Faults, Path};

const MODES: &[&str] = &["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];

pub(super) fn claim(write: &Write<'_>, faults: &mut Faults) {
    if write.changed(&["spec"]) {
        let spec = write.new.get("spec").unwrap_or(&NOTHING);
        claim_spec(spec, &Path::Root.field("spec"), faults);
    }
}

pub(super) fn claim_spec(spec: &Tree, at: &Path<'_>, faults: &mut Faults) {
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
                let requests = resources.field("requests");
                faults.invalid(requests.key("storage"), amount, "must be greater than zero");
            }
        }
    }
    let class = text(spec, "storageClassName");
    if !class.is_empty() {
        complain(faults, at.field("storageClassName"), class, names::dns_subdomain(class));
    }
    one_of(faults, spec, "volumeMode", at, &["Block", "Filesystem"]);
}

fn access_modes(spec: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let modes = list(spec, "accessModes");
    let place = at.field("accessModes");
    for mode in modes {
        if !mode.as_str().is_some_and(|mode| MODES.contains(&mode)) {
            faults.not_supported(place, mode, MODES);
        }
    }
    let alone = modes.iter().any(|mode| mode.as_str() == Some("ReadWriteOncePod"));
    if alone && modes.len() > 1 {
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
    match spec.get("capacity") {
        None => faults.required(capacity, ""),
        Some(amounts) => {
            if amounts.get("storage").is_none() || amounts.entries().len() > 1 {
                faults.not_supported(capacity, amounts.clone(), &["storage"]);
            }
            for (name, amount) in amounts.entries() {
                let quantity = amount.as_str().and_then(Quantity::parse);
                if quantity.is_none_or(|q| q.is_negative() || q.is_zero()) {
                    faults.invalid(capacity.key(name), amount, "must be greater than zero");
                }
            }
        }
    }
    let policies = ["Delete", "Recycle", "Retain"];
    one_of(faults, spec, "persistentVolumeReclaimPolicy", &at, &policies);
    let mut count = 0;
    for name in SOURCES {
        let Some(source) = spec.get(name) else { continue };
        count += 1;
        if count > 1 {
            faults.forbidden(at.field(name), "may not specify more than 1 volume type");
            continue;
        }
        let at = at.field(name);
        match *name {
            "csi" => {
                required(faults, source, "driver", &at);
                required(faults, source, "volumeHandle", &at);
                for key in
                    ["controllerPublishSecretRef", "nodePublishSecretRef", "nodeStageSecretRef"]
                {
                    if let Some(reference) = source.get(key) {
                        required(faults, reference, "name", &at.field(key));
                        required(faults, reference, "namespace", &at.field(key));
                    }
                }
            }
            "local" => {
                required(faults, source, "path", &at);
                if spec.get("nodeAffinity").is_none() {
                    let spec = Path::Root.field("spec");
                    faults.required(
                        spec.field("nodeAffinity"),
                        "Local volume requires node affinity",
                    );
                }
            }
            "hostPath" | "nfs" => {
                required(faults, source, "path", &at);
            }
            _ => {}
        }
    }
    if count == 0 {
        faults.required(at, "must specify a volume type");
    }
    one_of(faults, spec, "volumeMode", &at, &["Block", "Filesystem"]);
}

pub(super) fn class(write: &Write<'_>, faults: &mut Faults) {
    let class = write.new;
    required(faults, class, "provisioner", &Path::Root);
    for (key, _) in class.get("parameters").into_iter().flat_map(Tree::entries) {
        if key.is_empty() {
            faults.invalid(Path::Root.field("parameters"), key, "field can not be empty.");
        }
    }
    one_of(faults, class, "reclaimPolicy", &Path::Root, &["Delete", "Retain"]);
    one_of(faults, class, "volumeBindingMode", &Path::Root, &["Immediate", "WaitForFirstConsumer"]);
}
