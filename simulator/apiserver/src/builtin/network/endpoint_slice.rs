//! Where the endpoints of a service are.

use std::net::IpAddr;

use crate::Tree;
use crate::builtin::check::{NOTHING, complain, ip, list, one_of, reachable, text};
use crate::builtin::cluster::bad_address;
use crate::builtin::rules::Write;
use crate::names;
use crate::schema::{Faults, Path};

const MOST_ENDPOINTS: usize = 1000;
const MOST_ADDRESSES: usize = 100;
const MOST_HINTS: usize = 8;

pub(in crate::builtin) fn check(write: &Write<'_>, faults: &mut Faults) {
    let slice = write.new;
    let kind = text(slice, "addressType");
    if kind.is_empty() {
        faults.required(Path::Root.field("addressType"), "");
    } else {
        one_of(faults, slice, "addressType", &Path::Root, &["FQDN", "IPv4", "IPv6"]);
    }
    ports(slice, write.minor, faults);
    let all = Path::Root.field("endpoints");
    let endpoints = list(slice, "endpoints");
    let kept = write.old.is_some_and(|old| list(old, "endpoints") == endpoints);
    if kept && write.minor >= 34 {
        // Older servers took what newer ones would not.
    } else if endpoints.len() > MOST_ENDPOINTS {
        faults.too_many(all, endpoints.len(), MOST_ENDPOINTS);
    } else {
        for (index, one) in endpoints.iter().enumerate() {
            endpoint(one, kind, write.minor, &all.index(index), faults);
        }
    }
}

fn ports(slice: &Tree, minor: u32, faults: &mut Faults) {
    let most = if minor < 30 { 100 } else { 20_000 };
    let all = Path::Root.field("ports");
    let ports = list(slice, "ports");
    if ports.len() > most {
        faults.too_many(all, ports.len(), most);
        return;
    }
    for (index, entry) in ports.iter().enumerate() {
        let at = all.index(index);
        let name = text(entry, "name");
        if !name.is_empty() {
            complain(faults, at.field("name"), name, names::dns_label(name));
        }
        if ports[..index].iter().any(|other| text(other, "name") == name) {
            faults.duplicate(at.field("name"), name);
        }
        one_of(faults, entry, "protocol", &at, &["SCTP", "TCP", "UDP"]);
        if let Some(protocol) = entry.str_at(&["appProtocol"]) {
            complain(faults, at.field("appProtocol"), protocol, names::qualified_name(protocol));
        }
    }
}

fn endpoint(endpoint: &Tree, kind: &str, minor: u32, at: &Path<'_>, faults: &mut Faults) {
    let place = at.field("addresses");
    let addresses = list(endpoint, "addresses");
    if addresses.is_empty() {
        faults.required(place, "must contain at least 1 address");
    } else if addresses.len() > MOST_ADDRESSES {
        faults.too_many(place, addresses.len(), MOST_ADDRESSES);
    }
    for (index, address) in addresses.iter().enumerate() {
        let address = address.as_str().unwrap_or_default();
        match kind {
            "FQDN" => full_name(address, place.index(index), faults),
            "IPv4" | "IPv6" if minor < 21 => {
                let good = address
                    .parse::<IpAddr>()
                    .is_ok_and(|parsed| parsed.is_ipv4() == (kind == "IPv4"));
                if !good {
                    let why = format!("must be a valid {kind} address");
                    faults.invalid(place.index(index), address, &why);
                }
            }
            "IPv4" => {
                let Some(parsed) = ip(faults, address, place.index(index)) else { continue };
                if !parsed.to_canonical().is_ipv4() {
                    faults.invalid(place, address, "must be an IPv4 address");
                }
                reachable(faults, address, parsed, place.index(index));
            }
            "IPv6" => six(address, &place, index, faults),
            _ => {}
        }
    }
    if let Some(node) = endpoint.str_at(&["nodeName"]) {
        complain(faults, at.field("nodeName"), node, names::dns_subdomain(node));
    }
    if let Some(host) = endpoint.str_at(&["hostname"]) {
        complain(faults, at.field("hostname"), host, names::dns_label(host));
    }
    hints(endpoint.get("hints").unwrap_or(&NOTHING), &at.field("hints"), faults);
}

/// An address written as it is written best.
fn six(address: &str, place: &Path<'_>, index: usize, faults: &mut Faults) {
    if let Some(why) = bad_address(address) {
        faults.invalid(place.index(index), address, &why);
    } else if let Ok(parsed) = address.parse::<IpAddr>() {
        if parsed.is_ipv4() {
            faults.invalid(*place, address, "must be an IPv6 address");
        }
        reachable(faults, address, parsed, place.index(index));
    }
}

/// A name of a host with its domain; a dot may end it.
fn full_name(name: &str, at: Path<'_>, faults: &mut Faults) {
    if name.is_empty() {
        faults.required(at, "");
        return;
    }
    let name = name.strip_suffix('.').unwrap_or(name);
    let complaints = names::dns_subdomain(name);
    if !complaints.is_empty() {
        faults.invalid(at, name, &complaints.join(","));
    } else if !name.contains('.') {
        let why = "should be a domain with at least two segments separated by dots";
        faults.invalid(at, name, why);
    } else if let Some((label, complaints)) = name
        .split('.')
        .map(|label| (label, names::dns_label(label)))
        .find(|(_, complaints)| !complaints.is_empty())
    {
        faults.invalid(at, label, &complaints.join(","));
    }
}

/// For whom an endpoint is best.
fn hints(hints: &Tree, at: &Path<'_>, faults: &mut Faults) {
    for (key, form) in [
        ("forZones", names::label_value as fn(&str) -> Vec<String>),
        ("forNodes", names::dns_subdomain),
    ] {
        let all = at.field(key);
        let named = list(hints, key);
        if named.len() > MOST_HINTS {
            faults.too_many(all, named.len(), MOST_HINTS);
            return;
        }
        for (index, one) in named.iter().enumerate() {
            let (at, name) = (all.index(index), text(one, "name"));
            if named[..index].iter().any(|other| text(other, "name") == name) {
                faults.duplicate(at.field("name"), name);
            }
            complain(faults, at.field("name"), name, form(name));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_address_is_of_the_type_that_its_slice_says_and_is_checked_after_the_ports() {
        let slice = Tree::from(json!({
            "addressType": "IPv6",
            "endpoints": [{ "addresses": ["10.0.0.1", "1:0::1", "1::1"] }],
            "ports": [{}, {}],
        }));
        let mut faults = Faults::default();
        check(&Write::of(&slice, None), &mut faults);
        let said: Vec<_> = faults.0.iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                "ports[1].name: Duplicate value: \"\"",
                "endpoints[0].addresses: Invalid value: \"10.0.0.1\": must be an IPv6 address",
                "endpoints[0].addresses[1]: Invalid value: \"1:0::1\": must be in canonical form (\"1::1\")",
            ]
        );
    }
}
