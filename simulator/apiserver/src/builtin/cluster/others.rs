//! Kinds that other controllers write: endpoints, leases, events, nodes.

use crate::Tree;
use crate::builtin::check::{NOTHING, ip, list, one_of, port, reachable, text};
use crate::builtin::pod::scheduling;
use crate::builtin::rules::Write;
use crate::schema::{Faults, Path};

pub(in crate::builtin) fn endpoints(write: &Write<'_>, faults: &mut Faults) {
    if !write.changed(&["subsets"]) {
        return;
    }
    let all = Path::Root.field("subsets");
    for (index, subset) in list(write.new, "subsets").iter().enumerate() {
        let at = all.index(index);
        let (ready, others) = (list(subset, "addresses"), list(subset, "notReadyAddresses"));
        if ready.is_empty() && others.is_empty() {
            faults.required(at, "must specify `addresses` or `notReadyAddresses`");
        }
        for (key, addresses) in [("addresses", ready), ("notReadyAddresses", others)] {
            let all = at.field(key);
            for (index, address) in addresses.iter().enumerate() {
                endpoint(address, &all.index(index), faults);
            }
        }
        let ports = list(subset, "ports");
        let all = at.field("ports");
        for (index, entry) in ports.iter().enumerate() {
            let at = all.index(index);
            let name = text(entry, "name");
            if name.is_empty() && ports.len() > 1 {
                faults.required(at.field("name"), "");
            } else if !name.is_empty() {
                crate::builtin::check::complain(
                    faults,
                    at.field("name"),
                    name,
                    crate::names::dns_label(name),
                );
            }
            port(faults, entry.int_at(&["port"]).unwrap_or(0), at.field("port"));
            one_of(faults, entry, "protocol", &at, &["SCTP", "TCP", "UDP"]);
            if let Some(protocol) = entry.str_at(&["appProtocol"]) {
                let why = crate::names::qualified_name(protocol);
                crate::builtin::check::complain(faults, at.field("appProtocol"), protocol, why);
            }
        }
    }
}

fn endpoint(address: &Tree, at: &Path<'_>, faults: &mut Faults) {
    use crate::builtin::check::complain;
    use crate::names::{dns_label, dns_subdomain};

    let stated = text(address, "ip");
    let parsed = ip(faults, stated, at.field("ip"));
    let host = text(address, "hostname");
    if !host.is_empty() {
        complain(faults, at.field("hostname"), host, dns_label(host));
    }
    if let Some(node) = address.str_at(&["nodeName"]) {
        complain(faults, at.field("nodeName"), node, dns_subdomain(node));
    }
    match parsed {
        Some(parsed) => reachable(faults, stated, parsed, at.field("ip")),
        // Said twice by the real server.
        None => faults.invalid(at.field("ip"), stated, "must be a valid IP address"),
    }
}

pub(in crate::builtin) fn lease(write: &Write<'_>, faults: &mut Faults) {
    let spec = write.new.get("spec").unwrap_or(&NOTHING);
    let at = Path::Root.field("spec");
    if let Some(seconds) = spec.int_at(&["leaseDurationSeconds"]).filter(|seconds| *seconds <= 0) {
        faults.invalid(at.field("leaseDurationSeconds"), seconds, "must be greater than 0");
    }
    let transitions = spec.int_at(&["leaseTransitions"]).unwrap_or(0);
    if transitions < 0 {
        let old = "must to greater or equal than 0";
        let why = if write.minor < 21 { old } else { crate::builtin::check::NOT_NEGATIVE };
        faults.invalid(at.field("leaseTransitions"), transitions, why);
    }
}

pub(in crate::builtin) fn node(write: &Write<'_>, faults: &mut Faults) {
    let is_whole = write.subresource.is_none();
    if is_whole {
        node_annotations(write.new, write.old, faults);
    }
    if write.changed(&["spec"]) {
        scheduling::taints(write.part(&["spec"]), faults);
    }
    node_resources(write, faults);
    if is_whole && write.changed(&["status"]) {
        // The place is the real server's.
        let capacity = write.new.int_at(&["status", "nodeInfo", "swap", "capacity"]);
        if let Some(capacity) = capacity.filter(|capacity| *capacity <= 0) {
            let (meta, why) = (Path::Root.field("metadata"), "must be greater than zero");
            let at = meta.field("nodeSwapStatus");
            faults.invalid(at.field("capacity"), capacity, why);
        }
    }
    if write.changed(&["spec"]) {
        pod_ranges(write, faults);
    }
}

/// Annotations that said what fields say now.
pub(in crate::builtin) fn node_annotations(new: &Tree, old: Option<&Tree>, faults: &mut Faults) {
    const TAINTS: &str = "scheduler.alpha.kubernetes.io/taints";
    const AVOIDS: &str = "scheduler.alpha.kubernetes.io/preferAvoidPods";
    let path = ["metadata", "annotations"];
    let Some(annotations) =
        new.at(&path).filter(|now| !old.is_some_and(|old| old.at(&path) == Some(now)))
    else {
        return;
    };
    let meta = Path::Root.field("metadata");
    let at = meta.field("annotations");
    let read = |key: &str| {
        let text = text(annotations, key).as_bytes();
        let value = serde_json::from_slice::<serde_json::Value>(text);
        (!text.is_empty()).then(|| {
            value.map(Tree::from_value).map_err(|error| crate::golang::json_error(text, &error))
        })
    };
    match read(TAINTS) {
        Some(Err(why)) => faults.invalid(at, TAINTS, &why),
        Some(Ok(taints)) => scheduling::each_taint(taints.items(), &at.field(TAINTS), faults),
        None => {}
    }
    match read(AVOIDS) {
        Some(Err(why)) => faults.invalid(at.field("AvoidPods"), AVOIDS, &why),
        Some(Ok(avoids)) => {
            let all = at.field(AVOIDS);
            for (index, entry) in list(&avoids, "preferAvoidPods").iter().enumerate() {
                let above = all.index(index);
                let at = above.field("PodSignature");
                let Some(owner) = entry.at(&["podSignature", "podController"]) else {
                    faults.required(at, "");
                    continue;
                };
                if owner.bool_at(&["controller"]) != Some(true) {
                    let above = at.field("PodController");
                    faults.invalid(above.field("Controller"), false, "must point to a controller");
                }
            }
        }
        None => {}
    }
}

fn node_resources(write: &Write<'_>, faults: &mut Faults) {
    if !write.changed(&["status"]) {
        return;
    }
    let status = Path::Root.field("status");
    for key in ["capacity", "allocatable"] {
        let at = status.field(key);
        let all = write.new.at(&["status", key]).into_iter().flat_map(Tree::entries);
        for (name, amount) in all {
            crate::builtin::resource::amount(name, amount, at.field(name), faults);
        }
    }
}

fn pod_ranges(write: &Write<'_>, faults: &mut Faults) {
    let spec = write.new.get("spec").unwrap_or(&NOTHING);
    let at = Path::Root.field("spec");
    let all = at.field("podCIDRs");
    let first = [Tree::from(text(spec, "podCIDR"))];
    let mut ranges = list(spec, "podCIDRs");
    if ranges.is_empty() && !text(spec, "podCIDR").is_empty() {
        ranges = &first;
    }
    let is_good = |range: &&Tree| super::parsed_cidr(range.as_str().unwrap_or_default()).is_some();
    for (index, range) in ranges.iter().enumerate().filter(|(_, range)| !is_good(range)) {
        if write.minor < 24 {
            faults.invalid(all.index(index), Tree::list([range.clone()]), "must be valid CIDR");
        } else {
            let why = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)";
            faults.invalid(all.index(index), range, why);
        }
    }
    if ranges.len() < 2 {
        return;
    }
    let shown = Tree::list(ranges.iter().cloned());
    let family = |range: &Tree| range.as_str().map(|range| range.contains(':'));
    match ranges.iter().find(|range| !is_good(range)) {
        Some(bad) => {
            let bad = bad.as_str().unwrap_or_default();
            faults.0.push(crate::FieldError {
                kind: crate::FieldErrorKind::Internal,
                field: String::from(all),
                body: format!(
                    "Internal error: invalid PodCIDRs. failed to check with dual stack with error:invalid CIDR[{}]: <nil> (invalid CIDR address: {bad})",
                    ranges.iter().position(|range| range.as_str() == Some(bad)).unwrap_or(0)
                ),
            });
            faults.invalid(all, shown, "may specify no more than one CIDR for each IP family");
        }
        None if ranges.len() > 2 || family(&ranges[0]) == family(&ranges[1]) => {
            faults.invalid(all, shown, "may specify no more than one CIDR for each IP family");
        }
        None => {}
    }
}
