//! What the server sets or refuses of claims.

use super::{find, objects, text};
use crate::Tree;
use crate::kinds::KindInfo;
use crate::object::Object;
use crate::quantity::Quantity;
use crate::status::Status;
use crate::store::Server;

/// What a claim's volume is filled with: named in an older and a newer field, which say the same; the older one takes
/// claims and snapshots only.
pub(super) fn with_data_source(tree: &Tree, old: Option<&Tree>, minor: u32) -> Tree {
    let (older, newer) = (["spec", "dataSource"], ["spec", "dataSourceRef"]);
    let in_use = old.is_some_and(|old| old.at(&older).is_some() || old.at(&newer).is_some());
    let mut tree = tree.clone();
    if minor < 24 {
        return tree;
    }
    let elsewhere = tree.str_at(&["spec", "dataSourceRef", "namespace"]).unwrap_or_default();
    if !elsewhere.is_empty() && !in_use {
        tree = tree.without(&newer);
    }
    let is_known = |source: &Tree| {
        matches!(
            (text(source, "apiGroup"), text(source, "kind")),
            ("", "PersistentVolumeClaim") | ("snapshot.storage.k8s.io", "VolumeSnapshot")
        )
    };
    if !in_use && tree.at(&newer).is_none() && !tree.at(&older).is_some_and(is_known) {
        tree = tree.without(&older);
    }
    match (tree.at(&older), tree.at(&newer)) {
        (Some(source), None) => tree.with(&newer, source),
        (None, Some(source)) if text(source, "namespace").is_empty() => tree.with(&older, source),
        _ => tree.clone(),
    }
}

/// A claim that names no class gets the default one: the newest, if several say that they are it.
pub(super) fn storage_class(server: &Server, tree: Tree) -> Tree {
    let stated = tree.at(&["spec", "storageClassName"]).is_some()
        || tree
            .at(&["metadata", "annotations", "volume.beta.kubernetes.io/storage-class"])
            .is_some();
    if stated {
        return tree;
    }
    let is_default = |class: &&Object| {
        [
            "storageclass.kubernetes.io/is-default-class",
            "storageclass.beta.kubernetes.io/is-default-class",
        ]
        .iter()
        .any(|key| class.tree().str_at(&["metadata", "annotations", key]) == Some("true"))
    };
    let made = |class: &&Object| {
        class.tree().str_at(&["metadata", "creationTimestamp"]).unwrap_or_default().to_owned()
    };
    // Of equally old ones the first by name.
    let newest = objects(server, "storage.k8s.io", "StorageClass")
        .filter(is_default)
        .max_by(|a, b| made(a).cmp(&made(b)).then(b.name().cmp(a.name())));
    match newest {
        Some(class) => tree.with(&["spec", "storageClassName"], class.name()),
        None => tree,
    }
}

/// Only a claim whose class allows it may grow.
pub(super) fn resize(
    server: &Server,
    kind: &KindInfo,
    tree: &Tree,
    old: &Tree,
) -> Result<(), Status> {
    let size = |tree: &Tree| {
        tree.str_at(&["spec", "resources", "requests", "storage"]).and_then(Quantity::parse)
    };
    if old.str_at(&["status", "phase"]) != Some("Bound") || size(tree) <= size(old) {
        return Ok(());
    }
    let class = tree.str_at(&["spec", "storageClassName"]).unwrap_or_default();
    let allows = find(server, "storage.k8s.io", "StorageClass", class)
        .is_some_and(|class| class.tree().bool_at(&["allowVolumeExpansion"]) == Some(true));
    if allows {
        return Ok(());
    }
    let name = tree.str_at(&["metadata", "name"]).unwrap_or_default();
    let why = "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize";
    Err(Status::forbidden(kind, name, why))
}
