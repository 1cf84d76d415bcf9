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
    /// The volumes that break no rule.
    pub volumes: &'a [(&'a str, &'a Tree)],
    pub minor: u32,
}

/// In the order of the real server.
const OF_PROBES: &[&str] = &["exec", "httpGet", "tcpSocket", "grpc"];
const OF_HOOKS: &[&str] = &["exec", "httpGet", "tcpSocket", "sleep"];
const PROBES: [&str; 3] = ["livenessProbe", "readinessProbe", "startupProbe"];

/// What holds for a container wherever it stands.
pub(in crate::builtin) fn common(
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
    required(faults, container, "image", at);
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
        self::resources(resources, pod.spec, pod.minor, &at.field("resources"), faults);
    }
    resize(container, pod.spec, at, faults);
    security(container, pod, at, faults);
}

/// What a container that goes on running says of its life.
pub(in crate::builtin) fn life(container: &Tree, spec: &Tree, at: &Path<'_>, faults: &mut Faults) {
    if let Some(lifecycle) = container.get("lifecycle") {
        let at = at.field("lifecycle");
        for key in ["postStart", "preStop"] {
            if let Some(hook) = lifecycle.get(key) {
                let grace = spec.int_at(&["terminationGracePeriodSeconds"]).unwrap_or(30);
                handler(hook, OF_HOOKS, grace, &at.field(key), faults);
            }
        }
    }
    for key in PROBES {
        if let Some(probe) = container.get(key) {
            self::probe(probe, key, &at.field(key), faults);
        }
    }
}

/// What an init container that ends may not say.
pub(in crate::builtin) fn lifeless(container: &Tree, at: &Path<'_>, faults: &mut Faults) {
    for key in ["lifecycle"].iter().chain(&PROBES) {
        if container.get(key).is_some() {
            let why = "may not be set for init containers without restartPolicy=Always";
            faults.forbidden(at.field(key), why);
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
            }
        }
        one_of(faults, entry, "protocol", &at, &["SCTP", "TCP", "UDP"]);
    }
}

/// Two of these containers cannot have the same port of their node.
pub(in crate::builtin) fn host_ports(containers: &[Tree], above: &Path<'_>, faults: &mut Faults) {
    let mut taken: Vec<String> = Vec::new();
    for (index, container) in containers.iter().enumerate() {
        let at = above.index(index);
        let all = at.field("ports");
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

/// A pod in the network of its node has there the ports that its containers have.
pub(in crate::builtin) fn ports_of_node(
    spec: &Tree,
    is_pod: bool,
    at: &Path<'_>,
    faults: &mut Faults,
) {
    if !on(spec, "hostNetwork") {
        return;
    }
    let containers = at.field("containers");
    for (index, container) in list(spec, "containers").iter().enumerate() {
        let at = containers.index(index);
        let all = at.field("ports");
        for (index, entry) in list(container, "ports").iter().enumerate() {
            let number = |key: &str| entry.int_at(&[key]).unwrap_or(0);
            let (host, own) = (number("hostPort"), number("containerPort"));
            if (is_pod || host != 0) && host != own {
                let why = "must match `containerPort` when `hostNetwork` is true";
                faults.invalid(all.index(index).field("hostPort"), host, why);
            }
        }
    }
}

/// Requests and limits of a container: the name of each, that none asks for more than it may have, and the claims.
pub(in crate::builtin) fn resources(
    resources: &Tree,
    spec: &Tree,
    minor: u32,
    at: &Path<'_>,
    faults: &mut Faults,
) {
    amounts(resources, at, &resource::of_container, faults);
    if minor >= 26 {
        super::claims::used(resources, spec, &at.field("claims"), faults);
    }
}

/// The amounts alone; `named` says which names are good.
pub(in crate::builtin) fn amounts(
    resources: &Tree,
    at: &Path<'_>,
    named: &dyn Fn(&str, Path<'_>, &mut Faults),
    faults: &mut Faults,
) {
    let side = |key: &str| resources.get(key).into_iter().flat_map(Tree::entries);
    let parsed = |amount: &Tree| amount.as_str().and_then(Quantity::parse);
    let limits = at.field("limits");
    for (name, amount) in side("limits") {
        let at = limits.key(name);
        named(name, at, faults);
        resource::amount(name, amount, at, faults);
        resource::whole_pages(name, amount, at, faults);
    }
    let all = at.field("requests");
    for (name, amount) in side("requests") {
        let at = all.key(name);
        named(name, at, faults);
        resource::amount(name, amount, at, faults);
        let limit = resources.at(&["limits", name]);
        let promised = resource::can_be_overcommitted(name);
        match limit {
            Some(limit) => {
                let shown = limit.as_str().unwrap_or_default();
                if !promised && parsed(amount) != parsed(limit) {
                    let why = format!("must be equal to {name} limit of {shown}");
                    faults.invalid(all, amount, &why);
                } else if parsed(amount) > parsed(limit) {
                    let why = format!("must be less than or equal to {name} limit of {shown}");
                    faults.invalid(all, amount, &why);
                }
            }
            None if promised => {}
            None => {
                faults.required(limits, "Limit must be set for non overcommitable resources");
            }
        }
        resource::whole_pages(name, amount, at, faults);
    }
    let names = || side("limits").chain(side("requests")).map(|(name, _)| name);
    if names().any(resource::is_huge_page) && !names().any(|name| matches!(name, "cpu" | "memory"))
    {
        faults.forbidden(*at, "HugePages require cpu or memory");
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
            faults.invalid_typed(all, restart, why);
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
    let kinds = ["Localhost", "RuntimeDefault", "Unconfined"];
    if text(profile, "type").is_empty() {
        faults.required(at.field("type"), "type is required when seccompProfile is set");
    } else {
        one_of(faults, profile, "type", &at, &kinds);
    }
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

/// One way to do it, and only one.
fn handler(hook: &Tree, known: &[&str], grace: i64, at: &Path<'_>, faults: &mut Faults) {
    let mut count = 0;
    for key in known {
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
            "sleep" => {
                let seconds = action.int_at(&["seconds"]).unwrap_or(0);
                if !(0..=grace).contains(&seconds) {
                    let why = format!(
                        "must be non-negative and less than terminationGracePeriodSeconds ({grace})"
                    );
                    faults.invalid(at, seconds, &why);
                }
            }
            _ => {}
        }
    }
    if count == 0 {
        faults.required(*at, "must specify a handler type");
    }
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
    handler(probe, OF_PROBES, 0, at, faults);
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
    let place = at.field("terminationGracePeriodSeconds");
    if let Some(grace) = grace.filter(|grace| *grace <= 0) {
        faults.invalid(place, grace, "must be greater than 0");
    }
    if kind == "readinessProbe" {
        if let Some(grace) = grace {
            faults.invalid(place, grace, "must not be set for readinessProbes");
        }
        return;
    }
    let successes = probe.int_at(&["successThreshold"]).unwrap_or(1);
    if successes != 1 {
        faults.invalid(at.field("successThreshold"), successes, "must be 1");
    }
}
