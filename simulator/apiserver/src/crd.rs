//! Definitions of custom kinds: what is wrong with one, what the server says of it, what kinds it brings.

mod parts;
mod structural;

use jiff::Timestamp;

use crate::Tree;
use crate::kinds::{Column, KindInfo, Scale, VERBS};
use crate::names;
use crate::object::text;
use crate::schema::{Faults, Path, Schema, Table};
use crate::status::FieldError;

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
    let mut tree = definition.clone();
    if old.is_none() {
        let nothing = Tree::map([("kind", Tree::from("")), ("plural", "".into())]);
        tree = tree.with(
            &["status"],
            Tree::map([("acceptedNames", nothing), ("conditions", Tree::null())]),
        );
    }
    let mut stored = tree.at(&["status", "storedVersions"]).map_or(&[][..], Tree::items).to_vec();
    let storage = storage_version(definition).map(Tree::from);
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
pub(crate) fn with_names(definition: &Tree, taken: &[Vec<String>; 2], now: Timestamp) -> Tree {
    let wanted = definition.at(&["spec", "names"]).cloned().unwrap_or_default();
    let had = definition.at(&["status", "acceptedNames"]).cloned().unwrap_or_default();
    let mut names = had.clone();
    let mut conflict: Option<(&str, String)> = None;
    let in_use = |name: &str, of: &[String]| of.iter().any(|used| used == name);
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
pub(crate) fn taken(definition: &Tree) -> [Vec<String>; 2] {
    let names = definition.at(&["status", "acceptedNames"]);
    let get = |keys: &[&str]| {
        let found = keys.iter().filter_map(|key| names?.get(key));
        found
            .flat_map(|name| if name.is_list() { name.items() } else { std::slice::from_ref(name) })
            .filter_map(|name| name.as_str().filter(|name| !name.is_empty()).map(str::to_owned))
            .collect()
    };
    [get(&["plural", "singular", "shortNames"]), get(&["kind", "listKind"])]
}

fn storage_version(definition: &Tree) -> Option<&str> {
    let versions = definition.at(&["spec", "versions"])?.items();
    versions.iter().rev().find(|v| v.bool_at(&["storage"]) == Some(true))?.str_at(&["name"])
}

/// Every rule the definition breaks.
pub(crate) fn broken(definition: &Tree, old: Option<&Tree>) -> Vec<FieldError> {
    let mut faults = Faults::default();
    let spec = Path::Root.field("spec");
    let text = |path: &[&str]| definition.str_at(path).unwrap_or_default().to_owned();
    let group = text(&["spec", "group"]);
    let plural = text(&["spec", "names", "plural"]);
    let name = text(&["metadata", "name"]);
    if old.is_none() {
        if name != format!("{plural}.{group}") {
            let at = Path::Root.field("metadata");
            faults.invalid(at.field("name"), &*name, "must be spec.names.plural+\".\"+spec.group");
        }
        approval(definition, &group, &mut faults);
    }
    if group.is_empty() {
        faults.required(spec.field("group"), "");
    } else {
        let complaints = names::dns_subdomain(&group);
        for complaint in &complaints {
            faults.invalid(spec.field("group"), &*group, complaint);
        }
        if complaints.is_empty() && !group.contains('.') {
            faults.invalid(
                spec.field("group"),
                &*group,
                "should be a domain with at least one dot",
            );
        }
    }
    match definition.str_at(&["spec", "scope"]) {
        None | Some("") => faults.required(spec.field("scope"), ""),
        Some("Namespaced" | "Cluster") => {}
        Some(other) => faults.not_supported(spec.field("scope"), other, &["Cluster", "Namespaced"]),
    }
    versions(definition, &spec, &mut faults);
    parts::check(definition, &spec, &mut faults);
    kind_names(definition, &spec.field("names"), &mut faults);
    structural::check(definition, &spec, &mut faults);
    if let Some(old) = old {
        immutable(definition, old, &spec, &mut faults);
    }
    stored_versions(definition, old, &mut faults);
    faults.0
}

fn approval(definition: &Tree, group: &str, faults: &mut Faults) {
    const KEY: &str = "api-approved.kubernetes.io";
    let is_protected = ["k8s.io", "kubernetes.io"]
        .iter()
        .any(|suffix| group == *suffix || group.ends_with(&format!(".{suffix}")));
    if !is_protected {
        return;
    }
    let meta = Path::Root.field("metadata");
    let annotations = meta.field("annotations");
    let see = "see https://github.com/kubernetes/enhancements/pull/1111";
    match definition.str_at(&["metadata", "annotations", KEY]) {
        None | Some("") => {
            let detail = format!("protected groups must have approval annotation \"{KEY}\", {see}");
            faults.required(annotations.key(KEY), &detail);
        }
        Some(value) if value.starts_with("unapproved") || value.contains("://") => {}
        Some(value) => {
            let detail = format!(
                "protected groups must have approval annotation \"{KEY}\" with either a URL or a reason starting with \"unapproved\", {see}"
            );
            faults.invalid(annotations.key(KEY), value, &detail);
        }
    }
}

fn versions(definition: &Tree, spec: &Path<'_>, faults: &mut Faults) {
    let at = spec.field("versions");
    let list = definition.at(&["spec", "versions"]).map_or(&[][..], Tree::items);
    for (index, version) in list.iter().enumerate() {
        let at = at.index(index);
        let name = version.str_at(&["name"]).unwrap_or_default();
        for complaint in names::dns_1035_label(name) {
            faults.invalid(at.field("name"), name, &complaint);
            if index == 0 {
                // The first version once stood here, and is still looked at there.
                faults.invalid(spec.field("version"), name, &complaint);
            }
        }
        if let Some(warning) = version.str_at(&["deprecationWarning"]) {
            let place = at.field("deprecationWarning");
            if version.bool_at(&["deprecated"]) != Some(true) {
                faults.invalid(place, warning, "can only be set for deprecated versions");
            } else if warning.is_empty() {
                faults.invalid(place, warning, "must not be an empty string");
            } else if warning.len() > 256 {
                faults.invalid(place, warning, "must be <= 256 characters long");
            }
        }
    }
    let name = |version: &Tree| version.str_at(&["name"]).unwrap_or_default().to_owned();
    let mut seen: Vec<String> = list.iter().map(name).collect();
    seen.sort();
    let printed = || match definition.at(&["spec", "versions"]) {
        Some(versions) if !versions.is_null() => printed_versions(list),
        _ => "null".to_owned(),
    };
    if seen.windows(2).any(|pair| pair[0] == pair[1]) {
        faults.0.push(FieldError::invalid_printed(
            at,
            &printed(),
            "must contain unique version names",
        ));
    }
    let storage = list.iter().filter(|v| v.bool_at(&["storage"]) == Some(true)).count();
    if storage != 1 {
        let detail = "must have exactly one version marked as storage version";
        faults.0.push(FieldError::invalid_printed(at, &printed(), detail));
    }
}

/// Versions in the server's own form, as its messages show them.
fn printed_versions(list: &[Tree]) -> String {
    let one = |version: &Tree| {
        let on = |key: &str| version.bool_at(&[key]).unwrap_or(false);
        format!(
            "{{\"Name\":{},\"Served\":{},\"Storage\":{},\"Deprecated\":{},\"DeprecationWarning\":{},\"Schema\":null,\"Subresources\":null,\"AdditionalPrinterColumns\":null,\"SelectableFields\":null}}",
            version.get("name").unwrap_or(&Tree::from("")),
            on("served"),
            on("storage"),
            on("deprecated"),
            version.get("deprecationWarning").unwrap_or(&Tree::null()),
        )
    };
    format!("[{}]", list.iter().map(one).collect::<Vec<_>>().join(","))
}

fn kind_names(definition: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let get = |key: &str| definition.str_at(&["spec", "names", key]).unwrap_or_default();
    for key in ["plural", "singular", "kind", "listKind"] {
        if get(key).is_empty() {
            faults.required(at.field(key), "");
        }
    }
    let mut check = |at: Path<'_>, name: &str, mixed: bool| {
        let checked = if mixed { name.to_lowercase() } else { name.to_owned() };
        for complaint in names::dns_1035_label(&checked) {
            let lead = if mixed { "may have mixed case, but should otherwise match: " } else { "" };
            faults.invalid(at, name, &format!("{lead}{complaint}"));
        }
    };
    for (key, mixed) in [("plural", false), ("singular", false), ("kind", true), ("listKind", true)]
    {
        if !get(key).is_empty() {
            check(at.field(key), get(key), mixed);
        }
    }
    for key in ["shortNames", "categories"] {
        let list = definition.at(&["spec", "names", key]).map_or(&[][..], Tree::items);
        for (index, name) in list.iter().enumerate() {
            check(at.field(key).index(index), name.as_str().unwrap_or_default(), false);
        }
    }
    if !get("kind").is_empty() && get("kind") == get("listKind") {
        faults.invalid(
            at.field("listKind"),
            get("listKind"),
            "kind and listKind may not be the same",
        );
    }
}

fn immutable(definition: &Tree, old: &Tree, spec: &Path<'_>, faults: &mut Faults) {
    let names = spec.field("names");
    let fields: [(&[&str], Path<'_>); 4] = [
        (&["spec", "group"], spec.field("group")),
        (&["spec", "scope"], spec.field("scope")),
        (&["spec", "names", "kind"], names.field("kind")),
        (&["spec", "names", "plural"], names.field("plural")),
    ];
    for (path, at) in fields {
        let (now, was) = (definition.str_at(path), old.str_at(path));
        if now != was {
            faults.invalid(at, now.unwrap_or_default(), "field is immutable");
        }
    }
}

fn stored_versions(definition: &Tree, old: Option<&Tree>, faults: &mut Faults) {
    let status = Path::Root.field("status");
    let at = status.field("storedVersions");
    let versions = definition.at(&["spec", "versions"]).map_or(&[][..], Tree::items);
    let known = |name: &str| versions.iter().any(|version| version.str_at(&["name"]) == Some(name));
    let Some(storage) = storage_version(definition) else {
        if old.is_none() {
            let detail = "must have at least one stored version";
            faults.0.push(FieldError::invalid_printed(at, "null", detail));
        }
        return;
    };
    let first = versions.iter().find(|version| version.bool_at(&["storage"]) == Some(true));
    let first = first.and_then(|version| version.str_at(&["name"])).unwrap_or_default();
    if first != storage {
        let detail = format!("must have the storage version {storage}");
        faults.invalid(at, Tree::list([Tree::from(first)]), &detail);
    }
    let stored = definition.at(&["status", "storedVersions"]).map_or(&[][..], Tree::items);
    for (index, version) in stored.iter().filter_map(Tree::as_str).enumerate() {
        if !known(version) {
            let detail = format!(
                "missing from spec.versions; {version} was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in {version} and removes {version} from status.storedVersions"
            );
            faults.invalid(at.index(index), version, &detail);
        }
    }
}
