//! Where a pod may run: tolerations, affinity, spreading.

use crate::Tree;
use crate::builtin::check::{
    NOTHING, complain, complain_once, has_fitting_values, list, one_of, selector, text,
};
use crate::names;
use crate::schema::{Faults, Path};
use crate::status::{FieldError, FieldErrorKind};

pub(in crate::builtin) const EFFECTS: &[&str] = &["NoSchedule", "PreferNoSchedule", "NoExecute"];

pub(in crate::builtin) fn tolerations(spec: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let all = at.field("tolerations");
    for (index, toleration) in list(spec, "tolerations").iter().enumerate() {
        tolerate(toleration, &all.index(index), faults);
    }
}

pub(in crate::builtin) fn affinity(spec: &Tree, at: &Path<'_>, faults: &mut Faults) {
    if let Some(affinity) = spec.get("affinity") {
        affinities(affinity, &at.field("affinity"), faults);
    }
}

pub(in crate::builtin) fn tolerate(toleration: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let (key, operator, value) =
        (text(toleration, "key"), text(toleration, "operator"), text(toleration, "value"));
    if !key.is_empty() {
        complain(faults, at.field("key"), key, names::qualified_name(key));
    }
    if key.is_empty() && operator != "Exists" {
        let why = "operator must be Exists when `key` is empty, which means \"match all values and all keys\"";
        faults.invalid_typed(at.field("operator"), operator, why);
    }
    let effect = text(toleration, "effect");
    if toleration.get("tolerationSeconds").is_some() && effect != "NoExecute" {
        let why = "effect must be 'NoExecute' when `tolerationSeconds` is set";
        faults.invalid(at.field("effect"), effect, why);
    }
    match operator {
        "" | "Equal" => {
            complain_once(faults, at.field("operator"), value, &names::label_value(value));
        }
        "Exists" => {
            if !value.is_empty() {
                let why = "value must be empty when `operator` is 'Exists'";
                faults.invalid(at.field("operator"), value, why);
            }
        }
        other => faults.not_supported(at.field("operator"), other, &["Equal", "Exists"]),
    }
    if !effect.is_empty() {
        one_of(faults, toleration, "effect", at, EFFECTS);
    }
}

fn affinities(affinity: &Tree, at: &Path<'_>, faults: &mut Faults) {
    const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
    const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";
    if let Some(node) = affinity.get("nodeAffinity") {
        let at = at.field("nodeAffinity");
        if let Some(required) = node.get(REQUIRED) {
            node_selector(required, &at.field(REQUIRED), faults);
        }
        let preferred = at.field(PREFERRED);
        for (index, term) in list(node, PREFERRED).iter().enumerate() {
            let at = preferred.index(index);
            weight(term, &at, faults);
            let term = term.get("preference").unwrap_or(&NOTHING);
            node_term(term, false, &at.field("preference"), faults);
        }
    }
    for key in ["podAffinity", "podAntiAffinity"] {
        let Some(pods) = affinity.get(key) else { continue };
        let at = at.field(key);
        let required = at.field(REQUIRED);
        for (index, term) in list(pods, REQUIRED).iter().enumerate() {
            pod_term(term, &required.index(index), faults);
        }
        let preferred = at.field(PREFERRED);
        for (index, term) in list(pods, PREFERRED).iter().enumerate() {
            let at = preferred.index(index);
            weight(term, &at, faults);
            let term = term.get("podAffinityTerm").unwrap_or(&NOTHING);
            pod_term(term, &at.field("podAffinityTerm"), faults);
        }
    }
}

/// Which nodes must be taken.
pub(in crate::builtin) fn node_selector(required: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let at = at.field("nodeSelectorTerms");
    let terms = list(required, "nodeSelectorTerms");
    if terms.is_empty() {
        faults.required(at, "must have at least one node selector term");
    }
    for (index, term) in terms.iter().enumerate() {
        node_term(term, true, &at.index(index), faults);
    }
}

fn weight(term: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let weight = term.int_at(&["weight"]).unwrap_or(0);
    if !(1..=100).contains(&weight) {
        faults.invalid(at.field("weight"), weight, "must be in the range 1-100");
    }
}

/// `required`: values must be possible ones.
fn node_term(term: &Tree, required: bool, at: &Path<'_>, faults: &mut Faults) {
    let expressions = at.field("matchExpressions");
    for (index, expression) in list(term, "matchExpressions").iter().enumerate() {
        let at = expressions.index(index);
        let values = list(expression, "values");
        match text(expression, "operator") {
            operator if has_fitting_values(faults, operator, values, &at) => {}
            "Gt" | "Lt" => {
                if values.len() != 1 {
                    let why = "must be specified single value when `operator` is 'Lt' or 'Gt'";
                    faults.required(at.field("values"), why);
                }
            }
            other => {
                faults.invalid_typed(at.field("operator"), other, "not a valid selector operator");
            }
        }
        let key = text(expression, "key");
        complain(faults, at.field("key"), key, names::qualified_name(key));
        let place = at.field("values");
        for (index, value) in values.iter().enumerate().filter(|_| required) {
            let value = value.as_str().unwrap_or_default();
            complain(faults, place.index(index), value, names::label_value(value));
        }
    }
    let fields = at.field("matchFields");
    for (index, expression) in list(term, "matchFields").iter().enumerate() {
        let at = fields.index(index);
        match text(expression, "operator") {
            "In" | "NotIn" => {
                if list(expression, "values").len() != 1 {
                    let why = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector";
                    faults.required(at.field("values"), why);
                }
            }
            other => {
                faults.invalid_typed(at.field("operator"), other, "not a valid selector operator");
            }
        }
        if text(expression, "key") != "metadata.name" {
            let why = "not a valid field selector key";
            faults.invalid(at.field("key"), text(expression, "key"), why);
            continue;
        }
        let place = at.field("values");
        for (index, name) in list(expression, "values").iter().enumerate() {
            let name = name.as_str().unwrap_or_default();
            complain(faults, place.index(index), name, names::dns_subdomain(name));
        }
    }
}

fn pod_term(term: &Tree, at: &Path<'_>, faults: &mut Faults) {
    if let Some(labels) = term.get("labelSelector") {
        selector(faults, labels, &at.field("labelSelector"));
    }
    if let Some(namespaces) = term.get("namespaceSelector") {
        selector(faults, namespaces, &at.field("namespaceSelector"));
    }
    for namespace in list(term, "namespaces") {
        let name = namespace.as_str().unwrap_or_default();
        complain(faults, at.field("namespace"), name, names::dns_label(name));
    }
    label_keys(term, at, faults);
    let topology = text(term, "topologyKey");
    if topology.is_empty() {
        faults.required(at.field("topologyKey"), "can not be empty");
    }
    complain(faults, at.field("topologyKey"), topology, names::qualified_name(topology));
}

/// Keys of labels whose values a pod compares with its own.
fn label_keys(term: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let (same, other) = (list(term, "matchLabelKeys"), list(term, "mismatchLabelKeys"));
    let selector = term.get("labelSelector");
    for key in ["matchLabelKeys", "mismatchLabelKeys"] {
        let place = at.field(key);
        if selector.is_none() {
            if !list(term, key).is_empty() {
                faults.forbidden(place, "must not be specified when labelSelector is not set");
            }
            continue;
        }
        for (index, name) in list(term, key).iter().enumerate() {
            let name = name.as_str().unwrap_or_default();
            complain(faults, place.index(index), name, names::qualified_name(name));
        }
    }
    if let Some(selector) = selector {
        chosen_twice(same, selector, at, faults);
    }
    let place = at.field("matchLabelKeys");
    for (index, key) in same.iter().enumerate().filter(|(_, key)| other.contains(key)) {
        faults.invalid(
            place.index(index),
            key,
            "exists in both matchLabelKeys and mismatchLabelKeys",
        );
    }
}

/// A key that a pod compares with its own, and the selector names more than once.
fn chosen_twice(keys: &[Tree], selector: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let labels = selector.get("matchLabels").into_iter().flat_map(Tree::entries);
    let mut known: Vec<&str> = labels.map(|(key, _)| key).collect();
    for expression in list(selector, "matchExpressions") {
        let key = text(expression, "key");
        let place = keys.iter().rposition(|other| other.as_str() == Some(key));
        if let Some(index) = place.filter(|_| known.contains(&key)) {
            let why = "exists in both matchLabelKeys and labelSelector";
            faults.invalid(at.index(index), key, why);
        }
        known.push(key);
    }
}

pub(in crate::builtin) fn spread(spec: &Tree, all: &Path<'_>, faults: &mut Faults) {
    let constraints = list(spec, "topologySpreadConstraints");
    for (index, constraint) in constraints.iter().enumerate() {
        let at = all.index(index);
        let skew = constraint.int_at(&["maxSkew"]).unwrap_or(0);
        if skew <= 0 {
            faults.invalid(at.field("maxSkew"), skew, "must be greater than zero");
        }
        let (topology, when) =
            (text(constraint, "topologyKey"), text(constraint, "whenUnsatisfiable"));
        if topology.is_empty() {
            faults.required(at.field("topologyKey"), "can not be empty");
        }
        if !matches!(when, "DoNotSchedule" | "ScheduleAnyway") {
            let supported = ["DoNotSchedule", "ScheduleAnyway"];
            faults.not_supported(at.field("whenUnsatisfiable"), when, &supported);
        }
        let alike = |other: &Tree| {
            text(other, "topologyKey") == topology && text(other, "whenUnsatisfiable") == when
        };
        if constraints[index + 1..].iter().any(alike) {
            let value = format!("{{{topology}, {when}}}");
            faults.duplicate(at.field("{topologyKey, whenUnsatisfiable}"), value);
        }
        if let Some(domains) = constraint.int_at(&["minDomains"]) {
            if domains <= 0 {
                faults.invalid(at.field("minDomains"), domains, "must be greater than zero");
            }
            if when != "DoNotSchedule" {
                let why = format!(
                    "can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {when}"
                );
                faults.invalid(at.field("minDomains"), domains, &why);
            }
        }
        for key in ["nodeAffinityPolicy", "nodeTaintsPolicy"] {
            one_of(faults, constraint, key, &at, &["Honor", "Ignore"]);
        }
        label_keys(constraint, &at, faults);
        if let Some(labels) = constraint.get("labelSelector") {
            selector(faults, labels, &at.field("labelSelector"));
        }
    }
}

/// Taints of a node; unlike all else these are named under `metadata`.
pub(in crate::builtin) fn taints(spec: &Tree, faults: &mut Faults) {
    let meta = Path::Root.field("metadata");
    each_taint(list(spec, "taints"), &meta.field("taints"), faults);
}

pub(in crate::builtin) fn each_taint(list: &[Tree], all: &Path<'_>, faults: &mut Faults) {
    for (index, taint) in list.iter().enumerate() {
        let at = all.index(index);
        let key = text(taint, "key");
        complain(faults, at.field("key"), key, names::qualified_name(key));
        let value = text(taint, "value");
        complain_once(faults, at.field("value"), value, &names::label_value(value));
        if text(taint, "effect").is_empty() {
            faults.required(at.field("effect"), "");
        } else {
            one_of(faults, taint, "effect", &at, EFFECTS);
        }
        let alike = |other: &Tree| {
            text(other, "key") == key && text(other, "effect") == text(taint, "effect")
        };
        if list[..index].iter().any(alike) {
            faults.0.push(FieldError {
                kind: FieldErrorKind::Duplicate,
                field: at.to_string(),
                body: format!(
                    "Duplicate value: {}: taints must be unique by key and effect pair",
                    crate::builtin::internal::json("core.Taint", taint)
                ),
            });
        }
    }
}
