//! The devices that a driver offers, on one node or on many.

use std::sync::LazyLock;

use regex::Regex;

use super::{each, names, once};
use crate::Tree;
use crate::builtin::check::{complain, list, text};
use crate::builtin::immutable::{IMMUTABLE, same};
use crate::builtin::internal;
use crate::builtin::pod::scheduling::node_selector;
use crate::builtin::rules::Write;
use crate::builtin::storage::sources;
use crate::names::{dns_label, dns_subdomain};
use crate::schema::{Faults, Path};
use crate::status::FieldError;

const MOST_DEVICES: usize = 128;
/// Attributes and capacities of a device.
const MOST_FACTS: usize = 32;
const LONGEST_VALUE: usize = 64;
/// A domain, a slash and an identifier.
const LONGEST_KEY: usize = 63 + 1 + 32;

pub(in crate::builtin) fn check(write: &Write<'_>, faults: &mut Faults) {
    if !write.changed(&["spec"]) {
        return;
    }
    let (spec, at) = (write.part(&["spec"]), Path::Root.field("spec"));
    sources::driver(text(spec, "driver"), at.field("driver"), faults);
    pool(spec, &at.field("pool"), faults);
    if let Some(old) = write.old {
        for (path, place) in [
            (&["spec", "pool", "name"][..], "spec.pool.name"),
            (&["spec", "driver"], "spec.driver"),
        ] {
            let now = write.kept.str_at(path).unwrap_or_default();
            if now != old.str_at(path).unwrap_or_default() {
                faults.0.push(FieldError::invalid(place, &now.into(), IMMUTABLE));
            }
        }
        same(write.kept, old, &["spec", "nodeName"], faults);
    }
    nodes(spec, &at, faults);
    let all = at.field("devices");
    let devices = list(spec, "devices");
    each(devices, all, MOST_DEVICES, faults, |one, at, faults| device(one, &at, faults));
    once(devices, Some("name"), &all, faults);
}

/// Whether a change says something that belongs to a feature that is off: it counts as a change before it goes.
pub(crate) fn says_what_goes(wanted: &Tree, kept: &Tree) -> bool {
    let devices =
        |tree: &Tree| tree.at(&["spec", "devices"]).filter(|devices| !devices.is_empty()).cloned();
    let without = |tree: &Tree| tree.get("spec").map(|spec| spec.without(&["devices"]));
    devices(wanted) != devices(kept) || without(wanted) != without(kept)
}

fn pool(spec: &Tree, at: &Path<'_>, faults: &mut Faults) {
    names::pool(spec.str_at(&["pool", "name"]).unwrap_or_default(), at.field("name"), faults);
    let count = spec.int_at(&["pool", "resourceSliceCount"]).unwrap_or(0);
    if count <= 0 {
        faults.invalid(at.field("resourceSliceCount"), count, "must be greater than zero");
    }
    let generation = spec.int_at(&["pool", "generation"]).unwrap_or(0);
    if generation < 0 {
        let why = "must be greater than or equal to zero";
        faults.invalid(at.field("generation"), generation, why);
    }
}

/// From where the devices can be reached, said in one way.
fn nodes(spec: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let mut ways = Vec::new();
    match spec.str_at(&["nodeName"]) {
        Some("") => {
            let why = "must be either unset or set to a non-empty string";
            faults.invalid(at.field("nodeName"), "", why);
        }
        Some(name) => {
            ways.push("`nodeName`");
            complain(faults, at.field("nodeName"), name, dns_subdomain(name));
        }
        None => {}
    }
    if let Some(selector) = spec.get("nodeSelector").filter(|selector| !selector.is_null()) {
        ways.push("`nodeSelector`");
        let at = at.field("nodeSelector");
        node_selector(selector, &at, faults);
        let terms = selector.get("nodeSelectorTerms");
        if terms.map_or(0, |terms| terms.items().len()) != 1 {
            let why = "must have exactly one node selector term";
            let nothing = Tree::null();
            let terms = terms.unwrap_or(&nothing);
            let at = at.field("nodeSelectorTerms");
            internal::invalid(faults, at, "[]core.NodeSelectorTerm", terms, why);
        }
    }
    match spec.bool_at(&["allNodes"]) {
        Some(true) => ways.push("`allNodes`"),
        Some(false) => {
            let why = "must be either unset or set to true";
            faults.invalid(at.field("allNodes"), false, why);
        }
        None => {}
    }
    let one = "exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required";
    match ways.len() {
        0 => faults.required(*at, one),
        1 => {}
        _ => {
            let why = format!("{one}, but multiple fields are set");
            faults.invalid(*at, format!("{{{}}}", ways.join(", ")), &why);
        }
    }
}

fn device(device: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let name = text(device, "name");
    complain(faults, at.field("name"), name, dns_label(name));
    let facts = |key: &str| device.get(key).into_iter().flat_map(Tree::entries);
    let count = facts("attributes").count() + facts("capacity").count();
    if count > MOST_FACTS {
        let why =
            format!("the total number of attributes and capacities must not exceed {MOST_FACTS}");
        faults.invalid(*at, Tree::from_value(count.into()), &why);
    }
    let all = at.field("attributes");
    for (key, value) in facts("attributes") {
        let shown = shortened(key);
        let at = all.key(&shown);
        names::qualified(key, at, faults);
        attribute(value, &at, faults);
    }
    let all = at.field("capacity");
    for (key, _) in facts("capacity") {
        names::qualified(key, all.key(&shortened(key)), faults);
    }
}

/// Of a long key, its ends.
fn shortened(key: &str) -> String {
    if key.len() <= LONGEST_KEY {
        return key.to_owned();
    }
    let rest = LONGEST_KEY - "...".len();
    let bytes = key.as_bytes();
    let (start, end) = (&bytes[..rest.div_ceil(2)], &bytes[bytes.len() - rest / 2..]);
    format!("{}...{}", String::from_utf8_lossy(start), String::from_utf8_lossy(end))
}

/// One value, of one of four types.
fn attribute(value: &Tree, at: &Path<'_>, faults: &mut Faults) {
    static VERSION: LazyLock<Regex> = LazyLock::new(|| {
        let (number, word) = ("(?:0|[1-9][0-9]*)", "[0-9a-zA-Z-]+");
        let part = format!("(?:{number}|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)");
        let pattern = format!(
            r"^{number}\.{number}\.{number}(?:-{part}(?:\.{part})*)?(?:\+{word}(?:\.{word})*)?$"
        );
        Regex::new(&pattern).expect("the grammar of versions is a regular expression")
    });
    let long = |text: &str, key: &str, faults: &mut Faults| {
        if text.len() > LONGEST_VALUE {
            faults.too_long(at.field(key), LONGEST_VALUE);
        }
    };
    if let Some(text) = value.str_at(&["string"]) {
        long(text, "string", faults);
    }
    if let Some(version) = value.str_at(&["version"]) {
        if !VERSION.is_match(version) {
            let why = "must be a string compatible with semver.org spec 2.0.0";
            faults.invalid(at.field("version"), version, why);
        }
        long(version, "version", faults);
    }
    let one = "exactly one value must be specified";
    match value.entries().filter(|(_, value)| !value.is_null()).count() {
        0 => faults.required(*at, one),
        1 => {}
        _ => internal::invalid(faults, *at, "resource.DeviceAttribute", value, one),
    }
}
