//! Services.

use crate::Tree;
use crate::builtin::check::{NOTHING, complain, ip, list, loose_ip, one_of, port, reachable, text};
use crate::builtin::cluster::parsed_cidr;
use crate::builtin::internal;
use crate::builtin::names;
use crate::builtin::rules::Write;
use crate::names::{dns_label, dns_subdomain, label_value, qualified_name};
use crate::schema::{Faults, Path};
use crate::status::FieldError;

pub(in crate::builtin) fn check(write: &Write<'_>, faults: &mut Faults) {
    if !write.changed(&["spec"]) {
        return status(write, faults);
    }
    let spec = write.new.get("spec").unwrap_or(&NOTHING);
    let at = Path::Root.field("spec");
    let kind = text(spec, "type");
    let headless = text(spec, "clusterIP") == "None";
    let ports = list(spec, "ports");
    if ports.is_empty() && !headless && kind != "ExternalName" {
        faults.required(at.field("ports"), "");
    }
    match kind {
        "LoadBalancer" if headless => {
            let why = "may not be set to 'None' for LoadBalancer services";
            faults.invalid(at.field("clusterIPs").index(0), "None", why);
        }
        "NodePort" if headless => {
            let why = "may not be set to 'None' for NodePort services";
            faults.invalid(at.field("clusterIPs").index(0), "None", why);
        }
        "ExternalName" => external_name(spec, &at, faults),
        _ => {}
    }
    self::ports(spec, &at, faults);
    selector(spec, &at, faults);
    one_of(faults, spec, "sessionAffinity", &at, &["ClientIP", "None"]);
    let affinity = text(spec, "sessionAffinity");
    let seconds = spec.int_at(&["sessionAffinityConfig", "clientIP", "timeoutSeconds"]);
    let out_of_range = |seconds: &i64| affinity == "ClientIP" && !(1..=86_400).contains(seconds);
    if let Some(seconds) = seconds.filter(out_of_range) {
        let config = at.field("sessionAffinityConfig");
        let client = config.field("clientIP");
        let why = "must be greater than 0 and less than 86400";
        faults.invalid(client.field("timeoutSeconds"), seconds, why);
    }
    if affinity == "None" && spec.get("sessionAffinityConfig").is_some() {
        let why = "must not be set when session affinity is None";
        faults.forbidden(at.field("sessionAffinityConfig"), why);
    }
    related(spec, faults);
    let externals = at.field("externalIPs");
    for (index, address) in list(spec, "externalIPs").iter().enumerate() {
        let at = externals.index(index);
        let stated = address.as_str().unwrap_or_default();
        if let Some(address) = ip(faults, stated, at) {
            reachable(faults, stated, address, at);
        }
    }
    if !matches!(kind, "ClusterIP" | "NodePort" | "LoadBalancer" | "ExternalName") {
        let kinds = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
        faults.not_supported(at.field("type"), kind, &kinds);
    }
    node_ports(spec, &at, faults);
    source_ranges(spec, write.minor, &at, faults);
    if kind != "LoadBalancer" && spec.get("allocateLoadBalancerNodePorts").is_some() {
        let why = "may only be used when `type` is 'LoadBalancer'";
        faults.forbidden(at.field("allocateLoadBalancerNodePorts"), why);
    }
    balancer_class(spec, &at, faults);
    traffic(spec, write.minor, &at, faults);
    status(write, faults);
}

/// Only a balancer has a class.
pub(in crate::builtin) fn balancer_class(spec: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let place = at.field("loadBalancerClass");
    match spec.str_at(&["loadBalancerClass"]) {
        Some(class) if text(spec, "type") == "LoadBalancer" => {
            complain(faults, place, class, qualified_name(class));
        }
        Some(_) => faults.forbidden(place, "may only be used when `type` is 'LoadBalancer'"),
        None => {}
    }
}

fn traffic(spec: &Tree, minor: u32, at: &Path<'_>, faults: &mut Faults) {
    let kind = text(spec, "type");
    let external = matches!(kind, "NodePort" | "LoadBalancer")
        || kind == "ClusterIP" && !list(spec, "externalIPs").is_empty();
    if external && text(spec, "externalTrafficPolicy").is_empty() {
        faults.required(at.field("externalTrafficPolicy"), "");
    } else if let Some(policy) = spec.get("externalTrafficPolicy") {
        if external {
            one_of(faults, spec, "externalTrafficPolicy", at, &["Cluster", "Local"]);
        } else {
            let why = "may only be set for externally-accessible services";
            faults.invalid_typed(at.field("externalTrafficPolicy"), policy, why);
        }
    }
    let local = kind == "LoadBalancer" && text(spec, "externalTrafficPolicy") == "Local";
    let place = at.field("healthCheckNodePort");
    match spec.int_at(&["healthCheckNodePort"]).filter(|number| *number != 0) {
        Some(number) if !local => {
            let why = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
            faults.invalid(place, number, why);
        }
        Some(number) => port(faults, number, place),
        None => {}
    }
    if matches!(kind, "ClusterIP" | "NodePort" | "LoadBalancer")
        && minor >= 22
        && spec.get("internalTrafficPolicy").is_none()
    {
        faults.required(at.field("internalTrafficPolicy"), "");
    }
    one_of(faults, spec, "internalTrafficPolicy", at, &["Cluster", "Local"]);
    let near = ["PreferClose", "PreferSameZone", "PreferSameNode"];
    if let Some(near_to) = spec.str_at(&["trafficDistribution"]).filter(|way| !near.contains(way)) {
        faults.not_supported_text(at.field("trafficDistribution"), near_to, &near);
    }
}

fn node_ports(spec: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let all = at.field("ports");
    let ports = list(spec, "ports");
    let number = |port: &Tree| port.int_at(&["nodePort"]).unwrap_or(0);
    if text(spec, "type") == "ClusterIP" {
        for (index, _) in ports.iter().enumerate().filter(|(_, port)| number(port) != 0) {
            let why = "may not be used when `type` is 'ClusterIP'";
            faults.forbidden(all.index(index).field("nodePort"), why);
        }
    }
    let protocol = |port: &Tree| text(port, "protocol").to_owned();
    for (index, port) in ports.iter().enumerate().filter(|(_, port)| number(port) != 0) {
        let alike =
            |other: &Tree| number(other) == number(port) && protocol(other) == protocol(port);
        if ports[..index].iter().any(alike) {
            faults.duplicate(all.index(index).field("nodePort"), number(port));
        }
    }
    for (index, entry) in ports.iter().enumerate() {
        let alike = |other: &Tree| {
            other.get("port") == entry.get("port") && protocol(other) == protocol(entry)
        };
        if ports[..index].iter().any(alike) {
            let members = ["protocol", "port"].map(|key| (key, entry.get(key).cloned()));
            let members = members.into_iter().filter_map(|(key, value)| Some((key, value?)));
            let value = internal::json("core.ServicePort", &Tree::map(members));
            faults.0.push(FieldError::duplicate_printed(all.index(index), &value));
        }
    }
}

fn source_ranges(spec: &Tree, minor: u32, at: &Path<'_>, faults: &mut Faults) {
    // Named with a capital by the real server.
    let ranges = at.field("LoadBalancerSourceRanges");
    let stated = list(spec, "loadBalancerSourceRanges");
    if !stated.is_empty() && text(spec, "type") != "LoadBalancer" && minor >= 21 {
        faults.forbidden(ranges, "may only be used when `type` is 'LoadBalancer'");
    }
    for (index, range) in stated.iter().enumerate() {
        let text = range.as_str().unwrap_or_default().trim();
        if parsed_cidr(text).is_none() {
            let why = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)";
            faults.invalid(ranges.index(index), text, why);
        }
    }
}

fn external_name(spec: &Tree, at: &Path<'_>, faults: &mut Faults) {
    for key in ["clusterIPs", "ipFamilies", "ipFamilyPolicy"] {
        if spec.get(key).is_some_and(|value| value.is_string() || !value.is_empty()) {
            faults.forbidden(at.field(key), "may not be set for ExternalName services");
        }
    }
    let name = text(spec, "externalName");
    let bare = name.strip_suffix('.').unwrap_or(name);
    if bare.is_empty() {
        faults.required(at.field("externalName"), "");
    } else {
        complain(faults, at.field("externalName"), bare, dns_subdomain(bare));
    }
}

fn ports(spec: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let all = at.field("ports");
    let ports = list(spec, "ports");
    for (index, entry) in ports.iter().enumerate() {
        let at = all.index(index);
        let name = text(entry, "name");
        if name.is_empty() {
            if ports.len() > 1 {
                faults.required(at.field("name"), "");
            }
        } else {
            complain(faults, at.field("name"), name, dns_label(name));
            if ports[..index].iter().any(|other| text(other, "name") == name) {
                faults.duplicate(at.field("name"), name);
            }
        }
        port(faults, entry.int_at(&["port"]).unwrap_or(0), at.field("port"));
        one_of(faults, entry, "protocol", &at, &["SCTP", "TCP", "UDP"]);
        let target = entry.get("targetPort").unwrap_or(&NOTHING);
        match target.as_str() {
            Some(name) => complain(faults, at.field("targetPort"), name, names::port_name(name)),
            None => port(faults, target.as_i64().unwrap_or(0), at.field("targetPort")),
        }
        if let Some(protocol) = entry.str_at(&["appProtocol"]) {
            complain(faults, at.field("appProtocol"), protocol, qualified_name(protocol));
        }
    }
}

fn selector(spec: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let at = at.field("selector");
    for (key, value) in spec.get("selector").into_iter().flat_map(Tree::entries) {
        complain(faults, at, key, qualified_name(key));
        let value = value.as_str().unwrap_or_default();
        complain(faults, at, value, label_value(value));
    }
}

/// Addresses, and of which family they are: the one must agree with the other.
pub(in crate::builtin) fn related(spec: &Tree, faults: &mut Faults) {
    if text(spec, "type") == "ExternalName" {
        return;
    }
    let at = Path::Root.field("spec");
    let ips = list(spec, "clusterIPs");
    let place = at.field("clusterIPs");
    let all = || spec.get("clusterIPs").cloned().unwrap_or_default();
    match text(spec, "clusterIP") {
        "" if !ips.is_empty() => {
            faults.invalid(place, all(), "must be empty when `clusterIP` is not specified");
        }
        "" => {}
        _ if ips.is_empty() => faults.required(place, ""),
        first if ips[0].as_str() != Some(first) => {
            faults.invalid(place, all(), "first value must match `clusterIP`");
        }
        _ => {}
    }
    let families = list(spec, "ipFamilies");
    let of_families = at.field("ipFamilies");
    for (index, family) in families.iter().enumerate() {
        let text = family.as_str().unwrap_or_default();
        if !matches!(text, "IPv4" | "IPv6") {
            faults.not_supported(of_families.index(index), text, &["IPv4", "IPv6"]);
        }
        if families[..index].contains(family) {
            faults.duplicate(of_families.index(index), text);
        }
    }
    let policies = ["PreferDualStack", "RequireDualStack", "SingleStack"];
    one_of(faults, spec, "ipFamilyPolicy", &at, &policies);
    let mut sound = true;
    let mut parsed = Vec::new();
    for (index, address) in ips.iter().enumerate() {
        let text = address.as_str().unwrap_or_default();
        if index == 0 && text == "None" {
            if ips.len() > 1 {
                sound = false;
                faults.invalid(place, all(), "'None' must be the first and only value");
            }
            continue;
        }
        match ip(faults, text, place.index(index)) {
            Some(address) => parsed.push(address),
            None => sound = false,
        }
    }
    if ips.len() > 2 {
        faults.invalid(place, all(), "may only hold up to 2 values");
    }
    if !sound {
        return;
    }
    if parsed.len() > 1 && (parsed.len() > 2 || parsed[0].is_ipv4() == parsed[1].is_ipv4()) {
        faults.invalid(place, all(), "may specify no more than one IP for each IP family");
    }
    for (index, (address, family)) in parsed.iter().zip(families).enumerate() {
        let wanted = family.as_str().unwrap_or_default();
        let mismatch =
            wanted == "IPv4" && address.is_ipv6() || wanted == "IPv6" && address.is_ipv4();
        if mismatch {
            let why = format!("expected an {wanted} value as indicated by `ipFamilies[{index}]`");
            faults.invalid(place.index(index), &ips[index], &why);
        }
    }
}

fn status(write: &Write<'_>, faults: &mut Faults) {
    if !write.changed(&["status"]) {
        return;
    }
    let status = Path::Root.field("status");
    let balancer = status.field("loadBalancer");
    let all = balancer.field("ingress");
    let ingress = write.new.at(&["status", "loadBalancer", "ingress"]).map_or(&[][..], Tree::items);
    let balanced = write.new.str_at(&["spec", "type"]) == Some("LoadBalancer");
    if !balanced && !ingress.is_empty() && write.minor >= 29 {
        faults.forbidden(all, "may only be used when `spec.type` is 'LoadBalancer'");
        return;
    }
    for (index, point) in ingress.iter().enumerate() {
        let at = all.index(index);
        if !text(point, "ip").is_empty() {
            ip(faults, text(point, "ip"), at.field("ip"));
        }
        let has_address = !text(point, "ip").is_empty();
        match point.get("ipMode") {
            None if has_address && write.minor >= 30 => {
                faults.required(at.field("ipMode"), "must be specified when `ip` is set");
            }
            Some(_) if !has_address => {
                let why = "may not be specified when `ip` is not set";
                faults.forbidden(at.field("ipMode"), why);
            }
            _ => one_of(faults, point, "ipMode", &at, &["Proxy", "VIP"]),
        }
        let host = text(point, "hostname");
        if !host.is_empty() {
            complain(faults, at.field("hostname"), host, dns_subdomain(host));
            if loose_ip(host).is_some() {
                let why = "must be a DNS name, not an IP address";
                faults.invalid(at.field("hostname"), host, why);
            }
        }
    }
}
