//! What of a StatefulSet and of a Job stays as it is.

use super::super::check::{NOTHING, text};
use super::super::internal;
use super::{IMMUTABLE, same, same_selector, same_struct};
use crate::Tree;
use crate::schema::{Faults, Path};

pub(super) fn stateful_set(new: &Tree, old: &Tree, minor: u32, faults: &mut Faults) {
    let may_change: &[&str] = match minor {
        0..=20 => &["replicas", "template", "updateStrategy"],
        21..=26 => &[
            "replicas",
            "template",
            "updateStrategy",
            "persistentVolumeClaimRetentionPolicy",
            "minReadySeconds",
        ],
        27..=31 => &[
            "replicas",
            "ordinals",
            "template",
            "updateStrategy",
            "persistentVolumeClaimRetentionPolicy",
            "minReadySeconds",
        ],
        _ => &[
            "replicas",
            "ordinals",
            "template",
            "updateStrategy",
            "revisionHistoryLimit",
            "persistentVolumeClaimRetentionPolicy",
            "minReadySeconds",
        ],
    };
    let fixed = |tree: &Tree| {
        let spec = tree.get("spec").cloned().unwrap_or_default();
        may_change.iter().fold(spec, |spec, key| spec.without(&[key]))
    };
    if fixed(new) != fixed(old) {
        let quoted: Vec<String> = may_change.iter().map(|key| format!("'{key}'")).collect();
        let (last, head) = quoted.split_last().expect("some fields may change");
        let comma = if minor <= 20 { "," } else { "" };
        let why = format!(
            "updates to statefulset spec for fields other than {}{comma} and {last} are forbidden",
            head.join(", ")
        );
        faults.forbidden(Path::Root.field("spec"), &why);
    }
}

pub(super) fn job((new, shown): (&Tree, &Tree), old: &Tree, faults: &mut Faults) {
    let (now, was) = (new.get("spec").unwrap_or(&NOTHING), old.get("spec").unwrap_or(&NOTHING));
    if now.same(was) {
        return;
    }
    let at = Path::Root.field("spec");
    if now.get("completions") != was.get("completions") {
        let value = now.get("completions").cloned().unwrap_or_default();
        let elastic = text(now, "completionMode") == "Indexed";
        if !elastic {
            faults.invalid(at.field("completions"), value, IMMUTABLE);
        } else if now.get("completions").is_some()
            && was.get("completions").is_some()
            && now.get("completions") != now.get("parallelism")
        {
            let why = "can only be modified in tandem with spec.parallelism";
            faults.invalid(at.field("completions"), value, why);
        }
    }
    same_selector(new, old, faults);
    if now.get("template") != was.get("template") {
        // A job that waits to be started may still be told where to run.
        let waits =
            was.bool_at(&["suspend"]) == Some(true) && old.at(&["status", "startTime"]).is_none();
        let bare = |spec: &Tree| {
            let template = spec.get("template").cloned().unwrap_or_default();
            if !waits {
                return template;
            }
            let keys = ["nodeSelector", "tolerations", "schedulingGates"];
            let bare = keys.iter().fold(template, |bare, key| bare.without(&["spec", key]));
            let bare = bare.without(&["spec", "affinity", "nodeAffinity"]);
            let affinity = ["spec", "affinity"];
            let bare = match bare.at(&affinity) {
                Some(rest) if rest.is_empty() => bare.without(&affinity),
                _ => bare,
            };
            bare.without(&["metadata", "labels"]).without(&["metadata", "annotations"])
        };
        if bare(now) != bare(was) {
            let template = shown.at(&["spec", "template"]).unwrap_or(&NOTHING);
            let name = "core.PodTemplateSpec";
            internal::invalid(faults, at.field("template"), name, template, IMMUTABLE);
        }
    }
    same(new, old, &["spec", "completionMode"], faults);
    let failure = ["spec", "podFailurePolicy"];
    same_struct((new, shown), old, &failure, "batch.PodFailurePolicy", faults);
    same(new, old, &["spec", "backoffLimitPerIndex"], faults);
    same(new, old, &["spec", "managedBy"], faults);
    same_struct((new, shown), old, &["spec", "successPolicy"], "batch.SuccessPolicy", faults);
}
