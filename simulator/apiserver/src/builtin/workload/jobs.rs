//! Work that ends, and when it begins.

use super::job_policy;
use super::schedule;
use crate::Tree;
use crate::builtin::check::{
    NOTHING, domain_prefixed, not_negative, on, one_of, selector, selects, text,
};
use crate::builtin::immutable::printed_selector;
use crate::builtin::pod;
use crate::builtin::rules::Write;
use crate::names;
use crate::schema::{Faults, Path};
use crate::status::FieldError;

pub(in crate::builtin) fn job(write: &Write<'_>, faults: &mut Faults) {
    let name = write.new.str_at(&["metadata", "name"]).unwrap_or_default();
    let spec = write.part(&["spec"]);
    let at = Path::Root.field("spec");
    let picks = spec.get("selector").is_some_and(|chosen| !chosen.is_null());
    let is_itself = write.subresource.is_none();
    if write.changed(&["spec"]) || is_itself && write.changed(&["metadata", "uid"]) {
        if picks && !on(spec, "manualSelector") {
            generated(write, spec, &at, faults);
        }
        again(write, faults);
    }
    if write.changed(&["spec"]) && text(spec, "completionMode") == "Indexed" {
        let last = spec.int_at(&["completions"]).unwrap_or(0) - 1;
        let host = format!("{name}-{last}");
        if !names::dns_label(&host).is_empty() && last >= 0 {
            let meta = Path::Root.field("metadata");
            let why = format!("will not able to create pod with invalid DNS label: {host}");
            faults.invalid(meta.field("name"), name, &why);
        }
    }
}

/// The real server looks at this much twice, at a job as such and at what comes after another.
pub(in crate::builtin) fn again(write: &Write<'_>, faults: &mut Faults) {
    if !write.changed(&["spec"]) {
        return;
    }
    let at = Path::Root.field("spec");
    job_spec(write, &["spec"], &at, faults);
    let spec = write.part(&["spec"]);
    let before = faults.0.len();
    let chosen = spec.get("selector").filter(|chosen| !chosen.is_null());
    if let Some(chosen) = chosen {
        selector(faults, chosen, &at.field("selector"));
        if faults.0.len() > before {
            return;
        }
    } else {
        faults.required(at.field("selector"), "");
    }
    let made = spec.at(&LABELS[1..]);
    if !chosen.is_some_and(|chosen| selects(chosen, made)) {
        let template = at.field("template");
        let meta = template.field("metadata");
        let why = "`selector` does not match template `labels`";
        faults.invalid(meta.field("labels"), made.cloned().unwrap_or_default(), why);
    }
}

const LABELS: [&str; 4] = ["spec", "template", "metadata", "labels"];

/// Labels that jobs have had for less long than the others.
const LATER: [&str; 2] = ["batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name"];

/// A job that is not told how to pick its pods picks them by its own name and uid.
fn generated(write: &Write<'_>, spec: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let own = |key: &str| write.new.str_at(&["metadata", key]).unwrap_or_default();
    let of_template = at.field("template");
    let meta = of_template.field("metadata");
    let place = meta.field("labels");
    let made = write.part(&LABELS);
    if own("uid").is_empty() {
        faults.required(Path::Root.field("metadata").field("uid"), "");
    }
    let expected = [
        ("controller-uid", own("uid")),
        ("job-name", own("name")),
        (LATER[0], own("uid")),
        (LATER[1], own("name")),
    ];
    // Jobs that are older than some of the labels need not have them.
    let had = |key: &&str| {
        write.old.is_none_or(|old| old.at(&LABELS).is_some_and(|labels| labels.get(key).is_some()))
    };
    let count = if write.minor >= 27 && LATER.iter().all(had) { 4 } else { 2 };
    let expected = &expected[..count];
    for (key, wanted) in expected {
        let why = format!("must be '{wanted}'");
        match made.str_at(&[key]) {
            None => faults.required(place.key(key), &why),
            Some(value) if value != *wanted => faults.invalid(place.key(key), made, &why),
            Some(_) => {}
        }
    }
    let labels = Tree::map(expected.iter().map(|(key, value)| (*key, Tree::from(*value))));
    if let Some(chosen) = spec.get("selector").filter(|chosen| is_selector(chosen))
        && !selects(chosen, Some(&labels))
    {
        let printed = printed_selector(chosen);
        let why = "`selector` not auto-generated";
        faults.0.push(FieldError::invalid_printed(at.field("selector"), &printed, why));
    }
}

fn is_selector(tree: &Tree) -> bool {
    let mut faults = Faults::default();
    selector(&mut faults, tree, &Path::Root);
    faults.0.is_empty()
}

/// `path`: where the object has the spec.
fn job_spec(write: &Write<'_>, path: &[&str], at: &Path<'_>, faults: &mut Faults) {
    let spec = write.part(path);
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
    if let Some(manager) = spec.str_at(&["managedBy"]) {
        domain_prefixed(faults, manager, at.field("managedBy"));
        if manager.len() > 63 {
            faults.too_long(at.field("managedBy"), 63);
        }
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
    let of_template: Vec<&str> = path.iter().copied().chain(["template"]).collect();
    pod::template(write, &of_template, &place, faults);
    let policy = template.str_at(&["spec", "restartPolicy"]).unwrap_or_default();
    let place = place.field("spec");
    match policy {
        "" | "Always" => {
            faults.required(place.field("restartPolicy"), "valid values: \"OnFailure\", \"Never\"");
        }
        policy if !matches!(policy, "OnFailure" | "Never") => {
            faults.not_supported(place.field("restartPolicy"), policy, &["OnFailure", "Never"]);
        }
        "OnFailure" if fails => {
            let why = "only \"Never\" is supported when podFailurePolicy is specified";
            faults.invalid(place.field("restartPolicy"), policy, why);
        }
        _ => {}
    }
}

pub(in crate::builtin) fn cron_job(write: &Write<'_>, faults: &mut Faults) {
    if !write.changed(&["spec"]) {
        return;
    }
    let spec = write.new.get("spec").unwrap_or(&NOTHING);
    let at = Path::Root.field("spec");
    let stated = text(spec, "schedule");
    if stated.is_empty() {
        faults.required(at.field("schedule"), "");
    } else {
        if let Some(why) = schedule::misfit(stated) {
            let why = if write.minor < 21 { in_old_words(&why) } else { why };
            faults.invalid(at.field("schedule"), stated, &why);
        }
        if let Some(why) = zone_in_schedule(write, spec, stated) {
            faults.invalid(at.field("schedule"), stated, why);
        }
    }
    not_negative(faults, spec, "startingDeadlineSeconds", &at);
    let zone = ["spec", "timeZone"];
    if write.old.is_none_or(|old| old.at(&zone) != write.new.at(&zone)) {
        time_zone(spec, &at, faults);
    }
    one_of(faults, spec, "concurrencyPolicy", &at, &["Allow", "Forbid", "Replace"]);
    let above = at.field("jobTemplate");
    let job = spec.at(&["jobTemplate", "spec"]).unwrap_or(&NOTHING);
    let place = above.field("spec");
    job_spec(write, &["spec", "jobTemplate", "spec"], &place, faults);
    if let Some(chosen) = job.get("selector").filter(|chosen| !chosen.is_null()) {
        let printed = printed_selector(chosen);
        let why = "`selector` will be auto-generated";
        faults.0.push(FieldError::invalid_printed(place.field("selector"), &printed, why));
    }
    if on(job, "manualSelector") {
        faults.not_supported(place.field("manualSelector"), true, &["nil", "false"]);
    }
    not_negative(faults, spec, "successfulJobsHistoryLimit", &at);
    not_negative(faults, spec, "failedJobsHistoryLimit", &at);
    let name = write.new.str_at(&["metadata", "name"]).unwrap_or_default();
    if name.len() > 52 && write.old.is_none() {
        let meta = Path::Root.field("metadata");
        faults.invalid(meta.field("name"), name, "must be no more than 52 characters");
    }
}

/// A time zone in the schedule stays where it was before there was a field for it.
fn zone_in_schedule(write: &Write<'_>, spec: &Tree, schedule: &str) -> Option<&'static str> {
    let before = write.old.and_then(|old| old.str_at(&["spec", "schedule"])).unwrap_or_default();
    if write.minor < 27 || !schedule.contains("TZ") {
        return None;
    }
    if !before.contains("TZ") {
        return Some("cannot use TZ or CRON_TZ in schedule, use timeZone field instead");
    }
    let both = "cannot use both timeZone field and TZ or CRON_TZ in schedule";
    spec.get("timeZone").map(|_| both)
}

fn time_zone(spec: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let Some(zone) = spec.str_at(&["timeZone"]) else { return };
    let at = at.field("timeZone");
    if zone.is_empty() {
        faults.invalid_typed(at, zone, "timeZone must be nil or non-empty string");
        return;
    }
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b".-_+".contains(&byte);
    let odd = |part: &str| {
        matches!(part, "" | "." | "..")
            || part.starts_with('-')
            || part.len() > 14
            || !part.bytes().all(good)
    };
    if zone.split('/').any(odd) {
        faults.invalid_typed(at, zone, &schedule::unknown_zone(zone));
        return;
    }
    if zone.eq_ignore_ascii_case("Local") {
        let why =
            "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones";
        faults.invalid_typed(at, zone, why);
    }
    if !schedule::is_zone(zone) {
        faults.invalid_typed(at, zone, &schedule::unknown_zone(zone));
    }
}

/// As the parser of older servers said it: `Expected exactly 5 fields, found 1: x`.
fn in_old_words(why: &str) -> String {
    let mut letters = why.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    let rest = letters.filter(|letter| !matches!(letter, '[' | ']'));
    first.into_iter().chain(rest).collect()
}
