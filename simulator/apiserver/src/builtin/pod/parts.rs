//! Parts of a pod that have their own ways in: containers added for a look, and the resources of those that run.

use super::{Subject, container};
use crate::Tree;
use crate::builtin::admission::quality;
use crate::builtin::check::{NOTHING, list, text};
use crate::builtin::immutable::difference;
use crate::builtin::rules::Write;
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
    let stays = |one: &Tree| text(one, "restartPolicy") == "Always";
    for group in ["initContainers", "containers"] {
        let above = at.field(group);
        let pairs = list(&spec, group).iter().zip(list(&was, group)).enumerate();
        for (index, (one, before)) in pairs {
            if group == "initContainers" && !stays(before) {
                continue;
            }
            let place = above.index(index);
            let place = place.field("resources");
            for side in ["requests", "limits"] {
                let of = |tree: &Tree| tree.at(&["resources", side]).cloned().unwrap_or_default();
                let (now, then) = (of(one), of(before));
                if then.entries().any(|(name, _)| now.get(name).is_none()) {
                    let why = format!("resource {side} cannot be removed");
                    faults.forbidden(place.field(side), &why);
                }
            }
        }
    }
    for group in ["containers", "initContainers"] {
        for (one, before) in list(&spec, group).iter().zip(list(&was, group)) {
            let (rest, why) = match group {
                "containers" => {
                    (as_sized(one, before), "only cpu and memory resources are mutable")
                }
                _ if stays(one) => (
                    as_sized(one, before),
                    "only cpu and memory resources for sidecar containers are mutable",
                ),
                _ => (one.clone(), "resources for non-sidecar init containers are immutable"),
            };
            if rest != *before {
                faults.forbidden(at, why);
            }
        }
    }
}

/// The container with as much processor and memory as it had before.
fn as_sized(one: &Tree, before: &Tree) -> Tree {
    let mut sized = one.without(&["resources", "claims"]);
    for side in ["limits", "requests"] {
        let path = ["resources", side];
        sized = match before.at(&path) {
            None => sized.without(&path),
            Some(then) => {
                let now = one.at(&path).cloned().unwrap_or_else(Tree::empty_map);
                let amounts =
                    ["cpu", "memory"].iter().fold(now, |now, name| match then.get(name) {
                        Some(amount) => now.with(&[name], amount),
                        None => now.without(&[name]),
                    });
                sized.with(&path, amounts)
            }
        };
    }
    sized
}

/// The containers for a look: they come without promises, and never change.
pub(in crate::builtin) fn looks(write: &Write<'_>, faults: &mut Faults) {
    super::check(write, faults);
    let above = Path::Root.field("spec");
    let all = above.field("ephemeralContainers");
    let added = list(write.new.get("spec").unwrap_or(&NOTHING), "ephemeralContainers");
    kept(added, write.old.unwrap_or(&NOTHING), write.minor, all, faults);
}

/// The containers for a look of any pod.
pub(in crate::builtin) fn containers(
    pod: &Subject<'_>,
    volumes: &[(&str, &Tree)],
    above: &Path<'_>,
    faults: &mut Faults,
) {
    const WHY: &str = "cannot be set for an Ephemeral Container";
    const RESOURCES: [&str; 3] = ["claims", "limits", "requests"];
    let is_null = |part: Option<&Tree>| part.is_none_or(Tree::is_null);
    let Subject { spec, minor, .. } = *pod;
    let all = above.field("ephemeralContainers");
    let added = list(spec, "ephemeralContainers");
    let stated = list(pod.stated, "ephemeralContainers");
    let others = || list(spec, "containers").iter().chain(list(spec, "initContainers"));
    let around = container::Pod { spec, volumes, minor };
    for (index, one) in added.iter().enumerate() {
        let at = all.index(index);
        let name = text(one, "name");
        container::common(one, &around, &at, faults);
        untrimmed(one, &at, faults);
        let twice = added[..index].iter().chain(others()).any(|other| text(other, "name") == name);
        if twice {
            faults.duplicate(at.field("name"), name);
        }
        let target = text(one, "targetContainerName");
        if !target.is_empty() && !others().any(|other| text(other, "name") == target) {
            faults.not_found(at.field("targetContainerName"), target);
        }
        // An empty list is one.
        let stated = stated.get(index).filter(|stated| text(stated, "name") == name);
        for key in FORBIDDEN {
            let said = stated.and_then(|stated| stated.get(key));
            let is_list = said.is_some_and(Tree::is_list);
            // Resources are there where any part of them is.
            let is_set = match key {
                "resources" => {
                    let has = |part: &Tree| RESOURCES.iter().any(|key| !is_null(part.get(key)));
                    [one.get(key), said].into_iter().flatten().any(has)
                }
                _ => one.get(key).is_some(),
            };
            if is_list || is_set {
                faults.forbidden(at.field(key), WHY);
            }
        }
        let mounts = at.field("volumeMounts");
        for (index, mount) in list(one, "volumeMounts").iter().enumerate() {
            for key in ["subPath", "subPathExpr"] {
                if !text(mount, key).is_empty() {
                    faults.forbidden(mounts.index(index).field(key), WHY);
                }
            }
        }
    }
}

/// The name of an image does not stand between spaces.
pub(in crate::builtin) fn untrimmed(container: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let image = text(container, "image");
    if image != image.trim() {
        let why = "must not have leading or trailing whitespace";
        faults.invalid(at.field("image"), image, why);
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

/// In the order of the type.
const FORBIDDEN: [&str; 7] = [
    "ports",
    "resources",
    "resizePolicy",
    "livenessProbe",
    "readinessProbe",
    "startupProbe",
    "lifecycle",
];
