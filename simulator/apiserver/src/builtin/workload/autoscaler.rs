//! How many there should be, by what is measured.

use crate::Tree;
use crate::builtin::check::{NOTHING, complain, list, not_negative, one_of, required, text};
use crate::builtin::resource;
use crate::builtin::rules::Write;
use crate::names;
use crate::quantity::Quantity;
use crate::schema::{Faults, Path};

pub(in crate::builtin) fn check(write: &Write<'_>, faults: &mut Faults) {
    if write.changed(&["status"]) && write.old.is_some() {
        let at = Path::Root.field("status");
        let status = write.new.get("status").unwrap_or(&NOTHING);
        not_negative(faults, status, "currentReplicas", &at);
        not_negative(faults, status, "desiredReplicas", &at);
    }
    if !write.changed(&["spec"]) {
        return;
    }
    let spec = write.new.get("spec").unwrap_or(&NOTHING);
    let at = Path::Root.field("spec");
    let (least, most) =
        (spec.int_at(&["minReplicas"]).unwrap_or(1), spec.int_at(&["maxReplicas"]).unwrap_or(0));
    if least < 1 {
        faults.invalid(at.field("minReplicas"), least, "must be greater than or equal to 1");
    }
    if most < 1 {
        faults.invalid(at.field("maxReplicas"), most, "must be greater than 0");
    }
    if most < least {
        let why = "must be greater than or equal to `minReplicas`";
        faults.invalid(at.field("maxReplicas"), most, why);
    }
    let target = spec.get("scaleTargetRef").unwrap_or(&NOTHING);
    reference(target, write.minor >= 27, &at.field("scaleTargetRef"), faults);
    let all = at.field("metrics");
    let metrics = list(spec, "metrics");
    for (index, one) in metrics.iter().enumerate() {
        metric(one, &all.index(index), faults);
    }
    let from_outside = |one: &Tree| matches!(text(one, "type"), "Object" | "External");
    if least == 0 && !metrics.iter().any(from_outside) {
        let why = "must specify at least one Object or External metric to support scaling to zero replicas";
        faults.forbidden(all, why);
    }
    let above = at.field("behavior");
    for direction in ["scaleUp", "scaleDown"] {
        if let Some(rules) = spec.at(&["behavior", direction]) {
            behavior(rules, &above.field(direction), faults);
        }
    }
}

/// Another object, by kind and name. `grouped`: its group is named, which older servers did not ask for.
fn reference(target: &Tree, grouped: bool, at: &Path<'_>, faults: &mut Faults) {
    for key in ["kind", "name"] {
        if required(faults, target, key, at) {
            let name = text(target, key);
            complain(faults, at.field(key), name, names::path_segment(name));
        }
    }
    let version = text(target, "apiVersion");
    if version.matches('/').count() > 1 {
        let why = format!("unexpected GroupVersion string: {version}");
        faults.invalid(at.field("apiVersion"), version, &why);
    } else if grouped
        && text(target, "kind") != "ReplicationController"
        && version.split_once('/').is_none_or(|(group, _)| group.is_empty())
    {
        faults.invalid(at.field("apiVersion"), version, "apiVersion must specify API group");
    }
}

/// The kinds of metrics, and the members that describe them.
const SOURCES: [(&str, &str); 5] = [
    ("Object", "object"),
    ("External", "external"),
    ("Pods", "pods"),
    ("Resource", "resource"),
    ("ContainerResource", "containerResource"),
];

const KNOWN: [&str; 5] = ["ContainerResource", "External", "Object", "Pods", "Resource"];

fn metric(metric: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let kind = text(metric, "type");
    if kind.is_empty() {
        faults.required(at.field("type"), "must specify a metric source type");
    }
    let expected = SOURCES.iter().find(|(name, _)| *name == kind).map(|(_, member)| *member);
    if expected.is_none() {
        faults.not_supported(at.field("type"), kind, &KNOWN);
    }
    let described: Vec<&str> = SOURCES
        .iter()
        .map(|(_, member)| *member)
        .filter(|member| metric.get(member).is_some_and(|source| !source.is_null()))
        .collect();
    // Of several only the first is looked into.
    if let Some(member) = described.first() {
        source(member, metric.get(member).unwrap_or(&NOTHING), &at.field(member), faults);
    }
    match expected {
        // Said twice by the real server.
        None => faults.not_supported(at.field("type"), kind, &KNOWN),
        Some(expected) if !described.contains(&expected) => {
            let why = "must populate information for the given metric source";
            faults.required(at.field(expected), why);
        }
        Some(_) => {}
    }
    if described.len() > 1 {
        for member in described.iter().filter(|member| Some(**member) != expected) {
            faults.forbidden(at.field(member), "must populate the given metric source only");
        }
    }
}

fn source(member: &str, source: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let goal = source.get("target").unwrap_or(&NOTHING);
    let place = at.field("target");
    let said = |key: &str| goal.get(key).is_some_and(|value| !value.is_null());
    match member {
        "resource" | "containerResource" => {
            let name = text(source, "name");
            if name.is_empty() {
                faults.required(at.field("name"), "must specify a resource name");
            }
            if member == "containerResource" {
                if !name.is_empty() {
                    resource::of_container(name, at.field("name"), faults);
                }
                let container = text(source, "container");
                if container.is_empty() {
                    faults.required(at.field("container"), "must specify a container");
                } else {
                    complain(faults, at.field("container"), container, names::dns_label(container));
                }
            }
            target(goal, &place, faults);
            if !said("averageUtilization") && !said("averageValue") {
                let why = "must set either a target raw value or a target utilization";
                faults.required(place.field("averageUtilization"), why);
            }
            if said("averageUtilization") && said("averageValue") {
                let why = "may not set both a target raw value and a target utilization";
                faults.forbidden(place.field("averageValue"), why);
            }
            return;
        }
        "object" => {
            let described = source.get("describedObject").unwrap_or(&NOTHING);
            reference(described, false, &at.field("describedObject"), faults);
        }
        _ => {}
    }
    let name = source.str_at(&["metric", "name"]).unwrap_or_default();
    let metric = at.field("metric");
    if name.is_empty() {
        faults.required(metric.field("name"), "must specify a metric name");
    } else {
        complain(faults, metric.field("name"), name, names::path_segment(name));
    }
    target(goal, &place, faults);
    let either = match member {
        "pods" => {
            if !said("averageValue") {
                let why = "must specify a positive target averageValue";
                faults.required(place.field("averageValue"), why);
            }
            return;
        }
        "object" => "must set either a target value or averageValue",
        _ => "must set either a target value for metric or a per-pod target",
    };
    if !said("value") && !said("averageValue") {
        faults.required(place.field("averageValue"), either);
    }
    if member == "external" && said("value") && said("averageValue") {
        let why = "may not set both a target value for metric and a per-pod target";
        faults.forbidden(place.field("value"), why);
    }
}

fn target(target: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let kind = text(target, "type");
    if kind.is_empty() {
        faults.required(at.field("type"), "must specify a metric target type");
    }
    if !matches!(kind, "Utilization" | "Value" | "AverageValue") {
        let why = "must be either Utilization, Value, or AverageValue";
        faults.invalid_typed(at.field("type"), kind, why);
    }
    for key in ["value", "averageValue"] {
        let amount = target.str_at(&[key]).and_then(Quantity::parse);
        if amount.is_some_and(|amount| amount.is_zero() || amount.is_negative()) {
            faults.invalid(at.field(key), text(target, key), "must be positive");
        }
    }
    if let Some(share) = target.int_at(&["averageUtilization"]).filter(|share| *share < 1) {
        faults.invalid(at.field("averageUtilization"), share, "must be greater than 0");
    }
}

fn behavior(rules: &Tree, at: &Path<'_>, faults: &mut Faults) {
    const LONGEST_WINDOW: i64 = 3600;
    const LONGEST_PERIOD: i64 = 1800;
    let place = at.field("stabilizationWindowSeconds");
    match rules.int_at(&["stabilizationWindowSeconds"]) {
        Some(seconds) if seconds < 0 => {
            faults.invalid(place, seconds, "must be greater than or equal to zero");
        }
        Some(seconds) if seconds > LONGEST_WINDOW => {
            let why = format!("must be less than or equal to {LONGEST_WINDOW}");
            faults.invalid(place, seconds, &why);
        }
        _ => {}
    }
    one_of(faults, rules, "selectPolicy", at, &["Disabled", "Max", "Min"]);
    let all = at.field("policies");
    let policies = list(rules, "policies");
    if policies.is_empty() {
        faults.required(all, "must specify at least one Policy");
    }
    for (index, policy) in policies.iter().enumerate() {
        let at = all.index(index);
        let kind = text(policy, "type");
        if !matches!(kind, "Percent" | "Pods") {
            faults.not_supported(at.field("type"), kind, &["Percent", "Pods"]);
        }
        for key in ["value", "periodSeconds"] {
            let number = policy.int_at(&[key]).unwrap_or(0);
            if number <= 0 {
                faults.invalid(at.field(key), number, "must be greater than zero");
            }
        }
        let period = policy.int_at(&["periodSeconds"]).unwrap_or(0);
        if period > LONGEST_PERIOD {
            let why = format!("must be less than or equal to {LONGEST_PERIOD}");
            faults.invalid(at.field("periodSeconds"), period, &why);
        }
    }
}

/// Once something is said of how to scale, the rest of it is what the server does anyway.
pub(in crate::builtin) fn with_usual_behavior(behavior: &Tree) -> Tree {
    let policy = |kind: &str, value: i64| {
        Tree::map([
            ("type", Tree::from(kind)),
            ("value", value.into()),
            ("periodSeconds", 15.into()),
        ])
    };
    let ways = [
        ("scaleUp", Some(0), vec![policy("Pods", 4), policy("Percent", 100)]),
        ("scaleDown", None, vec![policy("Percent", 100)]),
    ];
    ways.into_iter().fold(behavior.clone(), |tree, (direction, window, policies)| {
        let rules = tree.get(direction).filter(|rules| rules.is_map()).cloned();
        let mut rules = rules.unwrap_or_else(Tree::empty_map);
        let usual = window.map(|window: i64| ("stabilizationWindowSeconds", Tree::from(window)));
        let usual = usual
            .into_iter()
            .chain([("selectPolicy", Tree::from("Max")), ("policies", Tree::list(policies))]);
        for (key, value) in usual {
            if rules.get(key).is_none_or(Tree::is_null) {
                rules = rules.with(&[key], value);
            }
        }
        tree.with(&[direction], rules)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn said(spec: &Value) -> Vec<String> {
        let tree = Tree::from(json!({ "spec": spec }));
        let mut faults = Faults::default();
        check(&Write::of(&tree, None), &mut faults);
        faults.0.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_metric_is_described_by_its_own_source_only() {
        let target = json!({ "apiVersion": "apps/v1", "kind": "Deployment", "name": "a" });
        let pods = json!({ "metric": { "name": "a" }, "target": { "type": "AverageValue", "averageValue": "1" } });
        let found = said(&json!({ "maxReplicas": 1, "scaleTargetRef": target, "metrics": [
            { "type": "Pods", "pods": pods },
            { "type": "Pods", "pods": pods, "resource": {} },
            { "type": "Resource", "pods": pods },
        ] }));
        assert_eq!(
            found,
            [
                "spec.metrics[1].resource: Forbidden: must populate the given metric source only",
                "spec.metrics[2].resource: Required value: must populate information for the given metric source",
            ]
        );
    }
}
