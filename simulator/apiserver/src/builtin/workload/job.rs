//! How the status of a job may go on: what has ended stays so, and says when.

use crate::Tree;
use crate::builtin::check::{NOTHING, list, on, text};
use crate::builtin::rules::Write;
use crate::schema::{Faults, Path};

pub(in crate::builtin) fn status(write: &Write<'_>, faults: &mut Faults) {
    let Some(old) = write.old else { return };
    if write.minor < 31 || !write.changed(&["status"]) {
        return;
    }
    let status = write.new.get("status").unwrap_or(&NOTHING);
    let was = old.get("status").unwrap_or(&NOTHING);
    let at = Path::Root.field("status");
    let has = |key: &str| status.get(key).is_some_and(|value| !value.is_null());
    let changed = |keys: &[&str]| keys.iter().any(|key| status.get(key) != was.get(key));
    let (complete, failed) = (holds(status, "Complete"), holds(status, "Failed"));
    let ended = complete || failed;
    let ends =
        changed(&["conditions"]) && ended != (holds(was, "Complete") || holds(was, "Failed"));

    if changed(&["conditions"]) && complete && failed {
        let why = "cannot set Complete=True and Failed=true conditions";
        faults.invalid_whole(at.field("conditions"), why);
    }
    if changed(&["conditions", "completionTime"]) {
        completion(status, complete, &at, faults);
    }
    if changed(&["conditions"]) {
        for (end, first) in [("Failed", "FailureTarget"), ("Complete", "SuccessCriteriaMet")] {
            if holds(status, end) && !holds(status, first) {
                let why =
                    format!("cannot set {end}=True condition without the {first}=true condition");
                faults.invalid_whole(at.field("conditions"), &why);
            }
        }
    }
    let active = status.int_at(&["active"]).unwrap_or(0);
    if (ends || changed(&["active"])) && ended && active > 0 {
        faults.invalid(at.field("active"), active, "active>0 is invalid for finished job");
    }
    if (ends || changed(&["startTime"])) && ended && !has("startTime") {
        faults.required(at.field("startTime"), "startTime is required for finished job");
    }
    let indexes = text(status, "completedIndexes");
    if changed(&["completedIndexes"])
        && let Some(why) = bad_indexes(indexes, None)
    {
        let why = format!("error parsing completedIndexes: {why}");
        faults.invalid(at.field("completedIndexes"), indexes, &why);
    }
    for end in ["Failed", "Complete", "FailureTarget"] {
        if holds(was, end) && !holds(status, end) {
            let why = format!("cannot disable the terminal {end}=True condition");
            faults.invalid_whole(at.field("conditions"), &why);
        }
    }
    let failures = status.int_at(&["failed"]).unwrap_or(0);
    if failures < was.int_at(&["failed"]).unwrap_or(0) {
        faults.invalid(at.field("failed"), failures, "cannot decrease the failed counter");
    }
    let started = was.get("startTime").is_some_and(|time| !time.is_null());
    let suspended = write.new.get("spec").is_some_and(|spec| on(spec, "suspend"));
    if started && !suspended && changed(&["startTime"]) {
        let why = "startTime cannot be removed for unsuspended job";
        faults.required(at.field("startTime"), why);
    }
    if holds(was, "SuccessCriteriaMet") && !holds(status, "SuccessCriteriaMet") {
        let why = "cannot disable the SuccessCriteriaMet=True condition";
        faults.invalid_whole(at.field("conditions"), why);
    }
}

fn completion(status: &Tree, complete: bool, at: &Path<'_>, faults: &mut Faults) {
    let time = text(status, "completionTime");
    let start = text(status, "startTime");
    if !time.is_empty() && !complete {
        let why = "cannot set completionTime when there is no Complete=True condition";
        faults.invalid(at.field("completionTime"), time, why);
    }
    if time.is_empty() && complete {
        let why = "completionTime is required for Complete jobs";
        faults.required(at.field("completionTime"), why);
    }
    let moment = |text: &str| text.parse::<jiff::Timestamp>().ok();
    if let (Some(end), Some(start)) = (moment(time), moment(start))
        && end < start
    {
        let why = "completionTime cannot be set before startTime";
        faults.invalid(at.field("completionTime"), time, why);
    }
}

fn holds(status: &Tree, kind: &str) -> bool {
    let is_it =
        |condition: &Tree| text(condition, "type") == kind && text(condition, "status") == "True";
    list(status, "conditions").iter().any(is_it)
}

/// `0,2-4`: ascending numbers and ranges, all below `end`.
pub(in crate::builtin) fn bad_indexes(indexes: &str, end: Option<i64>) -> Option<String> {
    let mut last: Option<i64> = None;
    for part in indexes.split(',').filter(|_| !indexes.is_empty()) {
        if part.split('-').count() > 2 {
            return Some(format!(
                "the fragment {part:?} violates the requirement that an index interval can have at most two parts separated by '-'"
            ));
        }
        for text in part.split('-') {
            let Ok(number) = text.parse::<i64>() else {
                return Some(format!("cannot convert string to integer for index: {text:?}"));
            };
            if end.is_some_and(|end| number >= end) {
                return Some(format!("too large index: {text:?}"));
            }
            if let Some(last) = last.filter(|last| number <= *last) {
                return Some(format!("non-increasing order, previous: {last}, current: {number}"));
            }
            last = Some(number);
        }
    }
    None
}

/// How many indexes a good list of them names.
pub(in crate::builtin) fn count_of(indexes: &str) -> i64 {
    let number = |text: &str| text.parse::<i64>().unwrap_or(0);
    let parts = indexes.split(',').filter(|_| !indexes.is_empty());
    parts
        .map(|part| match part.split_once('-') {
            Some((first, last)) => number(last) - number(first) + 1,
            None => 1,
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(old: serde_json::Value, new: serde_json::Value) -> Vec<String> {
        let tree = |status| Tree::from(serde_json::json!({ "spec": {}, "status": status }));
        let (old, new) = (tree(old), tree(new));
        let mut faults = Faults::default();
        status(&Write::of(&new, Some(&old)), &mut faults);
        faults.0.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_job_ends_once_and_says_when() {
        let complete = serde_json::json!({
            "startTime": "2024-01-01T00:00:00Z",
            "completionTime": "2024-01-01T00:01:00Z",
            "conditions": [
                { "type": "SuccessCriteriaMet", "status": "True" },
                { "type": "Complete", "status": "True" },
            ],
        });
        let started = serde_json::json!({ "startTime": "2024-01-01T00:00:00Z" });
        assert!(said(started.clone(), complete.clone()).is_empty());
        assert_eq!(
            said(complete, started),
            [
                "status.conditions: Invalid value: cannot disable the terminal Complete=True condition",
                "status.conditions: Invalid value: cannot disable the SuccessCriteriaMet=True condition",
            ]
        );
    }

    #[test]
    fn indexes_ascend() {
        assert_eq!(bad_indexes("0,2-4,7", None), None);
        assert_eq!(count_of("0,2-4,7"), 5);
        assert_eq!(
            bad_indexes("3-1", None).as_deref(),
            Some("non-increasing order, previous: 3, current: 1")
        );
    }
}
