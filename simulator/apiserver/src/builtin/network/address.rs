//! Addresses and ports that the server hands out to Services.
//!
//! What a Service gets depends on its name and on what is taken, never on the order of unrelated requests: the same
//! story gives the same addresses.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use super::kept::{
    has_address, has_health_port, has_node_ports, is_known, keep, node_port, wants_node_ports,
};
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
    let is_settled = minor >= 21 && before.is_some_and(|old| stays_dual(&spec, old));
    if has_address(&spec) && (minor >= 21 || is_known(&kind)) && !is_settled {
        if minor >= 21 {
            let mut faults = Faults::default();
            super::service::related(&in_step(&spec), &mut faults);
            if !faults.0.is_empty() {
                return Err(faults.0);
            }
            spec = one_stack(spec, before, &mut errors);
            unserved(&in_step(&spec), &mut errors);
            if !errors.is_empty() {
                return Err(errors);
            }
        }
        one_family(&spec, &mut errors);
        if minor >= 21 && !errors.is_empty() {
            return Err(errors);
        }
        spec = families(&spec, minor);
        // Who has an address keeps it, whatever is stated: it is refused later.
        if before.is_none_or(|old| !has_address(old)) {
            spec = cluster_ip(&spec, old, taken, start, minor, &mut errors);
        }
        if minor >= 21 && !errors.is_empty() {
            return Err(errors);
        }
    }
    let stated = text(&spec, "clusterIP");
    if kind == "ExternalName" && !stated.is_empty() && spec.get("clusterIPs").is_none() {
        spec = spec.with(&["clusterIPs"], vec![Tree::from(stated)]);
    }
    if has_node_ports(&spec) {
        match node_ports(&spec, before, taken, start) {
            Ok(given) => spec = given,
            Err(error) => errors.push(error),
        }
    }
    if has_health_port(&spec) && !before.is_some_and(has_health_port) {
        let stated = spec.int_at(&["healthCheckNodePort"]).filter(|number| *number != 0);
        match stated {
            Some(number) => _ = taken.take(number),
            None => {
                if let Some(port) = free_port(taken, start + 7) {
                    spec = spec.with(&["healthCheckNodePort"], port);
                }
            }
        }
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

/// Of a Service that changes: what fails where two of its ports would be one of the nodes'.
pub(crate) fn twice(service: &Tree) -> Option<String> {
    let spec = service.get("spec").filter(|spec| has_node_ports(spec))?;
    let mut seen = BTreeSet::new();
    let again = list(spec, "ports").iter().find(|port| {
        let number = node_port(port);
        number != 0 && !seen.insert((text(port, "protocol"), number))
    })?;
    Some(format!("duplicate nodePort: {{{} {}}}", text(again, "protocol"), node_port(again)))
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
    match spec.str_at(&["ipFamilyPolicy"]) {
        None if is_free(spec) => "RequireDualStack",
        None => "SingleStack",
        Some(stated) => stated,
    }
}

/// Headless and without a selector: it is asked about no family.
fn is_free(spec: &Tree) -> bool {
    text(spec, "clusterIP") == "None" && spec.get("selector").is_none_or(Tree::is_empty)
}

/// Who prefers two families, and got what there was, is not asked about it again.
fn stays_dual(spec: &Tree, old: &Tree) -> bool {
    let prefers = |spec: &Tree| matches!(text(spec, "ipFamilyPolicy"), "" | "PreferDualStack");
    spec.get("ipFamilyPolicy").is_some()
        && prefers(spec)
        && prefers(old)
        && is_known(text(spec, "type"))
        && ["type", "clusterIPs", "ipFamilies"].iter().all(|key| spec.get(key) == old.get(key))
}

/// Addresses whose family nobody states, and which the cluster has not.
fn unserved(spec: &Tree, errors: &mut Vec<FieldError>) {
    let addresses = list(spec, "clusterIPs").iter().enumerate();
    let addresses = addresses.take_while(|(_, address)| address.as_str() != Some("None"));
    for (index, address) in addresses.skip(list(spec, "ipFamilies").len()) {
        if address.as_str().is_some_and(|address| address.contains(':')) {
            let all = spec.get("clusterIPs").cloned().unwrap_or_default();
            let why = "IPv6 is not configured on this cluster";
            errors.push(FieldError::invalid(format!("spec.clusterIPs[{index}]"), &all, why));
        }
    }
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
        let range = || format!("{}/{}", Ipv4Addr::from(FIRST), SIZE.leading_zeros() + 1);
        match stated.parse::<Ipv4Addr>().map(u32::from) {
            _ if own => {}
            Ok(ip) if !(FIRST + 1..FIRST + SIZE - 1).contains(&ip) => refuse(&match minor {
                // Since there may be several ranges, one is looked for first, but by a dry run.
                33.. if taken.trial.is_none() => {
                    "the provided network does not match the current range".to_owned()
                }
                21.. => format!(
                    "the provided IP ({stated}) is not in the valid range. The range of valid IPs is {}",
                    range()
                ),
                _ => format!(
                    "provided IP is not in the valid range. The range of valid IPs is {}",
                    range()
                ),
            }),
            Ok(_) if taken.trial.is_none() && taken.ips.contains(stated) => {
                refuse("provided IP is already allocated");
            }
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

/// The spec with ports of the nodes; the error is about the first of them that cannot be had.
fn node_ports(
    spec: &Tree,
    old: Option<&Tree>,
    taken: &mut Taken,
    start: u32,
) -> Result<Tree, FieldError> {
    let stated = list(spec, "ports");
    let before = old.map_or(&[][..], |old| list(old, "ports"));
    let mut had: Vec<i64> = before.iter().map(node_port).collect();
    taken.ports.extend(&had);
    let mut ports: Vec<Tree> = Vec::new();
    for (index, port) in stated.iter().enumerate() {
        // New ports of one number, as of TCP and UDP, share what the first of them states or gets.
        let shares = |other: &&Tree| {
            old.is_none() && other.get("port") == port.get("port") && node_port(other) != 0
        };
        let shared = || ports.iter().find(shares).or_else(|| stated.iter().find(shares));
        let number = match node_port(port) {
            0 => shared().map_or(0, node_port),
            number => number,
        };
        if number == 0 && !wants_node_ports(spec) {
            ports.push(port.clone());
            continue;
        }
        let step = u32::try_from(index).unwrap_or(0);
        let given = match number {
            0 => free_port(taken, start + step),
            number => {
                let is_shared = |other: &Tree| {
                    other.get("port") == port.get("port") && node_port(other) == number
                };
                let is_had = match old {
                    Some(_) => had.contains(&number),
                    None => ports.iter().any(is_shared),
                };
                if !is_had {
                    reserve(taken, number, index)?;
                    had.push(number);
                }
                Some(number)
            }
        };
        ports.push(match given {
            Some(number) => port.with(&["nodePort"], number),
            None => port.clone(),
        });
    }
    Ok(spec.with(&["ports"], ports))
}

fn reserve(taken: &mut Taken, number: i64, index: usize) -> Result<(), FieldError> {
    let why = if !PORTS.contains(&number) {
        "provided port is not in the valid range. The range of valid ports is 30000-32767"
    } else if taken.take(number) {
        return Ok(());
    } else {
        "provided port is already allocated"
    };
    let field = format!("spec.ports[{index}].nodePort");
    Err(FieldError::invalid(field, &Tree::from(number), why))
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
