//! The containers of a pod.

use super::environment;
use super::mounts;
use super::platform;
use crate::Tree;
use crate::builtin::check::{
    NOTHING, complain, list, not_negative, on, one_of, port, relative, required, text,
};
use crate::builtin::internal;
use crate::builtin::names;
use crate::builtin::resource;
use crate::names::dns_label;
use crate::quantity::Quantity;
use crate::schema::{Faults, Path};

/// What a container is checked against besides itself.
pub(in crate::builtin) struct Pod<'a> {
    pub spec: &'a Tree,
    /// Volumes that break a rule.
    pub unsound: &'a [String],
    pub minor: u32,
    /// Of an init container that runs on beside the others: all of a container's freedom.
    pub init: bool,
}

const HANDLERS: &[&str] = &["exec", "httpGet", "tcpSocket", "grpc", "sleep"];

pub(in crate::builtin) fn check(
    container: &Tree,
    pod: &Pod<'_>,
    at: &Path<'_>,
    faults: &mut Faults,
) {
    let name = text(container, "name");
    if name.is_empty() {
        faults.required(at.field("name"), "");
    } else {
        complain(faults, at.field("name"), name, dns_label(name));
    }
    let image = text(container, "image");
    if image.is_empty() {
        faults.required(at.field("image"), "");
    }
    let policies = ["File", "FallbackToLogsOnError"];
    let policy = text(container, "terminationMessagePolicy");
    if pod.minor >= 22 {
        one_of(faults, container, "terminationMessagePolicy", at, &policies);
    } else if !policies.contains(&policy) && container.get("terminationMessagePolicy").is_some() {
        let why = "must be 'File' or 'FallbackToLogsOnError'";
        faults.invalid(at.field("terminationMessagePolicy"), policy, why);
    }
    ports(container, pod, &at.field("ports"), faults);
    environment::check(container, pod.minor, at, faults);
    mounts::check(container, pod, at, faults);
    one_of(faults, container, "imagePullPolicy", at, &["Always", "IfNotPresent", "Never"]);
    if let Some(resources) = container.get("resources") {
        self::resources(resources, &at.field("resources"), faults);
    }
    if pod.minor >= 26 {
        super::claims::used(container, pod.spec, at, faults);
    }
    resize(container, pod.spec, at, faults);
    security(container, pod, at, faults);
    let sidecar = text(container, "restartPolicy") == "Always";
    if pod.init && !sidecar {
        for key in ["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"] {
            if container.get(key).is_some() {
                let why = "may not be set for init containers without restartPolicy=Always";
                faults.forbidden(at.field(key), why);
            }
        }
        return;
    }
    if let Some(lifecycle) = container.get("lifecycle") {
        let at = at.field("lifecycle");
        for key in ["postStart", "preStop"] {
            if let Some(hook) = lifecycle.get(key) {
                let grace = pod.spec.int_at(&["terminationGracePeriodSeconds"]).unwrap_or(30);
                handler(hook, grace, &at.field(key), faults);
            }
        }
    }
    for key in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if let Some(probe) = container.get(key) {
            self::probe(probe, key, &at.field(key), faults);
        }
    }
}

fn ports(container: &Tree, pod: &Pod<'_>, all: &Path<'_>, faults: &mut Faults) {
    let ports = list(container, "ports");
    for (index, entry) in ports.iter().enumerate() {
        let at = all.index(index);
        let name = text(entry, "name");
        if !name.is_empty() {
            let complaints = names::port_name(name);
            let good = complaints.is_empty();
            complain(faults, at.field("name"), name, complaints);
            if good && ports[..index].iter().any(|other| text(other, "name") == name) {
                faults.duplicate(at.field("name"), name);
            }
        }
        match entry.int_at(&["containerPort"]).unwrap_or(0) {
            0 => faults.required(at.field("containerPort"), ""),
            number => port(faults, number, at.field("containerPort")),
        }
        let host = entry.int_at(&["hostPort"]).unwrap_or(0);
        if host != 0 {
            port(faults, host, at.field("hostPort"));
            let port = entry.int_at(&["containerPort"]).unwrap_or(0);
            if on(pod.spec, "hostNetwork") && port != host && pod.minor < 25 {
                let why = "must match `hostPort` when `hostNetwork` is true";
                faults.invalid(at.field("containerPort"), port, why);
            } else if on(pod.spec, "hostNetwork") && port != host {
                let why = "must match `containerPort` when `hostNetwork` is true";
                faults.invalid(at.field("hostPort"), host, why);
            }
        }
        one_of(faults, entry, "protocol", &at, &["SCTP", "TCP", "UDP"]);
    }
}

/// Two containers of a pod cannot have the same port of its node.
pub(in crate::builtin) fn host_ports(spec: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let mut taken: Vec<String> = Vec::new();
    let containers = at.field("containers");
    for (index, container) in list(spec, "containers").iter().enumerate() {
        let above = containers.index(index);
        let all = above.field("ports");
        for (index, entry) in list(container, "ports").iter().enumerate() {
            let host = entry.int_at(&["hostPort"]).unwrap_or(0);
            if host == 0 {
                continue;
            }
            let claim = format!("{}/{}/{host}", text(entry, "protocol"), text(entry, "hostIP"));
            if taken.contains(&claim) {
                faults.duplicate(all.index(index).field("hostPort"), &*claim);
            }
            taken.push(claim);
        }
    }
}

/// Requests and limits; the name of each, and that none asks for more than it may have.
pub(in crate::builtin) fn resources(resources: &Tree, at: &Path<'_>, faults: &mut Faults) {
    resources_of(resources, at, &|_, _, _| {}, faults);
}

/// The same where not all names are good: `known` says which.
pub(in crate::builtin) fn resources_of(
    resources: &Tree,
    at: &Path<'_>,
    known: &dyn Fn(&str, Path<'_>, &mut Faults),
    faults: &mut Faults,
) {
    for key in ["limits", "requests"] {
        let all = at.field(key);
        for (name, amount) in resources.get(key).into_iter().flat_map(Tree::entries) {
            let at = all.key(name);
            resource::of_container(name, at, faults);
            if name.contains('/') {
                known(name, at, faults);
            }
            resource::amount(name, amount, at, faults);
        }
    }
    for (name, request) in resources.get("requests").into_iter().flat_map(Tree::entries) {
        let Some(limit) = resources.at(&["limits", name]).and_then(Tree::as_str) else { continue };
        let parsed = |text: &str| Quantity::parse(text);
        let amount = request.as_str().unwrap_or_default();
        if parsed(amount) > parsed(limit) {
            let why = format!("must be less than or equal to {name} limit of {limit}");
            faults.invalid(at.field("requests"), request, &why);
        }
    }
}

fn resize(container: &Tree, spec: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let all = at.field("resizePolicy");
    let policies = list(container, "resizePolicy");
    for (index, policy) in policies.iter().enumerate() {
        let (name, restart) = (text(policy, "resourceName"), text(policy, "restartPolicy"));
        if policies[..index].iter().any(|other| text(other, "resourceName") == name) {
            faults.duplicate(all.index(index), name);
        }
        if name.is_empty() {
            faults.required(all, "");
        } else if !matches!(name, "cpu" | "memory") {
            faults.not_supported(all, name, &["cpu", "memory"]);
        }
        if restart.is_empty() {
            faults.required(all, "");
        } else if !matches!(restart, "NotRequired" | "RestartContainer") {
            faults.not_supported(all, restart, &["NotRequired", "RestartContainer"]);
        }
        if text(spec, "restartPolicy") == "Never" && restart != "NotRequired" {
            let why = "must be 'NotRequired' when `restartPolicy` is 'Never'";
            faults.invalid(all, restart, why);
        }
    }
}

fn security(container: &Tree, pod: &Pod<'_>, at: &Path<'_>, faults: &mut Faults) {
    let Some(context) = container.get("securityContext") else { return };
    let at = at.field("securityContext");
    ids(context, &["runAsUser", "runAsGroup"], &at, faults);
    one_of(faults, context, "procMount", &at, &["Default", "Unmasked"]);
    let shares_users = pod.spec.bool_at(&["hostUsers"]) != Some(false);
    if pod.minor >= 30 && shares_users && text(context, "procMount") == "Unmasked" {
        let why = "`hostUsers` must be false to use `Unmasked`";
        faults.invalid(at.field("procMount"), "Unmasked", why);
    }
    seccomp(context, &at, faults);
    if context.bool_at(&["allowPrivilegeEscalation"]) == Some(false) {
        let lead = "cannot set `allowPrivilegeEscalation` to false and";
        let mut refuse = |what: &str| {
            let why = format!("{lead} {what}");
            internal::invalid(faults, at, "core.SecurityContext", context, &why);
        };
        if on(context, "privileged") {
            refuse("`privileged` to true");
        }
        let added = context.at(&["capabilities", "add"]).map_or(&[][..], Tree::items);
        for _ in added.iter().filter(|one| one.as_str() == Some("CAP_SYS_ADMIN")) {
            refuse("`capabilities.Add` CAP_SYS_ADMIN");
        }
    }
    platform::windows_options(context, &at, faults);
    app_armor(context, &at, faults);
}

pub(in crate::builtin) fn ids(context: &Tree, keys: &[&str], at: &Path<'_>, faults: &mut Faults) {
    for key in keys {
        crate::builtin::check::in_range(faults, context, key, at, 0, i64::from(i32::MAX));
    }
}

pub(in crate::builtin) fn seccomp(context: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let Some(profile) = context.get("seccompProfile") else { return };
    let at = at.field("seccompProfile");
    one_of(faults, profile, "type", &at, &["Localhost", "RuntimeDefault", "Unconfined"]);
    let place = at.field("localhostProfile");
    match (text(profile, "type"), profile.str_at(&["localhostProfile"])) {
        ("Localhost", None) => {
            faults.required(place, "must be set when seccomp type is Localhost");
        }
        ("Localhost", Some(path)) => relative(faults, path, place),
        (_, Some(_)) => {
            let why = "can only be set when seccomp type is Localhost";
            internal::invalid(faults, place, "core.SeccompProfile", profile, why);
        }
        _ => {}
    }
}

pub(in crate::builtin) fn app_armor(context: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let Some(profile) = context.get("appArmorProfile") else { return };
    let at = at.field("appArmorProfile");
    let place = at.field("localhostProfile");
    let path = profile.str_at(&["localhostProfile"]);
    match text(profile, "type") {
        "Localhost" => match path {
            None => faults.required(place, "must be set when AppArmor type is Localhost"),
            Some(path) => {
                let bare = path.trim();
                if bare != path {
                    faults.invalid(place, path, "must not be padded with whitespace");
                } else if bare.is_empty() {
                    faults.required(place, "must be set when AppArmor type is Localhost");
                }
                if path.len() > 4095 {
                    faults.too_long(place, 4095);
                }
            }
        },
        "RuntimeDefault" | "Unconfined" => {
            if let Some(path) = path {
                let why = "can only be set when AppArmor type is Localhost";
                faults.invalid(place, path, why);
            }
        }
        "" => faults.required(at.field("type"), "type is required when appArmorProfile is set"),
        other => {
            let known = ["Localhost", "RuntimeDefault", "Unconfined"];
            faults.not_supported(at.field("type"), other, &known);
        }
    }
}

fn handler(hook: &Tree, grace: i64, at: &Path<'_>, faults: &mut Faults) {
    if handlers(hook, at, faults) == 0 {
        faults.required(*at, "must specify a handler type");
    }
    if let Some(seconds) = hook.int_at(&["sleep", "seconds"]).filter(|s| *s < 0 || *s > grace) {
        let why =
            format!("must be non-negative and less than terminationGracePeriodSeconds ({grace})");
        faults.invalid(at.field("sleep"), seconds, &why);
    }
}

/// How many ways to do it are given; only one is allowed.
fn handlers(hook: &Tree, at: &Path<'_>, faults: &mut Faults) -> usize {
    let mut count = 0;
    for key in HANDLERS {
        let Some(action) = hook.get(key) else { continue };
        count += 1;
        let at = at.field(key);
        if count > 1 {
            faults.forbidden(at, "may not specify more than 1 handler type");
            continue;
        }
        match *key {
            "exec" if list(action, "command").is_empty() => {
                faults.required(at.field("command"), "");
            }
            "httpGet" => http_get(action, &at, faults),
            "tcpSocket" => named_port(action.get("port"), at.field("port"), faults),
            "grpc" => port(faults, action.int_at(&["port"]).unwrap_or(0), at.field("port")),
            _ => {}
        }
    }
    count
}

fn http_get(action: &Tree, at: &Path<'_>, faults: &mut Faults) {
    required(faults, action, "path", at);
    named_port(action.get("port"), at.field("port"), faults);
    one_of(faults, action, "scheme", at, &["HTTP", "HTTPS"]);
    for header in list(action, "httpHeaders") {
        let name = text(header, "name");
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
            let why = "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')";
            faults.invalid(at.field("httpHeaders"), name, why);
        }
    }
}

fn named_port(value: Option<&Tree>, at: Path<'_>, faults: &mut Faults) {
    let value = value.unwrap_or(&NOTHING);
    match value.as_str() {
        Some(name) => complain(faults, at, name, names::port_name(name)),
        None => port(faults, value.as_i64().unwrap_or(0), at),
    }
}

fn probe(probe: &Tree, kind: &str, at: &Path<'_>, faults: &mut Faults) {
    if handlers(probe, at, faults) == 0 {
        faults.required(*at, "must specify a handler type");
    }
    for key in [
        "initialDelaySeconds",
        "timeoutSeconds",
        "periodSeconds",
        "successThreshold",
        "failureThreshold",
    ] {
        not_negative(faults, probe, key, at);
    }
    let grace = probe.int_at(&["terminationGracePeriodSeconds"]);
    if kind == "readinessProbe" {
        if let Some(grace) = grace {
            let why = "must not be set for readinessProbes";
            faults.invalid(at.field("terminationGracePeriodSeconds"), grace, why);
        }
        return;
    }
    if let Some(grace) = grace.filter(|grace| *grace <= 0) {
        faults.invalid(at.field("terminationGracePeriodSeconds"), grace, "must be greater than 0");
    }
    let successes = probe.int_at(&["successThreshold"]).unwrap_or(1);
    if successes != 1 {
        faults.invalid(at.field("successThreshold"), successes, "must be 1");
    }
}
