//! The rules of metadata that hold for all kinds, and for objects within objects.

use crate::builtin::check::NOT_NEGATIVE;
use crate::names;
use crate::object::Tree;
use crate::status::FieldError;

/// All annotations of an object together, in bytes.
const ANNOTATIONS: usize = 256 * 1024;

/// The metadata of an object within an object, but for its names.
pub(crate) fn of_embedded(metadata: &Tree, minor: u32) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if let Some(generation @ ..0) = metadata.int_at(&["generation"]) {
        errors.push(FieldError::invalid("metadata.generation", &generation.into(), NOT_NEGATIVE));
    }
    labels_to_owners(minor, metadata, None, &mut errors);
    if let Some(finalizers) = metadata.get("finalizers") {
        validate_finalizers(finalizers, &mut errors);
    }
    let managers = metadata.get("managedFields").map_or(&[][..], Tree::items);
    for (index, entry) in managers.iter().enumerate() {
        let string = |key: &str| entry.str_at(&[key]).unwrap_or_default();
        let at = format!("metadata.managedFields[{index}]");
        let (operation, kind) = (string("operation"), string("fieldsType"));
        if !matches!(operation, "Apply" | "Update") {
            let why = "must be `Apply` or `Update`";
            errors.push(FieldError::invalid(format!("{at}.operation"), &operation.into(), why));
        }
        if !matches!(kind, "" | "FieldsV1") {
            let why = "must be `FieldsV1`";
            errors.push(FieldError::invalid(format!("{at}.fieldsType"), &kind.into(), why));
        }
    }
    errors
}

/// Whether an object that is to go has nothing that holds it.
pub(crate) fn is_finished(tree: &Tree) -> bool {
    let empty = |path: &[&str]| tree.at(path).is_none_or(Tree::is_empty);
    !empty(&["metadata", "deletionTimestamp"])
        && empty(&["metadata", "finalizers"])
        && tree.int_at(&["metadata", "deletionGracePeriodSeconds"]).unwrap_or(0) == 0
        && (tree.str_at(&["kind"]) != Some("Namespace") || empty(&["spec", "finalizers"]))
}

/// A part that may break rules: one that is still the same memory held before.
pub(crate) fn part<'t>(metadata: &'t Tree, was: Option<&Tree>, key: &str) -> Option<&'t Tree> {
    let value = metadata.get(key)?;
    let old = was.and_then(|was| was.get(key));
    (!old.is_some_and(|old| old.same(value))).then_some(value)
}

/// Labels, annotations and owners.
pub(crate) fn labels_to_owners(
    minor: u32,
    metadata: &Tree,
    was: Option<&Tree>,
    errors: &mut Vec<FieldError>,
) {
    let changed = |key: &str| part(metadata, was, key);
    if let Some(labels) = changed("labels") {
        for (key, value) in labels.entries() {
            for fault in names::qualified_name(key) {
                errors.push(FieldError::invalid("metadata.labels", &key.into(), &fault));
            }
            for fault in names::label_value(value.as_str().unwrap_or_default()) {
                errors.push(FieldError::invalid("metadata.labels", value, &fault));
            }
        }
    }
    if let Some(annotations) = changed("annotations") {
        let mut size = 0;
        for (key, value) in annotations.entries() {
            size += key.len() + value.as_str().map_or(0, str::len);
            for fault in names::qualified_name(&key.to_lowercase()) {
                errors.push(FieldError::invalid("metadata.annotations", &key.into(), &fault));
            }
        }
        if size > ANNOTATIONS {
            errors.push(FieldError::too_long("metadata.annotations", ANNOTATIONS));
        }
    }
    if let Some(owners) = changed("ownerReferences") {
        owner_references(owners, minor, errors);
    }
}

fn owner_references(owners: &Tree, minor: u32, errors: &mut Vec<FieldError>) {
    let mut controller: Option<String> = None;
    for owner in owners.items() {
        let string = |key: &str| owner.str_at(&[key]).unwrap_or_default();
        for (key, what) in
            [("apiVersion", "version"), ("kind", "kind"), ("name", "name"), ("uid", "uid")]
        {
            let value = string(key);
            let checked = match key {
                // What is no version says none.
                "apiVersion" if value.matches('/').count() > 1 => "",
                "apiVersion" => value.rsplit('/').next().unwrap_or_default(),
                _ => value,
            };
            if checked.is_empty() {
                let field = format!("metadata.ownerReferences.{key}");
                let detail = if minor >= 34 && key != "apiVersion" {
                    "must not be empty".to_owned()
                } else {
                    format!("{what} must not be empty")
                };
                errors.push(FieldError::invalid(field, &value.into(), &detail));
            }
        }
        if string("kind") == "Event" && string("apiVersion") == "v1" {
            let detail = "/v1, Kind=Event is disallowed from being an owner";
            let printed = printed(std::slice::from_ref(owner));
            let printed = printed.trim_start_matches('[').trim_end_matches(']');
            let field = "metadata.ownerReferences";
            errors.push(FieldError::invalid_printed(field, printed, detail));
        }
        if owner.bool_at(&["controller"]) == Some(true) {
            let this = format!("{}/{}", string("kind"), string("name"));
            if let Some(first) = &controller {
                let detail = format!(
                    "Only one reference can have Controller set to true. Found \"true\" in references for {first} and {this}"
                );
                let printed = printed(owners.items());
                let field = "metadata.ownerReferences";
                errors.push(FieldError::invalid_printed(field, &printed, &detail));
            } else {
                controller = Some(this);
            }
        }
    }
}

/// References as the server's own type orders their members.
fn printed(owners: &[Tree]) -> String {
    const ORDER: [&str; 6] =
        ["apiVersion", "kind", "name", "uid", "controller", "blockOwnerDeletion"];
    let one = |owner: &Tree| {
        let members = ORDER.iter().filter_map(|key| Some(format!("{key:?}:{}", owner.get(key)?)));
        format!("{{{}}}", members.collect::<Vec<_>>().join(","))
    };
    format!("[{}]", owners.iter().map(one).collect::<Vec<_>>().join(","))
}

pub(crate) fn validate_finalizers(finalizers: &Tree, errors: &mut Vec<FieldError>) {
    let field = "metadata.finalizers";
    let names: Vec<&str> = finalizers.items().iter().filter_map(Tree::as_str).collect();
    for name in &names {
        for fault in names::qualified_name(name) {
            errors.push(FieldError::invalid(field, &(*name).into(), &fault));
        }
    }
    if names.contains(&"orphan") && names.contains(&"foregroundDeletion") {
        let detail = "finalizer orphan and foregroundDeletion cannot be both set";
        errors.push(FieldError::invalid(field, finalizers, detail));
    }
}
