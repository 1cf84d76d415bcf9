//! The variables of a container, and where they come from.

use crate::Tree;
use crate::builtin::check::{complain, list, required, text};
use crate::builtin::names;
use crate::names::{dns_subdomain, qualified_name};
use crate::schema::{Faults, Path};

/// What of its pod a variable can show.
const OF_VARIABLES: &[&str] = &[
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];

pub(in crate::builtin) fn check(container: &Tree, minor: u32, at: &Path<'_>, faults: &mut Faults) {
    let all = at.field("env");
    for (index, variable) in list(container, "env").iter().enumerate() {
        let at = all.index(index);
        let name = text(variable, "name");
        if name.is_empty() {
            faults.required(at.field("name"), "");
        } else {
            complain(faults, at.field("name"), name, names::environment(name, minor));
        }
        if let Some(from) = variable.get("valueFrom") {
            value_from(variable, from, &at.field("valueFrom"), faults);
        }
    }
    let all = at.field("envFrom");
    for (index, from) in list(container, "envFrom").iter().enumerate() {
        let place = all.index(index);
        let prefix = text(from, "prefix");
        if !prefix.is_empty() {
            complain(faults, place.field("prefix"), prefix, names::environment(prefix, minor));
        }
        let mut count = 0;
        for key in ["configMapRef", "secretRef"] {
            let Some(reference) = from.get(key) else { continue };
            count += 1;
            let name = text(reference, "name");
            if required(faults, reference, "name", &place.field(key)) {
                complain(faults, place.field(key).field("name"), name, dns_subdomain(name));
            }
        }
        // The real server does not say which of them.
        match count {
            0 => faults.invalid(all, "", "must specify one of: `configMapRef` or `secretRef`"),
            1 => {}
            _ => faults.invalid(all, "", "may not have more than one field specified at a time"),
        }
    }
}

fn value_from(variable: &Tree, from: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let mut count = 0;
    if let Some(field) = from.get("fieldRef") {
        count += 1;
        field_ref(field, OF_VARIABLES, &at.field("fieldRef"), faults);
    }
    if let Some(resource) = from.get("resourceFieldRef") {
        count += 1;
        resource_ref(resource, false, &at.field("resourceFieldRef"), faults);
    }
    for key in ["configMapKeyRef", "secretKeyRef"] {
        let Some(reference) = from.get(key) else { continue };
        count += 1;
        let at = at.field(key);
        let name = text(reference, "name");
        complain(faults, at.field("name"), name, dns_subdomain(name));
        let key = text(reference, "key");
        if key.is_empty() {
            faults.required(at.field("key"), "");
        } else {
            complain(faults, at.field("key"), key, names::config_key(key));
        }
    }
    if count == 0 {
        let why = "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`";
        faults.invalid(*at, "", why);
    } else if !text(variable, "value").is_empty() {
        faults.invalid(*at, "", "may not be specified when `value` is not empty");
    } else if count > 1 {
        faults.invalid(*at, "", "may not have more than one field specified at a time");
    }
}

/// The place in a pod that a variable or a file shows; `supported` are those without a subscript.
pub(in crate::builtin) fn field_ref(
    field: &Tree,
    supported: &[&str],
    at: &Path<'_>,
    faults: &mut Faults,
) {
    let path = text(field, "fieldPath");
    if field.str_at(&["apiVersion"]) == Some("") {
        return faults.required(at.field("apiVersion"), "");
    }
    if path.is_empty() {
        return faults.required(at.field("fieldPath"), "");
    }
    let place = at.field("fieldPath");
    let version = field.str_at(&["apiVersion"]).unwrap_or("v1");
    if version != "v1" {
        let why = format!("error converting fieldPath: unsupported pod version: {version}");
        return faults.invalid(place, path, &why);
    }
    let unknown = || format!("error converting fieldPath: field label not supported: {path}");
    let subscripted = path.strip_suffix("']").and_then(|path| path.split_once("['"));
    if let Some((kind, key)) = subscripted.filter(|(kind, _)| !kind.is_empty()) {
        if !matches!(kind, "metadata.labels" | "metadata.annotations") {
            let why = format!(
                "error converting fieldPath: field label does not support subscript: {path}"
            );
            return faults.invalid(place, path, &why);
        }
        let key = if kind == "metadata.annotations" { key.to_lowercase() } else { key.to_owned() };
        return complain(faults, *at, &*key, qualified_name(&key));
    }
    let known = [
        "metadata.name",
        "metadata.namespace",
        "metadata.uid",
        "metadata.labels",
        "metadata.annotations",
        "spec.nodeName",
        "spec.host",
        "spec.restartPolicy",
        "spec.schedulerName",
        "spec.serviceAccountName",
        "status.phase",
        "status.hostIP",
        "status.hostIPs",
        "status.podIP",
        "status.podIPs",
    ];
    if known.contains(&path) {
        // An old name stands for the new one.
        let path = if path == "spec.host" { "spec.nodeName" } else { path };
        if !supported.contains(&path) {
            faults.not_supported_text(place, path, supported);
        }
    } else {
        faults.invalid(place, path, &unknown());
    }
}

/// `of_volume`: of another container than one's own, which must be named.
pub(in crate::builtin) fn resource_ref(
    resource: &Tree,
    of_volume: bool,
    at: &Path<'_>,
    faults: &mut Faults,
) {
    let name = text(resource, "resource");
    let known = [
        "limits.cpu",
        "limits.ephemeral-storage",
        "limits.memory",
        "requests.cpu",
        "requests.ephemeral-storage",
        "requests.memory",
    ];
    let pages = ["limits.hugepages-", "requests.hugepages-"];
    if of_volume && text(resource, "containerName").is_empty() {
        faults.required(at.field("containerName"), "");
    } else if name.is_empty() {
        faults.required(at.field("resource"), "");
    } else if !known.contains(&name) && !pages.iter().any(|lead| name.starts_with(lead)) {
        faults.not_supported_text(at.field("resource"), name, &known);
    }
    divisor(name, text(resource, "divisor"), at, faults);
}

/// Which units there are of what.
fn divisor(name: &str, divisor: &str, at: &Path<'_>, faults: &mut Faults) {
    let memory = "1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei";
    let of = name.strip_prefix("limits.").or_else(|| name.strip_prefix("requests."));
    let of = of.unwrap_or_default();
    let (units, what) = match of {
        "cpu" => (
            "1m, 1".to_owned(),
            "only divisor's values 1m and 1 are supported with the cpu resource",
        ),
        "memory" => (
            memory.to_owned(),
            "only divisor's values 1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei are supported with the memory resource",
        ),
        "ephemeral-storage" => (
            memory.to_owned(),
            "only divisor's values 1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei are supported with the local ephemeral storage resource",
        ),
        _ if of.starts_with("hugepages-") => (
            memory.to_owned(),
            "only divisor's values 1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei are supported with the hugepages resource",
        ),
        _ => return,
    };
    if matches!(divisor, "" | "0") || units.split(", ").any(|unit| unit == divisor) {
        return;
    }
    faults.invalid(at.field("divisor"), name, what);
}
