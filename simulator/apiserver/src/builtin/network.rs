//! Ways into a cluster, and between its pods.

use std::net::IpAddr;

use super::check::{NOTHING, complain, list, selector, text};
use super::names::{port_name, port_number};
use super::rules::Write;
use crate::Tree;
use crate::names;
use crate::schema::{Faults, Path};
use crate::status::FieldError;

const WILDCARD: &str = "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character (e.g. '*.example.com', regex used for validation is '\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const CIDR: &str = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)";

pub(super) fn ingress(write: &Write<'_>, faults: &mut Faults) {
    if !write.changed(&["spec"]) {
        return;
    }
    let spec = write.new.get("spec").unwrap_or(&NOTHING);
    let at = Path::Root.field("spec");
    let rules = list(spec, "rules");
    let fallback = spec.get("defaultBackend");
    if rules.is_empty() && fallback.is_none() {
        let why = "either `defaultBackend` or `rules` must be specified";
        let nothing = if write.minor < 34 { "[]networking.IngressRule(nil)" } else { "null" };
        faults.0.push(FieldError::invalid_printed(at, nothing, why));
    }
    if let Some(fallback) = fallback {
        backend(fallback, &at.field("defaultBackend"), faults);
    }
    let all = at.field("rules");
    for (index, rule) in rules.iter().enumerate() {
        let above = all.index(index);
        host(text(rule, "host"), &above.field("host"), faults);
        let http = above.field("http");
        let all = http.field("paths");
        let paths = rule.at(&["http", "paths"]).map_or(&[][..], Tree::items);
        for (index, one) in paths.iter().enumerate() {
            let at = all.index(index);
            path(one, &at, faults);
            if text(one, "pathType").is_empty() {
                // The real server looks no further.
                continue;
            }
            backend(one.get("backend").unwrap_or(&NOTHING), &at.field("backend"), faults);
        }
    }
    let all = at.field("tls");
    for (index, tls) in list(spec, "tls").iter().enumerate() {
        let at = all.index(index);
        let hosts = at.field("hosts");
        for (index, name) in list(tls, "hosts").iter().enumerate() {
            subdomain(name.as_str().unwrap_or_default(), &hosts.index(index), faults);
        }
        let secret = text(tls, "secretName");
        if !secret.is_empty() {
            complain(faults, at.field("secretName"), secret, names::dns_subdomain(secret));
        }
    }
    if let Some(class) = spec.str_at(&["ingressClassName"]) {
        complain(faults, at.field("ingressClassName"), class, names::dns_subdomain(class));
    }
}

fn host(name: &str, at: &Path<'_>, faults: &mut Faults) {
    if name.is_empty() {
        return;
    }
    if name.parse::<IpAddr>().is_ok() {
        faults.invalid(*at, name, "must be a DNS name, not an IP address");
    } else {
        subdomain(name, at, faults);
    }
}

/// A name, or all names below one.
fn subdomain(name: &str, at: &Path<'_>, faults: &mut Faults) {
    if !name.contains('*') {
        complain(faults, *at, name, names::dns_subdomain(name));
        return;
    }
    let good = name.strip_prefix("*.").is_some_and(|rest| names::dns_subdomain(rest).is_empty());
    if !good {
        faults.invalid(*at, name, WILDCARD);
    }
}

fn path(path: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let place = text(path, "path");
    match text(path, "pathType") {
        "" => faults.required(at.field("pathType"), "pathType must be specified"),
        "Exact" | "Prefix" => {
            let at = at.field("path");
            if !place.starts_with('/') {
                faults.invalid(at, place, "must be an absolute path");
            }
            for part in ["//", "/./", "/../", "%2f", "%2F"] {
                if place.contains(part) {
                    faults.invalid(at, place, &format!("must not contain '{part}'"));
                }
            }
            for end in ["/..", "/."] {
                if place.ends_with(end) {
                    faults.invalid(at, place, &format!("cannot end with '{end}'"));
                }
            }
        }
        "ImplementationSpecific" => {
            if !place.is_empty() && !place.starts_with('/') {
                faults.invalid(at.field("path"), place, "must be an absolute path");
            }
        }
        other => {
            let kinds = ["Exact", "ImplementationSpecific", "Prefix"];
            faults.not_supported(at.field("pathType"), other, &kinds);
        }
    }
}

fn backend(backend: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let (resource, service) = (backend.get("resource"), backend.get("service"));
    let Some(service) = service else {
        if resource.is_none() {
            faults.invalid(*at, "", "resource or service backend is required");
        }
        return;
    };
    if resource.is_some() {
        faults.invalid(*at, "", "cannot set both resource and service backends");
        return;
    }
    let of = at.field("service");
    let name = text(service, "name");
    if name.is_empty() {
        faults.required(of.field("name"), "");
    } else {
        complain(faults, of.field("name"), name, names::dns_1035_label(name));
    }
    let port = service.get("port").unwrap_or(&NOTHING);
    let (name, number) = (text(port, "name"), port.int_at(&["number"]).unwrap_or(0));
    let place = of.field("port");
    match (name.is_empty(), number == 0) {
        (false, false) => faults.invalid(*at, "", "cannot set both port name & port number"),
        (true, true) => faults.required(*at, "port name or number is required"),
        (false, true) => complain(faults, place.field("name"), name, port_name(name)),
        (true, false) => complain(faults, place.field("number"), number, port_number(number)),
    }
}

pub(super) fn network_policy(write: &Write<'_>, faults: &mut Faults) {
    if !write.changed(&["spec"]) {
        return;
    }
    let spec = write.new.get("spec").unwrap_or(&NOTHING);
    let at = Path::Root.field("spec");
    if let Some(pods) = spec.get("podSelector") {
        selector(faults, pods, &at.field("podSelector"));
    }
    for (direction, peers) in [("ingress", "from"), ("egress", "to")] {
        let all = at.field(direction);
        for (index, rule) in list(spec, direction).iter().enumerate() {
            let at = all.index(index);
            let ports = at.field("ports");
            for (index, one) in list(rule, "ports").iter().enumerate() {
                port(one, &ports.index(index), faults);
            }
            let all = at.field(peers);
            for (index, one) in list(rule, peers).iter().enumerate() {
                peer(one, &all.index(index), faults);
            }
        }
    }
    let types = at.field("policyTypes");
    let stated = list(spec, "policyTypes");
    if stated.len() > 2 {
        let value = spec.get("policyTypes").cloned().unwrap_or_default();
        faults.invalid(types, value, "may not specify more than two policyTypes");
        return;
    }
    for (index, kind) in stated.iter().enumerate() {
        if !matches!(kind.as_str(), Some("Ingress" | "Egress")) {
            faults.not_supported(types.index(index), kind, &["Ingress", "Egress"]);
        }
    }
}

fn port(port: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let protocol = text(port, "protocol");
    if !matches!(protocol, "" | "TCP" | "UDP" | "SCTP") {
        faults.not_supported(at.field("protocol"), protocol, &["SCTP", "TCP", "UDP"]);
    }
    let end = port.int_at(&["endPort"]);
    let place = at.field("endPort");
    match port.get("port") {
        None => {
            if let Some(end) = end {
                faults.invalid(place, end, "may not be specified when `port` is not specified");
            }
        }
        Some(first) => {
            if let Some(number) = first.as_i64() {
                complain(faults, at.field("port"), number, port_number(number));
                if let Some(end) = end {
                    if end < number {
                        faults.invalid(place, number, "must be greater than or equal to `port`");
                    }
                    complain(faults, place, end, port_number(end));
                }
                return;
            }
            if let Some(end) = end {
                faults.invalid(place, end, "may not be specified when `port` is non-numeric");
            }
            let name = first.as_str().unwrap_or_default();
            complain(faults, at.field("port"), name, port_name(name));
        }
    }
}

fn peer(peer: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let mut count = 0;
    for key in ["podSelector", "namespaceSelector"] {
        if let Some(chosen) = peer.get(key) {
            count += 1;
            selector(faults, chosen, &at.field(key));
        }
    }
    if let Some(block) = peer.get("ipBlock") {
        count += 1;
        ip_block(block, &at.field("ipBlock"), faults);
        if count > 1 {
            faults.forbidden(*at, "may not specify both ipBlock and another peer");
        }
    }
    if count == 0 {
        faults.required(*at, "must specify a peer");
    }
}

fn ip_block(block: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let stated = text(block, "cidr");
    if stated.is_empty() {
        faults.required(at.field("cidr"), "");
        return;
    }
    let Some(outer) = cidr(stated) else {
        faults.invalid(at.field("cidr"), stated, CIDR);
        return;
    };
    let all = at.field("except");
    for (index, except) in list(block, "except").iter().enumerate() {
        let except = except.as_str().unwrap_or_default();
        match cidr(except) {
            None => faults.invalid(all.index(index), except, CIDR),
            Some(inner)
                if inner.1 > outer.1 && prefix(inner.0, outer.1) == prefix(outer.0, outer.1) => {}
            Some(_) => {
                faults.invalid(all.index(index), except, "must be a strict subset of `cidr`");
            }
        }
    }
}

/// An address and the length of its prefix.
fn cidr(text: &str) -> Option<(IpAddr, u32)> {
    let (address, length) = text.split_once('/')?;
    let address: IpAddr = address.parse().ok()?;
    let length: u32 = length.parse().ok()?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    (length <= most).then_some((address, length))
}

/// The first bits of an address, and of which family it is.
fn prefix(address: IpAddr, length: u32) -> (bool, u128) {
    let (bits, width) = match address {
        IpAddr::V4(address) => (u128::from(u32::from(address)), 32),
        IpAddr::V6(address) => (u128::from(address), 128),
    };
    let cut: u32 = width - length.min(width);
    (address.is_ipv4(), bits.checked_shr(cut).unwrap_or(0))
}
