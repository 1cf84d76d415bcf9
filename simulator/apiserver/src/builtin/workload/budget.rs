//! How many pods may be away at once.

use crate::Tree;
use crate::builtin::check::{
    NOTHING, complain, count_or_percent, list, not_negative, one_of, selector, text,
};
use crate::builtin::internal;
use crate::builtin::rules::Write;
use crate::names;
use crate::schema::{Faults, Path};

pub(in crate::builtin) fn check(write: &Write<'_>, faults: &mut Faults) {
    if write.changed(&["status"]) && write.old.is_some() {
        status(write.new.get("status").unwrap_or(&NOTHING), faults);
    }
    if !write.changed(&["spec"]) {
        return;
    }
    let spec = write.new.get("spec").unwrap_or(&NOTHING);
    let at = Path::Root.field("spec");
    let both = spec.get("minAvailable").is_some() && spec.get("maxUnavailable").is_some();
    if both {
        let why = "minAvailable and maxUnavailable cannot be both set";
        internal::invalid(faults, at, "policy.PodDisruptionBudgetSpec", spec, why);
    }
    count_or_percent(faults, spec, "minAvailable", &at, true);
    count_or_percent(faults, spec, "maxUnavailable", &at, true);
    if let Some(chosen) = spec.get("selector") {
        selector(faults, chosen, &at.field("selector"));
    }
    one_of(faults, spec, "unhealthyPodEvictionPolicy", &at, &["AlwaysAllow", "IfHealthyBudget"]);
}

fn status(status: &Tree, faults: &mut Faults) {
    let at = Path::Root.field("status");
    conditions(list(status, "conditions"), &at.field("conditions"), faults);
    for key in ["disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods"] {
        not_negative(faults, status, key, &at);
    }
}

/// Conditions as all newer kinds have them.
pub(in crate::builtin) fn conditions(conditions: &[Tree], all: &Path<'_>, faults: &mut Faults) {
    const REASON: &str = "a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric characters or '_,:', and must end with an alphanumeric character or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName',  or 'ReasonA,ReasonB',  or 'ReasonA:ReasonB', regex used for validation is '[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?')";
    const LONGEST_REASON: usize = 1024;
    const LONGEST_MESSAGE: usize = 32_768;
    for (index, condition) in conditions.iter().enumerate() {
        let at = all.index(index);
        let kind = text(condition, "type");
        if conditions[..index].iter().any(|other| text(other, "type") == kind) {
            faults.duplicate(at.field("type"), kind);
        }
        complain(faults, at.field("type"), kind, names::qualified_name(kind));
        let holds = text(condition, "status");
        if !matches!(holds, "False" | "True" | "Unknown") {
            faults.not_supported(at.field("status"), holds, &["False", "True", "Unknown"]);
        }
        let seen = condition.int_at(&["observedGeneration"]).unwrap_or(0);
        if seen < 0 {
            let why = "must be greater than or equal to zero";
            faults.invalid(at.field("observedGeneration"), seen, why);
        }
        if text(condition, "lastTransitionTime").is_empty() {
            faults.required(at.field("lastTransitionTime"), "");
        }
        let reason = text(condition, "reason");
        if reason.is_empty() {
            faults.required(at.field("reason"), "");
        } else {
            if !is_reason(reason) {
                faults.invalid(at.field("reason"), reason, REASON);
            }
            if reason.len() > LONGEST_REASON {
                faults.too_long(at.field("reason"), LONGEST_REASON);
            }
        }
        if text(condition, "message").len() > LONGEST_MESSAGE {
            faults.too_long(at.field("message"), LONGEST_MESSAGE);
        }
    }
}

fn is_reason(reason: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"_,:".contains(&byte);
    let bytes = reason.as_bytes();
    bytes.first().is_some_and(u8::is_ascii_alphabetic)
        && bytes.iter().all(|byte| inner(*byte))
        && bytes.last().is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
}
