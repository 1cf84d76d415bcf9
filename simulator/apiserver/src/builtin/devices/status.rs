//! How a claim fares: the devices it got, who may use them, and what their drivers say of them.

use std::collections::BTreeSet;

use super::claim::Requests;
use super::names::{pool, share};
use super::{MOST_CONFIGURATIONS, MOST_REQUESTS, configuration, data, device, each, once};
use crate::Tree;
use crate::builtin::check::{NOTHING, chosen, complain, list, required, text};
use crate::builtin::cluster::parsed_cidr;
use crate::builtin::immutable::same_struct;
use crate::builtin::pod::scheduling::node_selector;
use crate::builtin::rules::Write;
use crate::builtin::storage::sources;
use crate::builtin::workload::budget;
use crate::names::dns_label;
use crate::schema::{Faults, Path};
use crate::status::FieldError;

/// What names a device in Go shows nothing of what it holds.
const DEVICE: &str = r#"{"Driver":{},"Pool":{},"Device":{},"ShareID":{}}"#;
const MOST_USERS: usize = 256;
const MOST_CONDITIONS: usize = 8;
const MOST_ADDRESSES: usize = 16;
const LONGEST_INTERFACE: usize = 256;
const LONGEST_HARDWARE: usize = 128;

pub(in crate::builtin) fn check(write: &Write<'_>, faults: &mut Faults) {
    let Some(old) = write.old.filter(|_| write.changed(&["status"])) else { return };
    let (status, at) = (write.part(&["status"]), Path::Root.field("status"));
    let users = list(status, "reservedFor");
    let all = at.field("reservedFor");
    each(users, all, MOST_USERS, faults, |user, at, faults| {
        for key in ["resource", "name", "uid"] {
            required(faults, user, key, &at);
        }
    });
    once(users, Some("uid"), &all, faults);
    let allocation = status.get("allocation").filter(|allocation| !allocation.is_null());
    reported(status, allocation, &at.field("devices"), faults);
    if !users.is_empty() {
        reserved(write, old, allocation, all, faults);
    }
    let path = ["status", "allocation"];
    match (old.at(&path).filter(|known| !known.is_null()), allocation) {
        (Some(_), Some(_)) => {
            same_struct((write.kept, write.new), old, &path, "resource.AllocationResult", faults);
        }
        (None, Some(allocation)) => {
            let named = Requests::of(write.part(&["spec", "devices"]));
            allocated(allocation, &named, &at.field("allocation"), faults);
        }
        _ => {}
    }
}

/// Who may use the devices of a claim: nobody who comes once the claim is to go.
fn reserved(
    write: &Write<'_>,
    old: &Tree,
    allocation: Option<&Tree>,
    all: Path<'_>,
    faults: &mut Faults,
) {
    if allocation.is_none() {
        return faults.forbidden(all, "may not be specified when `allocated` is not set");
    }
    let path = ["status", "reservedFor"];
    let before = old.at(&path).map_or(&[][..], Tree::items);
    let now = write.kept.at(&path).map_or(&[][..], Tree::items);
    let ends = old.at(&["metadata", "deletionTimestamp"]).is_some_and(|time| !time.is_null());
    if ends && now.iter().any(|user| !before.contains(user)) {
        let why = "new entries may not be added while `deallocationRequested` or `deletionTimestamp` are set";
        faults.forbidden(all, why);
    }
}

/// What drivers say of devices that the claim got.
fn reported(status: &Tree, allocation: Option<&Tree>, all: &Path<'_>, faults: &mut Faults) {
    let results = allocation.and_then(|allocation| allocation.at(&["devices", "results"]));
    let got: BTreeSet<_> = results.into_iter().flat_map(Tree::items).map(device).collect();
    let devices = list(status, "devices");
    each(devices, *all, usize::MAX, faults, |one, at, faults| {
        place(one, &at, faults);
        if let Some(uid) = one.str_at(&["shareID"]) {
            share(uid, at.field("shareID"), faults);
        }
        if !got.contains(&device(one)) {
            let why = "must be an allocated device in the claim";
            faults.0.push(FieldError::invalid_printed(at, DEVICE, why));
        }
        let conditions = list(one, "conditions");
        if conditions.len() > MOST_CONDITIONS {
            faults.too_many(at.field("conditions"), conditions.len(), MOST_CONDITIONS);
        }
        budget::conditions(conditions, &at.field("conditions"), faults);
        if let Some(said) = one.get("data").filter(|said| !said.is_null()) {
            data(said, at.field("data"), false, faults);
        }
        if let Some(network) = one.get("networkData") {
            reached(network, &at.field("networkData"), faults);
        }
    });
    let mut known = BTreeSet::new();
    for (index, one) in devices.iter().enumerate() {
        if !known.insert(device(one)) {
            let at = all.index(index);
            faults.0.push(FieldError::duplicate_printed(at.field("deviceID"), DEVICE));
        }
    }
}

fn place(tree: &Tree, at: &Path<'_>, faults: &mut Faults) {
    sources::driver(text(tree, "driver"), at.field("driver"), faults);
    pool(text(tree, "pool"), at.field("pool"), faults);
    let name = text(tree, "device");
    complain(faults, at.field("device"), name, dns_label(name));
}

/// How a device is reached in a network.
fn reached(network: &Tree, at: &Path<'_>, faults: &mut Faults) {
    for (key, most) in [("interfaceName", LONGEST_INTERFACE), ("hardwareAddress", LONGEST_HARDWARE)]
    {
        if text(network, key).len() > most {
            faults.too_long(at.field(key), most);
        }
    }
    let addresses = list(network, "ips");
    let all = at.field("ips");
    each(addresses, all, MOST_ADDRESSES, faults, |address, at, faults| {
        interface(address.as_str().unwrap_or_default(), at, faults);
    });
    once(addresses, None, &all, faults);
}

/// An address with the length of its network's prefix, written in the one way there is.
fn interface(text: &str, at: Path<'_>, faults: &mut Faults) {
    let Some((address, bits, _)) = parsed_cidr(text) else {
        let why = "must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)";
        return faults.invalid(at, text, why);
    };
    let address = address.to_canonical();
    // Of an IPv4 address in the form of an IPv6 one, as the real server counts.
    let bits = i64::from(bits);
    let bits = if address.is_ipv4() && bits > 32 { bits - 96 } else { bits };
    let canonical = format!("{address}/{bits}");
    if canonical != text {
        faults.invalid(at, text, &format!("must be in canonical form ({canonical:?})"));
    }
}

fn allocated(allocation: &Tree, named: &Requests<'_>, at: &Path<'_>, faults: &mut Faults) {
    const SOURCES: [&str; 2] = ["FromClaim", "FromClass"];
    let devices = allocation.get("devices").unwrap_or(&NOTHING);
    let place_of = at.field("devices");
    let results = list(devices, "results");
    each(results, place_of.field("results"), MOST_REQUESTS, faults, |result, at, faults| {
        named.mention(text(result, "request"), at.field("request"), faults);
        place(result, &at, faults);
        if let Some(uid) = result.str_at(&["shareID"]) {
            share(uid, at.field("shareID"), faults);
        }
    });
    // Those of the claim and those of its class.
    let most = 2 * MOST_CONFIGURATIONS;
    each(list(devices, "config"), place_of.field("config"), most, faults, |one, at, faults| {
        chosen(faults, one, "source", &at, &SOURCES);
        named.mentioned(list(one, "requests"), &at.field("requests"), faults);
        configuration(one, &at, false, faults);
    });
    if let Some(selector) = allocation.get("nodeSelector").filter(|selector| !selector.is_null()) {
        node_selector(selector, &at.field("nodeSelector"), faults);
    }
}
