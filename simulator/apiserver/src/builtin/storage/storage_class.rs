//! Classes of storage: who provides it, and where it may be.

use std::collections::{BTreeMap, BTreeSet};

use crate::Tree;
use crate::builtin::check::{complain, list, one_of, required, text};
use crate::builtin::rules::Write;
use crate::names;
use crate::schema::{Faults, Path};

pub(in crate::builtin) fn check(write: &Write<'_>, faults: &mut Faults) {
    let class = write.new;
    if required(faults, class, "provisioner", &Path::Root) {
        let name = text(class, "provisioner").to_lowercase();
        complain(faults, Path::Root.field("provisioner"), &name, names::qualified_name(&name));
    }
    for (key, _) in class.get("parameters").into_iter().flat_map(Tree::entries) {
        if key.is_empty() {
            faults.invalid(Path::Root.field("parameters"), key, "field can not be empty.");
        }
    }
    if !text(class, "reclaimPolicy").is_empty() {
        one_of(faults, class, "reclaimPolicy", &Path::Root, &["Delete", "Retain"]);
    }
    one_of(faults, class, "volumeBindingMode", &Path::Root, &["Immediate", "WaitForFirstConsumer"]);
    topologies(class, faults);
}

/// Where its volumes may be: each term once.
fn topologies(class: &Tree, faults: &mut Faults) {
    let all = Path::Root.field("allowedTopologies");
    let mut known: Vec<BTreeMap<String, BTreeSet<String>>> = Vec::new();
    for (index, one) in list(class, "allowedTopologies").iter().enumerate() {
        let at = all.index(index);
        let place = at.field("matchLabelExpressions");
        let said = term(one, &place, faults);
        // The real server takes one that says nothing for its own empty memory.
        if said.is_empty() || known.contains(&said) {
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
pub(in crate::builtin) fn kept(new: &Tree, old: &Tree, faults: &mut Faults) {
    for key in ["parameters", "provisioner", "reclaimPolicy"] {
        // What is stored says nothing where it is empty; what comes in says that it is.
        let before = old.get(key).filter(|value| !value.is_empty());
        if new.get(key) != before {
            faults.forbidden(Path::Root.field(key), &format!("updates to {key} are forbidden."));
        }
    }
    crate::builtin::immutable::same(new, old, &["volumeBindingMode"], faults);
}
