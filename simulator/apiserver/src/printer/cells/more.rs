//! Cells that need more than a place in the object.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::convert;
use crate::object::Tree;

use super::super::text::{
    age, at, duration, int, items, joined, or, seconds, selector, some_of, text,
};

pub(super) fn storage_class(class: &Tree, _: Timestamp) -> Value {
    let is_default = |key| class.str_at(&["metadata", "annotations", key]) == Some("true");
    let marked = is_default("storageclass.kubernetes.io/is-default-class")
        || is_default("storageclass.beta.kubernetes.io/is-default-class");
    json!(format!("{}{}", text(class, "metadata.name"), if marked { " (default)" } else { "" }))
}

/// `True`, `False`, or `<unset>`.
pub(super) fn word(value: Option<&Tree>) -> &'static str {
    match value.and_then(Tree::as_bool) {
        Some(true) => "True",
        Some(false) => "False",
        None => "<unset>",
    }
}

/// Whether a condition holds.
fn holds(object: &Tree, name: &str) -> bool {
    items(object, "status.conditions")
        .iter()
        .any(|condition| text(condition, "type") == name && text(condition, "status") == "True")
}

pub(super) fn job_status(job: &Tree, _: Timestamp) -> Value {
    let deleting = at(job, "metadata.deletionTimestamp").is_some();
    let first = |names: &[&'static str]| names.iter().copied().find(|name| holds(job, name));
    let shown = first(&["Complete", "Failed"])
        .or(deleting.then_some("Terminating"))
        .or_else(|| first(&["Suspended", "FailureTarget", "SuccessCriteriaMet"]));
    json!(shown.unwrap_or("Running"))
}

pub(super) fn completions(job: &Tree, _: Timestamp) -> Value {
    let done = int(job, "status.succeeded");
    json!(match (at(job, "spec.completions"), int(job, "spec.parallelism")) {
        (Some(_), _) => format!("{done}/{}", int(job, "spec.completions")),
        (None, parallelism) if parallelism > 1 => format!("{done}/1 of {parallelism}"),
        (None, _) => format!("{done}/1"),
    })
}

pub(super) fn job_duration(job: &Tree, now: Timestamp) -> Value {
    let time = |place| text(job, place).parse::<Timestamp>().ok();
    let lasted = time("status.startTime")
        .map(|start| duration(seconds(start, time("status.completionTime").unwrap_or(now))));
    json!(lasted.unwrap_or_default())
}

pub(super) fn last_schedule(job: &Tree, now: Timestamp) -> Value {
    let last = at(job, "status.lastScheduleTime");
    json!(last.map_or_else(|| "<none>".to_owned(), |_| age(last, now)))
}

/// The addresses of a load balancer, sorted; cut when there are many.
pub(super) fn balancer(object: &Tree) -> String {
    let addresses: BTreeSet<String> = items(object, "status.loadBalancer.ingress")
        .iter()
        .map(|ingress| or(text(ingress, "ip"), &text(ingress, "hostname")))
        .filter(|address| !address.is_empty())
        .collect();
    addresses.into_iter().collect::<Vec<_>>().join(",")
}

pub(super) fn external_ip(service: &Tree, _: Timestamp) -> Value {
    let own: Vec<String> = items(service, "spec.externalIPs").iter().map(super::scalar).collect();
    json!(match service.str_at(&["spec", "type"]) {
        Some("ClusterIP" | "NodePort") => joined(&own),
        Some("LoadBalancer") => {
            let all: Vec<String> = std::iter::once(balancer(service))
                .filter(|address| !address.is_empty())
                .chain(own)
                .collect();
            or(all.join(","), "<pending>")
        }
        Some("ExternalName") => text(service, "spec.externalName"),
        _ => "<unknown>".to_owned(),
    })
}

pub(super) fn service_ports(service: &Tree, _: Timestamp) -> Value {
    let port = |port: &Tree| {
        let node = int(port, "nodePort");
        let node = if node > 0 { format!(":{node}") } else { String::new() };
        format!("{}{node}/{}", int(port, "port"), text(port, "protocol"))
    };
    json!(joined(&items(service, "spec.ports").iter().map(port).collect::<Vec<_>>()))
}

pub(super) fn hosts(ingress: &Tree, _: Timestamp) -> Value {
    let rules = items(ingress, "spec.rules");
    let named: Vec<String> =
        rules.iter().map(|rule| text(rule, "host")).filter(|host| !host.is_empty()).collect();
    let count = if named.len() > 3 { rules.len() } else { named.len() };
    json!(or(some_of(&named, count, 3), "*"))
}

pub(super) fn ingress_ports(ingress: &Tree, _: Timestamp) -> Value {
    json!(if items(ingress, "spec.tls").is_empty() { "80" } else { "80, 443" })
}

pub(super) fn parameters(class: &Tree, _: Timestamp) -> Value {
    let Some(parameters) = at(class, "spec.parameters") else { return json!("<none>") };
    let group = text(parameters, "apiGroup");
    let group = if group.is_empty() { group } else { format!(".{group}") };
    json!(format!("{}{group}/{}", text(parameters, "kind"), text(parameters, "name")))
}

pub(super) fn endpoints(endpoints: &Tree, _: Timestamp) -> Value {
    let mut found = Vec::new();
    for subset in items(endpoints, "subsets") {
        let addresses = items(subset, "addresses").iter().map(|address| text(address, "ip"));
        let addresses: Vec<String> = addresses.collect();
        let ports = items(subset, "ports");
        for port in ports {
            let with_port = |ip: &String| {
                if ip.contains(':') {
                    format!("[{ip}]:{}", int(port, "port"))
                } else {
                    format!("{ip}:{}", int(port, "port"))
                }
            };
            found.extend(addresses.iter().map(with_port));
        }
        if ports.is_empty() {
            found.extend(addresses);
        }
    }
    let none = items(endpoints, "subsets").is_empty();
    json!(if none { "<none>".to_owned() } else { some_of(&found, found.len(), 3) })
}

pub(super) fn slice_ports(slice: &Tree, _: Timestamp) -> Value {
    let port = |port: &Tree| match (port.get("port"), port.get("name")) {
        (None, Some(_)) => text(port, "name"),
        _ => or(text(port, "port"), "*"),
    };
    let ports: Vec<String> = items(slice, "ports").iter().map(port).collect();
    json!(or(some_of(&ports, ports.len(), 3), "<unset>"))
}

pub(super) fn slice_endpoints(slice: &Tree, _: Timestamp) -> Value {
    let addresses = items(slice, "endpoints").iter().flat_map(|e| items(e, "addresses"));
    let addresses: Vec<String> = addresses.map(super::scalar).collect();
    json!(or(some_of(&addresses, addresses.len(), 3), "<unset>"))
}

pub(super) fn node_status(node: &Tree, _: Timestamp) -> Value {
    let conditions = items(node, "status.conditions");
    let known = conditions.iter().any(|condition| text(condition, "type") == "Ready");
    let mut shown = if !known {
        "Unknown"
    } else if holds(node, "Ready") {
        "Ready"
    } else {
        "NotReady"
    }
    .to_owned();
    if node.bool_at(&["spec", "unschedulable"]) == Some(true) {
        shown += ",SchedulingDisabled";
    }
    json!(shown)
}

pub(super) fn roles(node: &Tree, _: Timestamp) -> Value {
    let labels = at(node, "metadata.labels").into_iter().flat_map(Tree::entries);
    let roles: BTreeSet<String> = labels
        .filter_map(|(key, value)| match key.strip_prefix("node-role.kubernetes.io/") {
            Some(role) => Some(role.to_owned()),
            None if key == "kubernetes.io/role" => Some(super::scalar(value)),
            None => None,
        })
        .filter(|role| !role.is_empty())
        .collect();
    json!(joined(&roles.into_iter().collect::<Vec<_>>()))
}

pub(super) fn address(node: &Tree, kind: &str) -> Value {
    let addresses = items(node, "status.addresses");
    let found = addresses.iter().find(|address| text(address, "type") == kind);
    json!(found.map_or_else(|| "<none>".to_owned(), |address| text(address, "address")))
}

pub(super) fn first_seen(event: &Tree, now: Timestamp) -> Value {
    let first = at(event, "firstTimestamp").or_else(|| at(event, "deprecatedFirstTimestamp"));
    json!(age(first.or_else(|| at(event, "eventTime")), now))
}

pub(super) fn last_seen(event: &Tree, now: Timestamp) -> Value {
    let last = at(event, "series.lastObservedTime")
        .or_else(|| at(event, "lastTimestamp"))
        .or_else(|| at(event, "deprecatedLastTimestamp"));
    last.map_or_else(|| first_seen(event, now), |_| json!(age(last, now)))
}

pub(super) fn involved(event: &Tree, _: Timestamp) -> Value {
    let Some(object) = at(event, "involvedObject").or_else(|| at(event, "regarding")) else {
        return json!("");
    };
    let name = text(object, "name");
    let name = if name.is_empty() { name } else { format!("/{name}") };
    json!(format!("{}{name}", text(object, "kind").to_lowercase()))
}

pub(super) fn message(event: &Tree, _: Timestamp) -> Value {
    json!(or(text(event, "message"), &text(event, "note")).trim())
}

pub(super) fn source(event: &Tree, _: Timestamp) -> Value {
    let first = |places: &[&str]| {
        places.iter().map(|place| text(event, place)).find(|text| !text.is_empty())
    };
    let component = ["source.component", "deprecatedSource.component", "reportingComponent"];
    let component = first(&component).or_else(|| first(&["reportingController"]));
    let component = component.unwrap_or_default();
    let instance = first(&["source.host", "deprecatedSource.host", "reportingInstance"]);
    let instance = instance.unwrap_or_default();
    json!(if instance.is_empty() { component } else { format!("{component}, {instance}") })
}

pub(super) fn count(event: &Tree, _: Timestamp) -> Value {
    json!(match at(event, "series") {
        Some(series) => int(series, "count"),
        None => int(event, "count").max(int(event, "deprecatedCount")).max(1),
    })
}

/// `RWO,ROX`
pub(super) fn modes(modes: &[Tree]) -> String {
    let short = [
        ("ReadWriteOnce", "RWO"),
        ("ReadOnlyMany", "ROX"),
        ("ReadWriteMany", "RWX"),
        ("ReadWriteOncePod", "RWOP"),
    ];
    let has = |name: &str| modes.iter().any(|mode| mode.as_str() == Some(name));
    let shown = short.iter().filter(|(name, _)| has(name)).map(|(_, short)| *short);
    shown.collect::<Vec<_>>().join(",")
}

pub(super) fn volume_status(volume: &Tree, _: Timestamp) -> Value {
    match at(volume, "metadata.deletionTimestamp") {
        Some(_) => json!("Terminating"),
        None => json!(text(volume, "status.phase")),
    }
}

pub(super) fn claim(volume: &Tree, _: Timestamp) -> Value {
    let claim = at(volume, "spec.claimRef");
    let shown = claim.map(|claim| format!("{}/{}", text(claim, "namespace"), text(claim, "name")));
    json!(shown.unwrap_or_default())
}

pub(super) fn class(volume: &Tree, _: Timestamp) -> Value {
    let older =
        volume.str_at(&["metadata", "annotations", "volume.beta.kubernetes.io/storage-class"]);
    json!(older.map_or_else(|| text(volume, "spec.storageClassName"), str::to_owned))
}

pub(super) fn bound_capacity(claim: &Tree, _: Timestamp) -> Value {
    match at(claim, "spec.volumeName") {
        Some(_) => json!(or(text(claim, "status.capacity.storage"), "0")),
        None => json!(""),
    }
}

pub(super) fn bound_modes(claim: &Tree, _: Timestamp) -> Value {
    match at(claim, "spec.volumeName") {
        Some(_) => json!(modes(items(claim, "status.accessModes"))),
        None => json!(""),
    }
}

pub(super) fn attach_required(driver: &Tree, _: Timestamp) -> Value {
    json!(driver.bool_at(&["spec", "attachRequired"]) != Some(false))
}

pub(super) fn token_requests(driver: &Tree, _: Timestamp) -> Value {
    let requests = at(driver, "spec.tokenRequests").map(Tree::items);
    let audiences = |all: &[Tree]| all.iter().map(|r| text(r, "audience")).collect::<Vec<_>>();
    json!(requests.map_or_else(|| "<unset>".to_owned(), |all| audiences(all).join(",")))
}

pub(super) fn lifecycle_modes(driver: &Tree, _: Timestamp) -> Value {
    let modes = items(driver, "spec.volumeLifecycleModes").iter().map(super::scalar);
    json!(joined(&modes.collect::<Vec<_>>()))
}

pub(super) fn role(binding: &Tree, _: Timestamp) -> Value {
    json!(format!("{}/{}", text(binding, "roleRef.kind"), text(binding, "roleRef.name")))
}

pub(super) fn subjects(binding: &Tree, kind: &str) -> Value {
    let of_kind = items(binding, "subjects").iter().filter(|s| text(s, "kind") == kind);
    let shown = of_kind.map(|subject| match text(subject, "namespace") {
        _ if kind != "ServiceAccount" => text(subject, "name"),
        namespace => format!("{namespace}/{}", text(subject, "name")),
    });
    json!(shown.collect::<Vec<_>>().join(", "))
}

pub(super) fn scaled(autoscaler: &Tree, _: Timestamp) -> Value {
    let target = |member: &str| text(autoscaler, &format!("spec.scaleTargetRef.{member}"));
    json!(format!("{}/{}", target("kind"), target("name")))
}

/// `cpu: <unknown>/50%`; the third and later are counted.
pub(super) fn targets(autoscaler: &Tree, _: Timestamp) -> Value {
    // It is printed from the form that says all.
    let is_old = autoscaler.str_at(&["apiVersion"]) == Some("autoscaling/v1");
    // A bookmark has no more than a revision.
    let is_old = is_old && autoscaler.at(&["metadata", "name"]).is_some();
    let whole = is_old.then(|| convert::autoscaler::converted(autoscaler, "v1", "v2"));
    let autoscaler = whole.as_ref().unwrap_or(autoscaler);
    let statuses = items(autoscaler, "status.currentMetrics");
    let percent = |value: String| if value.is_empty() { value } else { format!("{value}%") };
    let one = |(index, spec): (usize, &Tree)| {
        let kind = text(spec, "type");
        let member = kind[..1.min(kind.len())].to_lowercase() + kind.get(1..).unwrap_or_default();
        let (spec, status) = (at(spec, &member), statuses.get(index).and_then(|s| at(s, &member)));
        let wanted = |place: &str| spec.map(|s| text(s, place)).unwrap_or_default();
        let is = |place: &str| status.map(|s| text(s, place)).unwrap_or_default();
        let average = wanted("target.averageValue");
        if kind == "Resource" || kind == "ContainerResource" {
            let (is, wanted) = if average.is_empty() {
                let wanted = percent(wanted("target.averageUtilization"));
                (percent(is("current.averageUtilization")), or(wanted, "<auto>"))
            } else {
                (is("current.averageValue"), average)
            };
            let name = spec.map(|s| text(s, "name")).unwrap_or_default();
            return format!("{name}: {}/{wanted}", or(is, "<unknown>"));
        }
        let suffix = if kind == "Pods" || average.is_empty() { "" } else { " (avg)" };
        let is = if average.is_empty() { is("current.value") } else { is("current.averageValue") };
        let wanted = or(average, &wanted("target.value"));
        format!("{}/{wanted}{suffix}", or(is, "<unknown>"))
    };
    let all: Vec<String> = items(autoscaler, "spec.metrics").iter().enumerate().map(one).collect();
    let shown = all.iter().take(2).cloned().collect::<Vec<_>>().join(", ");
    let more = all.len().saturating_sub(2);
    let shown = if more > 0 { format!("{shown} + {more} more...") } else { shown };
    json!(or(shown, "<none>"))
}

/// `cpu: 1/2, pods: 0/5`: what is used of what there may be, of limits or of everything else.
pub(super) fn quota(quota: &Tree, limits: bool) -> Value {
    let used = |name: &str| {
        let used = quota.at(&["status", "used", name]).map(super::scalar);
        used.unwrap_or_else(|| "0".to_owned())
    };
    let hard = at(quota, "status.hard").into_iter().flat_map(Tree::entries);
    let shown = hard
        .filter(|(name, _)| name.starts_with("limits.") == limits)
        .map(|(name, hard)| format!("{name}: {}/{}", used(name), super::scalar(hard)));
    json!(shown.collect::<Vec<_>>().join(", "))
}

pub(super) fn controller(revision: &Tree, _: Timestamp) -> Value {
    let owners = items(revision, "metadata.ownerReferences");
    let owner = owners.iter().find(|owner| owner.bool_at(&["controller"]) == Some(true));
    json!(owner.map_or_else(
        || "<none>".to_owned(),
        |owner| {
            let version = text(owner, "apiVersion");
            let group = version.split_once('/').map_or("", |(group, _)| group);
            let group = if group.is_empty() { String::new() } else { format!(".{group}") };
            format!("{}{group}/{}", text(owner, "kind").to_lowercase(), text(owner, "name"))
        }
    ))
}

pub(super) fn requested_duration(request: &Tree, _: Timestamp) -> Value {
    let asked = at(request, "spec.expirationSeconds").and_then(Tree::as_i64);
    json!(asked.map_or_else(|| "<none>".to_owned(), duration))
}

pub(super) fn signing(request: &Tree, _: Timestamp) -> Value {
    let conditions = items(request, "status.conditions");
    let has = |name: &str| conditions.iter().any(|c| text(c, "type") == name);
    let mut shown = match (has("Approved"), has("Denied")) {
        (_, true) => "Denied",
        (true, _) => "Approved",
        _ => "Pending",
    }
    .to_owned();
    if has("Failed") {
        shown += ",Failed";
    }
    if !text(request, "status.certificate").is_empty() {
        shown += ",Issued";
    }
    json!(shown)
}

pub(super) fn param_kind(policy: &Tree, _: Timestamp) -> Value {
    let kind = at(policy, "spec.paramKind");
    let shown = kind.map(|kind| format!("{}/{}", text(kind, "apiVersion"), text(kind, "kind")));
    json!(shown.unwrap_or_else(|| "<unset>".to_owned()))
}

pub(super) fn param_ref(binding: &Tree, _: Timestamp) -> Value {
    let reference = at(binding, "spec.paramRef").filter(|r| !text(r, "name").is_empty());
    let shown = reference.map(|r| format!("{}/{}", or(text(r, "namespace"), "*"), text(r, "name")));
    json!(shown.unwrap_or_else(|| "<unset>".to_owned()))
}

/// `services/ns/name`, `widgets.example.com/name`
pub(super) fn parent(address: &Tree, _: Timestamp) -> Value {
    let Some(parent) = at(address, "spec.parentRef") else { return json!("<none>") };
    let of = |place: &str| text(parent, place);
    let resource = [of("resource"), of("group")].into_iter().filter(|part| !part.is_empty());
    let resource = resource.collect::<Vec<_>>().join(".").to_lowercase();
    let parts = [resource, of("namespace"), of("name")].into_iter().filter(|p| !p.is_empty());
    json!(parts.collect::<Vec<_>>().join("/"))
}

pub(super) fn dangling(schema: &Tree, _: Timestamp) -> Value {
    let conditions = items(schema, "status.conditions");
    let found = conditions.iter().find(|condition| text(condition, "type") == "Dangling");
    json!(found.map_or_else(|| "?".to_owned(), |condition| text(condition, "status")))
}

/// A number of a limited priority level.
pub(super) fn level(level: &Tree, place: &str) -> Value {
    let found = at(level, "spec.limited").and_then(|limited| at(limited, place));
    found.map_or_else(|| json!("<none>"), Tree::to_value)
}

pub(super) fn api_service(service: &Tree, _: Timestamp) -> Value {
    let backend = at(service, "spec.service");
    let shown = backend.map(|b| format!("{}/{}", text(b, "namespace"), text(b, "name")));
    json!(shown.unwrap_or_else(|| "Local".to_owned()))
}

pub(super) fn available(service: &Tree, _: Timestamp) -> Value {
    let conditions = items(service, "status.conditions");
    let found = conditions.iter().find(|condition| text(condition, "type") == "Available");
    json!(found.map_or_else(
        || "Unknown".to_owned(),
        |condition| match (text(condition, "status"), text(condition, "reason")) {
            (status, reason) if status == "True" || reason.is_empty() => status,
            (status, reason) => format!("{status} ({reason})"),
        }
    ))
}

pub(super) fn claim_state(claim: &Tree, _: Timestamp) -> Value {
    let deleted = at(claim, "metadata.deletionTimestamp").map(|_| "deleted");
    let held = match at(claim, "status.allocation") {
        Some(_) if !items(claim, "status.reservedFor").is_empty() => Some("allocated,reserved"),
        Some(_) => Some("allocated"),
        None => deleted.is_none().then_some("pending"),
    };
    json!(deleted.into_iter().chain(held).collect::<Vec<_>>().join(","))
}

/// Which pods a Deployment takes for its own: none, or any, says nothing.
pub(super) fn pods_of(deployment: &Tree, _: Timestamp) -> Value {
    match at(deployment, "spec.selector").map(|chosen| selector(Some(chosen))) {
        Some(chosen) if chosen != "<none>" => json!(chosen),
        _ => json!(""),
    }
}
