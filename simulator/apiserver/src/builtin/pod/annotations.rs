//! Annotations of pods that mean something to the server.

use crate::Tree;
use crate::builtin::check::{NOTHING, list, relative, text};
use crate::builtin::rules::Write;
use crate::golang::quote;
use crate::schema::{Faults, Path};

const MIRROR: &str = "kubernetes.io/config.mirror";
const COST: &str = "controller.kubernetes.io/pod-deletion-cost";
const SECCOMP: &str = "seccomp.security.alpha.kubernetes.io/pod";
const SECCOMP_OF: &str = "container.seccomp.security.alpha.kubernetes.io/";
const APP_ARMOR: &str = "container.apparmor.security.beta.kubernetes.io/";

pub(super) const PATH: [&str; 2] = ["metadata", "annotations"];

/// Those of a pod.
pub(super) fn of_pod(write: &Write<'_>, faults: &mut Faults) {
    if write.changed(&PATH) || write.changed(&["spec"]) {
        let before = write.old.and_then(|old| old.at(&PATH));
        let at = Path::Root.field("metadata");
        let spec = write.part(&["spec"]);
        check((write.new.at(&PATH), before), spec, write.minor, &at.field(PATH[1]), faults);
    }
}

/// What may not come, change or go once there is a pod, and the rest.
pub(super) fn of_update(write: &Write<'_>, faults: &mut Faults) {
    let was = write.old.and_then(|old| old.at(&PATH)).unwrap_or(&NOTHING);
    let at = Path::Root.field("metadata");
    changes(write.part(&PATH), was, &at.field(PATH[1]), faults);
    of_pod(write, faults);
}

/// In the order of the real server. `before`: what they were.
pub(super) fn check(
    (annotations, before): (Option<&Tree>, Option<&Tree>),
    spec: &Tree,
    minor: u32,
    at: &Path<'_>,
    faults: &mut Faults,
) {
    let Some(annotations) = annotations else { return };
    if let Some(value) = annotations.get(MIRROR).filter(|_| text(spec, "nodeName").is_empty()) {
        let why = "must set spec.nodeName if mirror pod annotation is set";
        faults.invalid(at.key(MIRROR), value, why);
    }
    let misfit = |all: &Tree| all.str_at(&[COST]).is_some_and(|cost| !is_cost(cost));
    if minor >= 22 && misfit(annotations) && !before.is_some_and(misfit) {
        faults.invalid(at.key(COST), text(annotations, COST), "must be a 32bit integer");
    }
    for (key, profile) in annotations.entries() {
        if key == SECCOMP || key.starts_with(SECCOMP_OF) {
            seccomp(profile.as_str().unwrap_or_default(), at.field(key), faults);
        }
    }
    let kinds = ["containers", "initContainers", "ephemeralContainers"];
    for (key, profile) in annotations.entries() {
        let Some(name) = key.strip_prefix(APP_ARMOR) else { continue };
        let mut containers = kinds.iter().flat_map(|kind| list(spec, kind));
        if !containers.any(|one| text(one, "name") == name) {
            faults.invalid(at.key(key), name, "container not found");
        }
        let profile = profile.as_str().unwrap_or_default();
        let known = matches!(profile, "" | "runtime/default" | "unconfined");
        if !known && !profile.starts_with("localhost/") {
            let why = format!("invalid AppArmor profile name: {}", quote(profile));
            faults.invalid(at.key(key), profile, &why);
        }
    }
}

fn changes(now: &Tree, was: &Tree, at: &Path<'_>, faults: &mut Faults) {
    if now.same(was) {
        return;
    }
    let what = |key: &str| {
        if key.starts_with(APP_ARMOR) {
            Some("AppArmor annotations")
        } else {
            (key == MIRROR).then_some("mirror pod annotation")
        }
    };
    for (key, _) in was.entries().filter(|(key, value)| now.get(key) != Some(value)) {
        if let Some(what) = what(key) {
            faults.forbidden(at.key(key), &format!("may not remove or update {what}"));
        }
    }
    for (key, _) in now.entries().filter(|(key, _)| was.get(key).is_none()) {
        if let Some(what) = what(key) {
            faults.forbidden(at.key(key), &format!("may not add {what}"));
        }
    }
}

/// A number of 32 bits without a plus or zeros before it.
fn is_cost(text: &str) -> bool {
    let begins_well =
        text == "0" || text.starts_with(['-', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
    begins_well && text.parse::<i32>().is_ok()
}

fn seccomp(profile: &str, at: Path<'_>, faults: &mut Faults) {
    if matches!(profile, "runtime/default" | "docker/default" | "unconfined") {
        return;
    }
    match profile.strip_prefix("localhost/") {
        Some(path) => relative(faults, path, at),
        None => faults.invalid(at, profile, "must be a valid seccomp profile"),
    }
}
