//! Devices: the classes that name them, the claims by which pods ask for them, and the slices in which drivers offer
//! them.
//!
//! **Invariant:** a feature that is off is as if it were not there, so nothing here looks at counters, taints,
//! conditions of binding or capacity that is shared: of those, nothing gets as far as to be checked.

pub(crate) mod access;
mod claim;
mod class;
pub(crate) mod gates;
mod names;
mod selector;
mod slice;
mod status;

use std::collections::BTreeSet;

pub(super) use claim::{OF_CLASS, claim, template, wanted};
pub(super) use class::check as class;
pub(super) use slice::check as slice;
pub(crate) use slice::says_what_goes;
pub(super) use status::check as status;

use super::check::{complain, required, text};
use super::storage::sources;
use crate::Tree;
use crate::schema::{Faults, Path};

/// Requests of a claim, what was given for them, and lists of their names.
const MOST_REQUESTS: usize = 32;
const MOST_SELECTORS: usize = 32;
const MOST_CONFIGURATIONS: usize = 32;
/// Bytes of what a driver reads, and says, in its own words.
const LONGEST_DATA: usize = 10 * 1024;

/// Each item by itself, then how many they are.
fn each(
    items: &[Tree],
    all: Path<'_>,
    most: usize,
    faults: &mut Faults,
    mut check: impl FnMut(&Tree, Path<'_>, &mut Faults),
) {
    for (index, item) in items.iter().enumerate() {
        check(item, all.index(index), faults);
    }
    if items.len() > most {
        faults.too_many(all, items.len(), most);
    }
}

/// No item goes by a name that stands before; without a key they are names themselves.
fn once(items: &[Tree], key: Option<&str>, all: &Path<'_>, faults: &mut Faults) {
    let mut known = BTreeSet::new();
    for (index, item) in items.iter().enumerate() {
        let name = key.map_or_else(|| item.as_str().unwrap_or_default(), |key| text(item, key));
        if !known.insert(name) {
            let at = all.index(index);
            faults.duplicate(key.map_or(at, |key| at.field(key)), name);
        }
    }
}

/// What a driver is told of its devices; nothing but the driver understands it.
fn configuration(tree: &Tree, at: &Path<'_>, stored: bool, faults: &mut Faults) {
    let at = at.field("opaque");
    let Some(opaque) = tree.get("opaque") else { return faults.required(at, "") };
    sources::driver(text(opaque, "driver"), at.field("driver"), faults);
    let parameters = opaque.get("parameters").filter(|parameters| !parameters.is_null());
    match parameters {
        None => faults.required(at.field("parameters"), ""),
        Some(parameters) => data(parameters, at.field("parameters"), stored, faults),
    }
}

/// A JSON object. Of what is stored already, nobody asks how long it is.
fn data(tree: &Tree, at: Path<'_>, stored: bool, faults: &mut Faults) {
    if !stored && tree.to_string().len() > LONGEST_DATA {
        faults.too_long(at, LONGEST_DATA);
    } else if !tree.is_map() {
        faults.invalid(at, "<value omitted>", "must be a valid JSON object");
    }
}

/// The name of a class.
fn class_name(tree: &Tree, at: &Path<'_>, faults: &mut Faults) {
    if required(faults, tree, "deviceClassName", at) {
        let name = text(tree, "deviceClassName");
        let complaints = crate::names::dns_subdomain(name);
        complain(faults, at.field("deviceClassName"), name, complaints);
    }
}

/// Which device is meant: by its driver, its pool, its name, and which share of it.
fn device(tree: &Tree) -> [&str; 4] {
    ["driver", "pool", "device", "shareID"].map(|key| text(tree, key))
}
