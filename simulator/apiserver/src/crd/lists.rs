//! How two writers share a list or a map of a custom kind, as its schema says.

use super::openapi::{list, on, sub, text};
use crate::Tree;
use crate::schema::{Faults, Path};

pub(super) fn check(schema: &Tree, at: &Path<'_>, faults: &mut Faults) {
    const KEYS: &str = "x-kubernetes-list-map-keys";
    const LIST: &str = "x-kubernetes-list-type";
    const MAP: &str = "x-kubernetes-map-type";
    let preserve = "x-kubernetes-preserve-unknown-fields";
    if schema.bool_at(&[preserve]) == Some(false) {
        faults.invalid(at.field(preserve), false, "must be true or undefined");
    }
    let (kind, items) = (text(schema, "type"), sub(schema, "items"));
    let only = |wanted: &str, key: &str, faults: &mut Faults| {
        let why = format!("must be {wanted} if {key} is specified");
        match kind {
            "" => faults.required(at.field("type"), &why),
            _ if kind != wanted => faults.invalid(at.field("type"), kind, &why),
            _ => return true,
        }
        false
    };
    let shared = schema.str_at(&[MAP]);
    if let Some(shared) = shared {
        only("object", MAP, faults);
        if !matches!(shared, "atomic" | "granular") {
            faults.not_supported_text(at.field(MAP), shared, &["atomic", "granular"]);
        }
    }
    let keys = list(schema, KEYS);
    let listed = schema.str_at(&[LIST]);
    if let Some(listed) = listed {
        let is_list = only("array", LIST, faults);
        if is_list && listed == "set" {
            set(items, &at.field("items"), faults);
        }
        if !matches!(listed, "atomic" | "set" | "map") {
            faults.not_supported_text(at.field(LIST), listed, &["atomic", "set", "map"]);
        }
    }
    if !keys.is_empty() {
        let why = "must be map if x-kubernetes-list-map-keys is non-empty";
        match listed {
            None => faults.required(at.field(LIST), why),
            Some("map") => {}
            Some(other) => faults.invalid(at.field(LIST), other, why),
        }
    }
    let place = at.field("items");
    if listed == Some("map") {
        if keys.is_empty() {
            faults.required(at.field(KEYS), "must not be empty if x-kubernetes-list-type is map");
        }
        if schema.get("items").is_none() {
            faults.required(place, "must have a schema if x-kubernetes-list-type is map");
        }
        if let Some(items) = items {
            map(items, keys, &place, &at.field(KEYS), faults);
        }
    }
    if let (Some(items), Some(listed @ ("set" | "map"))) = (items, listed) {
        if on(items, "nullable") {
            let why = format!("cannot be nullable when x-kubernetes-list-type is {listed}");
            faults.forbidden(place.field("nullable"), &why);
        }
        if listed == "map" {
            there(items, keys, &place.field("properties"), faults);
        }
    }
}

/// Elements of a set are compared as wholes.
fn set(items: Option<&Tree>, at: &Path<'_>, faults: &mut Faults) {
    let why = "must be atomic as item of a list with x-kubernetes-list-type=set";
    let Some(items) = items else { return };
    let (list, map) = ("x-kubernetes-list-type", "x-kubernetes-map-type");
    // The real server shows the type of the list in both cases.
    let shown = items.get(list).cloned().unwrap_or_default();
    match text(items, "type") {
        "array" if !matches!(text(items, list), "" | "atomic") => {
            faults.invalid(at.field(list), shown, why);
        }
        "object" if text(items, map) != "atomic" => faults.invalid(at.field(map), shown, why),
        _ => {}
    }
}

fn map(items: &Tree, keys: &[Tree], at: &Path<'_>, place: &Path<'_>, faults: &mut Faults) {
    let kind = text(items, "type");
    if kind != "object" {
        let why = "must be object if parent array's x-kubernetes-list-type is map";
        faults.invalid(at.field("type"), kind, why);
        return;
    }
    let properties = at.field("properties");
    let all = || Tree::list(keys.iter().cloned());
    for (index, key) in keys.iter().enumerate() {
        let name = key.as_str().unwrap_or_default();
        match items.at(&["properties", name]) {
            Some(property) if matches!(text(property, "type"), "array" | "object") => {
                let why = "must be a scalar type if parent array's x-kubernetes-list-type is map";
                faults.invalid(properties.key(name).field("type"), kind, why);
            }
            Some(_) => {}
            None => faults.invalid(*place, all(), "entries must all be names of item properties"),
        }
        if keys[..index].contains(key) {
            faults.invalid(*place, all(), "must not contain duplicate entries");
        }
    }
}

/// Each element has its keys.
fn there(items: &Tree, keys: &[Tree], at: &Path<'_>, faults: &mut Faults) {
    for key in keys {
        let name = key.as_str().unwrap_or_default();
        let Some(property) = items.at(&["properties", name]) else { continue };
        let place = at.key(name);
        if !list(items, "required").contains(key) && property.get("default").is_none() {
            let why = "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property";
            faults.required(place.field("default"), why);
        }
        if on(property, "nullable") {
            let why = "this property is in x-kubernetes-list-map-keys, so it cannot be nullable";
            faults.forbidden(place.field("nullable"), why);
        }
    }
}
