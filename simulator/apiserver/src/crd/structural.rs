//! Schemas of custom kinds have to be structural: every node says its type, and says it once.

use crate::Tree;
use crate::schema::{Faults, Path, rule_fault};

pub(super) fn check(definition: &Tree, spec: &Path<'_>, faults: &mut Faults) {
    let versions = definition.at(&["spec", "versions"]).map_or(&[][..], Tree::items);
    let schemas: Vec<_> = versions.iter().map(|v| v.at(&["schema", "openAPIV3Schema"])).collect();
    // One schema for all versions is named as if it stood above them.
    let shared = schemas.first().is_some_and(|first| schemas.iter().all(|schema| schema == first));
    let list = spec.field("versions");
    if shared {
        let above = spec.field("validation");
        let at = above.field("openAPIV3Schema");
        match schemas[0] {
            Some(schema) => root(schema, &at, faults),
            None => missing(&list, schemas.len(), faults),
        }
        return;
    }
    for (index, schema) in schemas.iter().enumerate() {
        let version = list.index(index);
        let above = version.field("schema");
        let at = above.field("openAPIV3Schema");
        match schema {
            Some(schema) => root(schema, &at, faults),
            None => faults.required(at, "schemas are required"),
        }
    }
}

fn missing(list: &Path<'_>, count: usize, faults: &mut Faults) {
    for index in 0..count {
        let version = list.index(index);
        let above = version.field("schema");
        faults.required(above.field("openAPIV3Schema"), "");
    }
}

fn root(schema: &Tree, at: &Path<'_>, faults: &mut Faults) {
    match schema.str_at(&["type"]) {
        None | Some("") => faults.required(at.field("type"), "must not be empty at the root"),
        Some("object") => {}
        Some(other) => faults.invalid(at.field("type"), other, "must be object at the root"),
    }
    below(schema, at, faults);
}

fn below(schema: &Tree, at: &Path<'_>, faults: &mut Faults) {
    rules(schema, at, faults);
    if let Some(properties) = schema.get("properties") {
        let list = at.field("properties");
        if schema.get("additionalProperties").is_some_and(Tree::is_map) {
            faults.forbidden(
                at.field("additionalProperties"),
                "must not be used if properties are specified, except for x-kubernetes-preserve-unknown-fields",
            );
        }
        for (name, property) in properties.entries() {
            let at = list.key(name);
            typed(property, &at, "must not be empty for specified object fields", faults);
            below(property, &at, faults);
        }
    }
    if let Some(values) = schema.get("additionalProperties").filter(|values| values.is_map()) {
        let at = at.field("additionalProperties");
        typed(values, &at, "must not be empty for specified object fields", faults);
        below(values, &at, faults);
    }
    match schema.get("items") {
        Some(items) if items.is_map() => {
            let at = at.field("items");
            typed(items, &at, "must not be empty for specified array items", faults);
            below(items, &at, faults);
        }
        Some(_) => {
            faults.forbidden(at.field("items"), "items must be a schema object and not an array");
        }
        None if schema.str_at(&["type"]) == Some("array") => {
            faults.required(at.field("items"), "must be specified");
        }
        None => {}
    }
    list_type(schema, at, faults);
    if schema.get("uniqueItems").and_then(Tree::as_bool) == Some(true) {
        let why =
            "uniqueItems cannot be set to true since the runtime complexity becomes quadratic";
        faults.forbidden(at.field("uniqueItems"), why);
    }
}

fn typed(schema: &Tree, at: &Path<'_>, why: &str, faults: &mut Faults) {
    let on = |key: &str| schema.bool_at(&[key]) == Some(true);
    if schema.str_at(&["type"]).is_none_or(str::is_empty)
        && !on("x-kubernetes-preserve-unknown-fields")
        && !on("x-kubernetes-int-or-string")
    {
        faults.required(at.field("type"), why);
    }
}

fn list_type(schema: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let Some(kind) = schema.str_at(&["x-kubernetes-list-type"]) else { return };
    match kind {
        "atomic" | "set" => {}
        "map" => {
            let keys = schema.get("x-kubernetes-list-map-keys").map_or(&[][..], Tree::items);
            if keys.is_empty() {
                faults.required(
                    at.field("x-kubernetes-list-map-keys"),
                    "must not be empty if x-kubernetes-list-type is map",
                );
            }
        }
        other => {
            faults.not_supported(
                at.field("x-kubernetes-list-type"),
                other,
                &["atomic", "map", "set"],
            );
        }
    }
}

fn rules(schema: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let rules = schema.get("x-kubernetes-validations").map_or(&[][..], Tree::items);
    let list = at.field("x-kubernetes-validations");
    for (index, rule) in rules.iter().enumerate() {
        let at = list.index(index);
        let source = rule.str_at(&["rule"]).unwrap_or_default();
        if source.trim().is_empty() {
            faults.required(at.field("rule"), "rule is not specified");
        } else if let Some(fault) = rule_fault(source) {
            let printed = format!(
                "{{\"Rule\":{},\"Message\":{},\"MessageExpression\":{},\"Reason\":{},\"FieldPath\":{},\"OptionalOldSelf\":{}}}",
                Tree::from(source),
                rule.get("message").unwrap_or(&Tree::from("")),
                rule.get("messageExpression").unwrap_or(&Tree::from("")),
                rule.get("reason").unwrap_or(&Tree::null()),
                rule.get("fieldPath").unwrap_or(&Tree::from("")),
                rule.get("optionalOldSelf").unwrap_or(&Tree::null()),
            );
            let detail = format!("compilation failed: {fault}");
            let error = crate::FieldError::invalid_printed(at.field("rule"), &printed, &detail);
            faults.0.push(error);
        }
    }
}
