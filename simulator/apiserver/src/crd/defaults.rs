//! Defaults of a custom kind are values that their own schema accepts.

use super::openapi::{self, list, on, schemas, sub};
use crate::Tree;
use crate::schema::{MISFIT, Path, Schema};
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
    found.extend(of.of_custom(marked(schema, true)).validate_default(default, at));
}

/// A schema with its rules as they are asked. `is_whole`: of the default itself, or of each of its elements, which are of
/// no type if it is not; members of no type are left alone.
fn marked(schema: &Tree, is_whole: bool) -> Tree {
    let mut made = schema.clone();
    let has_rules = !list(schema, RULES).is_empty();
    let asked = if is_whole || has_rules { openapi::asked(schema) } else { Some(Vec::new()) };
    let is_typed = asked.is_some();
    if has_rules {
        let why = "rule compiler initialization error: failed to convert to declType for CEL validation rules";
        let none = is_whole.then(|| Tree::map([("rule", "true".into()), (MISFIT, why.into())]));
        made = made.with(&[RULES], asked.unwrap_or_else(|| none.into_iter().collect()));
    }
    for key in ["items", "additionalProperties"] {
        if let Some(inner) = sub(schema, key) {
            made = made.with(&[key], marked(inner, is_whole && !is_typed));
        }
    }
    for (key, property) in schemas(schema, "properties") {
        made = made.with(&["properties", key], marked(property, false));
    }
    made
}

const RULES: &str = "x-kubernetes-validations";
