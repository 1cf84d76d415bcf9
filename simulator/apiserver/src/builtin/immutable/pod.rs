//! What of a pod may not change.

use super::{difference, take};
use crate::Tree;
use crate::builtin::check::{NOTHING, list, text};
use crate::builtin::internal;
use crate::builtin::pod::{parts, scheduling};
use crate::schema::{Faults, Path};

pub(super) fn check((new, shown): (&Tree, &Tree), old: &Tree, minor: u32, faults: &mut Faults) {
    let (now, was) = (new.get("spec").unwrap_or(&NOTHING), old.get("spec").unwrap_or(&NOTHING));
    if now.same(was) {
        return;
    }
    let at = Path::Root.field("spec");
    for key in ["containers", "initContainers"] {
        let all = at.field(key);
        if list(now, key).len() != list(was, key).len() {
            faults.forbidden(all, "pod updates may not add or remove containers");
            return;
        }
        for (index, container) in list(now, key).iter().enumerate() {
            let at = all.index(index);
            if text(container, "image").is_empty() {
                faults.required(at.field("image"), "");
            }
            parts::untrimmed(container, &at, faults);
        }
    }
    if deadline(now, was, &at, faults) {
        return;
    }
    tolerations(now, was, &at, faults);
    gates(now, was, &at, faults);
    if rest(now, was, &at, faults) != *was {
        let shown = shown.get("spec").unwrap_or(&NOTHING);
        let mut shown = rest(shown, was, &at, &mut Faults::default());
        for key in ["containers", "initContainers"] {
            if list(&shown, key).is_empty() {
                shown = shown.without(&[key]);
            }
        }
        let grace = if minor >= 22 {
            ",`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
        } else {
            ""
        };
        let why = format!(
            "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations){grace}"
        );
        let why = if minor >= 22 {
            why
        } else {
            why.replace("`,`", "`, `")
                .replace("`spec.activeDeadlineSeconds`, ", "`spec.activeDeadlineSeconds` or ")
        };
        faults.forbidden(at, &format!("{why}\n{}", difference("core.PodSpec", was, &shown, minor)));
    }
}

/// The new spec with the old values of what may change: what is left has to be equal.
fn rest(now: &Tree, was: &Tree, at: &Path<'_>, faults: &mut Faults) -> Tree {
    let mut now = now.clone();
    for key in ["containers", "initContainers"] {
        let pairs = list(&now, key).iter().zip(list(was, key));
        let images: Vec<Tree> = pairs.map(|(new, old)| take(new, old, "image")).collect();
        now = if images.is_empty() { now.without(&[key]) } else { now.with(&[key], images) };
    }
    let negative = was.int_at(&["terminationGracePeriodSeconds"]).is_some_and(|grace| grace < 0);
    if negative && now.int_at(&["terminationGracePeriodSeconds"]) == Some(1) {
        now = take(&now, was, "terminationGracePeriodSeconds");
    }
    for key in ["activeDeadlineSeconds", "tolerations", "schedulingGates"] {
        now = take(&now, was, key);
    }
    if list(was, "schedulingGates").is_empty() {
        return now;
    }
    // A gated pod is not scheduled yet: where it may go can still be narrowed.
    let place = at.field("nodeSelector");
    let selector = now.get("nodeSelector").unwrap_or(&NOTHING);
    let mut before = was.get("nodeSelector").into_iter().flat_map(Tree::entries);
    if before.any(|(key, value)| selector.get(key) != Some(value)) {
        let why = "only additions to spec.nodeSelector are allowed (no mutations or deletions)";
        faults.invalid(place, selector, why);
    }
    narrowed(&now, was, at, faults);
    now = take(&now, was, "nodeSelector");
    let nodes = ["affinity", "nodeAffinity"];
    if let Some(old) = was.at(&nodes) {
        return now.with(&nodes, old);
    }
    let bare = now.without(&nodes);
    let is_empty = bare.get("affinity").is_some_and(Tree::is_empty);
    let is_new = was.get("affinity").is_none();
    if is_empty && is_new { bare.without(&["affinity"]) } else { bare }
}

/// Which nodes a pod needs may be said more closely, not otherwise.
fn narrowed(now: &Tree, was: &Tree, at: &Path<'_>, faults: &mut Faults) {
    const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
    let path = ["affinity", "nodeAffinity", REQUIRED, "nodeSelectorTerms"];
    let terms = |spec: &Tree| spec.at(&path).map_or(&[][..], Tree::items).to_vec();
    let (new, old) = (terms(now), terms(was));
    if old.is_empty() {
        return;
    }
    let affinity = at.field("affinity");
    let nodes = affinity.field("nodeAffinity");
    let required = nodes.field(REQUIRED);
    let all = required.field("nodeSelectorTerms");
    let shown = |term: &Tree| internal::json("core.NodeSelectorTerm", term);
    if new.len() != old.len() {
        let list: Vec<String> = new.iter().map(shown).collect();
        let list = if new.is_empty() { "null".to_owned() } else { format!("[{}]", list.join(",")) };
        let why = "no additions/deletions to non-empty NodeSelectorTerms list are allowed";
        faults.0.push(crate::FieldError::invalid_printed(all, &list, why));
        return;
    }
    for (index, (new, old)) in new.iter().zip(&old).enumerate() {
        let keys = ["matchExpressions", "matchFields"];
        let closed = keys.iter().all(|key| list(old, key).is_empty())
            && keys.iter().any(|key| !list(new, key).is_empty());
        let kept = keys.iter().all(|key| list(new, key).starts_with(list(old, key)));
        if closed || !kept {
            let why = "only additions are allowed (no mutations or deletions)";
            internal::invalid(faults, all.index(index), "core.NodeSelectorTerm", new, why);
        }
    }
}

/// Whether the deadline's change ends the checks, as it does in the real server.
fn deadline(now: &Tree, was: &Tree, at: &Path<'_>, faults: &mut Faults) -> bool {
    let place = at.field("activeDeadlineSeconds");
    let old = was.int_at(&["activeDeadlineSeconds"]);
    match (now.int_at(&["activeDeadlineSeconds"]), old) {
        (Some(new), _) if !(0..=i64::from(i32::MAX)).contains(&new) => {
            let why = format!("must be between 0 and {}, inclusive", i32::MAX);
            faults.invalid(place, new, &why);
            true
        }
        (Some(new), Some(old)) if new > old => {
            faults.invalid(place, new, "must be less than or equal to previous value");
            true
        }
        (None, Some(_)) => {
            let why = "must not update from a positive integer to nil value";
            faults.invalid(place, Tree::null(), why);
            false
        }
        _ => false,
    }
}

fn tolerations(now: &Tree, was: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let bare = |toleration: &Tree| toleration.without(&["tolerationSeconds"]);
    let kept: Vec<Tree> = list(now, "tolerations").iter().map(bare).collect();
    if list(was, "tolerations").iter().any(|old| !kept.contains(&bare(old))) {
        let why = "existing toleration can not be modified except its tolerationSeconds";
        faults.forbidden(at.field("tolerations"), why);
    } else {
        scheduling::tolerations(now, at, faults);
    }
}

fn gates(now: &Tree, was: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let known = list(was, "schedulingGates");
    let all = at.field("schedulingGates");
    let gates = list(now, "schedulingGates");
    for (index, gate) in gates.iter().enumerate() {
        let alike = |other: &Tree| text(other, "name") == text(gate, "name");
        // Of those of one name, the last is named.
        if !known.iter().chain(&gates[index + 1..]).any(alike) {
            let name = text(gate, "name");
            let why = format!("only deletion is allowed, but found new scheduling gate '{name}'");
            faults.forbidden(all.index(index).field("name"), &why);
        }
    }
}
