//! The containers of a pod.

use super::check::{
    NOTHING, complain, list, no_dots_up, not_negative, on, one_of, port, relative, required, text,
};
use super::names::{self, environment};
use super::{internal, platform};
use crate::Tree;
use crate::names::{dns_label, dns_subdomain, qualified_name};
use crate::quantity::Quantity;
use crate::schema::{Faults, Path};

/// What a container is checked against besides itself.
pub(super) struct Pod<'a> {
    pub spec: &'a Tree,
    /// Volumes that break a rule.
    pub unsound: &'a [String],
    pub minor: u32,
    /// Of an init container that runs on beside the others: all of a container's freedom.
    pub init: bool,
}

const HANDLERS: &[&str] = &["exec", "httpGet", "tcpSocket", "grpc", "sleep"];

pub(super) fn check(container: &Tree, pod: &Pod<'_>, at: &Path<'_>, faults: &mut Faults) {
    let name = text(container, "name");
    if name.is_empty() {
        faults.required(at.field("name"), "");
    } else {
        complain(faults, at.field("name"), name, dns_label(name));
    }
    let image = text(container, "image");
    if image.is_empty() {
        faults.required(at.field("image"), "");
    } else if image != image.trim() {
        faults.invalid(at.field("image"), image, "must not have leading or trailing whitespace");
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
    env(container, pod.minor, at, faults);
    mounts(container, pod, at, faults);
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
pub(super) fn host_ports(spec: &Tree, at: &Path<'_>, faults: &mut Faults) {
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

fn env(container: &Tree, minor: u32, at: &Path<'_>, faults: &mut Faults) {
    let all = at.field("env");
    for (index, variable) in list(container, "env").iter().enumerate() {
        let at = all.index(index);
        let name = text(variable, "name");
        if name.is_empty() {
            faults.required(at.field("name"), "");
        } else {
            complain(faults, at.field("name"), name, environment(name, minor));
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
            complain(faults, place.field("prefix"), prefix, environment(prefix, minor));
        }
        let mut count = 0;
        for key in ["configMapRef", "secretRef"] {
            let Some(reference) = from.get(key) else { continue };
            count += 1;
            let name = text(reference, "name");
            complain(faults, place.field(key).field("name"), name, dns_subdomain(name));
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
        field_ref(field, &at.field("fieldRef"), faults);
    }
    if let Some(resource) = from.get("resourceFieldRef") {
        count += 1;
        resource_ref(resource, &at.field("resourceFieldRef"), faults);
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

fn field_ref(field: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let path = text(field, "fieldPath");
    if path.is_empty() {
        faults.required(at.field("fieldPath"), "");
        return;
    }
    if let Some((kind, key)) = path.strip_suffix("']").and_then(|path| path.split_once("['"))
        && matches!(kind, "metadata.labels" | "metadata.annotations")
    {
        let key = if kind == "metadata.annotations" { key.to_lowercase() } else { key.to_owned() };
        complain(faults, *at, &*key, qualified_name(&key));
        return;
    }
    let known = [
        "metadata.name",
        "metadata.namespace",
        "metadata.uid",
        "metadata.labels",
        "metadata.annotations",
        "spec.nodeName",
        "spec.serviceAccountName",
        "status.hostIP",
        "status.hostIPs",
        "status.podIP",
        "status.podIPs",
    ];
    if !known.contains(&path) {
        let why = format!("error converting fieldPath: field label not supported: {path}");
        faults.invalid(at.field("fieldPath"), path, &why);
    } else if matches!(path, "metadata.labels" | "metadata.annotations") {
        let supported = [
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
        faults.not_supported(at.field("fieldPath"), path, &supported);
    }
}

fn resource_ref(resource: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let name = text(resource, "resource");
    let known = [
        "limits.cpu",
        "limits.ephemeral-storage",
        "limits.memory",
        "requests.cpu",
        "requests.ephemeral-storage",
        "requests.memory",
    ];
    if name.is_empty() {
        faults.required(at.field("resource"), "");
    } else if !known.contains(&name) && !name.contains(".hugepages-") {
        faults.not_supported(at.field("resource"), name, &known);
    }
    let divisor = text(resource, "divisor");
    let of_cpu = name.rsplit_once('.').is_some_and(|(_, resource)| resource == "cpu");
    if of_cpu && !matches!(divisor, "" | "0" | "1" | "1m") {
        let why = "only divisor's values 1m and 1 are supported with the cpu resource";
        faults.invalid(at.field("divisor"), name, why);
    }
}

fn mounts(container: &Tree, pod: &Pod<'_>, at: &Path<'_>, faults: &mut Faults) {
    let spec = pod.spec;
    let volumes = list(spec, "volumes");
    let (mounts, devices) = (list(container, "volumeMounts"), list(container, "volumeDevices"));
    let all = at.field("volumeMounts");
    for (index, mount) in mounts.iter().enumerate() {
        let at = all.index(index);
        let (name, path) = (text(mount, "name"), text(mount, "mountPath"));
        if name.is_empty() {
            faults.required(at.field("name"), "");
        } else if !volumes.iter().any(|volume| text(volume, "name") == name)
            || pod.unsound.iter().any(|unsound| unsound == name)
        {
            faults.not_found(at.field("name"), name);
        }
        if path.is_empty() {
            faults.required(at.field("mountPath"), "");
        }
        if mounts[..index].iter().any(|other| text(other, "mountPath") == path) {
            faults.invalid(at.field("mountPath"), path, "must be unique");
        }
        if devices.iter().any(|device| text(device, "name") == name) {
            faults.invalid(at.field("name"), name, "must not already exist in volumeDevices");
        }
        if devices.iter().any(|device| text(device, "devicePath") == path) {
            faults.invalid(
                at.field("mountPath"),
                path,
                "must not already exist as a path in volumeDevices",
            );
        }
        let sub = text(mount, "subPath");
        if !sub.is_empty() {
            // Named without its place in the list, as the real server does.
            let place = all.field("subPath");
            if sub.starts_with('/') {
                faults.invalid(place, sub, "must be a relative path");
            }
            no_dots_up(faults, sub, place);
        }
        let expression = text(mount, "subPathExpr");
        if !expression.is_empty() && !sub.is_empty() {
            let why = "subPathExpr and subPath are mutually exclusive";
            faults.invalid(at.field("subPathExpr"), expression, why);
        }
        let privileged = container.bool_at(&["securityContext", "privileged"]) == Some(true);
        if text(mount, "mountPropagation") == "Bidirectional" && !privileged {
            let why = "Bidirectional mount propagation is available only to privileged containers";
            faults.forbidden(all.field("mountPropagation"), why);
        }
        if matches!(text(mount, "recursiveReadOnly"), "Enabled" | "IfPossible")
            && !on(mount, "readOnly")
        {
            let why = "may only be specified when readOnly is true";
            faults.forbidden(all.field("recursiveReadOnly"), why);
        }
    }
    let all = at.field("volumeDevices");
    for (index, device) in devices.iter().enumerate() {
        let at = all.index(index);
        let (name, path) = (text(device, "name"), text(device, "devicePath"));
        match volumes.iter().find(|volume| text(volume, "name") == name) {
            None => faults.not_found(at.field("name"), name),
            Some(volume) => {
                if volume.get("persistentVolumeClaim").is_none()
                    && volume.get("ephemeral").is_none()
                {
                    let why = "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode";
                    faults.invalid(at.field("name"), name, why);
                }
            }
        }
        if mounts.iter().any(|mount| text(mount, "name") == name) {
            faults.invalid(at.field("name"), name, "must not already exist in volumeMounts");
        }
        if required(faults, device, "devicePath", &at)
            && mounts.iter().any(|mount| text(mount, "mountPath") == path)
        {
            faults.invalid(
                at.field("devicePath"),
                path,
                "must not already exist as a path in volumeMounts",
            );
        }
    }
}

/// Requests and limits; the name of each, and that none asks for more than it may have.
pub(super) fn resources(resources: &Tree, at: &Path<'_>, faults: &mut Faults) {
    resources_of(resources, at, &|_, _, _| {}, faults);
}

/// The same where not all names are good: `known` says which.
pub(super) fn resources_of(
    resources: &Tree,
    at: &Path<'_>,
    known: &dyn Fn(&str, Path<'_>, &mut Faults),
    faults: &mut Faults,
) {
    for key in ["limits", "requests"] {
        let all = at.field(key);
        for (name, amount) in resources.get(key).into_iter().flat_map(Tree::entries) {
            let at = all.key(name);
            let standard = matches!(name, "cpu" | "memory" | "ephemeral-storage")
                || name.starts_with("hugepages-");
            if !name.contains('/') && !standard {
                faults.invalid(at, name, "must be a standard resource type or fully qualified");
                faults.invalid(at, name, "must be a standard resource for containers");
            } else {
                let complaints = qualified_name(name);
                if complaints.is_empty() {
                    known(name, at, faults);
                }
                complain(faults, at, name, complaints);
            }
            let quantity = amount.as_str().and_then(Quantity::parse);
            if quantity.is_some_and(Quantity::is_negative) {
                faults.invalid(at, amount, super::check::NOT_NEGATIVE);
            }
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
        if !matches!(name, "cpu" | "memory") {
            faults.not_supported(all, name, &["cpu", "memory"]);
        }
        if !matches!(restart, "NotRequired" | "RestartContainer") {
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

pub(super) fn ids(context: &Tree, keys: &[&str], at: &Path<'_>, faults: &mut Faults) {
    for key in keys {
        super::check::in_range(faults, context, key, at, 0, i64::from(i32::MAX));
    }
}

pub(super) fn seccomp(context: &Tree, at: &Path<'_>, faults: &mut Faults) {
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

pub(super) fn app_armor(context: &Tree, at: &Path<'_>, faults: &mut Faults) {
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
