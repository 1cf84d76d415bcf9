//! Roles and bindings.

use super::check::{list, one_of, required, text};
use super::rules::Write;
use crate::names;
use crate::schema::{Faults, Path};

pub(super) fn role(write: &Write<'_>, kind: &str, faults: &mut Faults) {
    if !write.changed(&["rules"]) {
        return;
    }
    let rules = Path::Root.field("rules");
    for (index, rule) in list(write.new, "rules").iter().enumerate() {
        let at = rules.index(index);
        if list(rule, "verbs").is_empty() {
            faults.required(at.field("verbs"), "verbs must contain at least one value");
        }
        let urls = list(rule, "nonResourceURLs");
        let (groups, resources) = (list(rule, "apiGroups"), list(rule, "resources"));
        if !urls.is_empty() {
            if kind == "Role" {
                let value = rule.get("nonResourceURLs").cloned().unwrap_or_default();
                let why = "namespaced rules cannot apply to non-resource URLs";
                faults.invalid(at.field("nonResourceURLs"), value, why);
            }
            if !groups.is_empty()
                || !resources.is_empty()
                || !list(rule, "resourceNames").is_empty()
            {
                let value = rule.get("nonResourceURLs").cloned().unwrap_or_default();
                let why = "rules cannot apply to both regular resources and non-resource URLs";
                faults.invalid(at.field("nonResourceURLs"), value, why);
            }
            continue;
        }
        if groups.is_empty() {
            faults.required(
                at.field("apiGroups"),
                "resource rules must supply at least one api group",
            );
        }
        if resources.is_empty() {
            faults.required(
                at.field("resources"),
                "resource rules must supply at least one resource",
            );
        }
    }
}

pub(super) fn binding(write: &Write<'_>, kind: &str, faults: &mut Faults) {
    let object = write.new;
    let reference = object.get("roleRef").unwrap_or(&super::check::NOTHING);
    let at = Path::Root.field("roleRef");
    one_of(faults, reference, "apiGroup", &at, &["rbac.authorization.k8s.io"]);
    let kinds: &[&str] =
        if kind == "RoleBinding" { &["Role", "ClusterRole"] } else { &["ClusterRole"] };
    if !kinds.contains(&text(reference, "kind")) {
        faults.not_supported(at.field("kind"), text(reference, "kind"), kinds);
    }
    if required(faults, reference, "name", &at) {
        let name = text(reference, "name");
        for complaint in names::path_segment(name) {
            faults.invalid(at.field("name"), name, &complaint);
        }
    }
    let subjects = Path::Root.field("subjects");
    for (index, subject) in list(object, "subjects").iter().enumerate() {
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
                    faults.not_supported(at.field("apiGroup"), group, &[""]);
                }
                if kind == "ClusterRoleBinding" && text(subject, "namespace").is_empty() {
                    faults.required(at.field("namespace"), "");
                }
            }
            "User" | "Group" => {
                if group != "rbac.authorization.k8s.io" {
                    faults.not_supported(
                        at.field("apiGroup"),
                        group,
                        &["rbac.authorization.k8s.io"],
                    );
                }
            }
            other => {
                faults.not_supported(at.field("kind"), other, &["ServiceAccount", "User", "Group"]);
            }
        }
    }
}
