//! Definitions of custom kinds: what is wrong with one, what the server says of it, what kinds it brings.

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
        None => format!("{group}/{own} {} is deprecated", name("kind")),
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
        deprecation,
    }
}

/// What the server says of a definition: accepted and served at once. `taken` are the names of other kinds of the
/// group.
pub(crate) fn accept(definition: &Tree, now: Timestamp) -> Tree {
    let mut tree = definition.clone();
    let names = definition.at(&["spec", "names"]).cloned().unwrap_or_else(Tree::empty_map);
    tree = tree.with(&["status", "acceptedNames"], names.without(&["categories"]));
    if let Some(categories) = names.get("categories") {
        tree = tree.with(&["status", "acceptedNames", "categories"], categories);
    }
    let storage = storage_version(definition);
    let mut stored =
        definition.at(&["status", "storedVersions"]).map_or(&[][..], Tree::items).to_vec();
    if let Some(storage) = storage.map(Tree::from).filter(|storage| !stored.contains(storage)) {
        stored.push(storage);
    }
    tree = tree.with(&["status", "storedVersions"], stored);
    let conditions = definition.at(&["status", "conditions"]).map_or(&[][..], Tree::items);
    let missing = |kind: &str| !conditions.iter().any(|c| c.str_at(&["type"]) == Some(kind));
    let mut all = conditions.to_vec();
    for (kind, reason, message) in [
        ("NamesAccepted", "NoConflicts", "no conflicts found"),
        ("Established", "InitialNamesAccepted", "the initial names have been accepted"),
    ] {
        if missing(kind) {
            all.push(Tree::map([
                ("type", Tree::from(kind)),
                ("status", Tree::from("True")),
                ("lastTransitionTime", Tree::from(now)),
                ("reason", Tree::from(reason)),
                ("message", Tree::from(message)),
            ]));
        }
    }
    tree.with(&["status", "conditions"], all)
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
        None => "null".to_owned(),
        Some(_) => printed_versions(list),
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
