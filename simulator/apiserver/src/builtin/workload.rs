//! Kinds that run pods from a template, and the budgets that protect them.

use super::check::{
    NOTHING, count_or_percent, labels, list, not_negative, on, one_of, selector, selects, text,
};
use super::rules::Write;
use super::{job_policy, pod};
use crate::Tree;
use crate::names;
use crate::schema::{Faults, Path};
use crate::status::FieldError;

/// The selector is there, picks something, and picks what the template makes.
fn selection(spec: &Tree, kind: &str, at: &Path<'_>, faults: &mut Faults) {
    let place = at.field("selector");
    let chosen = spec.get("selector").filter(|chosen| !chosen.is_null());
    match chosen {
        None => faults.required(place, ""),
        Some(chosen) => {
            selector(faults, chosen, &place);
            if chosen.entries().all(|(_, part)| part.is_empty()) {
                let why = format!("empty selector is invalid for {kind}");
                faults.invalid(place, Tree::empty_map(), &why);
            }
        }
    }
    let bad_operator =
        list(chosen.unwrap_or(&NOTHING), "matchExpressions").iter().any(|expression| {
            !matches!(text(expression, "operator"), "In" | "NotIn" | "Exists" | "DoesNotExist")
        });
    if bad_operator {
        faults.invalid(place, chosen.cloned().unwrap_or_default(), "");
        return;
    }
    let made = spec.at(&["template", "metadata", "labels"]);
    let empty = chosen.is_some_and(|chosen| chosen.entries().all(|(_, part)| part.is_empty()));
    if !empty && !chosen.is_some_and(|chosen| selects(chosen, made)) {
        let template = at.field("template");
        let meta = template.field("metadata");
        let why = "`selector` does not match template `labels`";
        faults.invalid(meta.field("labels"), made.cloned().unwrap_or_default(), why);
    }
}

fn template(write: &Write<'_>, owner: &str, at: &Path<'_>, faults: &mut Faults) {
    let spec = write.new.get("spec").unwrap_or(&NOTHING);
    let template = spec.get("template").unwrap_or(&NOTHING);
    let at = at.field("template");
    pod::template(template, write.minor, &at, faults);
    let at = at.field("spec");
    let policy = template.str_at(&["spec", "restartPolicy"]).unwrap_or_default();
    if matches!(policy, "OnFailure" | "Never") {
        faults.not_supported(at.field("restartPolicy"), policy, &["Always"]);
    }
    if template.at(&["spec", "activeDeadlineSeconds"]).is_some() {
        let why = format!("activeDeadlineSeconds in {owner} is not Supported");
        faults.forbidden(at.field("activeDeadlineSeconds"), &why);
    }
}

pub(super) fn deployment(write: &Write<'_>, faults: &mut Faults) {
    if !write.changed(&["spec"]) {
        return;
    }
    let spec = write.new.get("spec").unwrap_or(&NOTHING);
    let at = Path::Root.field("spec");
    not_negative(faults, spec, "replicas", &at);
    selection(spec, "deployment", &at, faults);
    template(write, "ReplicaSet", &at, faults);
    strategy(spec, &at, faults);
    not_negative(faults, spec, "minReadySeconds", &at);
    not_negative(faults, spec, "revisionHistoryLimit", &at);
    if let Some(deadline) = spec.int_at(&["progressDeadlineSeconds"])
        && deadline <= spec.int_at(&["minReadySeconds"]).unwrap_or(0)
    {
        let why = "must be greater than minReadySeconds";
        faults.invalid(at.field("progressDeadlineSeconds"), deadline, why);
    }
}

fn strategy(spec: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let Some(strategy) = spec.get("strategy") else { return };
    let at = at.field("strategy");
    let kind = text(strategy, "type");
    match kind {
        "Recreate" => {
            if strategy.get("rollingUpdate").is_some() {
                let why = "may not be specified when strategy `type` is 'Recreate'";
                faults.forbidden(at.field("rollingUpdate"), why);
            }
        }
        "RollingUpdate" => {
            let rolling = strategy.get("rollingUpdate").unwrap_or(&NOTHING);
            let at = at.field("rollingUpdate");
            count_or_percent(faults, rolling, "maxUnavailable", &at, false);
            count_or_percent(faults, rolling, "maxSurge", &at, false);
            let zero = |key: &str| {
                rolling.get(key).is_some_and(|v| v.as_i64() == Some(0) || v.as_str() == Some("0%"))
            };
            if zero("maxUnavailable") && zero("maxSurge") {
                let value = rolling.get("maxUnavailable").cloned().unwrap_or_default();
                faults.invalid(
                    at.field("maxUnavailable"),
                    value,
                    "may not be 0 when `maxSurge` is 0",
                );
            }
            limited_percent(rolling, "maxUnavailable", &at, faults);
        }
        other => {
            let value = format!("{{\"Type\":{},\"RollingUpdate\":null}}", Tree::from(other));
            let why = "supported values: \"Recreate\", \"RollingUpdate\"";
            faults.0.push(FieldError {
                kind: crate::FieldErrorKind::NotSupported,
                field: String::from(at),
                body: format!("Unsupported value: {value}: {why}"),
            });
        }
    }
}

fn limited_percent(rolling: &Tree, key: &str, at: &Path<'_>, faults: &mut Faults) {
    let percent =
        rolling.str_at(&[key]).and_then(|text| text.strip_suffix('%')?.parse::<i64>().ok());
    if percent.is_some_and(|percent| percent > 100) {
        let value = rolling.get(key).cloned().unwrap_or_default();
        faults.invalid(at.field(key), value, "must not be greater than 100%");
    }
}

pub(super) fn replica_set(write: &Write<'_>, faults: &mut Faults) {
    if !write.changed(&["spec"]) {
        return;
    }
    let spec = write.new.get("spec").unwrap_or(&NOTHING);
    let at = Path::Root.field("spec");
    not_negative(faults, spec, "replicas", &at);
    not_negative(faults, spec, "minReadySeconds", &at);
    selection(spec, "deployment", &at, faults);
    template(write, "ReplicaSet", &at, faults);
    if write.old.is_some() && write.minor < 34 {
        // Checked once as such and once as what comes after another.
        selection(spec, "deployment", &at, faults);
        template(write, "ReplicaSet", &at, faults);
    }
}

pub(super) fn stateful_set(write: &Write<'_>, faults: &mut Faults) {
    if !write.changed(&["spec"]) {
        return;
    }
    let spec = write.new.get("spec").unwrap_or(&NOTHING);
    let at = Path::Root.field("spec");
    let policy = text(spec, "podManagementPolicy");
    match policy {
        "" => faults.required(at.field("podManagementPolicy"), ""),
        "OrderedReady" | "Parallel" => {}
        other => {
            let why = "must be 'OrderedReady' or 'Parallel'";
            faults.invalid(at.field("podManagementPolicy"), other, why);
        }
    }
    update_strategy(spec, &at, faults);
    if let Some(policy) = spec.get("persistentVolumeClaimRetentionPolicy") {
        let at = at.field("persistentVolumeClaimRetentionPolicy");
        one_of(faults, policy, "whenDeleted", &at, &["Retain", "Delete"]);
        one_of(faults, policy, "whenScaled", &at, &["Retain", "Delete"]);
    }
    not_negative(faults, spec, "replicas", &at);
    not_negative(faults, spec, "minReadySeconds", &at);
    if let Some(ordinals) = spec.get("ordinals") {
        not_negative(faults, ordinals, "start", &at.field("ordinals"));
    }
    let service = text(spec, "serviceName");
    if !service.is_empty() && write.old.is_none() {
        for complaint in names::dns_label(service) {
            faults.invalid(at.field("serviceName"), service, &complaint);
        }
    }
    selection(spec, "statefulset", &at, faults);
    if write.minor < 24 {
        // Older servers leave its pods to those who make them.
        bare_template(spec, &at, faults);
    } else {
        template(write, "StatefulSet", &at, faults);
    }
}

fn bare_template(spec: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let template = spec.get("template").unwrap_or(&NOTHING);
    let at = at.field("template");
    labels(faults, template.at(&["metadata", "labels"]), at.field("labels"));
    let at = at.field("spec");
    let policy = template.str_at(&["spec", "restartPolicy"]).unwrap_or_default();
    if matches!(policy, "OnFailure" | "Never") {
        faults.not_supported(at.field("restartPolicy"), policy, &["Always"]);
    }
    if template.at(&["spec", "activeDeadlineSeconds"]).is_some() {
        let why = "activeDeadlineSeconds in StatefulSet is not Supported";
        faults.forbidden(at.field("activeDeadlineSeconds"), why);
    }
}

fn update_strategy(spec: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let Some(strategy) = spec.get("updateStrategy") else { return };
    let at = at.field("updateStrategy");
    let rolling = strategy.get("rollingUpdate");
    match text(strategy, "type") {
        "" => faults.required(at, ""),
        "OnDelete" => {
            if let Some(rolling) = rolling {
                let printed = format!(
                    "{{\"Partition\":{},\"MaxUnavailable\":{}}}",
                    rolling.get("partition").unwrap_or(&NOTHING),
                    rolling.get("maxUnavailable").unwrap_or(&NOTHING),
                );
                let why = "only allowed for updateStrategy 'RollingUpdate'";
                faults.0.push(FieldError::invalid_printed(
                    at.field("rollingUpdate"),
                    &printed,
                    why,
                ));
            }
        }
        "RollingUpdate" => {
            if let Some(rolling) = rolling {
                not_negative(faults, rolling, "partition", &at.field("rollingUpdate"));
            }
        }
        other => {
            let printed = format!("{{\"Type\":{},\"RollingUpdate\":null}}", Tree::from(other));
            let why = "must be 'RollingUpdate' or 'OnDelete'";
            faults.0.push(FieldError::invalid_printed(at, &printed, why));
        }
    }
}

pub(super) fn daemon_set(write: &Write<'_>, faults: &mut Faults) {
    if !write.changed(&["spec"]) {
        return;
    }
    let spec = write.new.get("spec").unwrap_or(&NOTHING);
    let at = Path::Root.field("spec");
    if let Some(old) = write.old.filter(|_| write.minor >= 34) {
        // Said here already, before what does not fit the new selector.
        super::immutable::same(write.new, old, &["spec", "selector"], faults);
    }
    let rounds = if write.old.is_some() && write.minor < 34 { 2 } else { 1 };
    for _ in 0..rounds {
        selection(spec, "daemonset", &at, faults);
        template(write, "DaemonSet", &at, faults);
        not_negative(faults, spec, "minReadySeconds", &at);
        not_negative(faults, spec, "revisionHistoryLimit", &at);
    }
}

pub(super) fn revision(write: &Write<'_>, faults: &mut Faults) {
    let is_old = write.minor < 32;
    if is_old {
        if write.new.get("data").is_none() {
            faults.required(Path::Root.field("data"), "data is mandatory");
        }
        not_negative(faults, write.new, "revision", &Path::Root);
        return;
    }
    not_negative(faults, write.new, "revision", &Path::Root);
    match write.new.get("data") {
        None => faults.required(Path::Root.field("data"), "data is mandatory"),
        Some(data) if !data.is_map() => {
            faults.required(Path::Root.field("data"), "data must be a valid JSON object");
        }
        Some(_) => {}
    }
}

pub(super) fn job(write: &Write<'_>, faults: &mut Faults) {
    if !write.changed(&["spec"]) {
        return;
    }
    let spec = write.new.get("spec").unwrap_or(&NOTHING);
    let at = Path::Root.field("spec");
    let name = write.new.str_at(&["metadata", "name"]).unwrap_or_default();
    if spec.get("selector").is_some() && !on(spec, "manualSelector") {
        generated_labels(spec, name, &at, faults);
    }
    whole_job(spec, write.minor, &at, faults);
    if text(spec, "completionMode") == "Indexed" {
        let last = spec.int_at(&["completions"]).unwrap_or(0) - 1;
        let host = format!("{name}-{last}");
        if !names::dns_label(&host).is_empty() && last >= 0 {
            let meta = Path::Root.field("metadata");
            let why = format!("will not able to create pod with invalid DNS label: {host}");
            faults.invalid(meta.field("name"), name, &why);
        }
    }
    if write.old.is_some() {
        // The real server checks a job once as such and once as what comes after another.
        whole_job(spec, write.minor, &at, faults);
    }
}

fn whole_job(spec: &Tree, minor: u32, at: &Path<'_>, faults: &mut Faults) {
    job_spec(spec, minor, at, faults);
    match spec.get("selector") {
        None => faults.required(at.field("selector"), ""),
        Some(chosen) => selector(faults, chosen, &at.field("selector")),
    }
    let made = spec.at(&["template", "metadata", "labels"]);
    if !spec.get("selector").is_some_and(|chosen| selects(chosen, made)) {
        let template = at.field("template");
        let meta = template.field("metadata");
        let why = "`selector` does not match template `labels`";
        faults.invalid(meta.field("labels"), made.cloned().unwrap_or_default(), why);
    }
}

fn generated_labels(spec: &Tree, name: &str, at: &Path<'_>, faults: &mut Faults) {
    let template = at.field("template");
    let meta = template.field("metadata");
    let place = meta.field("labels");
    let made = spec.at(&["template", "metadata", "labels"]).cloned().unwrap_or_default();
    for key in ["job-name", "batch.kubernetes.io/job-name"] {
        match made.str_at(&[key]) {
            Some(value) if value != name => {
                faults.invalid(place.key(key), made.clone(), &format!("must be '{name}'"));
            }
            _ => {}
        }
    }
}

fn job_spec(spec: &Tree, minor: u32, at: &Path<'_>, faults: &mut Faults) {
    for key in [
        "parallelism",
        "completions",
        "activeDeadlineSeconds",
        "backoffLimit",
        "ttlSecondsAfterFinished",
        "backoffLimitPerIndex",
        "maxFailedIndexes",
    ] {
        not_negative(faults, spec, key, at);
    }
    if spec.get("maxFailedIndexes").is_some() && spec.get("backoffLimitPerIndex").is_none() {
        faults.required(at.field("backoffLimitPerIndex"), "when maxFailedIndexes is specified");
    }
    let manager = text(spec, "managedBy");
    if !manager.is_empty() && !manager.contains('/') {
        let why = "must be a domain-prefixed path (such as \"acme.io/foo\")";
        faults.invalid(at.field("managedBy"), manager, why);
    }
    if manager.len() > 63 {
        faults.too_long(at.field("managedBy"), 63);
    }
    one_of(faults, spec, "completionMode", at, &["NonIndexed", "Indexed"]);
    job_policy::sizes(spec, at, faults);
    job_policy::failure(spec, at, faults);
    job_policy::success(spec, at, faults);
    let fails = spec.get("podFailurePolicy").is_some();
    let replacements: &[&str] =
        if fails { &["Failed"] } else { &["Failed", "TerminatingOrFailed"] };
    one_of(faults, spec, "podReplacementPolicy", at, replacements);
    let template = spec.get("template").unwrap_or(&NOTHING);
    let place = at.field("template");
    pod::template(template, minor, &place, faults);
    let policy = template.str_at(&["spec", "restartPolicy"]).unwrap_or_default();
    let place = place.field("spec");
    match policy {
        "" | "Always" => {
            faults.required(place.field("restartPolicy"), "valid values: \"OnFailure\", \"Never\"");
        }
        "OnFailure" if fails => {
            let why = "only \"Never\" is supported when podFailurePolicy is specified";
            faults.invalid(place.field("restartPolicy"), policy, why);
        }
        _ => {}
    }
}

pub(super) fn cron_job(write: &Write<'_>, faults: &mut Faults) {
    if !write.changed(&["spec"]) {
        return;
    }
    let spec = write.new.get("spec").unwrap_or(&NOTHING);
    let at = Path::Root.field("spec");
    let schedule = text(spec, "schedule");
    if schedule.is_empty() {
        faults.required(at.field("schedule"), "");
    } else if let Some(why) = bad_zone(write, schedule).or_else(|| bad_schedule(schedule)) {
        let why = if write.minor < 21 { in_old_words(&why) } else { why };
        faults.invalid(at.field("schedule"), schedule, &why);
    }
    not_negative(faults, spec, "startingDeadlineSeconds", &at);
    one_of(faults, spec, "concurrencyPolicy", &at, &["Allow", "Forbid", "Replace"]);
    not_negative(faults, spec, "successfulJobsHistoryLimit", &at);
    not_negative(faults, spec, "failedJobsHistoryLimit", &at);
    let above = at.field("jobTemplate");
    let template = spec.get("jobTemplate").unwrap_or(&NOTHING);
    let meta = above.field("metadata");
    labels(faults, template.at(&["metadata", "labels"]), meta.field("labels"));
    let job = template.get("spec").unwrap_or(&NOTHING);
    let at = above.field("spec");
    if on(job, "manualSelector") {
        faults.not_supported(at.field("manualSelector"), true, &["nil", "false"]);
    }
    job_spec(job, write.minor, &at, faults);
    let name = write.new.str_at(&["metadata", "name"]).unwrap_or_default();
    if name.len() > 52 {
        let meta = Path::Root.field("metadata");
        faults.invalid(meta.field("name"), name, "must be no more than 52 characters");
    }
}

/// A time zone in the schedule stays where it was before there was a field for it.
fn bad_zone(write: &Write<'_>, schedule: &str) -> Option<String> {
    let before = write.old.and_then(|old| old.str_at(&["spec", "schedule"])).unwrap_or_default();
    let new = write.minor >= 27 && schedule.contains("TZ") && !before.contains("TZ");
    new.then(|| "cannot use TZ or CRON_TZ in schedule, use timeZone field instead".to_owned())
}

/// As the parser of older servers said it: `Expected exactly 5 fields, found 1: x`.
fn in_old_words(why: &str) -> String {
    let mut letters = why.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    let rest = letters.filter(|letter| !matches!(letter, '[' | ']'));
    first.into_iter().chain(rest).collect()
}

fn bad_schedule(schedule: &str) -> Option<String> {
    let zone = schedule.starts_with("TZ=") || schedule.starts_with("CRON_TZ=");
    let schedule = if zone { schedule.split_once(' ')?.1 } else { schedule };
    if schedule.starts_with('@') {
        return None;
    }
    let fields: Vec<&str> = schedule.split_whitespace().collect();
    if fields.len() != 5 {
        let found = fields.len();
        return Some(format!("expected exactly 5 fields, found {found}: [{}]", fields.join(" ")));
    }
    let bounds = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 7)];
    for (field, (low, high)) in fields.iter().zip(bounds) {
        for part in field.split(',') {
            let range = part.split('/').next().unwrap_or(part);
            for number in range.split('-').filter_map(|number| number.parse::<u32>().ok()) {
                if number > high {
                    return Some(format!("end of range ({number}) above maximum ({high}): {part}"));
                }
                if number < low {
                    return Some(format!(
                        "beginning of range ({number}) below minimum ({low}): {part}"
                    ));
                }
            }
        }
    }
    None
}

pub(super) fn budget(write: &Write<'_>, faults: &mut Faults) {
    if !write.changed(&["spec"]) {
        return;
    }
    let spec = write.new.get("spec").unwrap_or(&NOTHING);
    let at = Path::Root.field("spec");
    let (least, most) = (spec.get("minAvailable"), spec.get("maxUnavailable"));
    if let (Some(least), Some(most)) = (least, most) {
        let printed = format!(
            "{{\"MinAvailable\":{least},\"Selector\":{},\"MaxUnavailable\":{most},\"UnhealthyPodEvictionPolicy\":{}}}",
            spec.get("selector").unwrap_or(&NOTHING),
            spec.get("unhealthyPodEvictionPolicy").unwrap_or(&NOTHING),
        );
        let why = "minAvailable and maxUnavailable cannot be both set";
        faults.0.push(FieldError::invalid_printed(at, &printed, why));
    }
    count_or_percent(faults, spec, "minAvailable", &at, true);
    count_or_percent(faults, spec, "maxUnavailable", &at, true);
    one_of(faults, spec, "unhealthyPodEvictionPolicy", &at, &["AlwaysAllow", "IfHealthyBudget"]);
    if let Some(chosen) = spec.get("selector") {
        selector(faults, chosen, &at.field("selector"));
    }
}
