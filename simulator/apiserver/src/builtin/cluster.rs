//! What a cluster is divided into: namespaces, and the addresses of its Services.

pub(crate) mod api_service;
pub(super) mod config;
pub(super) mod event;
pub(super) mod flow_control;
pub(super) mod others;
pub(super) mod policies;
pub(super) mod priority_class;
pub(super) mod quota;
pub(super) mod rbac;
pub(super) mod runtime_class;
pub(super) mod signing_request;
pub(crate) mod webhooks;

use std::net::IpAddr;

use super::check::{NOTHING, complain, list, loose_ip, required, text};
use super::rules::Write;
use crate::Tree;
use crate::names;
use crate::schema::{Faults, Path};

pub(super) fn namespace(write: &Write<'_>, faults: &mut Faults) {
    let spec = write.new.get("spec").unwrap_or(&NOTHING);
    if write.subresource == Some("status") {
        phase(write.new, faults);
        return;
    }
    if !write.changed(&["spec"]) {
        return;
    }
    let above = Path::Root.field("spec");
    let all = above.field("finalizers");
    for (index, name) in list(spec, "finalizers").iter().enumerate() {
        // Only where they are all that is written does the real server say which.
        let place = if write.subresource == Some("finalize") { all.index(index) } else { all };
        let name = name.as_str().unwrap_or_default();
        complain(faults, place, name, names::qualified_name(name));
        let is_standard = matches!(name, "kubernetes" | "foregroundDeletion" | "orphan");
        if !name.contains('/') && !is_standard {
            let why = "name is neither a standard finalizer name nor is it fully qualified";
            faults.invalid(place, name, why);
        }
    }
}

fn phase(namespace: &Tree, faults: &mut Faults) {
    let ends = namespace.at(&["metadata", "deletionTimestamp"]).is_some_and(|time| !time.is_null());
    let (wanted, when) = if ends { ("Terminating", "not empty") } else { ("Active", "empty") };
    let phase = namespace.str_at(&["status", "phase"]).unwrap_or_default();
    if phase != wanted {
        let why = format!("may only be '{wanted}' if `deletionTimestamp` is {when}");
        let status = Path::Root.field("status");
        faults.invalid(status.field("Phase"), phase, &why);
    }
}

pub(super) fn service_cidr(write: &Write<'_>, faults: &mut Faults) {
    let cidrs = |tree: &Tree| tree.at(&["spec", "cidrs"]).cloned().unwrap_or_default();
    let (now, was) = (cidrs(write.new), write.old.map(cidrs));
    let spec = Path::Root.field("spec");
    let all = spec.field("cidrs");
    let Some(was) = was else { return ranges(&now, all, faults) };
    match (was.items().len(), now.items().len()) {
        (before, after) if before == after => {
            for (index, cidr) in now.items().iter().enumerate() {
                if was.items().get(index) != Some(cidr) {
                    faults.invalid(all.index(index), cidr, "field is immutable");
                }
            }
        }
        // A cluster may get a second family.
        (1, 2) => {
            if was.items().first() != now.items().first() {
                let first = now.items().first().cloned().unwrap_or_default();
                faults.invalid(all.index(0), first, "field is immutable");
            }
            ranges(&now, all, faults);
        }
        _ => faults.invalid(all, now, "field is immutable"),
    }
}

fn ranges(cidrs: &Tree, all: Path<'_>, faults: &mut Faults) {
    let stated: Vec<&str> = cidrs.items().iter().filter_map(Tree::as_str).collect();
    if stated.is_empty() {
        faults.required(all, "at least one CIDR required");
        return;
    }
    if stated.len() > 2 {
        let value = Tree::map([("CIDRs", cidrs.clone())]);
        faults.invalid(all, value, "may only hold up to 2 values");
        return;
    }
    for (index, cidr) in stated.iter().enumerate() {
        if let Some(why) = bad_cidr(cidr) {
            faults.invalid(all.index(index), *cidr, &why);
        }
    }
    let family = |cidr: &str| parsed_cidr(cidr).map(|(address, ..)| address.is_ipv4());
    if let [one, other] = stated.as_slice()
        && family(one).is_some()
        && family(one) == family(other)
    {
        let why = "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64";
        faults.invalid(all, cidrs, why);
    }
}

fn is_mapped(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(address) if address.to_ipv4_mapped().is_some())
}

/// What is wrong with an address that has to be written in the one way there is.
pub(crate) fn bad_address(text: &str) -> Option<String> {
    let Some(address) = loose_ip(text) else {
        return Some("must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)".to_owned());
    };
    if text.parse::<IpAddr>().is_err() {
        return Some("must not have leading 0s".to_owned());
    }
    if is_mapped(address) {
        return Some("must not be an IPv4-mapped IPv6 address".to_owned());
    }
    let canonical = address.to_string();
    (canonical != text).then(|| format!("must be in canonical form ({canonical:?})"))
}

fn bad_cidr(text: &str) -> Option<String> {
    let not_one = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)";
    let Some((address, bits, length)) = parsed_cidr(text) else { return Some(not_one.to_owned()) };
    let stated = text.split('/').next().unwrap_or_default();
    if stated.parse::<IpAddr>().is_err() || length.len() > 1 && length.starts_with('0') {
        return Some("must not have leading 0s in IP or prefix length".to_owned());
    }
    if is_mapped(address) {
        return Some("must not have an IPv4-mapped IPv6 address".to_owned());
    }
    let rest = match address {
        IpAddr::V4(address) => u128::from(u32::from(address)) & low_bits(32 - bits),
        IpAddr::V6(address) => u128::from(address) & low_bits(128 - bits),
    };
    if rest != 0 {
        return Some("must not have bits set beyond the prefix length".to_owned());
    }
    let canonical = format!("{address}/{bits}");
    (canonical != text).then(|| format!("must be in canonical form ({canonical:?})"))
}

/// The address of a range, and the length of its prefix, as a number and as it is written.
pub(super) fn parsed_cidr(text: &str) -> Option<(IpAddr, u32, &str)> {
    let (address, length) = text.split_once('/')?;
    let (address, bits) = (loose_ip(address)?, length.parse::<u32>().ok()?);
    let most = if address.is_ipv4() { 32 } else { 128 };
    (bits <= most && !length.starts_with('+')).then_some((address, bits, length))
}

fn low_bits(count: u32) -> u128 {
    if count >= 128 { u128::MAX } else { (1 << count) - 1 }
}

pub(super) fn address(write: &Write<'_>, faults: &mut Faults) {
    let above = Path::Root.field("spec");
    let at = above.field("parentRef");
    let Some(parent) = write.new.at(&["spec", "parentRef"]) else {
        faults.required(at, "");
        return;
    };
    let group = text(parent, "group");
    if !group.is_empty() {
        complain(faults, at.field("group"), group, names::dns_subdomain(group));
    }
    for key in ["resource", "name"] {
        if required(faults, parent, key, &at) {
            complain(
                faults,
                at.field(key),
                text(parent, key),
                names::path_segment(text(parent, key)),
            );
        }
    }
    let namespace = text(parent, "namespace");
    if !namespace.is_empty() {
        complain(faults, at.field("namespace"), namespace, names::path_segment(namespace));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_written_in_one_way_only() {
        for (text, why) in [
            ("10.1.1.1", None),
            ("2001:db8::1", None),
            ("010.1.1.1", Some("must not have leading 0s")),
            ("x", Some("must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)")),
            ("::ffff:1.2.3.4", Some("must not be an IPv4-mapped IPv6 address")),
            ("2001:DB8::1", Some("must be in canonical form (\"2001:db8::1\")")),
        ] {
            assert_eq!(bad_address(text).as_deref(), why, "{text}");
        }
    }

    #[test]
    fn a_range_ends_where_its_prefix_does() {
        for (text, why) in [
            ("10.222.0.0/16", None),
            ("10.222.0.1/16", Some("must not have bits set beyond the prefix length")),
            ("10.0.0.0/08", Some("must not have leading 0s in IP or prefix length")),
            (
                "10.0.0.0/33",
                Some("must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"),
            ),
            ("2001:db8::/32", None),
        ] {
            assert_eq!(bad_cidr(text).as_deref(), why, "{text}");
        }
    }
}
