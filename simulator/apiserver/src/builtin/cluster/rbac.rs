//! Roles and bindings.

use crate::Tree;
use crate::builtin::check::{list, required, selector, text};
use crate::builtin::rules::Write;
use crate::names;
use crate::schema::{Faults, Path};
use crate::status::FieldError;

const GROUP: &str = "rbac.authorization.k8s.io";

pub(in crate::builtin) fn role(write: &Write<'_>, kind: &str, faults: &mut Faults) {
    if !write.changed(&["rules"]) && !write.changed(&["aggregationRule"]) {
        return;
    }
    rules(write.new, kind, faults);
    aggregation(write.new, faults);
}

fn rules(role: &Tree, kind: &str, faults: &mut Faults) {
    let rules = Path::Root.field("rules");
    for (index, rule) in list(role, "rules").iter().enumerate() {
        let at = rules.index(index);
        if list(rule, "verbs").is_empty() {
            faults.required(at.field("verbs"), "verbs must contain at least one value");
        }
        let urls = list(rule, "nonResourceURLs");
        let (groups, resources) = (list(rule, "apiGroups"), list(rule, "resources"));
        if !urls.is_empty() {
            let value = || rule.get("nonResourceURLs").cloned().unwrap_or_default();
            if kind == "Role" {
                let why = "namespaced rules cannot apply to non-resource URLs";
                faults.invalid(at.field("nonResourceURLs"), value(), why);
            }
            let names = list(rule, "resourceNames");
            if [groups, resources, names].iter().any(|part| !part.is_empty()) {
                let why = "rules cannot apply to both regular resources and non-resource URLs";
                faults.invalid(at.field("nonResourceURLs"), value(), why);
            }
            continue;
        }
        if groups.is_empty() {
            let why = "resource rules must supply at least one api group";
            faults.required(at.field("apiGroups"), why);
        }
        if resources.is_empty() {
            let why = "resource rules must supply at least one resource";
            faults.required(at.field("resources"), why);
        }
    }
}

/// Which roles another one takes its rules from.
fn aggregation(role: &Tree, faults: &mut Faults) {
    let Some(rule) = role.get("aggregationRule").filter(|rule| !rule.is_null()) else { return };
    let above = Path::Root.field("aggregationRule");
    let all = above.field("clusterRoleSelectors");
    let selectors = list(rule, "clusterRoleSelectors");
    if selectors.is_empty() {
        let why = "at least one clusterRoleSelector required if aggregationRule is non-nil";
        faults.required(all, why);
    }
    for (index, chosen) in selectors.iter().enumerate() {
        let at = all.index(index);
        let before = faults.0.len();
        selector(faults, chosen, &at);
        if faults.0.len() > before {
            // The selector that could not be made of it is what is shown.
            faults.0.push(FieldError::invalid_printed(at, "null", "invalid label selector."));
        }
    }
}

pub(in crate::builtin) fn binding(write: &Write<'_>, kind: &str, faults: &mut Faults) {
    if !write.changed(&["roleRef"]) && !write.changed(&["subjects"]) {
        return;
    }
    reference(write.new, kind, faults);
    subjects(write.new, kind, faults);
}

fn reference(binding: &Tree, kind: &str, faults: &mut Faults) {
    let reference = binding.get("roleRef").unwrap_or(&crate::builtin::check::NOTHING);
    let at = Path::Root.field("roleRef");
    if text(reference, "apiGroup") != GROUP {
        faults.not_supported_text(at.field("apiGroup"), text(reference, "apiGroup"), &[GROUP]);
    }
    let kinds: &[&str] =
        if kind == "RoleBinding" { &["Role", "ClusterRole"] } else { &["ClusterRole"] };
    if !kinds.contains(&text(reference, "kind")) {
        faults.not_supported_text(at.field("kind"), text(reference, "kind"), kinds);
    }
    if required(faults, reference, "name", &at) {
        let name = text(reference, "name");
        for complaint in names::path_segment(name) {
            faults.invalid(at.field("name"), name, &complaint);
        }
    }
}

fn subjects(binding: &Tree, kind: &str, faults: &mut Faults) {
    let subjects = Path::Root.field("subjects");
    for (index, subject) in list(binding, "subjects").iter().enumerate() {
        let at = subjects.index(index);
        let name = text(subject, "name");
        if name.is_empty() {
            faults.required(at.field("name"), "");
        }
        let group = text(subject, "apiGroup");
        match text(subject, "kind") {
            "ServiceAccount" => {
                if !name.is_empty() {
                    for complaint in names::dns_subdomain(name) {
                        faults.invalid(at.field("name"), name, &complaint);
                    }
                }
                if !group.is_empty() {
                    faults.not_supported_text(at.field("apiGroup"), group, &[""]);
                }
                if kind == "ClusterRoleBinding" && text(subject, "namespace").is_empty() {
                    faults.required(at.field("namespace"), "");
                }
            }
            "User" | "Group" => {
                if group != GROUP {
                    faults.not_supported_text(at.field("apiGroup"), group, &[GROUP]);
                }
            }
            other => {
                faults.not_supported_text(
                    at.field("kind"),
                    other,
                    &["ServiceAccount", "User", "Group"],
                );
            }
        }
    }
}
