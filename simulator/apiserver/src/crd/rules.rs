//! Every rule that a definition breaks, in the order of the real server.

use super::{is_established, openapi, parts};
use crate::Tree;
use crate::builtin::check::{NOTHING, list, text};
use crate::builtin::internal;
use crate::golang::quote;
use crate::names;
use crate::schema::{self, Faults, Path, Schema};
use crate::status::FieldError;

/// `of`: a schema of the server that checks.
pub(crate) fn broken(definition: &Tree, old: Option<&Tree>, of: &Schema) -> Vec<FieldError> {
    let mut faults = Faults::default();
    let at = Path::Root.field("spec");
    let spec = definition.get("spec").unwrap_or(&NOTHING);
    let group = text(spec, "group");
    if group.is_empty() {
        faults.required(at.field("group"), "");
    } else {
        let complaints = names::dns_subdomain(group);
        if complaints.is_empty() && !group.contains('.') {
            let why = "should be a domain with at least one dot";
            faults.invalid(at.field("group"), group, why);
        }
        together(&mut faults, at.field("group"), group, &complaints);
    }
    match text(spec, "scope") {
        "" => faults.required(at.field("scope"), ""),
        "Namespaced" | "Cluster" => {}
        other => faults.not_supported(at.field("scope"), other, &["Cluster", "Namespaced"]),
    }
    let preserves = spec.bool_at(&["preserveUnknownFields"]) == Some(true);
    let all = list(spec, "versions");
    if preserves && all.iter().filter_map(|version| version.at(&SCHEMA)).any(has_default) {
        let why = "must be false in order to use defaults in the schema";
        faults.invalid(at.field("preserveUnknownFields"), true, why);
    }
    versions(spec, of, &at, &mut faults);
    let place = at.field("names");
    let names = spec.get("names").unwrap_or(&NOTHING);
    for key in ["plural", "singular", "kind", "listKind"] {
        if text(names, key).is_empty() {
            faults.required(place.field(key), "");
        }
    }
    kind_names(names, &place, &mut faults);
    shared(spec, of, &at, &mut faults);
    let place = at.field("conversion");
    let strategy = spec.str_at(&["conversion", "strategy"]);
    if let Some(strategy) = strategy.filter(|strategy| preserves && *strategy != "None") {
        let why = "must be None if spec.preserveUnknownFields is true";
        faults.invalid(place.field("strategy"), strategy, why);
    }
    parts::conversion(definition, &place, &mut faults);
    if let Some(old) = old {
        immutable(definition, old, &at, &mut faults);
    }
    stored_versions(definition, of.minor(), &mut faults);
    approval(definition, old, group, &mut faults);
    let did = old.and_then(|old| old.bool_at(&["spec", "preserveUnknownFields"])) == Some(true);
    if preserves && !did {
        let detail = "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead";
        faults.invalid(at.field("preserveUnknownFields"), true, detail);
    }
    faults.0
}

/// Every complaint about a value, as one.
fn together(faults: &mut Faults, at: Path<'_>, value: &str, complaints: &[String]) {
    if !complaints.is_empty() {
        faults.invalid(at, value, &complaints.join(","));
    }
}

/// What all versions have in common is looked at once, where it once stood.
fn is_shared(versions: &[Tree], key: &str) -> bool {
    let first = versions.first().and_then(|version| version.get(key));
    first.is_some_and(|first| {
        !(first.is_list() && first.is_empty())
            && versions.iter().all(|version| version.get(key) == Some(first))
    })
}

const SCHEMA: [&str; 2] = ["schema", "openAPIV3Schema"];

fn has_status(version: &Tree) -> bool {
    version.at(&["subresources", "status"]).is_some()
}

fn versions(spec: &Tree, of: &Schema, above: &Path<'_>, faults: &mut Faults) {
    let at = above.field("versions");
    let list = list(spec, "versions");
    for (index, version) in list.iter().enumerate() {
        if version.at(&SCHEMA).is_none() {
            let version = at.index(index);
            let schema = version.field(SCHEMA[0]);
            faults.required(schema.field(SCHEMA[1]), "");
        }
    }
    for (index, version) in list.iter().enumerate() {
        let at = at.index(index);
        let name = text(version, "name");
        together(faults, at.field("name"), name, &names::dns_1035_label(name));
        deprecation(version, &at.field("deprecationWarning"), faults);
        if let Some(schema) = version.at(&SCHEMA).filter(|_| !is_shared(list, SCHEMA[0])) {
            let place = at.field(SCHEMA[0]);
            openapi::check(schema, has_status(version), of, &place.field(SCHEMA[1]), faults);
        }
        parts::of_version(version, &|key| !is_shared(list, key), &at, faults);
    }
    let name = |version: &Tree| text(version, "name").to_owned();
    let mut seen: Vec<String> = list.iter().map(name).collect();
    seen.sort();
    let printed = || match spec.get("versions") {
        Some(versions) if !versions.is_null() => printed_versions(list),
        _ => "null".to_owned(),
    };
    if seen.windows(2).any(|pair| pair[0] == pair[1]) {
        let why = "must contain unique version names";
        faults.0.push(FieldError::invalid_printed(at, &printed(), why));
    }
    let storage = list.iter().filter(|v| v.bool_at(&["storage"]) == Some(true)).count();
    if storage != 1 {
        let why = "must have exactly one version marked as storage version";
        faults.0.push(FieldError::invalid_printed(at, &printed(), why));
    }
    // The first version once stood here, and is still looked at there.
    if let Some(first) = list.first().map(|first| text(first, "name")).filter(|n| !n.is_empty()) {
        together(faults, above.field("version"), first, &names::dns_1035_label(first));
    }
}

fn shared(spec: &Tree, of: &Schema, at: &Path<'_>, faults: &mut Faults) {
    let versions = list(spec, "versions");
    let Some(first) = versions.first() else { return };
    if let Some(schema) = first.at(&SCHEMA).filter(|_| is_shared(versions, SCHEMA[0])) {
        let place = at.field("validation");
        let status = versions.iter().any(has_status);
        openapi::check(schema, status, of, &place.field(SCHEMA[1]), faults);
    }
    parts::of_version(first, &|key| is_shared(versions, key), at, faults);
}

fn deprecation(version: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let Some(warning) = version.str_at(&["deprecationWarning"]) else { return };
    if version.bool_at(&["deprecated"]) != Some(true) {
        faults.invalid(*at, warning, "can only be set for deprecated versions");
        return;
    }
    if warning.len() > 256 {
        faults.invalid(*at, warning, "must be <= 256 characters long");
    }
    if warning.is_empty() {
        faults.invalid(*at, warning, "must not be an empty string");
    }
    let odd = |(_, letter): &(usize, char)| {
        letter.is_control() || letter.is_whitespace() && *letter != ' '
    };
    if let Some((index, _)) = warning.char_indices().find(odd) {
        let why = format!(
            "must only contain printable UTF-8 characters; non-printable character found at index {index}"
        );
        faults.invalid(*at, warning, &why);
    }
}

/// Versions in the server's own form, as its messages show them.
fn printed_versions(list: &[Tree]) -> String {
    let one = |version: &Tree| {
        let shared = [SCHEMA[0], "subresources", "additionalPrinterColumns", "selectableFields"];
        let own = shared.into_iter().filter(|key| is_shared(list, key));
        let own = own.fold(version.clone(), |version, key| version.without(&[key]));
        internal::json("apiextensions.CustomResourceDefinitionVersion", &own)
    };
    format!("[{}]", list.iter().map(one).collect::<Vec<_>>().join(","))
}

/// What is wrong with the status of a definition.
pub(crate) fn broken_status(definition: &Tree) -> Vec<FieldError> {
    let mut faults = Faults::default();
    let names = definition.at(&["status", "acceptedNames"]).unwrap_or(&NOTHING);
    let at = Path::Root.field("status");
    kind_names(names, &at.field("acceptedNames"), &mut faults);
    faults.0
}

fn kind_names(names: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let (kind, list_kind) = (text(names, "kind"), text(names, "listKind"));
    for key in ["plural", "singular"] {
        let name = text(names, key);
        if !name.is_empty() {
            together(faults, at.field(key), name, &names::dns_1035_label(name));
        }
    }
    for (key, name) in [("kind", kind), ("listKind", list_kind)] {
        let complaints = names::dns_1035_label(&name.to_lowercase());
        if !name.is_empty() && !complaints.is_empty() {
            let why = complaints.join(",");
            let why = format!("may have mixed case, but should otherwise match: {why}");
            faults.invalid(at.field(key), name, &why);
        }
    }
    let each = |key: &str, faults: &mut Faults| {
        let all = at.field(key);
        for (index, name) in list(names, key).iter().filter_map(Tree::as_str).enumerate() {
            together(faults, all.index(index), name, &names::dns_1035_label(name));
        }
    };
    each("shortNames", faults);
    if !kind.is_empty() && kind == list_kind {
        let why = "kind and listKind may not be the same";
        faults.invalid(at.field("listKind"), list_kind, why);
    }
    each("categories", faults);
}

fn immutable(definition: &Tree, old: &Tree, spec: &Path<'_>, faults: &mut Faults) {
    let names = spec.field("names");
    let fields: [(&[&str], Path<'_>, bool); 4] = [
        (&["spec", "scope"], spec.field("scope"), true),
        (&["spec", "names", "kind"], names.field("kind"), true),
        (&["spec", "group"], spec.field("group"), false),
        (&["spec", "names", "plural"], names.field("plural"), false),
    ];
    for (path, at, once_established) in fields {
        let (now, was) = (definition.str_at(path), old.str_at(path));
        if now != was && (!once_established || is_established(old)) {
            faults.invalid(at, now.unwrap_or_default(), "field is immutable");
        }
    }
}

fn stored_versions(definition: &Tree, minor: u32, faults: &mut Faults) {
    let status = Path::Root.field("status");
    let at = status.field("storedVersions");
    let versions = definition.at(&["spec", "versions"]).map_or(&[][..], Tree::items);
    let stored = definition.at(&["status", "storedVersions"]).map_or(&[][..], Tree::items);
    if stored.is_empty() {
        let why = "must have at least one stored version";
        faults.0.push(FieldError::invalid_printed(at, "null", why));
        return;
    }
    // Each is looked for once.
    let mut left: Vec<&str> = stored.iter().filter_map(Tree::as_str).collect();
    for version in versions {
        let name = text(version, "name");
        if !left.contains(&name) && version.bool_at(&["storage"]) == Some(true) {
            let why = format!("must have the storage version {name}");
            faults.invalid(at, Tree::list(stored.iter().cloned()), &why);
        }
        left.retain(|one| *one != name);
    }
    for (index, name) in stored.iter().filter_map(Tree::as_str).enumerate() {
        if !versions.iter().any(|version| text(version, "name") == name) {
            let why = if minor < 24 {
                "must appear in spec.versions".to_owned()
            } else {
                format!(
                    "missing from spec.versions; {name} was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in {name} and removes {name} from status.storedVersions"
                )
            };
            faults.invalid(at.index(index), name, &why);
        }
    }
}

/// Groups of Kubernetes itself want to be approved of.
fn approval(definition: &Tree, old: Option<&Tree>, group: &str, faults: &mut Faults) {
    const KEY: &str = "api-approved.kubernetes.io";
    let is_protected = ["k8s.io", "kubernetes.io"]
        .iter()
        .any(|suffix| group == *suffix || group.ends_with(&format!(".{suffix}")));
    if !is_protected {
        return;
    }
    let said =
        |tree: &Tree| tree.str_at(&["metadata", "annotations", KEY]).unwrap_or_default().to_owned();
    let is_good = |value: &str| value.starts_with("unapproved") || value.contains("://");
    let state = |value: &str| match value {
        "" => 0,
        bypassed if bypassed.starts_with("unapproved") => 1,
        good if is_good(good) => 2,
        _ => 3,
    };
    let value = said(definition);
    if old.is_some_and(|old| state(&said(old)) == state(&value)) || is_good(&value) {
        return;
    }
    let meta = Path::Root.field("metadata");
    let annotations = meta.field("annotations");
    let see = "see https://github.com/kubernetes/enhancements/pull/1111";
    if value.is_empty() {
        let detail = format!("protected groups must have approval annotation \"{KEY}\", {see}");
        faults.required(annotations.key(KEY), &detail);
    } else {
        let detail = format!(
            "protected groups must have approval annotation \"{KEY}\" with either a URL or a reason starting with \"unapproved\", {see}"
        );
        faults.invalid(annotations.key(KEY), value, &detail);
    }
}

/// Formats that nobody knows, but for those that were there before.
pub(crate) fn warnings(definition: &Tree, old: Option<&Tree>) -> Vec<String> {
    let of = |definition: &Tree| {
        let versions = definition.at(&["spec", "versions"]).map_or(&[][..], Tree::items);
        let is_shared = is_shared(versions, SCHEMA[0]);
        let counted = if is_shared { &versions[..1] } else { versions };
        let mut found = Vec::new();
        for schema in counted.iter().filter_map(|version| version.at(&SCHEMA)) {
            formats(schema, &mut found);
        }
        found
    };
    let before = old.map(of).unwrap_or_default();
    let new = of(definition).into_iter().filter(|format| !before.contains(format));
    new.map(|format| format!("unrecognized format {}", quote(&format))).collect()
}

fn has_default(schema: &Tree) -> bool {
    schema.get("default").is_some() || openapi::inner(schema).any(has_default)
}

/// The version whose formats are asked for: older ones do not warn.
const WARNING_SINCE: u32 = 34;

fn formats(schema: &Tree, found: &mut Vec<String>) {
    let format = text(schema, "format");
    let is_text = text(schema, "type") == "string";
    if !format.is_empty() && is_text && !schema::knows_format(format, WARNING_SINCE) {
        found.push(format.to_owned());
    }
    for one in openapi::inner(schema) {
        formats(one, found);
    }
}
