//! Who may talk to whom.

use std::net::IpAddr;

use crate::Tree;
use crate::builtin::check::{NOTHING, complain, list, one_of, selector, text};
use crate::builtin::cluster::parsed_cidr;
use crate::builtin::names::{port_name, port_number};
use crate::builtin::rules::Write;
use crate::schema::{Faults, Path};

const CIDR: &str = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)";

pub(in crate::builtin) fn check(write: &Write<'_>, faults: &mut Faults) {
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
                port(one, write.minor, &ports.index(index), faults);
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

fn port(port: &Tree, minor: u32, at: &Path<'_>, faults: &mut Faults) {
    let known = if minor < 34 { ["SCTP", "TCP", "UDP"] } else { ["TCP", "UDP", "SCTP"] };
    one_of(faults, port, "protocol", at, &known);
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
    let Some(outer) = parsed_cidr(stated) else {
        faults.invalid(at.field("cidr"), stated, CIDR);
        return;
    };
    let all = at.field("except");
    for (index, except) in list(block, "except").iter().enumerate() {
        let except = except.as_str().unwrap_or_default();
        match parsed_cidr(except) {
            None => faults.invalid(all.index(index), except, CIDR),
            Some(inner)
                if inner.1 > outer.1 && prefix(inner.0, outer.1) == prefix(outer.0, outer.1) => {}
            Some(_) => {
                faults.invalid(all.index(index), except, "must be a strict subset of `cidr`");
            }
        }
    }
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
