//! Addresses and ports that the server hands out to Services.
//!
//! What a Service gets depends on its name and on what is taken, never on the order of unrelated requests: the same
//! story gives the same addresses.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use crate::Tree;
use crate::builtin::check::{list, text};
use crate::schema::Faults;
use crate::status::FieldError;

/// `10.96.0.0/12`, as kubeadm sets it.
const FIRST: u32 = 0x0a60_0000;
const SIZE: u32 = 1 << 20;
const PORTS: std::ops::RangeInclusive<i64> = 30000..=32767;

/// In a dry run ports are counted from here, if none is stated.
const LAST_BEFORE_TRIED: i64 = 32768;

/// What other Services have.
#[derive(Default)]
pub(crate) struct Taken {
    ips: BTreeSet<String>,
    ports: BTreeSet<i64>,
    /// Of a dry run: the highest port that it gave or took.
    trial: Option<i64>,
}

impl Taken {
    /// In a dry run nothing is looked for: what is given stands for what would be.
    pub(crate) fn tried(mut self) -> Self {
        self.trial = Some(LAST_BEFORE_TRIED);
        self
    }

    /// Takes a port. `false` if somebody has it.
    fn take(&mut self, port: i64) -> bool {
        self.trial = self.trial.map(|last| match last {
            LAST_BEFORE_TRIED => port,
            last => last.max(port),
        });
        self.ports.insert(port)
    }

    pub(crate) fn add(&mut self, service: &Tree) {
        let Some(spec) = service.get("spec") else { return };
        let ips = list(spec, "clusterIPs").iter().filter_map(Tree::as_str);
        self.ips.extend(ips.filter(|ip| *ip != "None").map(str::to_owned));
        let ports = list(spec, "ports").iter().filter_map(|port| port.int_at(&["nodePort"]));
        self.ports.extend(ports.chain(spec.int_at(&["healthCheckNodePort"])));
    }
}

/// The service with everything the server decides about its addresses. `old` is what it had.
pub(crate) fn assign(
    service: &Tree,
    old: Option<&Tree>,
    taken: &mut Taken,
    minor: u32,
) -> Result<Tree, Vec<FieldError>> {
    let Some(spec) = service.get("spec") else { return Ok(service.clone()) };
    let before = old.and_then(|old| old.get("spec"));
    let mut spec = keep(spec, before, minor);
    let name = service.str_at(&["metadata", "name"]).unwrap_or_default();
    let namespace = service.str_at(&["metadata", "namespace"]).unwrap_or_default();
    let start = start_of(namespace, name);
    let mut errors = Vec::new();
    let kind = text(&spec, "type").to_owned();
    if matches!(&*kind, "ClusterIP" | "NodePort" | "LoadBalancer") {
        if minor >= 21 {
            let mut faults = Faults::default();
            super::service::related(&in_step(&spec), &mut faults);
            if !faults.0.is_empty() {
                return Err(faults.0);
            }
            spec = one_stack(spec, before, &mut errors);
            if !errors.is_empty() {
                return Err(errors);
            }
        }
        one_family(&spec, &mut errors);
        if minor >= 21 && !errors.is_empty() {
            return Err(errors);
        }
        spec = families(&spec, minor);
        // Older servers took a changed Service at its word, and then refused to take its address away.
        if minor >= 21 || before.is_none_or(|old| text(old, "type") == "ExternalName") {
            spec = cluster_ip(&spec, old, taken, start, minor, &mut errors);
        }
    }
    let stated = text(&spec, "clusterIP");
    if kind == "ExternalName" && !stated.is_empty() && spec.get("clusterIPs").is_none() {
        spec = spec.with(&["clusterIPs"], vec![Tree::from(stated)]);
    }
    let wants_ports = kind == "NodePort"
        || kind == "LoadBalancer"
            && spec.bool_at(&["allocateLoadBalancerNodePorts"]) != Some(false);
    if wants_ports {
        spec = node_ports(&spec, old, taken, start, &mut errors);
    }
    let local = kind == "LoadBalancer" && text(&spec, "externalTrafficPolicy") == "Local";
    if local
        && spec.int_at(&["healthCheckNodePort"]).unwrap_or(0) == 0
        && let Some(port) = free_port(taken, start + 7)
    {
        spec = spec.with(&["healthCheckNodePort"], port);
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let service = service.with(&["spec"], spec);
    let balanced = old.and_then(|old| old.str_at(&["spec", "type"])) == Some("LoadBalancer");
    // Without a balancer there is none to be reached by.
    Ok(if balanced && kind != "LoadBalancer" && service.at(&["status"]).is_some() {
        service.with(&["status", "loadBalancer"], Tree::empty_map())
    } else {
        service
    })
}

/// A first address is also the first of the addresses.
fn in_step(spec: &Tree) -> Tree {
    match text(spec, "clusterIP") {
        ip if !ip.is_empty() && spec.get("clusterIPs").is_none() => {
            spec.with(&["clusterIPs"], vec![Tree::from(ip)])
        }
        _ => spec.clone(),
    }
}

/// What an update leaves out is taken from before, as far as the new type still has it.
fn keep(spec: &Tree, old: Option<&Tree>, minor: u32) -> Tree {
    let mut spec = spec.clone();
    let Some(old) = old else { return spec };
    if minor < 21 {
        spec = one_address(spec, old);
    }
    let kind = text(&spec, "type").to_owned();
    let has_ip = |kind: &str| matches!(kind, "ClusterIP" | "NodePort" | "LoadBalancer");
    if minor >= 21 && has_ip(&kind) && has_ip(text(old, "type")) {
        let stated = text(&spec, "clusterIP").to_owned();
        if stated.is_empty() {
            for key in ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"] {
                if let Some(value) = old.get(key).filter(|_| spec.get(key).is_none()) {
                    spec = spec.with(&[key], value);
                }
            }
        } else if stated != text(old, "clusterIP")
            && spec.get("clusterIPs") == old.get("clusterIPs")
        {
            // The one is the other's first: a change of one is meant for both.
            spec = spec.with(&["clusterIPs"], vec![Tree::from(stated)]);
        }
        for key in ["ipFamilies", "ipFamilyPolicy"] {
            if let Some(value) = old.get(key).filter(|_| spec.get(key).is_none()) {
                spec = spec.with(&[key], value);
            }
        }
    }
    if minor >= 21 && kind == "ExternalName" && has_ip(text(old, "type")) {
        for key in
            ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy"]
        {
            if spec.get(key) == old.get(key) {
                spec = spec.without(&[key]);
            }
        }
    }
    let has_node_ports = |kind: &str| matches!(kind, "NodePort" | "LoadBalancer");
    let bare = |spec: &Tree| -> Vec<Tree> {
        list(spec, "ports").iter().map(|port| port.without(&["nodePort"])).collect()
    };
    if has_node_ports(text(old, "type")) && !has_node_ports(&kind) {
        if list(&spec, "ports").iter().any(|port| port.get("nodePort").is_some()) {
            let ports = bare(&spec);
            spec = spec.with(&["ports"], ports);
        }
        if spec.get("externalTrafficPolicy") == old.get("externalTrafficPolicy") {
            spec = spec.without(&["externalTrafficPolicy"]);
        }
    }
    if text(old, "type") == "LoadBalancer" && kind != "LoadBalancer" {
        for key in ["allocateLoadBalancerNodePorts", "loadBalancerClass", "healthCheckNodePort"] {
            if spec.get(key) == old.get(key) {
                spec = spec.without(&[key]);
            }
        }
    }
    // A port that is the same but for its node port keeps it.
    let allocates = |spec: &Tree| {
        let kind = text(spec, "type");
        kind == "NodePort"
            || kind == "LoadBalancer"
                && spec.bool_at(&["allocateLoadBalancerNodePorts"]) != Some(false)
    };
    if allocates(&spec) && allocates(old) {
        let ports: Vec<Tree> = list(&spec, "ports")
            .iter()
            .map(|port| {
                let alike = |other: &&Tree| {
                    other.get("port") == port.get("port")
                        && text(other, "protocol") == text(port, "protocol")
                };
                let number = list(old, "ports").iter().find(alike).and_then(|o| o.get("nodePort"));
                match number {
                    Some(number) if port.get("nodePort").is_none() => {
                        port.with(&["nodePort"], number)
                    }
                    _ => port.clone(),
                }
            })
            .collect();
        spec = spec.with(&["ports"], ports);
    }
    if text(&spec, "type") == "LoadBalancer" && text(old, "type") == "LoadBalancer" {
        let health =
            old.get("healthCheckNodePort").filter(|_| spec.get("healthCheckNodePort").is_none());
        if let Some(number) = health.filter(|_| text(&spec, "externalTrafficPolicy") == "Local") {
            spec = spec.with(&["healthCheckNodePort"], number);
        }
        let local = text(&spec, "externalTrafficPolicy") == "Local";
        if !local && spec.get("healthCheckNodePort") == old.get("healthCheckNodePort") {
            spec = spec.without(&["healthCheckNodePort"]);
        }
    }
    spec
}

/// Older clients know the first of the addresses only: a change of it is meant for both fields.
fn one_address(spec: Tree, old: &Tree) -> Tree {
    let (before, now) = (text(old, "clusterIP"), text(&spec, "clusterIP").to_owned());
    let same = spec.get("clusterIPs") == old.get("clusterIPs");
    match (before, &*now) {
        (_, "") if !before.is_empty() => spec.without(&["clusterIP"]).without(&["clusterIPs"]),
        ("", _) if !now.is_empty() && spec.get("clusterIPs").is_none() => {
            spec.with(&["clusterIPs"], vec![Tree::from(now)])
        }
        _ if before != now && same => spec.with(&["clusterIPs"], vec![Tree::from(now)]),
        _ => spec,
    }
}

/// Who wants one family of addresses states one of each; of what was there before, the first is kept.
fn one_stack(spec: Tree, old: Option<&Tree>, errors: &mut Vec<FieldError>) -> Tree {
    if policy(&spec) != "SingleStack" {
        return spec;
    }
    let mut spec = spec;
    for (key, what) in [("clusterIPs", "cluster IPs"), ("ipFamilies", "IP families")] {
        let stated = list(&spec, key);
        if stated.len() < 2 {
            continue;
        }
        if old.is_some_and(|old| list(old, key) == stated) {
            spec = spec.with(&[key], vec![stated[0].clone()]);
            continue;
        }
        let why = format!(
            "must be 'RequireDualStack' or 'PreferDualStack' when multiple {what} are specified"
        );
        errors.push(FieldError::invalid("spec.ipFamilyPolicy", &"SingleStack".into(), &why));
    }
    spec
}

/// What is wanted of families, stated or not.
fn policy(spec: &Tree) -> &str {
    match text(spec, "ipFamilyPolicy") {
        "" if is_free(spec) => "RequireDualStack",
        "" => "SingleStack",
        stated => stated,
    }
}

/// Headless and without a selector: it is asked about no family.
fn is_free(spec: &Tree) -> bool {
    text(spec, "clusterIP") == "None" && spec.get("selector").is_none_or(Tree::is_empty)
}

/// The cluster has addresses of version 4 only.
fn one_family(spec: &Tree, errors: &mut Vec<FieldError>) {
    if is_free(spec) {
        return;
    }
    if text(spec, "ipFamilyPolicy") == "RequireDualStack" {
        let value = Tree::from("RequireDualStack");
        let why = "this cluster is not configured for dual-stack services";
        errors.push(FieldError::invalid("spec.ipFamilyPolicy", &value, why));
    }
    let families = list(spec, "ipFamilies");
    let known = families.iter().all(|family| matches!(family.as_str(), Some("IPv4" | "IPv6")));
    for (index, family) in families.iter().enumerate() {
        if !known || family.as_str() != Some("IPv6") {
            continue;
        }
        let ip = text(spec, "clusterIP");
        errors.push(if ip.is_empty() || ip == "None" {
            let field = format!("spec.ipFamilies[{index}]");
            FieldError::invalid(field, family, "not configured on this cluster")
        } else {
            let field = format!("spec.clusterIPs[{index}]");
            let why = format!("expected an IPv6 value as indicated by `ipFamilies[{index}]`");
            FieldError::invalid(field, &Tree::from(ip), &why)
        });
    }
}

/// A cluster of one address family; a headless service without selector is asked about both.
fn families(spec: &Tree, minor: u32) -> Tree {
    if minor < 21 {
        return spec.clone();
    }
    let mut spec = spec.clone();
    let free = is_free(&spec);
    let policy = policy(&spec).to_owned();
    spec = spec.with(&["ipFamilyPolicy"], policy);
    if spec.get("ipFamilies").is_none() {
        let both = free && text(&spec, "ipFamilyPolicy") != "SingleStack";
        let mut families = vec![Tree::from("IPv4")];
        families.extend(both.then(|| Tree::from("IPv6")));
        spec = spec.with(&["ipFamilies"], families);
    }
    spec
}

fn cluster_ip(
    spec: &Tree,
    old: Option<&Tree>,
    taken: &mut Taken,
    start: u32,
    minor: u32,
    errors: &mut Vec<FieldError>,
) -> Tree {
    let stated = match text(spec, "clusterIP") {
        "" => spec
            .at(&["clusterIPs"])
            .and_then(|ips| ips.items().first()?.as_str())
            .unwrap_or_default(),
        ip => ip,
    };
    if stated == "None" {
        return spec.with(&["clusterIP"], "None").with(&["clusterIPs"], vec![Tree::from("None")]);
    }
    if !stated.is_empty() {
        let own = old.is_some_and(|old| old.str_at(&["spec", "clusterIP"]) == Some(stated));
        let mut spec = spec.clone();
        if spec.get("clusterIPs").is_none() {
            spec = spec.with(&["clusterIPs"], vec![Tree::from(stated)]);
        }
        let mut refuse = |why: &str| {
            let value = Tree::list([Tree::from(stated)]);
            let why = format!("failed to allocate IP {stated}: {why}");
            errors.push(FieldError::invalid("spec.clusterIPs", &value, &why));
        };
        match stated.parse::<Ipv4Addr>().map(u32::from) {
            _ if own => {}
            Ok(ip) if !(FIRST..FIRST + SIZE).contains(&ip) => {
                refuse("the provided network does not match the current range");
            }
            Ok(_) if taken.ips.contains(stated) => refuse("provided IP is already allocated"),
            _ => {}
        }
        return spec.with(&["clusterIP"], stated);
    }
    if taken.trial.is_some() {
        if minor < 23 {
            return spec.clone();
        }
        let ip = Ipv4Addr::from(FIRST).to_string();
        return spec.with(&["clusterIP"], &*ip).with(&["clusterIPs"], vec![Tree::from(ip)]);
    }
    // The first address is that of the server itself; the ends of the range belong to nobody.
    let candidates = (0..SIZE - 3).map(|step| FIRST + 2 + (start + step) % (SIZE - 3));
    let free =
        candidates.map(|ip| Ipv4Addr::from(ip).to_string()).find(|ip| !taken.ips.contains(ip));
    let Some(ip) = free else { return spec.clone() };
    taken.ips.insert(ip.clone());
    spec.with(&["clusterIP"], &*ip).with(&["clusterIPs"], vec![Tree::from(ip)])
}

fn node_ports(
    spec: &Tree,
    old: Option<&Tree>,
    taken: &mut Taken,
    start: u32,
    errors: &mut Vec<FieldError>,
) -> Tree {
    let before: Vec<i64> = old
        .and_then(|old| old.at(&["spec", "ports"]))
        .map_or(&[][..], Tree::items)
        .iter()
        .filter_map(|port| port.int_at(&["nodePort"]))
        .collect();
    let stated = list(spec, "ports");
    let mut ports: Vec<Tree> = Vec::new();
    for (index, port) in stated.iter().enumerate() {
        let number = port.int_at(&["nodePort"]).unwrap_or(0);
        // Ports of one number, as of TCP and UDP, share what the first of them gets.
        let shared = || {
            let alike = |other: &&Tree| old.is_none() && other.get("port") == port.get("port");
            let chosen = |other: &Tree| other.int_at(&["nodePort"]).filter(|number| *number != 0);
            ports.iter().filter(alike).find_map(chosen)
        };
        let step = u32::try_from(index).unwrap_or(0);
        if number != 0 {
            let field = format!("spec.ports[{index}].nodePort");
            if !before.contains(&number) {
                if !PORTS.contains(&number) {
                    let why = "provided port is not in the valid range. The range of valid ports is 30000-32767";
                    errors.push(FieldError::invalid(field, &Tree::from(number), why));
                } else if !taken.take(number) {
                    let why = "provided port is already allocated";
                    errors.push(FieldError::invalid(field, &Tree::from(number), why));
                }
            }
            ports.push(port.clone());
        } else if let Some(number) = shared().or_else(|| free_port(taken, start + step)) {
            ports.push(port.with(&["nodePort"], number));
        } else {
            ports.push(port.clone());
        }
    }
    spec.with(&["ports"], ports)
}

fn free_port(taken: &mut Taken, start: u32) -> Option<i64> {
    if let Some(last) = taken.trial {
        taken.trial = Some(last + 1);
        return taken.trial;
    }
    let count = PORTS.end() - PORTS.start() + 1;
    let mut candidates = (0..count).map(|step| PORTS.start() + (i64::from(start) + step) % count);
    let port = candidates.find(|port| !taken.ports.contains(port))?;
    taken.ports.insert(port);
    Some(port)
}

/// FNV-1a of the name.
fn start_of(namespace: &str, name: &str) -> u32 {
    let bytes = namespace.bytes().chain([b'/']).chain(name.bytes());
    let hash = bytes
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    hash >> 12
}
