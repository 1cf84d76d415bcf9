//! Services.

use super::check::{NOTHING, complain, in_range, ip, list, one_of, port, reachable, text};
use super::names;
use super::rules::Write;
use crate::Tree;
use crate::names::{dns_label, dns_subdomain, label_value, qualified_name};
use crate::schema::{Faults, Path};
use crate::status::FieldError;

pub(super) fn check(write: &Write<'_>, faults: &mut Faults) {
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
    let seconds = spec.int_at(&["sessionAffinityConfig", "clientIP", "timeoutSeconds"]);
    if let Some(seconds) = seconds.filter(|s| !(1..=86_400).contains(s)) {
        let config = at.field("sessionAffinityConfig");
        let client = config.field("clientIP");
        faults.invalid(
            client.field("timeoutSeconds"),
            seconds,
            "must be greater than 0 and less than 86400",
        );
    }
    addresses(spec, &at, faults);
    if !matches!(kind, "ClusterIP" | "NodePort" | "LoadBalancer" | "ExternalName") {
        let kinds = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
        faults.not_supported(at.field("type"), kind, &kinds);
    }
    let external = matches!(kind, "NodePort" | "LoadBalancer");
    if let Some(policy) = spec.get("externalTrafficPolicy") {
        if external {
            one_of(faults, spec, "externalTrafficPolicy", &at, &["Cluster", "Local"]);
        } else {
            let why = "may only be set for externally-accessible services";
            faults.invalid(at.field("externalTrafficPolicy"), policy, why);
        }
    }
    let local = kind == "LoadBalancer" && text(spec, "externalTrafficPolicy") == "Local";
    if let Some(number) = spec.int_at(&["healthCheckNodePort"]).filter(|_| !local) {
        let why =
            "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
        faults.invalid(at.field("healthCheckNodePort"), number, why);
    }
    one_of(faults, spec, "internalTrafficPolicy", &at, &["Cluster", "Local"]);
    if kind != "LoadBalancer" {
        for key in ["allocateLoadBalancerNodePorts", "loadBalancerClass"] {
            if spec.get(key).is_some() {
                faults.forbidden(at.field(key), "may only be used when `type` is 'LoadBalancer'");
            }
        }
    } else if let Some(class) = spec.str_at(&["loadBalancerClass"]) {
        complain(faults, at.field("loadBalancerClass"), class, qualified_name(class));
    }
    let near = ["PreferClose", "PreferSameZone", "PreferSameNode"];
    one_of(faults, spec, "trafficDistribution", &at, &near);
    status(write, faults);
}

fn external_name(spec: &Tree, at: &Path<'_>, faults: &mut Faults) {
    if !list(spec, "clusterIPs").is_empty() {
        faults.forbidden(at.field("clusterIPs"), "may not be set for ExternalName services");
    }
    let name = text(spec, "externalName");
    let bare = name.strip_suffix('.').unwrap_or(name);
    if name.is_empty() {
        faults.required(at.field("externalName"), "");
    } else {
        complain(faults, at.field("externalName"), name, dns_subdomain(bare));
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
        if let Some(target) = entry.get("targetPort") {
            match target.as_str() {
                Some(name) => {
                    complain(faults, at.field("targetPort"), name, names::port_name(name));
                }
                None => port(faults, target.as_i64().unwrap_or(0), at.field("targetPort")),
            }
        }
        if let Some(protocol) = entry.str_at(&["appProtocol"]) {
            complain(faults, at.field("appProtocol"), protocol, qualified_name(protocol));
        }
        let node = entry.int_at(&["nodePort"]).unwrap_or(0);
        if text(spec, "type") == "ClusterIP" && node != 0 {
            faults.forbidden(at.field("nodePort"), "may not be used when `type` is 'ClusterIP'");
        }
        let alike = |other: &Tree| {
            other.get("port") == entry.get("port")
                && text(other, "protocol") == text(entry, "protocol")
        };
        if ports[..index].iter().any(alike) {
            let value = format!(
                "{{\"Name\":\"\",\"Protocol\":{},\"AppProtocol\":null,\"Port\":{},\"TargetPort\":0,\"NodePort\":0}}",
                entry.get("protocol").unwrap_or(&Tree::from("")),
                entry.get("port").unwrap_or(&NOTHING),
            );
            faults.0.push(FieldError::duplicate_printed(at, &value));
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

fn addresses(spec: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let externals = at.field("externalIPs");
    for (index, address) in list(spec, "externalIPs").iter().enumerate() {
        let at = externals.index(index);
        if let Some(address) = ip(faults, address.as_str().unwrap_or_default(), at) {
            reachable(faults, address, at);
        }
    }
    let families = list(spec, "ipFamilies");
    let place = at.field("ipFamilies");
    for (index, family) in families.iter().enumerate() {
        let text = family.as_str().unwrap_or_default();
        if !matches!(text, "IPv4" | "IPv6") {
            faults.not_supported(place.index(index), text, &["IPv4", "IPv6"]);
        } else if families[..index].contains(family) {
            faults.duplicate(place.index(index), text);
        }
    }
    let policies = ["SingleStack", "PreferDualStack", "RequireDualStack"];
    one_of(faults, spec, "ipFamilyPolicy", at, &policies);
    let ips = list(spec, "clusterIPs");
    let place = at.field("clusterIPs");
    let first = text(spec, "clusterIP");
    if !ips.is_empty() && ips[0].as_str() != Some(first) {
        let value = spec.get("clusterIPs").cloned().unwrap_or_default();
        faults.invalid(place, value, "first value must match `clusterIP`");
    }
    for (index, address) in ips.iter().enumerate() {
        let text = address.as_str().unwrap_or_default();
        if text == "None" {
            continue;
        }
        ip(faults, text, place.index(index));
    }
    // Named with a capital by the real server.
    let ranges = at.field("LoadBalancerSourceRanges");
    for (index, range) in list(spec, "loadBalancerSourceRanges").iter().enumerate() {
        let text = range.as_str().unwrap_or_default();
        if !is_cidr(text) {
            let why = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)";
            faults.invalid(ranges.index(index), text, why);
        }
    }
    in_range(faults, spec, "healthCheckNodePort", at, 0, 65535);
}

pub(super) fn is_cidr(text: &str) -> bool {
    text.split_once('/').is_some_and(|(address, bits)| {
        let most = if address.contains(':') { 128 } else { 32 };
        address.parse::<std::net::IpAddr>().is_ok()
            && bits.parse::<u8>().is_ok_and(|bits| bits <= most)
    })
}

fn status(write: &Write<'_>, faults: &mut Faults) {
    if !write.changed(&["status"]) {
        return;
    }
    let status = Path::Root.field("status");
    let balancer = status.field("loadBalancer");
    let all = balancer.field("ingress");
    let ingress = write.new.at(&["status", "loadBalancer", "ingress"]).map_or(&[][..], Tree::items);
    for (index, point) in ingress.iter().enumerate() {
        let at = all.index(index);
        if !text(point, "ip").is_empty() {
            ip(faults, text(point, "ip"), at.field("ip"));
        }
        one_of(faults, point, "ipMode", &at, &["Proxy", "VIP"]);
        let host = text(point, "hostname");
        if !host.is_empty() {
            complain(faults, at.field("hostname"), host, dns_subdomain(host));
        }
    }
}
