//! Defaults of a custom kind are values that their own schema accepts.

use super::openapi::{self, list, on, schemas, sub};
use crate::Tree;
use crate::schema::{Path, Schema};
use crate::status::FieldError;

/// `of`: a schema of the server that checks.
pub(super) fn check(schema: &Tree, of: &Schema, at: &Path<'_>) -> Vec<FieldError> {
    let mut found = Vec::new();
    // The root is a whole object.
    let whole = schema.with(&["x-kubernetes-embedded-resource"], true);
    let root = if schema.get("default").is_some() { &whole } else { schema };
    node(root, of, (true, false), at, &mut found);
    found
}

/// `is_object`: a whole one; `in_metadata`: in what every object has.
fn node(
    schema: &Tree,
    of: &Schema,
    (is_object, in_metadata): (bool, bool),
    at: &Path<'_>,
    found: &mut Vec<FieldError>,
) {
    let is_object = is_object || on(schema, "x-kubernetes-embedded-resource");
    let in_metadata = in_metadata && !is_object;
    if let Some(default) = schema.get("default").filter(|value| !value.is_null()) {
        fits(schema, default, of, in_metadata, &at.field("default"), found);
    }
    if let Some(items) = sub(schema, "items") {
        node(items, of, (false, in_metadata), &at.field("items"), found);
    }
    let properties = at.field("properties");
    for (key, property) in schemas(schema, "properties") {
        let is_meta = is_object && matches!(key, "metadata" | "apiVersion" | "kind");
        let inside = (false, in_metadata || is_meta);
        node(property, of, inside, &properties.key(key), found);
    }
}

fn fits(
    schema: &Tree,
    default: &Tree,
    of: &Schema,
    in_metadata: bool,
    at: &Path<'_>,
    found: &mut Vec<FieldError>,
) {
    if !in_metadata {
        let outer = Tree::map([
            ("type", Tree::from("object")),
            ("properties", Tree::map([("default", schema.clone())])),
        ]);
        let value = Tree::map([("default", default.clone())]);
        let pruned = of.of_custom(outer).prune(&value, None);
        if pruned.is_ok_and(|(kept, _)| kept != value) {
            found.push(FieldError::invalid(*at, default, "must not have unknown fields"));
        }
    }
    let mut misfits = Vec::new();
    let sound = without_misfits(schema, default, &Path::Root, &mut misfits);
    for mut error in of.of_custom(sound).validate_default(default, misfits) {
        error.field = match &*error.field {
            "" | "<nil>" => at.to_string(),
            inner if inner.starts_with('[') => format!("{at}{inner}"),
            inner => format!("{at}.{inner}"),
        };
        found.push(error);
    }
}

/// A schema without the rules that cannot be asked of a value, and what is wrong with those.
fn without_misfits(
    schema: &Tree,
    value: &Tree,
    at: &Path<'_>,
    found: &mut Vec<FieldError>,
) -> Tree {
    let mut sound = schema.clone();
    let rules = list(schema, RULES);
    if !rules.is_empty() && !value.is_null() {
        let mut kept = Vec::new();
        for rule in rules {
            match openapi::misfit(schema, rule, false) {
                Some(why) => {
                    let why = format!("rule compile error: {why}");
                    found.push(FieldError::invalid(*at, &Tree::from(value.type_name()), &why));
                }
                None => kept.push(rule.clone()),
            }
        }
        sound = sound.with(&[RULES], kept);
    }
    if let Some(items) = sub(schema, "items") {
        for (index, item) in value.items().iter().enumerate() {
            sound = sound.with(&["items"], without_misfits(items, item, &at.index(index), found));
        }
    }
    for (key, value) in value.entries() {
        if let Some(property) = schema.at(&["properties", key]).filter(|it| it.is_map()) {
            let below = without_misfits(property, value, &at.field(key), found);
            sound = sound.with(&["properties", key], below);
        } else if let Some(values) = sub(schema, "additionalProperties") {
            let below = without_misfits(values, value, &at.key(key), found);
            sound = sound.with(&["additionalProperties"], below);
        }
    }
    sound
}

const RULES: &str = "x-kubernetes-validations";
