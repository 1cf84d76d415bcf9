//! Ways into a cluster, and who provides them.

use crate::Tree;
use crate::builtin::check::{NOTHING, complain, domain_prefixed, ip, list, loose_ip, text};
use crate::builtin::names::{port_name, port_number};
use crate::builtin::rules::Write;
use crate::names;
use crate::schema::{Faults, Path};
use crate::status::FieldError;

const WILDCARD: &str = "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character (e.g. '*.example.com', regex used for validation is '\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const NO_NAME: &str = "must be a DNS name, not an IP address";

pub(in crate::builtin) fn ingress(write: &Write<'_>, faults: &mut Faults) {
    if write.changed(&["status"]) && write.old.is_some() {
        addresses(write.new, faults);
    }
    if !write.changed(&["spec"]) {
        return;
    }
    let spec = write.new.get("spec").unwrap_or(&NOTHING);
    let at = Path::Root.field("spec");
    let rules = list(spec, "rules");
    let fallback = spec.get("defaultBackend");
    if rules.is_empty() && fallback.is_none() {
        let why = "either `defaultBackend` or `rules` must be specified";
        let nothing = match spec.get("rules").is_some_and(Tree::is_list) {
            _ if write.minor < 34 => "[]networking.IngressRule(nil)",
            true => "[]",
            false => "null",
        };
        faults.0.push(FieldError::invalid_printed(at, nothing, why));
    }
    if let Some(fallback) = fallback {
        backend(fallback, &at.field("defaultBackend"), faults);
    }
    let all = at.field("rules");
    for (index, rule) in rules.iter().enumerate() {
        let above = all.index(index);
        host(text(rule, "host"), &above.field("host"), faults);
        let http = above.field("http");
        let all = http.field("paths");
        let paths = rule.at(&["http", "paths"]).map_or(&[][..], Tree::items);
        if paths.is_empty() && rule.get("http").is_some() {
            faults.required(all, "");
        }
        for (index, one) in paths.iter().enumerate() {
            let at = all.index(index);
            path(one, &at, faults);
            if !says_type(one) {
                // The real server looks no further.
                continue;
            }
            backend(one.get("backend").unwrap_or(&NOTHING), &at.field("backend"), faults);
        }
    }
    let all = at.field("tls");
    for (index, tls) in list(spec, "tls").iter().enumerate() {
        let at = all.index(index);
        let hosts = at.field("hosts");
        for (index, name) in list(tls, "hosts").iter().enumerate() {
            subdomain(name.as_str().unwrap_or_default(), &hosts.index(index), faults);
        }
        let secret = text(tls, "secretName");
        if !secret.is_empty() {
            complain(faults, at.field("secretName"), secret, names::dns_subdomain(secret));
        }
    }
    if let Some(class) = spec.str_at(&["ingressClassName"]) {
        complain(faults, at.field("ingressClassName"), class, names::dns_subdomain(class));
    }
    if write.old.is_none() {
        one_class(write.new, faults);
    }
}

/// A new ingress that names its class in the old place too names the same one.
fn one_class(ingress: &Tree, faults: &mut Faults) {
    const KEY: &str = "kubernetes.io/ingress.class";
    let (old, new) = (
        ingress.str_at(&["metadata", "annotations", KEY]),
        ingress.str_at(&["spec", "ingressClassName"]),
    );
    if let (Some(old), Some(new)) = (old, new)
        && old != new
    {
        let above = Path::Root.field("annotations");
        let why = "must match `ingressClassName` when both are specified";
        faults.invalid(above.field(KEY), old, why);
    }
}

/// Where an ingress can be reached, as its status says.
fn addresses(ingress: &Tree, faults: &mut Faults) {
    let status = Path::Root.field("status");
    let above = status.field("loadBalancer");
    let all = above.field("ingress");
    let points = ingress.at(&["status", "loadBalancer", "ingress"]).map_or(&[][..], Tree::items);
    for (index, point) in points.iter().enumerate() {
        let at = all.index(index);
        let (address, name) = (text(point, "ip"), text(point, "hostname"));
        if !address.is_empty() {
            ip(faults, address, at.field("ip"));
        }
        if !name.is_empty() {
            complain(faults, at.field("hostname"), name, names::dns_subdomain(name));
            if loose_ip(name).is_some() {
                faults.invalid(at.field("hostname"), name, NO_NAME);
            }
        }
    }
}

fn host(name: &str, at: &Path<'_>, faults: &mut Faults) {
    if name.is_empty() {
        return;
    }
    if loose_ip(name).is_some() {
        faults.invalid(*at, name, NO_NAME);
    }
    subdomain(name, at, faults);
}

/// A name, or all names below one.
fn subdomain(name: &str, at: &Path<'_>, faults: &mut Faults) {
    if !name.contains('*') {
        complain(faults, *at, name, names::dns_subdomain(name));
        return;
    }
    let good = name.strip_prefix("*.").is_some_and(|rest| names::dns_subdomain(rest).is_empty());
    if !good {
        faults.invalid(*at, name, WILDCARD);
    }
}

/// Whether a path says how it is meant, be it nothing.
fn says_type(path: &Tree) -> bool {
    path.get("pathType").is_some_and(Tree::is_string)
}

fn path(path: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let place = text(path, "path");
    match text(path, "pathType") {
        "" if !says_type(path) => {
            faults.required(at.field("pathType"), "pathType must be specified");
        }
        "Exact" | "Prefix" => {
            let at = at.field("path");
            if !place.starts_with('/') {
                faults.invalid(at, place, "must be an absolute path");
            }
            for part in ["//", "/./", "/../", "%2f", "%2F"] {
                if place.contains(part) {
                    faults.invalid(at, place, &format!("must not contain '{part}'"));
                }
            }
            for end in ["/..", "/."] {
                if place.ends_with(end) {
                    faults.invalid(at, place, &format!("cannot end with '{end}'"));
                }
            }
        }
        "ImplementationSpecific" => {
            if !place.is_empty() && !place.starts_with('/') {
                faults.invalid(at.field("path"), place, "must be an absolute path");
            }
        }
        other => {
            let kinds = ["Exact", "ImplementationSpecific", "Prefix"];
            faults.not_supported(at.field("pathType"), other, &kinds);
        }
    }
}

fn backend(backend: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let (resource, service) = (backend.get("resource"), backend.get("service"));
    let Some(service) = service else {
        match resource {
            None => faults.invalid(*at, "", "resource or service backend is required"),
            Some(resource) => named(resource, &at.field("resource"), faults),
        }
        return;
    };
    if resource.is_some() {
        faults.invalid(*at, "", "cannot set both resource and service backends");
        return;
    }
    let of = at.field("service");
    let name = text(service, "name");
    if name.is_empty() {
        faults.required(of.field("name"), "");
    } else {
        complain(faults, of.field("name"), name, names::dns_1035_label(name));
    }
    let port = service.get("port").unwrap_or(&NOTHING);
    let (name, number) = (text(port, "name"), port.int_at(&["number"]).unwrap_or(0));
    let place = of.field("port");
    match (name.is_empty(), number == 0) {
        (false, false) => faults.invalid(*at, "", "cannot set both port name & port number"),
        (true, true) => faults.required(*at, "port name or number is required"),
        (false, true) => complain(faults, place.field("name"), name, port_name(name)),
        (true, false) => complain(faults, place.field("number"), number, port_number(number)),
    }
}

/// Something of any kind, by group, kind and name.
fn named(reference: &Tree, at: &Path<'_>, faults: &mut Faults) {
    if let Some(group) = reference.str_at(&["apiGroup"]) {
        complain(faults, at.field("apiGroup"), group, names::dns_subdomain(group));
    }
    for key in ["kind", "name"] {
        let name = text(reference, key);
        if name.is_empty() {
            faults.required(at.field(key), "");
        } else {
            complain(faults, at.field(key), name, names::path_segment(name));
        }
    }
}

pub(in crate::builtin) fn class(write: &Write<'_>, faults: &mut Faults) {
    if !write.changed(&["spec"]) {
        return;
    }
    let at = Path::Root.field("spec");
    let spec = write.new.get("spec").unwrap_or(&NOTHING);
    let controller = text(spec, "controller");
    if controller.is_empty() {
        faults.required(at.field("controller"), "");
    } else {
        if controller.len() > LONGEST_CONTROLLER {
            faults.too_long(at.field("controller"), LONGEST_CONTROLLER);
        }
        domain_prefixed(faults, controller, at.field("controller"));
    }
    if let Some(parameters) = spec.get("parameters").filter(|parameters| !parameters.is_null()) {
        let at = at.field("parameters");
        named(parameters, &at, faults);
        scope(parameters, &at, faults);
    }
}

const LONGEST_CONTROLLER: usize = 250;

/// Whose parameters they are: the cluster's, or those of a namespace, which is named then.
fn scope(parameters: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let namespace = parameters.str_at(&["namespace"]);
    match (text(parameters, "scope"), namespace) {
        ("Namespace", None) => {
            faults.required(at.field("namespace"), "`parameters.scope` is set to 'Namespace'");
        }
        ("Namespace", Some(name)) => {
            complain(faults, at.field("namespace"), name, names::dns_label(name));
        }
        ("Cluster", Some(_)) => {
            faults.forbidden(at.field("namespace"), "`parameters.scope` is set to 'Cluster'");
        }
        ("Cluster", None) => {}
        (other, _) => {
            faults.not_supported_text(at.field("scope"), other, &["Cluster", "Namespace"]);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_class_names_its_controller_by_a_domain_and_a_path() {
        let said = |controller: &str| {
            let class = Tree::from(json!({ "spec": { "controller": controller } }));
            let mut faults = Faults::default();
            super::class(&Write::of(&class, None), &mut faults);
            let value =
                |fault: &FieldError| fault.body.split(": ").nth(1).unwrap_or_default().to_owned();
            faults.0.iter().map(value).collect::<Vec<_>>()
        };
        assert!(said("example.com/a").is_empty());
        assert_eq!(said("a b/c d"), ["\"a b\"", "\"c d\""]);
    }
}
