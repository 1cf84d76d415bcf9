//! What an object becomes on its way into the server's own types and out of them again: members that say the same are
//! brought in step, and annotations that once were members are read.

use super::admission::TEMPLATES;
use super::check::{list, text};
use crate::Tree;
use crate::kinds::KindInfo;

const ROLLBACK: [&str; 3] = ["metadata", "annotations", "deprecated.deployment.rollback.to"];

/// Why an object cannot be taken in; `None` if it can.
pub(crate) fn misfit(kind: &KindInfo, tree: &Tree) -> Option<String> {
    match (&*kind.group, &*kind.kind) {
        ("apps", "DaemonSet") => number(tree.str_at(&TEMPLATES)?).err(),
        ("apps", "Deployment") => {
            let revision = tree.str_at(&ROLLBACK).filter(|revision| !revision.is_empty())?;
            let why = number(revision).err()?;
            Some(format!("failed to parse annotation[{}]={revision} as int64: {why}", ROLLBACK[2]))
        }
        _ => None,
    }
}

/// `Err` in Go's words.
fn number(text: &str) -> Result<i64, String> {
    use std::num::IntErrorKind::{NegOverflow, PosOverflow};
    text.parse().map_err(|error: std::num::ParseIntError| {
        let why = match error.kind() {
            PosOverflow | NegOverflow => "value out of range",
            _ => "invalid syntax",
        };
        format!("strconv.ParseInt: parsing {}: {why}", crate::golang::quote(text))
    })
}

/// The revision that a Deployment is to go back to.
pub(super) fn rollback(tree: &Tree) -> Option<i64> {
    tree.str_at(&ROLLBACK)?.parse().ok()
}

/// What to go back to is no part of a status: `metadata` with what `from` says of it.
pub(crate) fn with_rollback_of(from: &Tree, metadata: &Tree) -> Tree {
    match from.str_at(&ROLLBACK) {
        Some(revision) => metadata.with(&ROLLBACK[1..], revision),
        None => metadata.without(&ROLLBACK[1..]),
    }
}

pub(super) fn deployment(tree: &Tree) -> Tree {
    match tree.str_at(&ROLLBACK) {
        None => tree.clone(),
        Some("") => without_annotation(tree, ROLLBACK[2]),
        Some(_) => match rollback(tree) {
            Some(revision) => tree.with(&ROLLBACK, revision.to_string()),
            None => tree.clone(),
        },
    }
}

/// The count of templates is an annotation since it is no field any more: it is always there.
pub(super) fn daemon_set(tree: &Tree) -> Tree {
    match tree.str_at(&TEMPLATES).map(number) {
        None => tree.with(&TEMPLATES, "0"),
        Some(Ok(count)) => tree.with(&TEMPLATES, count.to_string()),
        Some(Err(_)) => tree.clone(),
    }
}

pub(super) fn pod(tree: Tree, minor: u32) -> Tree {
    let tree = without_init_annotations(tree);
    let grace = ["spec", "terminationGracePeriodSeconds"];
    match tree.int_at(&grace) {
        Some(..0) if minor >= 22 => tree.with(&grace, 1),
        _ => tree,
    }
}

/// Containers that start a pod stood in annotations once.
pub(super) fn without_init_annotations(tree: Tree) -> Tree {
    const GONE: [&str; 4] = [
        "pod.beta.kubernetes.io/init-containers",
        "pod.alpha.kubernetes.io/init-containers",
        "pod.beta.kubernetes.io/init-container-statuses",
        "pod.alpha.kubernetes.io/init-container-statuses",
    ];
    let Some(annotations) = tree.at(&["metadata", "annotations"]) else { return tree };
    let gone = GONE.iter().filter(|key| annotations.get(key).is_some());
    gone.fold(tree.clone(), |tree, key| without_annotation(&tree, key))
}

fn without_annotation(tree: &Tree, key: &str) -> Tree {
    let path = ["metadata", "annotations"];
    let tree = tree.without(&[path[0], path[1], key]);
    if tree.at(&path).is_some_and(Tree::is_empty) { tree.without(&path) } else { tree }
}

/// The one address and the first of several are the same, and the one counts where they are not.
pub(super) fn pod_status(tree: &Tree) -> Tree {
    let first = list(tree, "podIPs").first().map(|ip| text(ip, "ip"));
    match (text(tree, "podIP"), first) {
        ("", Some(first)) if !first.is_empty() => tree.with(&["podIP"], first),
        (ip, first) if !ip.is_empty() && first != Some(ip) => {
            tree.with(&["podIPs"], Tree::list([Tree::map([("ip", Tree::from(ip))])]))
        }
        _ => tree.clone(),
    }
}

/// The ranges of a node begin with its range.
pub(super) fn node_spec(tree: &Tree) -> Tree {
    let first = list(tree, "podCIDRs").first().cloned();
    match (tree.str_at(&["podCIDR"]).filter(|range| !range.is_empty()), first) {
        (Some(range), first) if first.as_ref().and_then(Tree::as_str) != Some(range) => {
            tree.with(&["podCIDRs"], vec![Tree::from(range)])
        }
        (None, Some(first)) => tree.with(&["podCIDR"], first),
        _ => tree.clone(),
    }
}

/// Who says nothing of a webhook has none: `spec` of a definition.
pub(super) fn without_silent_webhook(spec: &Tree) -> Tree {
    let path = ["conversion", "webhook"];
    let says = |webhook: &Tree| {
        webhook.get("clientConfig").is_some()
            || webhook.get("conversionReviewVersions").is_some_and(Tree::is_list)
    };
    match spec.at(&path) {
        Some(webhook) if !says(webhook) => spec.without(&path),
        _ => spec.clone(),
    }
}

/// A definition whose webhook has something in it, or that has none.
pub(crate) fn without_empty_webhook(definition: &Tree) -> Tree {
    let path = ["spec", "conversion", "webhook"];
    let is_empty = |webhook: &Tree| {
        webhook.get("clientConfig").is_none()
            && list(webhook, "conversionReviewVersions").is_empty()
    };
    match definition.at(&path) {
        Some(webhook) if is_empty(webhook) => definition.without(&path),
        _ => definition.clone(),
    }
}

/// The version marked as the one that is stored: the first, if a bad definition marks several.
pub(crate) fn storage_version(definition: &Tree) -> Option<&str> {
    let versions = definition.at(&["spec", "versions"])?.items();
    versions.iter().find(|v| v.bool_at(&["storage"]) == Some(true))?.str_at(&["name"])
}

/// Who says nothing of the versions that were stored means the one that is.
pub(super) fn with_stored_versions(definition: &Tree) -> Tree {
    let path = ["status", "storedVersions"];
    let says = definition.at(&path).is_some_and(|stored| !stored.is_empty());
    match storage_version(definition).filter(|_| !says) {
        Some(version) => definition.with(&path, vec![Tree::from(version)]),
        None => definition.clone(),
    }
}
