//! Templates of pods that stand alone, and the controllers that run copies of one.

use crate::Tree;
use crate::builtin::check::{NOTHING, not_negative, text};
use crate::builtin::pod;
use crate::builtin::rules::Write;
use crate::schema::{Faults, Path};

pub(in crate::builtin) fn template(write: &Write<'_>, faults: &mut Faults) {
    if !write.changed(&["template"]) {
        return;
    }
    let (path, at) = (["template"], Path::Root.field("template"));
    pod::template(write, &path, &at, faults);
}

pub(in crate::builtin) fn controller(write: &Write<'_>, faults: &mut Faults) {
    if write.changed(&["spec"]) {
        spec(write, &Path::Root.field("spec"), faults);
    }
    if write.changed(&["status"]) && write.old.is_some() {
        status(write.new.get("status").unwrap_or(&NOTHING), faults);
    }
}

fn spec(write: &Write<'_>, at: &Path<'_>, faults: &mut Faults) {
    let spec = write.part(&["spec"]);
    not_negative(faults, spec, "minReadySeconds", at);
    let selector = spec.get("selector").filter(|selector| !selector.is_empty());
    if selector.is_none() {
        faults.required(at.field("selector"), "");
    }
    not_negative(faults, spec, "replicas", at);
    let place = at.field("template");
    let Some(template) = spec.get("template") else {
        faults.required(place, "");
        return;
    };
    let labels = template.at(&["metadata", "labels"]);
    let has = |(key, value): (&str, &Tree)| labels.and_then(|all| all.get(key)) == Some(value);
    if selector.is_some_and(|selector| !selector.entries().all(has)) {
        let shown = labels.cloned().unwrap_or_default();
        let metadata = place.field("metadata");
        let why = "`selector` does not match template `labels`";
        faults.invalid(metadata.field("labels"), shown, why);
    }
    pod::template(write, &["spec", "template"], &place, faults);
    let inner = template.get("spec").unwrap_or(&NOTHING);
    let place = place.field("spec");
    let policy = text(inner, "restartPolicy");
    if policy != "Always" {
        faults.not_supported(place.field("restartPolicy"), policy, &["Always"]);
    }
    if inner.get("activeDeadlineSeconds").is_some() {
        let why = "activeDeadlineSeconds in ReplicationController is not Supported";
        faults.forbidden(place.field("activeDeadlineSeconds"), why);
    }
}

fn status(status: &Tree, faults: &mut Faults) {
    let at = Path::Root.field("status");
    let keys = [
        "replicas",
        "fullyLabeledReplicas",
        "readyReplicas",
        "availableReplicas",
        "observedGeneration",
    ];
    for key in keys {
        not_negative(faults, status, key, &at);
    }
    let count = |key: &str| status.int_at(&[key]).unwrap_or(0);
    for (less, more, said) in [
        ("fullyLabeledReplicas", "replicas", "status.replicas"),
        ("readyReplicas", "replicas", "status.replicas"),
        ("availableReplicas", "replicas", "status.replicas"),
        ("availableReplicas", "readyReplicas", "readyReplicas"),
    ] {
        if count(less) > count(more) {
            let why = format!("cannot be greater than {said}");
            faults.invalid(at.field(less), count(less), &why);
        }
    }
}
