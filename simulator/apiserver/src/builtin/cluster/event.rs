//! The rules of Events, which stand in the form of the core group whatever group they come through.

use crate::Tree;
use crate::builtin::check::{complain, text};
use crate::builtin::immutable::{IMMUTABLE, same, same_struct};
use crate::builtin::rules::Write;
use crate::kinds::KindInfo;
use crate::names;
use crate::schema::{Faults, Path};

/// What every version asks for. `via`: the group and version of the request.
pub(in crate::builtin) fn check(write: &Write<'_>, via: &KindInfo, faults: &mut Faults) {
    let (event, root) = (write.new, Path::Root);
    let own = event.str_at(&["metadata", "namespace"]).unwrap_or_default();
    let about = event.str_at(&["involvedObject", "namespace"]).unwrap_or_default();
    let is_new = !text(event, "eventTime").is_empty();
    let agrees = match about {
        "" if is_new => own == "kube-system" || own == "default" && write.minor > 20,
        "" => own == "default",
        about => is_new || about == own,
    };
    if !agrees {
        let above = root.field("involvedObject");
        faults.invalid(above.field("namespace"), about, "does not match event.namespace");
    }
    if !is_new {
        return;
    }
    let is_core = via.group.is_empty() && write.minor > 20;
    let reporter = text(event, "reportingComponent");
    let at = root.field(if is_core { "reportingComponent" } else { "reportingController" });
    if reporter.is_empty() {
        faults.required(at, "");
    }
    complain(faults, at, reporter, names::qualified_name(reporter));
    let limits = [("reportingInstance", 128), ("action", 128), ("reason", 128), ("message", 1024)];
    for (key, most) in limits {
        let value = text(event, key);
        if value.is_empty() && key != "message" {
            faults.required(root.field(key), "");
        }
        if value.len() > most {
            faults.invalid(root.field(key), "", &format!("can have at most {most} characters"));
        }
    }
}

/// What `events.k8s.io/v1` asks for besides, once the metadata were looked at.
pub(in crate::builtin) fn strict(write: &Write<'_>, faults: &mut Faults) {
    let (event, root) = (write.new, Path::Root);
    let series_changed = write.old.is_none_or(|old| old.get("series") != event.get("series"));
    if let Some(series) = event.get("series").filter(|_| series_changed) {
        if series.int_at(&["count"]).unwrap_or(0) < 2 {
            faults.invalid(root.field("series.count"), "", "should be at least 2");
        }
        if text(series, "lastObservedTime").is_empty() {
            faults.required(root.field("series.lastObservedTime"), "");
        }
    }
    match write.old {
        None => created(event, faults),
        Some(old) => unchanged(event, old, faults),
    }
}

fn created(event: &Tree, faults: &mut Faults) {
    let root = Path::Root;
    if text(event, "eventTime").is_empty() {
        faults.required(root.field("eventTime"), "");
    }
    let kind = text(event, "type");
    if !matches!(kind, "Normal" | "Warning") {
        faults.invalid(root.field("type"), "", &format!("has invalid value: {kind}"));
    }
    let is_set = |key: &str| match key {
        "count" => event.int_at(&["count"]).unwrap_or(0) != 0,
        "source" => event.get("source").is_some_and(|source| !source.is_empty()),
        key => !text(event, key).is_empty(),
    };
    for key in ["firstTimestamp", "lastTimestamp", "count", "source"] {
        if is_set(key) {
            faults.invalid(root.field(key), "", "needs to be unset");
        }
    }
}

fn unchanged(event: &Tree, old: &Tree, faults: &mut Faults) {
    same_struct((event, event), old, &["involvedObject"], "core.ObjectReference", faults);
    same_texts(event, old, &["reason", "message"], faults);
    same_struct((event, event), old, &["source"], "core.EventSource", faults);
    same(event, old, &["firstTimestamp"], faults);
    same(event, old, &["lastTimestamp"], faults);
    let count = |event: &Tree| event.int_at(&["count"]).unwrap_or(0);
    if count(event) != count(old) {
        faults.invalid(Path::Root.field("count"), count(event), IMMUTABLE);
    }
    same_texts(event, old, &["reason", "type"], faults);
    same(event, old, &["eventTime"], faults);
    same_texts(event, old, &["action"], faults);
    same_struct((event, event), old, &["related"], "core.ObjectReference", faults);
    same_texts(event, old, &["reportingComponent", "reportingInstance"], faults);
}

/// Strings that stay as they are.
fn same_texts(event: &Tree, old: &Tree, keys: &[&'static str], faults: &mut Faults) {
    for key in keys {
        let (now, was) = (text(event, key), text(old, key));
        let shown = if *key == "reportingComponent" { "reportingController" } else { key };
        if now != was {
            faults.invalid(Path::Root.field(shown), now, IMMUTABLE);
        }
    }
}
