//! Which requests are served before others: schemas of flows, and the levels of priority that they belong to.

use crate::Tree;
use crate::bootstrap;
use crate::builtin::check::{NOTHING, complain, in_range, list, required, text};
use crate::builtin::internal;
use crate::builtin::rules::Write;
use crate::names;
use crate::schema::{Faults, Path};
use crate::status::{FieldError, FieldErrorKind};

const VERBS: [&str; 9] =
    ["create", "delete", "deletecollection", "get", "list", "patch", "proxy", "update", "watch"];

pub(in crate::builtin) fn schema(write: &Write<'_>, only_status: bool, faults: &mut Faults) {
    if !only_status && write.changed(&["spec"]) {
        let name = write.new.str_at(&["metadata", "name"]).unwrap_or_default();
        let (spec, at) = (write.part(&["spec"]), Path::Root.field("spec"));
        flow(name, spec, &at, faults);
        if fixed("FlowSchema", name).is_some_and(|wanted| wanted != *spec) {
            let why = format!("spec of '{name}' must equal the fixed value");
            internal::invalid(faults, at, "flowcontrol.FlowSchemaSpec", spec, &why);
        }
    }
    conditions(write, faults);
}

/// What a server makes itself and keeps as it is.
fn fixed(kind: &str, name: &str) -> Option<Tree> {
    if !matches!(name, "exempt" | "catch-all") {
        return None;
    }
    bootstrap::object(kind, name)?.get("spec").cloned()
}

/// Each type once, and named.
fn conditions(write: &Write<'_>, faults: &mut Faults) {
    if !write.changed(&["status"]) {
        return;
    }
    let status = Path::Root.field("status");
    let all = status.field("conditions");
    let conditions = list(write.part(&["status"]), "conditions");
    for (index, condition) in conditions.iter().enumerate() {
        let at = all.index(index);
        let kind = text(condition, "type");
        if conditions[..index].iter().any(|other| text(other, "type") == kind) {
            faults.duplicate(at.field("type"), kind);
        }
        required(faults, condition, "type", &at);
    }
}

fn flow(name: &str, spec: &Tree, at: &Path<'_>, faults: &mut Faults) {
    const LAST: i64 = 10_000;
    let place = at.field("matchingPrecedence");
    let rank = spec.int_at(&["matchingPrecedence"]).unwrap_or(0);
    if rank <= 0 {
        faults.invalid(place, rank, "must be a positive value");
    }
    if rank > LAST {
        faults.invalid(place, rank, &format!("must not be greater than {LAST}"));
    }
    if rank == 1 && name != "exempt" {
        let why = "only the schema named 'exempt' may have matchingPrecedence 1";
        faults.invalid(place, rank, why);
    }
    if let Some(method) = spec.get("distinguisherMethod")
        && !matches!(text(method, "type"), "ByNamespace" | "ByUser")
    {
        // The whole method is shown.
        let shown = internal::json("flowcontrol.FlowDistinguisherMethod", method);
        let above = at.field("distinguisherMethod");
        faults.0.push(FieldError {
            kind: FieldErrorKind::NotSupported,
            field: above.field("type").to_string(),
            body: format!(
                "Unsupported value: {shown}: supported values: \"ByNamespace\", \"ByUser\""
            ),
        });
    }
    let place = at.field("priorityLevelConfiguration");
    match spec.str_at(&["priorityLevelConfiguration", "name"]).unwrap_or_default() {
        "" => faults.required(place.field("name"), "must reference a priority level"),
        level => complain(faults, place.field("name"), level, names::dns_subdomain(level)),
    }
    let all = at.field("rules");
    for (index, rule) in list(spec, "rules").iter().enumerate() {
        self::rule(rule, &all.index(index), faults);
    }
}

fn rule(rule: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let subjects = list(rule, "subjects");
    let all = at.field("subjects");
    if subjects.is_empty() {
        faults.required(all, "subjects must contain at least one value");
    }
    for (index, one) in subjects.iter().enumerate() {
        subject(one, &all.index(index), faults);
    }
    let (resources, others) = (list(rule, "resourceRules"), list(rule, "nonResourceRules"));
    if resources.is_empty() && others.is_empty() {
        let why = "at least one of resourceRules and nonResourceRules has to be non-empty";
        faults.required(*at, why);
    }
    let all = at.field("resourceRules");
    for (index, one) in resources.iter().enumerate() {
        of_resources(one, &all.index(index), faults);
    }
    let all = at.field("nonResourceRules");
    for (index, one) in others.iter().enumerate() {
        of_paths(one, &all.index(index), faults);
    }
}

/// The kinds of subjects, and the member that names one: the order in which those of other kinds are refused.
const SUBJECTS: [(&str, &str); 3] =
    [("ServiceAccount", "serviceAccount"), ("User", "user"), ("Group", "group")];

fn subject(subject: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let kind = text(subject, "kind");
    let Some((_, own)) = SUBJECTS.iter().find(|(name, _)| *name == kind) else {
        return faults.not_supported(at.field("kind"), kind, &["Group", "ServiceAccount", "User"]);
    };
    let place = at.field(own);
    match subject.get(own) {
        None => faults.required(place, &format!("{own} is required when subject kind is '{kind}'")),
        Some(named) => {
            let name = text(named, "name");
            if required(faults, named, "name", &place) && kind == "ServiceAccount" && name != "*" {
                complain(faults, place.field("name"), name, names::dns_subdomain(name));
            }
            if kind == "ServiceAccount" {
                let at = place.field("namespace");
                match text(named, "namespace") {
                    "" => faults.required(at, "must specify namespace for service account"),
                    space => complain(faults, at, space, names::dns_label(space)),
                }
            }
        }
    }
    for (other, member) in SUBJECTS.iter().filter(|(_, member)| member != own) {
        if subject.get(member).is_some() {
            let why = format!("{member} is forbidden when subject kind is not '{other}'");
            faults.forbidden(at.field(member), &why);
        }
    }
}

/// A list that has something in it, and nothing beside `*`; whether its values are to be looked at one by one.
fn several(rule: &Tree, key: &str, others: &str, at: &Path<'_>, faults: &mut Faults) -> bool {
    let values = list(rule, key);
    let has_all = values.iter().any(|value| value.as_str() == Some("*"));
    if has_all && values.len() > 1 {
        let why = format!("if '*' is present, must not specify other {others}");
        faults.invalid(at.field(key), rule.get(key).cloned().unwrap_or_default(), &why);
    }
    !has_all
}

fn verbs(rule: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let verbs = list(rule, "verbs");
    if verbs.is_empty() {
        return faults.required(at.field("verbs"), "verbs must contain at least one value");
    }
    let known = |verb: &Tree| verb.as_str().is_some_and(|verb| VERBS.contains(&verb));
    if several(rule, "verbs", "verbs", at, faults) && !verbs.iter().all(known) {
        faults.not_supported(at.field("verbs"), Tree::list(verbs.iter().cloned()), &VERBS);
    }
}

fn of_resources(rule: &Tree, at: &Path<'_>, faults: &mut Faults) {
    verbs(rule, at, faults);
    for (key, one, others) in
        [("apiGroups", "api group", "api groups"), ("resources", "resource", "resources")]
    {
        if list(rule, key).is_empty() {
            let why = format!("resource rules must supply at least one {one}");
            faults.required(at.field(key), &why);
        } else {
            several(rule, key, others, at, faults);
        }
    }
    let all = at.field("namespaces");
    let spaces = list(rule, "namespaces");
    if spaces.is_empty() && rule.bool_at(&["clusterScope"]) != Some(true) {
        let why = "resource rules that are not cluster scoped must supply at least one namespace";
        faults.required(all, why);
    } else if several(rule, "namespaces", "namespaces", at, faults) {
        for (index, space) in spaces.iter().enumerate() {
            let space = space.as_str().unwrap_or_default();
            for why in names::dns_label(space) {
                let why =
                    format!("each member of this list must be '*' or a DNS-1123 label; {why}");
                faults.invalid(all.index(index), space, &why);
            }
        }
    }
}

fn of_paths(rule: &Tree, at: &Path<'_>, faults: &mut Faults) {
    verbs(rule, at, faults);
    let all = at.field("nonResourceURLs");
    let paths = list(rule, "nonResourceURLs");
    if paths.is_empty() {
        faults.required(all, "nonResourceURLs must contain at least one value");
    } else if several(rule, "nonResourceURLs", "non-resource URLs", at, faults) {
        for (index, path) in paths.iter().enumerate() {
            let path = path.as_str().unwrap_or_default();
            if let Some(why) = bad_path(path) {
                faults.invalid(all.index(index), path, why);
            }
        }
    }
}

fn bad_path(path: &str) -> Option<&'static str> {
    let stars = path.matches('*').count();
    match path {
        "" => Some("must not be empty"),
        "/" => None,
        _ if !path.starts_with('/') => Some("must start with slash"),
        _ if path.contains(' ') => Some("must not contain white-space"),
        _ if path.contains("//") => Some("must not contain double slash"),
        _ if stars > 1 || stars == 1 && !path.ends_with("/*") => {
            Some("wildcard can only do suffix matching")
        }
        _ => None,
    }
}

pub(in crate::builtin) fn level(write: &Write<'_>, only_status: bool, faults: &mut Faults) {
    const OF_OLD: &str = "flowcontrol.k8s.io/v1beta3-preserve-zero-concurrency-shares";
    if !only_status {
        if write.new.at(&["metadata", "annotations", OF_OLD]).is_some() {
            let meta = Path::Root.field("metadata");
            faults.forbidden(
                meta.field("annotations"),
                &format!("annotation '{OF_OLD}' is forbidden"),
            );
        }
        if write.changed(&["spec"]) {
            let name = write.new.str_at(&["metadata", "name"]).unwrap_or_default();
            let (spec, at) = (write.part(&["spec"]), Path::Root.field("spec"));
            limits(name, spec, &at, faults);
            kept(name, spec, at, faults);
        }
    }
    conditions(write, faults);
}

/// The levels that a server makes itself stay as they are, but for how much it exempts.
fn kept(name: &str, spec: &Tree, at: Path<'_>, faults: &mut Faults) {
    let Some(wanted) = fixed("PriorityLevelConfiguration", name) else { return };
    let is_exempt = name == "exempt";
    let bare = |spec: &Tree| if is_exempt { spec.without(&["exempt"]) } else { spec.clone() };
    if bare(spec) != bare(&wanted) {
        let but = if is_exempt { " except the 'spec.exempt' field" } else { "" };
        let why = format!("spec of '{name}'{but} must equal the fixed value");
        internal::invalid(faults, at, "flowcontrol.PriorityLevelConfigurationSpec", spec, &why);
    }
}

fn limits(name: &str, spec: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let kind = text(spec, "type");
    let (exempt, limited) = (spec.get("exempt"), spec.get("limited"));
    if (name == "exempt") != (kind == "Exempt") {
        let why = "must be 'Exempt' if and only if `name` is 'exempt'";
        faults.invalid(at.field("type"), kind, why);
    }
    match kind {
        "Exempt" => {
            if limited.is_some() {
                faults.forbidden(at.field("limited"), "must be nil if the type is not Limited");
            }
            if let Some(exempt) = exempt {
                let at = at.field("exempt");
                shares(exempt, &at, faults);
                lendable(exempt, &at, faults);
            }
        }
        "Limited" => {
            if exempt.is_some() {
                faults.forbidden(at.field("exempt"), "must be nil if the type is Limited");
            }
            match limited {
                None => {
                    let why = "must not be empty when type is Limited";
                    faults.required(at.field("limited"), why);
                }
                Some(limited) => self::limited(limited, &at.field("limited"), faults),
            }
        }
        other => faults.not_supported(at.field("type"), other, &["Exempt", "Limited"]),
    }
}

fn shares(of: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let key = "nominalConcurrencyShares";
    if let Some(shares) = of.int_at(&[key]).filter(|shares| *shares < 0) {
        faults.invalid(at.field(key), shares, "must be a non-negative integer");
    }
}

fn lendable(of: &Tree, at: &Path<'_>, faults: &mut Faults) {
    in_range(faults, of, "lendablePercent", at, 0, 100);
}

fn limited(limited: &Tree, at: &Path<'_>, faults: &mut Faults) {
    shares(limited, at, faults);
    let response = limited.get("limitResponse").unwrap_or(&NOTHING);
    let above = at.field("limitResponse");
    let (queues, place) = (response.get("queuing"), above.field("queuing"));
    match text(response, "type") {
        "Reject" => {
            if queues.is_some() {
                let why = "must be nil if limited.limitResponse.type is not Limited";
                faults.forbidden(place, why);
            }
        }
        "Queue" => match queues {
            None => {
                let why = "must not be empty if limited.limitResponse.type is Limited";
                faults.required(place, why);
            }
            Some(queues) => queuing(queues, &place, faults),
        },
        other => faults.not_supported(above.field("type"), other, &["Queue", "Reject"]),
    }
    lendable(limited, at, faults);
    let key = "borrowingLimitPercent";
    if let Some(share) = limited.int_at(&[key]).filter(|share| *share < 0) {
        faults.invalid(at.field(key), share, "if specified, must be a non-negative integer");
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "the real server takes logarithms of floats as well"
)]
fn queuing(queuing: &Tree, at: &Path<'_>, faults: &mut Faults) {
    const MOST: i64 = 10_000_000;
    const BITS: f64 = 60.0;
    let number = |key: &str| queuing.int_at(&[key]).unwrap_or(0);
    let (queues, hand) = (number("queues"), number("handSize"));
    for key in ["queueLengthLimit", "queues", "handSize"] {
        if number(key) <= 0 {
            faults.invalid(at.field(key), number(key), "must be positive");
        } else if key == "queues" && queues > MOST {
            faults.invalid(at.field(key), queues, &format!("must not be greater than {MOST}"));
        } else if key == "handSize" && hand > queues {
            let why = format!("should not be greater than queues ({queues})");
            faults.invalid(at.field(key), hand, &why);
        } else if key == "handSize" && ((queues as f64).log2() * hand as f64).ceil() > BITS {
            let why = format!(
                "required entropy bits of deckSize {queues} and handSize {hand} should not be greater than {BITS}"
            );
            faults.invalid(at.field(key), hand, &why);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn said(kind: &str, name: &str, spec: &Value) -> Vec<String> {
        let object = Tree::from(json!({ "metadata": { "name": name }, "spec": spec }));
        let mut faults = Faults::default();
        let write = Write::of(&object, None);
        match kind {
            "schema" => schema(&write, false, &mut faults),
            _ => level(&write, false, &mut faults),
        }
        faults.0.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_hand_of_queues_is_one_that_a_hash_can_deal() {
        let queues = |queues: i64, hand: i64| {
            let queuing = json!({ "queues": queues, "handSize": hand, "queueLengthLimit": 1 });
            let response = json!({ "type": "Queue", "queuing": queuing });
            said(
                "level",
                "a",
                &json!({ "type": "Limited", "limited": { "limitResponse": response } }),
            )
        };

        assert!(queues(1024, 6).is_empty());
        assert_eq!(
            queues(1024, 7),
            [
                "spec.limited.limitResponse.queuing.handSize: Invalid value: 7: required entropy bits of deckSize 1024 and handSize 7 should not be greater than 60"
            ]
        );
    }

    #[test]
    fn what_the_server_makes_itself_stays_as_it_is() {
        let spec =
            json!({ "matchingPrecedence": 1, "priorityLevelConfiguration": { "name": "exempt" } });

        let said = said("schema", "exempt", &spec);

        assert_eq!(said.len(), 1);
        assert!(said[0].ends_with("spec of 'exempt' must equal the fixed value"), "{said:?}");
    }
}
