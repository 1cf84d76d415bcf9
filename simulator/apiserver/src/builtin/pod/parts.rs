//! Parts of a pod that have their own ways in: containers added for a look, and the resources of those that run.

use super::container;
use crate::Tree;
use crate::builtin::admission::quality;
use crate::builtin::check::{NOTHING, list, on, text};
use crate::builtin::immutable::difference;
use crate::schema::{Faults, Path};

/// The pod with the containers for a look that `new` has.
pub(crate) fn with_looks(old: &Tree, new: &Tree) -> Tree {
    let path = ["spec", "ephemeralContainers"];
    match new.at(&path) {
        Some(list) => old.with(&path, list),
        None => old.without(&path),
    }
}

/// The pod with the resources that `new` gives its containers, and its metadata.
pub(crate) fn with_resources(old: &Tree, new: &Tree) -> Tree {
    let mut tree = old.with(&["metadata"], new.get("metadata").unwrap_or(&NOTHING));
    for group in ["containers", "initContainers"] {
        let path = ["spec", group];
        let Some(was) = old.at(&path) else { continue };
        let wanted = new.at(&path).map_or(&[][..], Tree::items);
        let items = was.items().iter().map(|one| {
            let other = wanted.iter().find(|other| text(other, "name") == text(one, "name"));
            let Some(other) = other else { return one.clone() };
            ["resources", "resizePolicy"].iter().fold(one.clone(), |one, key| {
                match other.get(key) {
                    Some(value) => one.with(&[key], value),
                    None => one.without(&[key]),
                }
            })
        });
        tree = tree.with(&path, Tree::list(items).sharing(was));
    }
    tree
}

/// What may not be asked through `resize`.
pub(in crate::builtin) fn resized(new: &Tree, old: &Tree, faults: &mut Faults) {
    let at = Path::Root.field("spec");
    let spec = |tree: &Tree| tree.get("spec").cloned().unwrap_or_default();
    let (spec, was) = (spec(new), spec(old));
    if quality(&spec) != quality(&was) {
        let class = quality(&was);
        faults.invalid(at, class, "Pod QOS Class may not change as a result of resizing");
    }
    let mut others = false;
    for group in ["containers", "initContainers"] {
        let above = at.field(group);
        for (index, (one, before)) in list(&spec, group).iter().zip(list(&was, group)).enumerate() {
            let place = above.index(index);
            let place = place.field("resources");
            others |= one.get("resizePolicy") != before.get("resizePolicy");
            for side in ["limits", "requests"] {
                let get = |of: &Tree| of.at(&["resources", side]).cloned().unwrap_or_default();
                let (now, then) = (get(one), get(before));
                for (name, value) in now.entries().chain(then.entries()) {
                    let known = matches!(name, "cpu" | "memory");
                    others |=
                        !known && (now.get(name) != Some(value) || then.get(name) != Some(value));
                }
                let gone = then.entries().any(|(name, _)| now.get(name).is_none());
                if gone {
                    let why = format!("resource {side} cannot be removed");
                    faults.forbidden(place.field(side), &why);
                }
            }
        }
    }
    if others {
        faults.forbidden(at, "only cpu and memory resources are mutable");
    }
}

/// The containers for a look: they come without promises, and never change.
pub(in crate::builtin) fn looks(new: &Tree, old: &Tree, minor: u32, faults: &mut Faults) {
    let spec = new.get("spec").unwrap_or(&NOTHING);
    let above = Path::Root.field("spec");
    let all = above.field("ephemeralContainers");
    let added = list(spec, "ephemeralContainers");
    containers(spec, minor, &above, faults);
    kept(added, old, minor, all, faults);
}

/// The containers for a look of any pod.
pub(in crate::builtin) fn containers(
    spec: &Tree,
    minor: u32,
    above: &Path<'_>,
    faults: &mut Faults,
) {
    let all = above.field("ephemeralContainers");
    let added = list(spec, "ephemeralContainers");
    let others = || list(spec, "containers").iter().chain(list(spec, "initContainers"));
    let pod = container::Pod { spec, unsound: &[], minor, init: false };
    for (index, one) in added.iter().enumerate() {
        let at = all.index(index);
        let name = text(one, "name");
        let bare = FORBIDDEN.iter().fold(one.clone(), |bare, key| bare.without(&[key]));
        container::check(&bare, &pod, &at, faults);
        let twice = added[..index].iter().chain(others()).any(|other| text(other, "name") == name);
        if twice {
            faults.duplicate(at.field("name"), name);
        }
        let target = text(one, "targetContainerName");
        if !target.is_empty() && !others().any(|other| text(other, "name") == target) {
            faults.not_found(at.field("targetContainerName"), target);
        }
        for key in FORBIDDEN {
            if one.get(key).is_some_and(|value| !value.is_empty() && !on(one, key)) {
                faults.forbidden(at.field(key), "cannot be set for an Ephemeral Container");
            }
        }
        let mounts = at.field("volumeMounts");
        for (index, mount) in list(one, "volumeMounts").iter().enumerate() {
            for key in ["subPath", "subPathExpr"] {
                if !text(mount, key).is_empty() {
                    let at = mounts.index(index);
                    faults.forbidden(at.field(key), "cannot be set for an Ephemeral Container");
                }
            }
        }
    }
}

/// What was there before stays as it is.
fn kept(added: &[Tree], old: &Tree, minor: u32, all: Path<'_>, faults: &mut Faults) {
    for known in list(old.get("spec").unwrap_or(&NOTHING), "ephemeralContainers") {
        let name = text(known, "name");
        match added.iter().find(|one| text(one, "name") == name) {
            None => {
                let why = format!("existing ephemeral containers {name:?} may not be removed\n");
                faults.forbidden(all, &why);
            }
            Some(one) if one != known => {
                let shown = difference("core.EphemeralContainer", known, one, minor);
                let why =
                    format!("existing ephemeral containers {name:?} may not be changed\n{shown}");
                faults.forbidden(all, &why);
            }
            Some(_) => {}
        }
    }
}

const FORBIDDEN: [&str; 7] = [
    "ports",
    "livenessProbe",
    "readinessProbe",
    "startupProbe",
    "lifecycle",
    "resources",
    "resizePolicy",
];
