//! Definitions of custom kinds: what is wrong with one, what the server says of it, what kinds it brings.

mod budget;
mod defaults;
mod lists;
mod openapi;
mod parts;
mod place;
mod rules;
mod structural;

pub(crate) use place::Place;
pub(crate) use rules::{broken, broken_status, warnings};
pub(crate) use structural::in_words as bad_pattern;

use jiff::Timestamp;

use crate::Tree;
use crate::builtin::conversion;
use crate::kinds::{Column, KindInfo, Scale, VERBS};
use crate::object::text;
use crate::schema::{Schema, Table};

/// The kinds of a definition, one for each version.
pub(crate) fn kinds(table: &'static Table, definition: &Tree) -> Vec<KindInfo> {
    let versions = definition.at(&["spec", "versions"]).map_or(&[][..], Tree::items);
    versions.iter().map(|version| kind(table, definition, version)).collect()
}

fn kind(table: &'static Table, definition: &Tree, version: &Tree) -> KindInfo {
    let name = |key: &str| text(definition.str_at(&["spec", "names", key]).unwrap_or_default());
    let names = |key: &str| {
        let list = definition.at(&["spec", "names", key]).map_or(&[][..], Tree::items);
        list.iter().filter_map(Tree::as_text).cloned().collect()
    };
    let on = |key: &str| version.bool_at(&[key]).unwrap_or(false);
    let group = definition.str_at(&["spec", "group"]).unwrap_or_default();
    let own = version.str_at(&["name"]).unwrap_or_default();
    let mut subresources = Vec::new();
    if version.at(&["subresources", "status"]).is_some() {
        subresources.push("status");
    }
    let scale = version.at(&["subresources", "scale"]).map(|scale| {
        let path = |key: &str| scale.str_at(&[key]).unwrap_or_default().to_owned();
        Scale {
            spec_replicas: path("specReplicasPath"),
            status_replicas: path("statusReplicasPath"),
            label_selector: path("labelSelectorPath"),
        }
    });
    if scale.is_some() {
        subresources.push("scale");
    }
    let columns = version.get("additionalPrinterColumns").map_or(&[][..], Tree::items);
    let any = Tree::empty_map();
    let schema = version.at(&["schema", "openAPIV3Schema"]).unwrap_or(&any);
    let deprecation = match version.str_at(&["deprecationWarning"]) {
        _ if !on("deprecated") => String::new(),
        Some(warning) => warning.to_owned(),
        None => deprecation(group, own, definition),
    };
    KindInfo {
        group: text(group),
        version: text(own),
        kind: name("kind"),
        list_kind: name("listKind"),
        plural: name("plural"),
        singular: name("singular"),
        short_names: names("shortNames"),
        categories: names("categories"),
        namespaced: definition.str_at(&["spec", "scope"]) == Some("Namespaced"),
        verbs: VERBS.to_vec(),
        subresources,
        tracks_generation: true,
        unconditional_update: false,
        served: on("served"),
        storage: on("storage"),
        custom: true,
        redefined: definition.int_at(&["metadata", "generation"]) > Some(1),
        schema: Schema::custom(table, schema.clone()),
        scale,
        columns: columns.iter().map(Column::of).collect(),
        since: 0,
        deprecation,
    }
}

/// The warning about a version that its definition calls deprecated: it names the newest one that is not.
fn deprecation(group: &str, version: &str, definition: &Tree) -> String {
    let kind = definition.str_at(&["spec", "names", "kind"]).unwrap_or_default();
    let versions = definition.at(&["spec", "versions"]).map_or(&[][..], Tree::items);
    let on = |version: &Tree, key: &str| version.bool_at(&[key]) == Some(true);
    let good = versions.iter().filter(|other| on(other, "served") && !on(other, "deprecated"));
    let best = good
        .filter_map(|other| other.str_at(&["name"]))
        .filter(|other| crate::discovery::priority(other) > crate::discovery::priority(version))
        .max_by_key(|other| crate::discovery::priority(other));
    let warning = format!("{group}/{version} {kind} is deprecated");
    match best {
        Some(best) => format!("{warning}; use {group}/{best} {kind}"),
        None => warning,
    }
}

/// A definition as it is stored: a new one is not accepted yet, and every storage version is remembered.
pub(crate) fn prepare(definition: &Tree, old: Option<&Tree>) -> Tree {
    // Versions of reviews that are none are not stored, and then there is no webhook either.
    let mut tree = conversion::without_empty_webhook(definition);
    if old.is_none() {
        let nothing = Tree::map([("kind", Tree::from("")), ("plural", "".into())]);
        tree = tree.with(
            &["status"],
            Tree::map([("acceptedNames", nothing), ("conditions", Tree::null())]),
        );
    }
    let mut stored = tree.at(&["status", "storedVersions"]).map_or(&[][..], Tree::items).to_vec();
    let storage = conversion::storage_version(definition).map(Tree::from);
    if let Some(storage) = storage.filter(|storage| !stored.contains(storage)) {
        stored.push(storage);
    }
    tree.with(&["status", "storedVersions"], stored)
}

pub(crate) fn is_established(definition: &Tree) -> bool {
    condition(definition, "Established")
        .is_some_and(|found| found.str_at(&["status"]) == Some("True"))
}

fn condition<'a>(definition: &'a Tree, kind: &str) -> Option<&'a Tree> {
    let conditions = definition.at(&["status", "conditions"])?.items();
    conditions.iter().find(|known| known.str_at(&["type"]) == Some(kind))
}

/// The definition with a condition. A time stays as long as the status does.
pub(crate) fn with_condition(
    definition: &Tree,
    now: Timestamp,
    [kind, status, reason, message]: [&str; 4],
) -> Tree {
    let known = condition(definition, kind);
    let since = known.filter(|known| known.str_at(&["status"]) == Some(status));
    let since = since.and_then(|known| known.get("lastTransitionTime"));
    let new = Tree::map([
        ("type", Tree::from(kind)),
        ("status", status.into()),
        ("lastTransitionTime", since.cloned().unwrap_or_else(|| now.into())),
        ("reason", reason.into()),
        ("message", message.into()),
    ]);
    let path = ["status", "conditions"];
    let mut all = definition.at(&path).map_or(&[][..], Tree::items).to_vec();
    match all.iter().position(|known| known.str_at(&["type"]) == Some(kind)) {
        Some(at) => all[at] = new,
        None => all.push(new),
    }
    definition.with(&path, all)
}

/// The definition with the names it may have: those that no other definition of its group has. `taken` are theirs:
/// of resources, and of kinds.
pub(crate) fn with_names(definition: &Tree, taken: &[Vec<&str>; 2], now: Timestamp) -> Tree {
    let wanted = definition.at(&["spec", "names"]).cloned().unwrap_or_default();
    let had = definition.at(&["status", "acceptedNames"]).cloned().unwrap_or_default();
    let mut names = had.clone();
    let mut conflict: Option<(&str, String)> = None;
    let in_use = |name: &str, of: &[&str]| of.contains(&name);
    for (key, of, reason) in [
        ("plural", &taken[0], "PluralConflict"),
        ("singular", &taken[0], "SingularConflict"),
        ("shortNames", &taken[0], "ShortNamesConflict"),
        ("kind", &taken[1], "KindConflict"),
        ("listKind", &taken[1], "ListKindConflict"),
    ] {
        let Some(name) = wanted.get(key).filter(|name| !name.is_empty()) else {
            names = names.without(&[key]);
            continue;
        };
        let each = if name.is_list() { name.items() } else { std::slice::from_ref(name) };
        let has =
            |name: &Tree| had.get(key).is_some_and(|had| had == name || had.items().contains(name));
        let used = each.iter().filter(|name| !has(name)).filter_map(Tree::as_str);
        let used: Vec<String> = used
            .filter(|name| in_use(name, of))
            .map(|name| format!("{name:?} is already in use"))
            .collect();
        match used.as_slice() {
            [] => names = names.with(&[key], name),
            [one] => conflict = Some((reason, one.clone())),
            several => conflict = Some((reason, format!("[{}]", several.join(", ")))),
        }
    }
    names = match wanted.get("categories") {
        Some(categories) => names.with(&["categories"], categories),
        None => names.without(&["categories"]),
    };
    let tree = definition.with(&["status", "acceptedNames"], names);
    let accepted = match &conflict {
        Some((reason, message)) => ["NamesAccepted", "False", *reason, message.as_str()],
        None => ["NamesAccepted", "True", "NoConflicts", "no conflicts found"],
    };
    let tree = with_condition(&tree, now, accepted);
    if is_established(&tree) {
        return tree;
    }
    let established = match conflict {
        Some(_) => ["Established", "False", "NotAccepted", "not all names are accepted"],
        None => ["Established", "False", "Installing", "the initial names have been accepted"],
    };
    with_condition(&tree, now, established)
}

/// The names that a definition has taken: of resources, and of kinds.
pub(crate) fn taken(definition: &Tree) -> [Vec<&str>; 2] {
    let names = definition.at(&["status", "acceptedNames"]);
    let get = |keys: &[&str]| {
        let found = keys.iter().filter_map(|key| names?.get(key));
        found
            .flat_map(|name| if name.is_list() { name.items() } else { std::slice::from_ref(name) })
            .filter_map(|name| name.as_str().filter(|name| !name.is_empty()))
            .collect()
    };
    [get(&["plural", "singular", "shortNames"]), get(&["kind", "listKind"])]
}
