//! Kinds that run pods from a template.

pub(super) mod autoscaler;
pub(super) mod budget;
pub(super) mod counts;
pub(super) mod job;
pub(super) mod job_policy;
pub(super) mod jobs;
pub(super) mod replication;
pub(super) mod schedule;

use super::check::{
    NOTHING, count_or_percent, list, not_negative, one_of, selector, selects, text,
};
use super::conversion::rollback;
use super::immutable::printed_selector;
use super::internal;
use super::pod;
use super::rules::Write;
use crate::Tree;
use crate::names;
use crate::schema::{Faults, Path};
use crate::status::FieldError;

/// What a kind says of a selector that is none.
#[derive(Clone, Copy, PartialEq)]
enum Misfit {
    /// Nothing more than what is wrong with its parts.
    Parts,
    /// That it is none, in these words. Its pods are not looked at then.
    Whole(&'static str),
}

/// The selector is there, picks something, and picks what the template makes. Whether it could be read.
fn selection(
    write: &Write<'_>,
    kind: &str,
    misfit: Misfit,
    at: &Path<'_>,
    faults: &mut Faults,
) -> bool {
    let spec = write.part(&["spec"]);
    let place = at.field("selector");
    let chosen = spec.get("selector").filter(|chosen| !chosen.is_null());
    let is_empty = |chosen: &Tree| chosen.entries().all(|(_, part)| part.is_empty());
    let before = faults.0.len();
    match chosen {
        None if misfit == Misfit::Parts => {}
        None => faults.required(place, ""),
        Some(chosen) => selector(faults, chosen, &place),
    }
    let bad = chosen.is_some() && faults.0.len() > before;
    let empty = |faults: &mut Faults| {
        if chosen.is_some_and(is_empty) {
            let why = format!("empty selector is invalid for {kind}");
            faults.invalid(place, Tree::empty_map(), &why);
        }
    };
    if misfit != Misfit::Parts {
        empty(faults);
    }
    match misfit {
        Misfit::Whole(why) if bad => {
            let printed = chosen.map(printed_selector).unwrap_or_default();
            faults.0.push(FieldError::invalid_printed(place, &printed, why));
        }
        _ if bad || chosen.is_some_and(is_empty) => {}
        _ => {
            let made = spec.at(&["template", "metadata", "labels"]);
            if !chosen.is_some_and(|chosen| selects(chosen, made)) {
                let template = at.field("template");
                let meta = template.field("metadata");
                let why = "`selector` does not match template `labels`";
                let shown = made.cloned().unwrap_or_default();
                faults.invalid(meta.field("labels"), shown, why);
            }
        }
    }
    if misfit == Misfit::Parts {
        empty(faults);
    }
    !bad
}

fn template(write: &Write<'_>, owner: &str, at: &Path<'_>, faults: &mut Faults) {
    let path = ["spec", "template"];
    let template = write.part(&path);
    let place = at.field("template");
    pod::template(write, &path, &place, faults);
    lasting(template, owner, &place, faults);
}

/// Its pods run until somebody stops them.
fn lasting(template: &Tree, owner: &str, at: &Path<'_>, faults: &mut Faults) {
    let at = at.field("spec");
    let policy = template.str_at(&["spec", "restartPolicy"]).unwrap_or_default();
    if policy != "Always" {
        faults.not_supported(at.field("restartPolicy"), policy, &["Always"]);
    }
    if template.at(&["spec", "activeDeadlineSeconds"]).is_some() {
        let why = format!("activeDeadlineSeconds in {owner} is not Supported");
        faults.forbidden(at.field("activeDeadlineSeconds"), &why);
    }
}

const NO_SELECTOR: Misfit = Misfit::Whole("invalid label selector");

pub(super) fn deployment(write: &Write<'_>, faults: &mut Faults) {
    if !write.changed(&["spec"]) && rollback(write.new) == write.old.and_then(rollback) {
        return;
    }
    let spec = write.new.get("spec").unwrap_or(&NOTHING);
    let at = Path::Root.field("spec");
    not_negative(faults, spec, "replicas", &at);
    if selection(write, "deployment", NO_SELECTOR, &at, faults) {
        template(write, "ReplicaSet", &at, faults);
    }
    strategy(spec, &at, faults);
    not_negative(faults, spec, "minReadySeconds", &at);
    not_negative(faults, spec, "revisionHistoryLimit", &at);
    if let Some(revision @ ..0) = rollback(write.new) {
        let place = at.field("rollback");
        faults.invalid(place.field("version"), revision, "must be greater than or equal to 0");
    }
    not_negative(faults, spec, "progressDeadlineSeconds", &at);
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
            if share(rolling, "maxUnavailable") == 0 && share(rolling, "maxSurge") == 0 {
                let value = rolling.get("maxUnavailable").cloned().unwrap_or_default();
                faults.invalid(
                    at.field("maxUnavailable"),
                    value,
                    "may not be 0 when `maxSurge` is 0",
                );
            }
            limited_percent(rolling, "maxUnavailable", &at, faults);
        }
        _ => no_strategy(
            strategy,
            "apps.DeploymentStrategy",
            ["Recreate", "RollingUpdate"],
            at,
            faults,
        ),
    }
}

/// The real server shows the whole strategy.
fn no_strategy(strategy: &Tree, name: &str, known: [&str; 2], at: Path<'_>, faults: &mut Faults) {
    let value = internal::json(name, strategy);
    let [first, second] = known;
    faults.0.push(FieldError {
        kind: crate::FieldErrorKind::NotSupported,
        field: String::from(at),
        body: format!("Unsupported value: {value}: supported values: {first:?}, {second:?}"),
    });
}

/// A number, or the number before a percent sign; 0 if it is neither.
fn share(rolling: &Tree, key: &str) -> i64 {
    let Some(value) = rolling.get(key) else { return 0 };
    let Some(text) = value.as_str() else { return value.as_i64().unwrap_or(0) };
    let percent =
        text.strip_suffix('%').filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()));
    // A text that is no percentage is read as a number, which rules about it refuse later.
    percent.unwrap_or(text).parse().unwrap_or(0)
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
    // Older servers check it once as such and once as what comes after another.
    let rounds = if write.old.is_some() && write.minor < 34 { 2 } else { 1 };
    for _ in 0..rounds {
        if selection(write, "deployment", NO_SELECTOR, &at, faults) {
            template(write, "ReplicaSet", &at, faults);
        }
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
            faults.invalid_typed(at.field("podManagementPolicy"), other, why);
        }
    }
    update_strategy(spec, &at, faults);
    if let Some(policy) = spec.get("persistentVolumeClaimRetentionPolicy") {
        let at = at.field("persistentVolumeClaimRetentionPolicy");
        one_of(faults, policy, "whenDeleted", &at, &["Retain", "Delete"]);
        one_of(faults, policy, "whenScaled", &at, &["Retain", "Delete"]);
    }
    // Those of one that exists stay, whatever they are.
    if write.minor >= 34 && write.old.is_none() {
        claims(spec, &at, faults);
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
    let path = ["spec", "template"];
    let made = write.part(&path);
    let place = at.field("template");
    if selection(write, "statefulset", Misfit::Whole(""), &at, faults) {
        // Older servers leave its pods to those who make them.
        if write.minor >= 24 {
            let whole = with_claims(spec, made);
            pod::with_template(write, &path, &whole, &place, faults);
        }
        pod::metadata_of_template(made, &place, faults);
    }
    lasting(made, "StatefulSet", &place, faults);
}

/// The template with a volume for each claim, and without the names that its pods get from it.
fn with_claims(spec: &Tree, template: &Tree) -> Tree {
    let template = template.without(&["spec", "subdomain"]).without(&["spec", "hostname"]);
    let claims = list(spec, "volumeClaimTemplates");
    if claims.is_empty() {
        return template;
    }
    let mut names: Vec<&str> = claims
        .iter()
        .map(|claim| claim.str_at(&["metadata", "name"]).unwrap_or_default())
        .collect();
    names.sort_unstable();
    names.dedup();
    let of_claim = |name: &&str| {
        let source = Tree::map([("claimName", Tree::from(*name))]);
        Tree::map([("name", Tree::from(*name)), ("persistentVolumeClaim", source)])
    };
    let stated = template.at(&["spec", "volumes"]).map_or(&[][..], Tree::items).iter();
    let others = stated.filter(|volume| !names.contains(&text(volume, "name"))).cloned();
    let volumes: Vec<Tree> = names.iter().map(of_claim).chain(others).collect();
    template.with(&["spec", "volumes"], volumes)
}

/// The claims that each of its pods has.
fn claims(spec: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let all = at.field("volumeClaimTemplates");
    for (index, claim) in list(spec, "volumeClaimTemplates").iter().enumerate() {
        let at = all.index(index);
        let spec = claim.get("spec").unwrap_or(&NOTHING);
        super::storage::claim_spec(spec, false, &at.field("spec"), faults);
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
                let name = "apps.RollingUpdateStatefulSetStrategy";
                let printed = internal::json(name, rolling);
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
        _ => {
            let printed = internal::json("apps.StatefulSetUpdateStrategy", strategy);
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
        super::immutable::same_selector(write.new, old, faults);
    }
    let rounds = if write.old.is_some() && write.minor < 34 { 2 } else { 1 };
    for _ in 0..rounds {
        selection(write, "daemonset", Misfit::Parts, &at, faults);
        template(write, "DaemonSet", &at, faults);
        not_negative(faults, spec, "minReadySeconds", &at);
        node_by_node(spec, &at, faults);
        not_negative(faults, spec, "revisionHistoryLimit", &at);
    }
}

/// How a DaemonSet's pods are replaced: on a node either the old one goes first or the new one comes first.
fn node_by_node(spec: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let Some(strategy) = spec.get("updateStrategy") else { return };
    let at = at.field("updateStrategy");
    match text(strategy, "type") {
        "OnDelete" => {}
        "RollingUpdate" => {
            let Some(rolling) = strategy.get("rollingUpdate") else {
                faults.required(at.field("rollingUpdate"), "");
                return;
            };
            let at = at.field("rollingUpdate");
            for key in ["maxUnavailable", "maxSurge"] {
                count_or_percent(faults, rolling, key, &at, false);
            }
            for key in ["maxUnavailable", "maxSurge"] {
                limited_percent(rolling, key, &at, faults);
            }
            match (share(rolling, "maxUnavailable"), share(rolling, "maxSurge")) {
                (0, 0) => {
                    let why = "cannot be 0 when maxSurge is 0";
                    faults.required(at.field("maxUnavailable"), why);
                }
                (0, _) | (_, 0) => {}
                _ => {
                    let value = rolling.get("maxSurge").cloned().unwrap_or_default();
                    let why = "may not be set when maxUnavailable is non-zero";
                    faults.invalid(at.field("maxSurge"), value, why);
                }
            }
        }
        _ => no_strategy(
            strategy,
            "apps.DaemonSetUpdateStrategy",
            ["RollingUpdate", "OnDelete"],
            at,
            faults,
        ),
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
    if write.old.is_some() {
        return;
    }
    match write.new.get("data").filter(|data| !data.is_null()) {
        None => faults.required(Path::Root.field("data"), "data is mandatory"),
        Some(data) if !data.is_map() => {
            faults.required(Path::Root.field("data"), "data must be a valid JSON object");
        }
        Some(_) => {}
    }
}
