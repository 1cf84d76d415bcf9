//! What a namespace may use: its quotas, and the ranges of its limits.

use crate::Tree;
use crate::builtin::check::{NOTHING, list, text};
use crate::builtin::resource;
use crate::builtin::rules::Write;
use crate::names;
use crate::quantity::Quantity;
use crate::schema::{Faults, Path};

pub(in crate::builtin) fn quota(write: &Write<'_>, faults: &mut Faults) {
    let above = Path::Root.field("spec");
    if write.changed(&["spec"]) {
        let spec = write.new.get("spec").unwrap_or(&NOTHING);
        hard(spec, &above.field("hard"), "hard", faults);
        scopes(spec, &above, write.minor, faults);
        if let Some(selector) = spec.get("scopeSelector") {
            scope_selector(spec, selector, &above, write.minor, faults);
        }
    }
    if write.changed(&["status"]) {
        let status = write.new.get("status").unwrap_or(&NOTHING);
        let at = Path::Root.field("status");
        for key in ["hard", "used"] {
            hard(status, &at.field(key), key, faults);
        }
    }
}

fn hard(above: &Tree, at: &Path<'_>, key: &str, faults: &mut Faults) {
    for (name, value) in above.get(key).into_iter().flat_map(Tree::entries) {
        let at = at.key(name);
        resource::of_quota(name, at, faults);
        resource::amount(name, value, at, faults);
    }
}

fn is_scope(scope: &str, minor: u32) -> bool {
    match scope {
        "Terminating" | "NotTerminating" | "BestEffort" | "NotBestEffort" | "PriorityClass" => true,
        "CrossNamespacePodAffinity" => minor >= 21,
        "VolumeAttributesClass" => minor >= 34,
        _ => false,
    }
}

/// Whether a scope says anything about a resource.
fn covers(scope: &str, resource: &str) -> bool {
    match scope {
        "Terminating"
        | "NotTerminating"
        | "NotBestEffort"
        | "PriorityClass"
        | "CrossNamespacePodAffinity" => matches!(
            resource,
            "pods"
                | "cpu"
                | "memory"
                | "limits.cpu"
                | "limits.memory"
                | "requests.cpu"
                | "requests.memory"
        ),
        "BestEffort" => resource == "pods",
        "VolumeAttributesClass" => {
            matches!(resource, "persistentvolumeclaims" | "requests.storage")
        }
        _ => true,
    }
}

/// How many of the resources that a quota limits are beyond a scope.
fn beyond(spec: &Tree, scope: &str) -> usize {
    let limited = spec.get("hard").into_iter().flat_map(Tree::entries).map(|(name, _)| name);
    limited.filter(|name| resource::is_of_quota(name) && !covers(scope, name)).count()
}

fn are_at_odds(scopes: &[&str]) -> usize {
    let both = |one: &str, other: &str| scopes.contains(&one) && scopes.contains(&other);
    usize::from(both("BestEffort", "NotBestEffort"))
        + usize::from(both("Terminating", "NotTerminating"))
}

fn scopes(spec: &Tree, above: &Path<'_>, minor: u32, faults: &mut Faults) {
    let all: Vec<&str> = list(spec, "scopes").iter().filter_map(Tree::as_str).collect();
    let at = above.field("scopes");
    let value = || spec.get("scopes").cloned().unwrap_or_default();
    for scope in &all {
        if !is_scope(scope, minor) {
            faults.invalid(at, value(), "unsupported scope");
        }
        for _ in 0..beyond(spec, scope) {
            faults.invalid(at, value(), "unsupported scope applied to resource");
        }
    }
    for _ in 0..are_at_odds(&all) {
        faults.invalid(at, value(), "conflicting scopes");
    }
}

fn scope_selector(spec: &Tree, selector: &Tree, above: &Path<'_>, minor: u32, faults: &mut Faults) {
    let above_all = above.field("scopeSelector");
    let at = above_all.field("matchExpressions");
    let mut all = Vec::new();
    for expression in list(selector, "matchExpressions") {
        let scope = text(expression, "scopeName");
        let operator = text(expression, "operator");
        all.push(scope);
        if !is_scope(scope, minor) {
            faults.invalid_typed(at.field("scopeName"), scope, "unsupported scope");
        }
        for _ in 0..beyond(spec, scope) {
            let why = "unsupported scope applied to resource";
            crate::builtin::internal::invalid(faults, at, "core.ScopeSelector", selector, why);
        }
        let only_exists = matches!(
            scope,
            "BestEffort"
                | "NotBestEffort"
                | "Terminating"
                | "NotTerminating"
                | "CrossNamespacePodAffinity"
        );
        if only_exists && operator != "Exists" {
            let why = "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity";
            faults.invalid(at.field("operator"), operator, why);
        }
        let values = list(expression, "values");
        let place = at.field("values");
        match operator {
            "In" | "NotIn" if values.is_empty() => {
                let why = "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector";
                faults.required(place, why);
            }
            "Exists" | "DoesNotExist" if !values.is_empty() => {
                let why = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector";
                faults.invalid(place, Tree::list(values.iter().cloned()), why);
            }
            "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
            _ => {
                faults.invalid_typed(
                    at.field("operator"),
                    operator,
                    "not a valid selector operator",
                );
            }
        }
    }
    for _ in 0..are_at_odds(&all) {
        let value = spec.get("scopes").cloned().unwrap_or_default();
        faults.invalid(at, value, "conflicting scopes");
    }
}

/// The scopes of a quota stay, in whatever order.
pub(in crate::builtin) fn same_scopes(new: &Tree, old: &Tree, faults: &mut Faults) {
    let scopes = |tree: &Tree| {
        let all = tree.at(&["spec", "scopes"]).map_or(&[][..], Tree::items);
        let all = all.iter().filter_map(Tree::as_str).map(str::to_owned);
        all.collect::<std::collections::BTreeSet<String>>()
    };
    if scopes(new) != scopes(old) {
        let above = Path::Root.field("spec");
        let value = new.at(&["spec", "scopes"]).cloned().unwrap_or_default();
        faults.invalid(above.field("scopes"), value, "field is immutable");
    }
}

pub(in crate::builtin) fn limit_range(write: &Write<'_>, faults: &mut Faults) {
    if !write.changed(&["spec"]) {
        return;
    }
    let spec = write.new.get("spec").unwrap_or(&NOTHING);
    let (above, limits) = (Path::Root.field("spec"), list(spec, "limits"));
    let all = above.field("limits");
    for (index, limit) in limits.iter().enumerate() {
        let at = all.index(index);
        let kind = text(limit, "type");
        let complaints = names::qualified_name(kind);
        let good = complaints.is_empty();
        for complaint in complaints {
            faults.invalid_typed(at.field("type"), kind, &complaint);
        }
        let standard = matches!(kind, "Pod" | "Container" | "PersistentVolumeClaim");
        if good && !kind.contains('/') && !standard {
            let why = "must be a standard limit type or fully qualified";
            faults.invalid(at.field("type"), kind, why);
        }
        if limits[..index].iter().any(|other| text(other, "type") == kind) {
            faults.duplicate(at.field("type"), kind);
        }
        Limit { stated: limit, kind, at: &at }.check(faults);
    }
}

struct Limit<'a> {
    stated: &'a Tree,
    kind: &'a str,
    at: &'a Path<'a>,
}

impl Limit<'_> {
    fn check(&self, faults: &mut Faults) {
        self.names("max", faults);
        self.names("min", faults);
        if self.kind == "Pod" {
            for key in ["default", "defaultRequest"] {
                if self.stated.get(key).is_some_and(|value| !value.is_empty()) {
                    let why = "may not be specified when `type` is 'Pod'";
                    faults.forbidden(self.at.field(key), why);
                }
            }
        } else {
            self.names("default", faults);
            self.names("defaultRequest", faults);
        }
        if self.kind == "PersistentVolumeClaim"
            && self.text("min", "storage").is_none()
            && self.text("max", "storage").is_none()
        {
            let why =
                "either minimum or maximum storage value is required, but neither was provided";
            faults.required(self.at.field("limits"), why);
        }
        self.names("maxLimitRequestRatio", faults);
        let keys = ["max", "min", "default", "defaultRequest", "maxLimitRequestRatio"];
        let all = keys.iter().filter(|key| self.kind != "Pod" || !key.starts_with("default"));
        let all = all.filter_map(|key| self.stated.get(key)).flat_map(Tree::entries);
        let all: std::collections::BTreeSet<&str> = all.map(|(name, _)| name).collect();
        for name in all {
            self.amounts(name, faults);
        }
    }

    fn names(&self, key: &str, faults: &mut Faults) {
        let at = self.at.field(key);
        for (name, _) in self.stated.get(key).into_iter().flat_map(Tree::entries) {
            if matches!(self.kind, "Pod" | "Container") {
                resource::of_container(name, at.key(name), faults);
            } else {
                resource::any_name(name, at.key(name), faults);
            }
        }
    }

    fn text(&self, key: &str, name: &str) -> Option<&str> {
        if self.kind == "Pod" && key.starts_with("default") {
            return None;
        }
        self.stated.str_at(&[key, name])
    }

    /// That what should be less, is.
    fn amounts(&self, name: &str, faults: &mut Faults) {
        // What is compared with what, where it is said, which of the two is shown, and how both are called.
        const PAIRS: [(&str, &str, &str, bool, &str, &str); 6] = [
            ("min", "max", "min", true, "min", "max"),
            ("min", "defaultRequest", "defaultRequest", false, "min", "default request"),
            ("defaultRequest", "max", "defaultRequest", true, "default request", "max"),
            (
                "defaultRequest",
                "default",
                "defaultRequest",
                true,
                "default request",
                "default limit",
            ),
            ("min", "default", "default", true, "min", "default"),
            ("default", "max", "default", false, "default", "max"),
        ];
        let parse = |text: &str| Quantity::parse(text);
        for (less, more, field, shows_less, less_name, more_name) in PAIRS {
            let (Some(small), Some(large)) = (self.text(less, name), self.text(more, name)) else {
                continue;
            };
            if parse(small) > parse(large) {
                let why =
                    format!("{less_name} value {small} is greater than {more_name} value {large}");
                let field = self.at.field(field);
                let shown = if shows_less { small } else { large };
                faults.invalid(field.key(name), shown, &why);
            }
        }
        self.ratio(name, faults);
        if let (false, Some(default), Some(request)) = (
            resource::can_be_overcommitted(name),
            self.text("default", name),
            self.text("defaultRequest", name),
        ) && parse(default) != parse(request)
        {
            let why = format!(
                "default value {default} must equal to defaultRequest value {request} in {name}"
            );
            let field = self.at.field("defaultRequest");
            faults.invalid(field.key(name), request, &why);
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "the real server divides floats as well")]
    fn ratio(&self, name: &str, faults: &mut Faults) {
        let Some(stated) = self.text("maxLimitRequestRatio", name) else { return };
        let Some(ratio) = Quantity::parse(stated) else { return };
        let field = self.at.field("maxLimitRequestRatio");
        if ratio.millis() < 1000 {
            faults.invalid(field.key(name), stated, &format!("ratio {stated} is less than 1"));
        }
        let amount = |key: &str| self.text(key, name).and_then(Quantity::parse);
        if let (Some(min), Some(max)) = (amount("min"), amount("max")) {
            let most = max.millis() as f64 / min.millis() as f64;
            if ratio.millis() as f64 / 1000.0 > most {
                let why = format!("ratio {stated} is greater than max/min = {most:.6}");
                faults.invalid(field.key(name), stated, &why);
            }
        }
    }
}
