//! Objects of builtin kinds in another version of their kind, which may be that of another group.

pub(crate) mod autoscaler;

use crate::kinds::KindInfo;
use crate::object::Tree;

/// What an Event's members are called in the core group and in `events.k8s.io`.
const EVENT: [(&str, &str); 7] = [
    ("count", "deprecatedCount"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("involvedObject", "regarding"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("message", "note"),
    ("reportingComponent", "reportingController"),
    ("source", "deprecatedSource"),
];

/// Group and kind under which objects of a kind are kept: two groups can serve the same objects.
pub(crate) fn home<'a>(group: &'a str, kind: &'a str) -> (&'a str, &'a str) {
    match (group, kind) {
        ("events.k8s.io", "Event") => ("", "Event"),
        other => other,
    }
}

/// Whether objects of a kind look different in its versions within its group.
pub(crate) fn has_shapes(kind: &KindInfo) -> bool {
    kind.is("autoscaling", "HorizontalPodAutoscaler")
}

/// The object in the version `to` of its kind.
pub(crate) fn converted(tree: &Tree, to: &KindInfo) -> Tree {
    let from = tree.str_at(&["apiVersion"]).unwrap_or_default();
    let from = from.rsplit('/').next().unwrap_or_default();
    let tree = match (&*to.group, &*to.kind) {
        ("", "Event") => renamed(tree, EVENT.iter().map(|(core, own)| (*own, *core))),
        ("events.k8s.io", "Event") => renamed(tree, EVENT.iter().copied()),
        _ if has_shapes(to) => autoscaler::converted(tree, from, &to.version),
        _ => return tree.with(&["apiVersion"], to.api_version()),
    };
    let tree = tree.with(&["apiVersion"], to.api_version());
    // What is shown when it is empty differs.
    to.schema.decode(&tree, None).map_or(tree, |(shaped, _)| shaped)
}

fn renamed(tree: &Tree, names: impl Iterator<Item = (&'static str, &'static str)>) -> Tree {
    names.fold(tree.clone(), |tree, (from, to)| match tree.get(from) {
        Some(value) => tree.with(&[to], value).without(&[from]),
        None => tree,
    })
}
