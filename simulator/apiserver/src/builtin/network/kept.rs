//! What a changed Service keeps of what the server gave it, and what goes with its type.

use crate::Tree;
use crate::builtin::check::{list, text};

/// What an update leaves out is taken from before, as far as the new type still has it.
pub(super) fn keep(spec: &Tree, old: Option<&Tree>, minor: u32) -> Tree {
    let Some(old) = old else { return spec.clone() };
    let spec = if minor >= 21 { given_before(spec.clone(), old) } else { spec.clone() };
    without_others(in_both_fields(spec, old, minor), old, minor)
}

pub(super) fn has_address(spec: &Tree) -> bool {
    text(spec, "type") != "ExternalName"
}

pub(super) fn is_known(kind: &str) -> bool {
    matches!(kind, "ClusterIP" | "NodePort" | "LoadBalancer")
}

pub(super) fn has_node_ports(spec: &Tree) -> bool {
    matches!(text(spec, "type"), "NodePort" | "LoadBalancer")
}

/// Whether ports of nodes are looked for where none are stated.
pub(super) fn wants_node_ports(spec: &Tree) -> bool {
    has_node_ports(spec)
        && (text(spec, "type") == "NodePort"
            || spec.bool_at(&["allocateLoadBalancerNodePorts"]) != Some(false))
}

/// Whether a port of the nodes tells if there is a pod on them.
pub(super) fn has_health_port(spec: &Tree) -> bool {
    text(spec, "type") == "LoadBalancer" && text(spec, "externalTrafficPolicy") == "Local"
}

pub(super) fn node_port(port: &Tree) -> i64 {
    port.int_at(&["nodePort"]).unwrap_or(0)
}

/// What the server gave before to a client that does not state it.
fn given_before(mut spec: Tree, old: &Tree) -> Tree {
    let both = |has: fn(&Tree) -> bool, spec: &Tree| has(old) && has(spec);
    let take = |keys: &[&str], spec: &mut Tree| {
        for key in keys {
            let is_unset =
                spec.get(key).is_none_or(|value| value.is_empty() || value.as_i64() == Some(0));
            if let Some(value) = old.get(key).filter(|_| is_unset) {
                *spec = spec.with(&[key], value);
            }
        }
    };
    if both(has_address, &spec) {
        take(&["clusterIP", "clusterIPs"], &mut spec);
        if let Some(policy) =
            old.get("ipFamilyPolicy").filter(|_| spec.get("ipFamilyPolicy").is_none())
        {
            spec = spec.with(&["ipFamilyPolicy"], policy);
        }
    }
    if both(has_health_port, &spec) {
        take(&["healthCheckNodePort"], &mut spec);
    }
    if !both(wants_node_ports, &spec) {
        return spec;
    }
    // Ports are known by their names; one that is stated somewhere is not given to another.
    let (ports, before) = (list(&spec, "ports"), list(old, "ports"));
    let is_stated = |number: i64| ports.iter().any(|port| node_port(port) == number);
    let ports = ports.iter().map(|port| {
        let alike = |other: &&Tree| text(other, "name") == text(port, "name");
        let number = before.iter().rev().find(alike).map_or(0, node_port);
        if node_port(port) == 0 && number != 0 && !is_stated(number) {
            port.with(&["nodePort"], number)
        } else {
            port.clone()
        }
    });
    let ports: Vec<Tree> = ports.collect();
    spec.with(&["ports"], ports)
}

/// Older clients know the first of the addresses only: a change of it is meant for both fields.
fn in_both_fields(spec: Tree, old: &Tree, minor: u32) -> Tree {
    let (before, now) = (text(old, "clusterIP"), text(&spec, "clusterIP").to_owned());
    let is_same = spec.get("clusterIPs") == old.get("clusterIPs");
    if before == now {
        let all = old.get("clusterIPs").filter(|_| minor >= 21 || !now.is_empty());
        return match all.filter(|_| list(&spec, "clusterIPs").is_empty()) {
            Some(all) => spec.with(&["clusterIPs"], all),
            None => spec,
        };
    }
    match (before, &*now) {
        (_, "") if minor < 21 => spec.without(&["clusterIP"]).without(&["clusterIPs"]),
        (_, "") if is_same => spec.without(&["clusterIPs"]),
        (_, "") => spec,
        _ if is_same => spec.with(&["clusterIPs"], vec![Tree::from(now)]),
        _ => spec,
    }
}

/// What another type brought goes with it, unless it was changed.
fn without_others(mut spec: Tree, old: &Tree, minor: u32) -> Tree {
    let lost = |has: &dyn Fn(&Tree) -> bool, spec: &Tree| has(old) && !has(spec);
    let drop = |keys: &[&str], spec: &mut Tree| {
        for key in keys {
            if spec.get(key) == old.get(key) {
                *spec = spec.without(&[key]);
            }
        }
    };
    if minor >= 21 && lost(&has_address, &spec) {
        let is_same = |key: &str| spec.get(key) == old.get(key);
        if is_same("clusterIP") && is_same("clusterIPs") {
            spec = spec.without(&["clusterIP"]).without(&["clusterIPs"]);
        }
        drop(&["ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy"], &mut spec);
    }
    if lost(&has_node_ports, &spec) {
        let before: Vec<i64> = list(old, "ports").iter().map(node_port).collect();
        let ports = list(&spec, "ports");
        let numbers = ports.iter().map(node_port).filter(|number| *number != 0);
        if ports.iter().any(|port| port.get("nodePort").is_some())
            && numbers.into_iter().all(|number| before.contains(&number))
        {
            let bare: Vec<Tree> = ports.iter().map(|port| port.without(&["nodePort"])).collect();
            spec = spec.with(&["ports"], bare);
        }
    }
    if lost(&has_health_port, &spec) {
        drop(&["healthCheckNodePort"], &mut spec);
    }
    if lost(&|spec| text(spec, "type") == "LoadBalancer", &spec) {
        drop(&["allocateLoadBalancerNodePorts", "loadBalancerClass"], &mut spec);
    }
    let is_external = |spec: &Tree| {
        let by_addresses = minor >= 27 && text(spec, "type") == "ClusterIP";
        has_node_ports(spec) || by_addresses && !list(spec, "externalIPs").is_empty()
    };
    if lost(&is_external, &spec) {
        drop(&["externalTrafficPolicy"], &mut spec);
    }
    spec
}
