//! When a job fails or succeeds before its time.

use super::job::{bad_indexes, count_of};
use crate::Tree;
use crate::builtin::check::{NOTHING, complain, list, not_negative, text};
use crate::builtin::internal;
use crate::names::qualified_name;
use crate::schema::{Faults, Path};

/// How many completions an indexed job may have, and how many of it may go wrong.
pub(in crate::builtin) fn sizes(spec: &Tree, at: &Path<'_>, faults: &mut Faults) {
    const MOST: i64 = 100_000;
    const MOST_OF_MANY: i64 = 10_000;
    let number = |key: &str| spec.int_at(&[key]);
    let (parallelism, completions) = (number("parallelism"), number("completions"));
    let failed = number("maxFailedIndexes");
    if spec.get("completionMode").is_none() || text(spec, "completionMode") == "NonIndexed" {
        for key in ["backoffLimitPerIndex", "maxFailedIndexes"] {
            if let Some(value) = number(key) {
                faults.invalid(at.field(key), value, "requires indexed completion mode");
            }
        }
        return;
    }
    if text(spec, "completionMode") != "Indexed" {
        return;
    }
    if completions.is_none() {
        faults.required(at.field("completions"), "when completion mode is Indexed");
    }
    if let Some(value) = parallelism.filter(|value| *value > MOST) {
        let why = format!("must be less than or equal to {MOST} when completion mode is Indexed");
        faults.invalid(at.field("parallelism"), value, &why);
    }
    if let Some(value) = failed {
        if completions.is_some_and(|completions| value > completions) {
            let why = "must be less than or equal to completions";
            faults.invalid(at.field("maxFailedIndexes"), value, why);
        }
        if value > MOST {
            let why = format!("must be less than or equal to {MOST}");
            faults.invalid(at.field("maxFailedIndexes"), value, &why);
        }
    }
    let many = completions.is_some_and(|completions| completions > MOST);
    if !many || number("backoffLimitPerIndex").is_none() {
        return;
    }
    if failed.is_none() {
        let why = format!("must be specified when completions is above {MOST}");
        faults.required(at.field("maxFailedIndexes"), &why);
    }
    let why = format!(
        "must be less than or equal to {MOST_OF_MANY} when completions are above {MOST} and used with backoff limit per index"
    );
    for (key, value) in [("parallelism", parallelism), ("maxFailedIndexes", failed)] {
        if let Some(value) = value.filter(|value| *value > MOST_OF_MANY) {
            faults.invalid(at.field(key), value, &why);
        }
    }
}

pub(in crate::builtin) fn failure(spec: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let Some(policy) = spec.get("podFailurePolicy") else { return };
    let at = at.field("podFailurePolicy");
    let all = at.field("rules");
    let rules = list(policy, "rules");
    if rules.len() > 20 {
        faults.too_many(all, rules.len(), 20);
    }
    for (index, rule) in rules.iter().enumerate() {
        failure_rule(rule, spec, &all.index(index), faults);
    }
}

fn failure_rule(rule: &Tree, spec: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let actions = ["Count", "FailIndex", "FailJob", "Ignore"];
    match text(rule, "action") {
        "" => {
            let why = "valid values: [\"Count\" \"FailIndex\" \"FailJob\" \"Ignore\"]";
            faults.required(at.field("action"), why);
        }
        "FailIndex" => {
            if spec.get("backoffLimitPerIndex").is_none() {
                let why = "requires the backoffLimitPerIndex to be set";
                faults.invalid(at.field("action"), "FailIndex", why);
            }
        }
        action if actions.contains(&action) => {}
        action => faults.not_supported(at.field("action"), action, &actions),
    }
    let codes = rule.get("onExitCodes");
    let conditions = list(rule, "onPodConditions");
    if let Some(codes) = codes {
        exit_codes(codes, spec, &at.field("onExitCodes"), faults);
    }
    let all = at.field("onPodConditions");
    if conditions.len() > 20 {
        faults.too_many(all, conditions.len(), 20);
    }
    for (index, pattern) in conditions.iter().enumerate() {
        let at = all.index(index);
        let kind = text(pattern, "type");
        complain(faults, at.field("type"), kind, qualified_name(kind));
        match text(pattern, "status") {
            "" => {
                let why = "valid values: [\"False\" \"True\" \"Unknown\"]";
                faults.required(at.field("status"), why);
            }
            "False" | "True" | "Unknown" => {}
            other => {
                faults.not_supported(at.field("status"), other, &["False", "True", "Unknown"]);
            }
        }
    }
    match (codes.is_some(), conditions.is_empty()) {
        (true, false) => {
            let why = "specifying both OnExitCodes and OnPodConditions is not supported";
            faults.invalid_whole(*at, why);
        }
        (false, true) => {
            let why = "specifying one of OnExitCodes and OnPodConditions is required";
            faults.invalid_whole(*at, why);
        }
        _ => {}
    }
}

fn exit_codes(codes: &Tree, spec: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let operator = text(codes, "operator");
    match operator {
        "" => faults.required(at.field("operator"), "valid values: [\"In\" \"NotIn\"]"),
        "In" | "NotIn" => {}
        other => faults.not_supported(at.field("operator"), other, &["In", "NotIn"]),
    }
    if let Some(name) = codes.str_at(&["containerName"]) {
        let pod = spec.at(&["template", "spec"]).unwrap_or(&NOTHING);
        let mut all = list(pod, "containers").iter().chain(list(pod, "initContainers"));
        if !all.any(|one| text(one, "name") == name) {
            let why = "must be one of the container or initContainer names in the pod template";
            faults.invalid(at.field("containerName"), name, why);
        }
    }
    let all = at.field("values");
    let values: Vec<i64> = list(codes, "values").iter().filter_map(Tree::as_i64).collect();
    let whole = || codes.get("values").cloned().unwrap_or_default();
    if values.is_empty() {
        faults.invalid(all, whole(), "at least one value is required");
    } else if values.len() > 255 {
        faults.too_many(all, values.len(), 255);
    }
    for (index, value) in values.iter().enumerate() {
        if operator == "In" && *value == 0 {
            faults.invalid(all.index(index), 0, "must not be 0 for the In operator");
        }
        if values[..index].contains(value) {
            faults.duplicate(all.index(index), *value);
        }
    }
    if !values.is_sorted() {
        faults.invalid(all, whole(), "must be ordered");
    }
}

pub(in crate::builtin) fn success(spec: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let Some(policy) = spec.get("successPolicy") else { return };
    let at = at.field("successPolicy");
    if text(spec, "completionMode") != "Indexed" {
        let why = "requires indexed completion mode";
        internal::invalid(faults, at, "batch.SuccessPolicy", policy, why);
        return;
    }
    let all = at.field("rules");
    let rules = list(policy, "rules");
    if rules.is_empty() {
        let why = "at least one rules must be specified when the successPolicy is specified";
        faults.required(all, why);
    }
    if rules.len() > 20 {
        faults.too_many(all, rules.len(), 20);
    }
    let completions = spec.int_at(&["completions"]).unwrap_or(0);
    for (index, rule) in rules.iter().enumerate() {
        let at = all.index(index);
        let indexes = rule.str_at(&["succeededIndexes"]);
        let count = rule.int_at(&["succeededCount"]);
        if indexes.is_none() && count.is_none() {
            let why = "at least one of succeededCount or succeededIndexes must be specified";
            faults.required(at, why);
        }
        let mut named = 0;
        if let Some(indexes) = indexes {
            let place = at.field("succeededIndexes");
            if indexes.len() > 64 * 1024 {
                faults.too_long(place, 64 * 1024);
            }
            match bad_indexes(indexes, Some(completions)) {
                Some(why) => {
                    let why = format!("error parsing succeededIndexes: {why}");
                    faults.invalid(place, indexes, &why);
                }
                None => named = count_of(indexes),
            }
        }
        let Some(count) = count else { continue };
        not_negative(faults, rule, "succeededCount", &at);
        let place = at.field("succeededCount");
        if count > completions {
            let why = format!(
                "must be less than or equal to {completions} (the number of specified completions)"
            );
            faults.invalid(place, count, &why);
        }
        if indexes.is_some() && count > named {
            let why = format!(
                "must be less than or equal to {named} (the number of indexes in the specified succeededIndexes field)"
            );
            faults.invalid(place, count, &why);
        }
    }
}
