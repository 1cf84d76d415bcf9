//! Classes of storage: who provides it, and where it may be.

use std::collections::{BTreeMap, BTreeSet};

use crate::Tree;
use crate::builtin::check::{complain, list, one_of, required, text};
use crate::builtin::rules::Write;
use crate::names;
use crate::schema::{Faults, Path};

pub(in crate::builtin) fn check(write: &Write<'_>, faults: &mut Faults) {
    let class = write.new;
    provider(class, "provisioner", faults);
    parameters(class, faults);
    if !text(class, "reclaimPolicy").is_empty() {
        one_of(faults, class, "reclaimPolicy", &Path::Root, &["Delete", "Retain"]);
    }
    one_of(faults, class, "volumeBindingMode", &Path::Root, &["Immediate", "WaitForFirstConsumer"]);
    topologies(class, faults);
}

fn provider(class: &Tree, key: &str, faults: &mut Faults) {
    if required(faults, class, key, &Path::Root) {
        let name = text(class, key).to_lowercase();
        complain(faults, Path::Root.field(key), &*name, names::qualified_name(&name));
    }
}

/// Whether there are some, and no more than can be kept.
fn parameters(class: &Tree, faults: &mut Faults) -> bool {
    const MOST: usize = 512;
    const LARGEST: usize = 256 * 1024;
    let at = Path::Root.field("parameters");
    let Some(all) = class.get("parameters").filter(|all| !all.is_empty()) else { return false };
    if all.entries().len() > MOST {
        faults.too_long(at, MOST);
        return true;
    }
    let mut size = 0;
    for (key, value) in all.entries() {
        if key.is_empty() {
            faults.invalid(at, key, "field can not be empty.");
        }
        size += key.len() + value.as_str().map_or(0, str::len);
    }
    if size > LARGEST {
        faults.too_long(at, LARGEST);
    }
    true
}

/// What can be changed of a volume once it is there.
pub(in crate::builtin) fn attributes(write: &Write<'_>, faults: &mut Faults) {
    provider(write.new, "driverName", faults);
    if !parameters(write.new, faults) {
        let why = "must contain at least one key/value pair";
        faults.required(Path::Root.field("parameters"), why);
    }
}

/// Where its volumes may be: each term once.
fn topologies(class: &Tree, faults: &mut Faults) {
    let all = Path::Root.field("allowedTopologies");
    let mut known: Vec<BTreeMap<String, BTreeSet<String>>> = Vec::new();
    let terms = list(class, "allowedTopologies");
    for (index, one) in terms.iter().enumerate() {
        let at = all.index(index);
        let place = at.field("matchLabelExpressions");
        let said = term(one, &place, faults);
        // The real server compares one that says nothing with its own empty memory, too, which is as long as the list.
        let blank = if said.is_empty() { terms.len() } else { 0 };
        for _ in 0..blank + known.iter().filter(|other| **other == said).count() {
            faults.duplicate(place, "");
        }
        known.push(said);
    }
}

fn term(term: &Tree, all: &Path<'_>, faults: &mut Faults) -> BTreeMap<String, BTreeSet<String>> {
    let mut said = BTreeMap::new();
    for (index, expression) in list(term, "matchLabelExpressions").iter().enumerate() {
        let at = all.index(index);
        let key = text(expression, "key");
        let place = at.field("values");
        let mut values = BTreeSet::new();
        if list(expression, "values").is_empty() {
            faults.required(place, "");
        }
        for (index, value) in list(expression, "values").iter().enumerate() {
            let value = value.as_str().unwrap_or_default();
            if !values.insert(value.to_owned()) {
                faults.duplicate(place.index(index), value);
            }
        }
        complain(faults, at.field("key"), key, names::qualified_name(key));
        if said.insert(key.to_owned(), values).is_some() {
            faults.duplicate(at.field("key"), key);
        }
    }
    said
}

/// What volumes were made by does not change.
pub(in crate::builtin) fn kept((new, stated): (&Tree, &Tree), old: &Tree, faults: &mut Faults) {
    unchanged((new, stated), old, &["parameters", "provisioner", "reclaimPolicy"], faults);
    crate::builtin::immutable::same(new, old, &["volumeBindingMode"], faults);
}

/// Nor does what they were changed to.
pub(in crate::builtin) fn kept_attributes(
    (new, stated): (&Tree, &Tree),
    old: &Tree,
    faults: &mut Faults,
) {
    unchanged((new, stated), old, &["driverName", "parameters"], faults);
}

fn is_empty_map(tree: &Tree) -> bool {
    tree.is_map() && tree.is_empty()
}

fn unchanged((new, stated): (&Tree, &Tree), old: &Tree, keys: &[&str], faults: &mut Faults) {
    for key in keys {
        // What is stored says nothing where it is empty; what comes in says that it is.
        let before = old.get(key).filter(|value| !value.is_empty());
        let says_empty = before.is_none() && stated.get(key).is_some_and(is_empty_map);
        if new.get(key) != before || says_empty {
            faults.forbidden(Path::Root.field(key), &format!("updates to {key} are forbidden."));
        }
    }
}
