//! Claims, volumes and their classes.

pub(super) mod csi;
pub(super) mod sources;
pub(super) mod storage_class;
pub(super) mod volume;

use super::check::{complain, list, one_of, required, selector, text};
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
