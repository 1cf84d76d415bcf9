//! How the status of a job may go on: what has ended stays so, and says when.

use crate::Tree;
use crate::builtin::check::{NOTHING, list, not_negative, on, text};
use crate::builtin::rules::Write;
use crate::schema::{Faults, Path};
use crate::status::FieldError;

pub(in crate::builtin) fn status(write: &Write<'_>, faults: &mut Faults) {
    let Some(old) = write.old else { return };
    if !write.changed(&["status"]) {
        return;
    }
    let part = |job: &'_ Tree| job.get("status").unwrap_or(&NOTHING).clone();
    let (status, was) = (part(write.new), part(old));
    let change = Change { job: write.new, status: &status, was: &was };
    let at = Path::Root.field("status");
    for key in ["active", "succeeded", "failed", "ready", "terminating"] {
        not_negative(faults, &status, key, &at);
    }
    counted_once(&status, &at, faults);
    // What a status may not say beside something else is younger.
    if write.minor >= 32 {
        change.end(&at, faults);
        change.indexes(&at, faults);
        change.numbers(&at, faults);
        change.success(&at, faults);
        change.course(&at, faults);
    }
}

fn counted_once(status: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let Some(pods) = status.get("uncountedTerminatedPods") else { return };
    let at = at.field("uncountedTerminatedPods");
    let mut seen = std::collections::BTreeSet::new();
    for key in ["succeeded", "failed"] {
        let at = at.field(key);
        for (i, uid) in list(pods, key).iter().enumerate() {
            let uid = uid.as_str().unwrap_or_default();
            if uid.is_empty() {
                faults.invalid(at.index(i), uid, "must not be empty");
            } else if !seen.insert(uid) {
                faults.duplicate(at.index(i), uid);
            }
        }
    }
}

/// A status beside the one before it: a rule is about what changes.
struct Change<'t> {
    job: &'t Tree,
    status: &'t Tree,
    was: &'t Tree,
}

impl Change<'_> {
    fn has(&self, key: &str) -> bool {
        given(self.status, key).is_some()
    }

    fn of(&self, key: &str) -> bool {
        given(self.status, key) != given(self.was, key)
    }

    fn counts(&self, key: &str) -> bool {
        self.status.int_at(&[key]).unwrap_or(0) != self.was.int_at(&[key]).unwrap_or(0)
    }

    fn holds(&self, kind: &str) -> bool {
        holds(self.status, kind)
    }

    fn turns(&self, kind: &str) -> bool {
        holds(self.status, kind) != holds(self.was, kind)
    }

    fn ended(&self) -> bool {
        ended(self.status)
    }

    fn ends(&self) -> bool {
        ended(self.status) != ended(self.was)
    }

    fn spec(&self) -> &Tree {
        self.job.get("spec").unwrap_or(&NOTHING)
    }

    fn completions(&self) -> Option<i64> {
        self.spec().int_at(&["completions"])
    }

    fn is_indexed(&self) -> bool {
        text(self.spec(), "completionMode") == "Indexed"
    }

    /// How a job comes to its end, and when.
    fn end(&self, at: &Path<'_>, faults: &mut Faults) {
        let complete = self.holds("Complete");
        if (self.turns("Complete") || self.turns("Failed")) && complete && self.holds("Failed") {
            both("Complete=True", "Failed=true", at, faults);
        }
        let target = "FailureTarget";
        if (self.turns("Complete") || self.turns(target)) && complete && self.holds(target) {
            both("Complete=True", "FailureTarget=true", at, faults);
        }
        let (time, start) = (text(self.status, "completionTime"), text(self.status, "startTime"));
        if self.turns("Complete") || self.of("completionTime") {
            if self.has("completionTime") && !complete {
                let why = "cannot set completionTime when there is no Complete=True condition";
                faults.invalid(at.field("completionTime"), time, why);
            }
            if !self.has("completionTime") && complete {
                let why = "completionTime is required for Complete jobs";
                faults.required(at.field("completionTime"), why);
            }
        }
        let moment = |text: &str| text.parse::<jiff::Timestamp>().ok();
        if (self.of("startTime") || self.of("completionTime"))
            && let (Some(end), Some(start)) = (moment(time), moment(start))
            && end < start
        {
            let why = "must be equal to or after `startTime`";
            faults.invalid(at.field("completionTime"), time, why);
        }
        let failed = self.turns("Failed") || self.of("failedIndexes");
        let completed = self.turns("Complete") || self.turns("SuccessCriteriaMet");
        for (asked, end, first) in
            [(failed, "Failed", target), (completed, "Complete", "SuccessCriteriaMet")]
        {
            if asked && self.holds(end) && !self.holds(first) {
                let why =
                    format!("cannot set {end}=True condition without the {first}=true condition");
                faults.invalid_whole(at.field("conditions"), &why);
            }
        }
        let active = self.status.int_at(&["active"]).unwrap_or(0);
        if (self.ends() || self.counts("active")) && self.ended() && active > 0 {
            faults.invalid(at.field("active"), active, "active>0 is invalid for finished job");
        }
        let never_ran = on(self.spec(), "suspend") && self.completions() == Some(0);
        if (self.ends() || self.of("startTime"))
            && !never_ran
            && self.ended()
            && !self.has("startTime")
        {
            faults.required(at.field("startTime"), "startTime is required for finished job");
        }
        let pods = self.status.get("uncountedTerminatedPods").unwrap_or(&NOTHING);
        let some = ["succeeded", "failed"].iter().any(|key| !list(pods, key).is_empty());
        if (self.ends() || self.of("uncountedTerminatedPods")) && self.ended() && some {
            // The server prints its own struct, which has no names for JSON.
            let shown = |key: &str| pods.get(key).unwrap_or(&NOTHING);
            let (succeeded, failed) = (shown("succeeded"), shown("failed"));
            let printed = format!("{{\"Succeeded\":{succeeded},\"Failed\":{failed}}}");
            let why = "must be empty for finished job";
            let place = at.field("uncountedTerminatedPods");
            faults.0.push(FieldError::invalid_printed(place, &printed, why));
        }
    }

    /// Which indexes are done with.
    fn indexes(&self, at: &Path<'_>, faults: &mut Faults) {
        let completed = text(self.status, "completedIndexes");
        let failed = self.status.str_at(&["failedIndexes"]);
        let per_index = given(self.spec(), "backoffLimitPerIndex").is_some();
        let parse = |faults: &mut Faults, key: &str, indexes: &str| {
            if let Some(why) = self.completions().and_then(|end| bad_indexes(indexes, Some(end))) {
                faults.invalid(at.field(key), indexes, &format!("error parsing {key}: {why}"));
            }
        };
        if self.of("completedIndexes") {
            parse(faults, "completedIndexes", completed);
        }
        if let Some(failed) = failed.filter(|_| per_index && self.of("failedIndexes")) {
            parse(faults, "failedIndexes", failed);
        }
        if self.of("completedIndexes") && !completed.is_empty() && !self.is_indexed() {
            let why = "cannot set non-empty completedIndexes when non-indexed completion mode";
            faults.invalid(at.field("completedIndexes"), completed, why);
        }
        let Some(failed) = failed else { return };
        if self.of("failedIndexes") && !per_index {
            let why = "cannot set non-null failedIndexes when backoffLimitPerIndex is null";
            faults.invalid(at.field("failedIndexes"), failed, why);
        }
        if (self.of("failedIndexes") || self.of("completedIndexes"))
            && let Some(end) = self.completions()
            && let Some(index) = overlap(completed, failed, end)
        {
            let why = format!("failedIndexes and completedIndexes overlap at index: {index}");
            faults.invalid(at.field("failedIndexes"), failed, &why);
        }
    }

    /// Pods which cannot be there.
    fn numbers(&self, at: &Path<'_>, faults: &mut Faults) {
        let terminating = self.status.int_at(&["terminating"]).unwrap_or(0);
        if (self.ends() || self.of("terminating")) && terminating > 0 && self.ended() {
            let why = "terminating>0 is invalid for finished job";
            faults.invalid(at.field("terminating"), terminating, why);
        }
        let active = self.status.int_at(&["active"]).unwrap_or(0);
        let ready = self.status.int_at(&["ready"]).filter(|ready| *ready > active);
        if let Some(ready) = ready.filter(|_| self.of("ready") || self.counts("active")) {
            faults.invalid(at.field("ready"), ready, "cannot set more ready pods than active");
        }
    }

    fn success(&self, at: &Path<'_>, faults: &mut Faults) {
        let met = self.holds("SuccessCriteriaMet");
        for other in ["Failed", "FailureTarget"] {
            if met && self.holds(other) {
                both("SuccessCriteriaMet=True", &format!("{other}=true"), at, faults);
            }
        }
        if given(self.spec(), "successPolicy").is_some() && !met && self.holds("Complete") {
            let why = "cannot set Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True";
            faults.invalid_whole(at.field("conditions"), why);
        }
    }

    /// What was said once, and stays.
    fn course(&self, at: &Path<'_>, faults: &mut Faults) {
        for end in ["Failed", "Complete", "FailureTarget"] {
            if holds(self.was, end) && !self.holds(end) {
                let why = format!("cannot disable the terminal {end}=True condition");
                faults.invalid_whole(at.field("conditions"), &why);
            }
        }
        let elastic =
            self.is_indexed() && self.completions() == self.spec().int_at(&["parallelism"]);
        for key in ["failed", "succeeded"] {
            let count = |status: &Tree| status.int_at(&[key]).unwrap_or(0);
            let number = count(self.status);
            if number < count(self.was) && !(key == "succeeded" && elastic) {
                let why = format!("cannot decrease the {key} counter");
                faults.invalid(at.field(key), number, &why);
            }
        }
        let set = |key: &str| given(self.was, key).is_some();
        if self.has("completionTime") && set("completionTime") && self.of("completionTime") {
            let time = text(self.status, "completionTime");
            faults.invalid(at.field("completionTime"), time, "field is immutable");
        }
        let resumes = holds(self.was, "Suspended") && is(self.status, "Suspended", "False");
        if set("startTime") && self.of("startTime") && !resumes && !on(self.spec(), "suspend") {
            let why = "startTime cannot be removed for unsuspended job";
            faults.required(at.field("startTime"), why);
        }
        let met = "SuccessCriteriaMet";
        if holds(self.was, met) && !self.holds(met) {
            let why = "cannot disable the SuccessCriteriaMet=True condition";
            faults.invalid_whole(at.field("conditions"), why);
        }
        if holds(self.was, "Complete") && !holds(self.was, met) && self.holds(met) {
            let why =
                "cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions";
            faults.invalid_whole(at.field("conditions"), why);
        }
    }
}

fn both(one: &str, other: &str, at: &Path<'_>, faults: &mut Faults) {
    let why = format!("cannot set {one} and {other} conditions");
    faults.invalid_whole(at.field("conditions"), &why);
}

fn given<'t>(tree: &'t Tree, key: &str) -> Option<&'t Tree> {
    tree.get(key).filter(|value| !value.is_null())
}

fn ended(status: &Tree) -> bool {
    holds(status, "Complete") || holds(status, "Failed")
}

fn holds(status: &Tree, kind: &str) -> bool {
    is(status, kind, "True")
}

fn is(status: &Tree, kind: &str, wanted: &str) -> bool {
    let is_it =
        |condition: &Tree| text(condition, "type") == kind && text(condition, "status") == wanted;
    list(status, "conditions").iter().any(is_it)
}

/// The first index below `end` that both lists name; intervals that cannot be read are passed over.
fn overlap(completed: &str, failed: &str, end: i64) -> Option<i64> {
    let intervals = |indexes: &str| -> Vec<(i64, i64)> {
        let good = |part: &&str| bad_indexes(part, Some(end)).is_none();
        let read = |part: &str| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            Some((first.parse().ok()?, last.parse().ok()?))
        };
        indexes.split(',').filter(|part| !part.is_empty()).filter(good).filter_map(read).collect()
    };
    let (completed, failed) = (intervals(completed), intervals(failed));
    let (mut i, mut j) = (0, 0);
    while let (Some(done), Some(lost)) = (completed.get(i), failed.get(j)) {
        if done.0 <= lost.1 && lost.0 <= done.1 {
            return Some(done.0.max(lost.0));
        }
        if done.0 <= lost.0 { i += 1 } else { j += 1 }
    }
    None
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
