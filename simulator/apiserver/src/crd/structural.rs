//! Schemas of custom kinds have to be structural: every node says its type, says it once, and what only restricts
//! values says nothing else.

use regex::Regex;

use super::openapi::{list, on, schemas, sub, text};
use crate::Tree;
use crate::schema::{Faults, Path};
use crate::status::FieldError;

#[derive(Clone, Copy, PartialEq)]
enum Level {
    Root,
    Item,
    Field,
}

/// All that is wrong, sorted as the real server sorts it.
pub(super) fn check(schema: &Tree, at: &Path<'_>) -> Vec<FieldError> {
    let mut faults = Faults::default();
    node(schema, Level::Root, at, &mut faults);
    complete(schema, schema, at, at, &mut faults);
    let mut found = faults.0;
    found.sort_by_cached_key(|error| format!("{}: {}", error.field, error.body));
    found
}

fn node(schema: &Tree, level: Level, at: &Path<'_>, faults: &mut Faults) {
    let kind = text(schema, "type");
    if kind == "array" && schema.get("items").is_none() {
        faults.required(at.field("items"), "must be specified");
    }
    if let Some(items) = sub(schema, "items") {
        node(items, Level::Item, &at.field("items"), faults);
    }
    let properties = at.field("properties");
    for (key, property) in schemas(schema, "properties") {
        node(property, Level::Field, &properties.key(key), faults);
    }
    let additional = at.field("additionalProperties");
    if schema.get("additionalProperties").is_some() && level == Level::Root {
        faults.forbidden(additional, "must not be used at the root");
    }
    if let Some(values) = sub(schema, "additionalProperties") {
        node(values, Level::Field, &additional, faults);
    }
    let (int_or_string, preserve, embedded) = (
        on(schema, "x-kubernetes-int-or-string"),
        on(schema, "x-kubernetes-preserve-unknown-fields"),
        on(schema, "x-kubernetes-embedded-resource"),
    );
    for (key, is_on) in [
        ("x-kubernetes-preserve-unknown-fields", preserve),
        ("x-kubernetes-embedded-resource", embedded),
    ] {
        if int_or_string && is_on {
            let why = "must be false if x-kubernetes-int-or-string is true";
            faults.invalid(at.field(key), true, why);
        }
    }
    let first = list(schema, "allOf").first();
    let skip = (is_int_or_string(schema), first.is_some_and(is_int_or_string));
    values(schema, skip, level, at, faults);
    let has_metadata = level == Level::Root || embedded;
    if embedded && kind != "object" {
        let why = "must be object if x-kubernetes-embedded-resource is true";
        match kind {
            "" => faults.required(at.field("type"), why),
            _ => faults.invalid(at.field("type"), kind, why),
        }
    } else if kind.is_empty() && !int_or_string && !preserve {
        let why = match level {
            Level::Root => "must not be empty at the root",
            Level::Item => "must not be empty for specified array items",
            Level::Field => "must not be empty for specified object fields",
        };
        faults.required(at.field("type"), why);
    }
    if embedded && schema.get("additionalProperties").is_some() {
        let why = "must not be used if x-kubernetes-embedded-resource is set";
        faults.forbidden(additional, why);
    }
    if level == Level::Root && !kind.is_empty() && kind != "object" {
        faults.invalid(at.field("type"), kind, "must be object at the root");
    }
    metadata(schema, has_metadata, level, &properties, faults);
    let bare = schemas(schema, "properties").next().is_none();
    if embedded && !preserve && bare {
        let why = "must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields";
        faults.required(properties, why);
    }
}

/// What every object has is not for a schema to say.
fn metadata(schema: &Tree, is_object: bool, level: Level, at: &Path<'_>, faults: &mut Faults) {
    let property = |key: &str| schema.at(&["properties", key]);
    for key in ["kind", "apiVersion"] {
        let other = property(key).map(|property| text(property, "type"));
        if let Some(other) = other.filter(|kind| is_object && *kind != "string") {
            let place = at.key(key);
            faults.invalid(place.field("type"), other, "must be string");
        }
    }
    let Some(metadata) = property("metadata") else { return };
    let at = at.key("metadata");
    if is_object && text(metadata, "type") != "object" {
        faults.invalid(at.field("type"), text(metadata, "type"), "must be object");
    }
    if level != Level::Root {
        return;
    }
    let may_say = |(key, value): (&str, &Tree)| match key {
        "type" | "default" | "externalDocs" | "example" => true,
        "properties" => value.entries().all(|(key, _)| matches!(key, "name" | "generateName")),
        _ => value.is_null() || value.is_empty() || value.as_bool() == Some(false),
    };
    if !metadata.entries().all(may_say) {
        let why = "must not specify anything other than name and generateName, but metadata is implicitly specified";
        faults.forbidden(at, why);
    }
}

fn is_int_or_string(schema: &Tree) -> bool {
    let is = |one: &Tree, kind: &str| one.entries().len() == 1 && text(one, "type") == kind;
    matches!(list(schema, "anyOf"), [a, b] if is(a, "integer") && is(b, "string"))
}

/// What restricts values. `skip`: whether `anyOf` says the one thing it may, here and in the first of `allOf`.
fn values(schema: &Tree, skip: (bool, bool), level: Level, at: &Path<'_>, faults: &mut Faults) {
    for key in ["anyOf", "allOf", "oneOf"] {
        if key == "anyOf" && skip.0 {
            continue;
        }
        let all = at.field(key);
        for (index, one) in list(schema, key).iter().enumerate() {
            let skip = key == "allOf" && index == 0 && skip.1;
            nested(one, skip, level, &all.index(index), faults);
        }
    }
    if let Some(not) = sub(schema, "not") {
        nested(not, false, level, &at.field("not"), faults);
    }
    let pattern = text(schema, "pattern");
    if let Some(why) = Regex::new(pattern).err().map(|error| in_words(pattern, &error)) {
        let why = format!("must be a valid regular expression, but isn't: {why}");
        faults.invalid(at.field("pattern"), pattern, &why);
    }
}

/// What Go says of a pattern that it cannot read.
pub(crate) fn in_words(pattern: &str, error: &regex::Error) -> String {
    let said = error.to_string();
    let from = |start: char| &pattern[pattern.rfind(start).unwrap_or(0)..];
    let (what, part) = if said.contains("unclosed character class") {
        ("missing closing ]", from('['))
    } else if said.contains("unclosed group") {
        ("missing closing )", pattern)
    } else if said.contains("unopened group") {
        ("unexpected )", pattern)
    } else if said.contains("repetition operator missing expression") {
        let start = pattern.find(['*', '+', '?']).unwrap_or(0);
        ("missing argument to repetition operator", &pattern[start..=start])
    } else if pattern.ends_with('\\') {
        ("trailing backslash at end of expression", "")
    } else if said.contains("escape sequence") {
        ("invalid escape sequence", from('\\'))
    } else {
        ("invalid or unsupported Perl syntax", pattern)
    };
    format!("error parsing regexp: {what}: `{part}`")
}

fn nested(schema: &Tree, skip: bool, level: Level, at: &Path<'_>, faults: &mut Faults) {
    const EMPTY: &str = "must be empty to be structural";
    const UNDEFINED: &str = "must be undefined to be structural";
    const FALSE: &str = "must be false to be structural";
    values(schema, (skip, false), level, at, faults);
    if let Some(items) = sub(schema, "items") {
        nested(items, false, level, &at.field("items"), faults);
    }
    let properties = at.field("properties");
    for (key, property) in schemas(schema, "properties") {
        nested(property, false, Level::Field, &properties.key(key), faults);
    }
    let additional = schema.get("additionalProperties");
    if additional.is_some_and(|values| values.is_map() || values.as_bool() == Some(true)) {
        faults.forbidden(at.field("additionalProperties"), "must be undefined to be structural");
    }
    for (key, why) in [
        ("type", EMPTY),
        ("default", UNDEFINED),
        ("title", EMPTY),
        ("description", EMPTY),
        ("nullable", FALSE),
        ("x-kubernetes-preserve-unknown-fields", FALSE),
        ("x-kubernetes-embedded-resource", FALSE),
        ("x-kubernetes-int-or-string", FALSE),
        ("x-kubernetes-list-map-keys", EMPTY),
        ("x-kubernetes-list-type", UNDEFINED),
        ("x-kubernetes-map-type", UNDEFINED),
        ("x-kubernetes-validations", EMPTY),
    ] {
        let Some(value) = schema.get(key) else { continue };
        let is_set = match why {
            EMPTY => !value.is_empty(),
            FALSE => value.as_bool() == Some(true),
            _ => !value.is_null(),
        };
        if is_set {
            faults.forbidden(at.field(key), why);
        }
    }
    if schema.at(&["properties", "metadata"]).is_some() {
        let why = "must not be specified in a nested context";
        faults.forbidden(properties.key("metadata"), why);
    }
}

/// What restricts values is about members that the schema has. `beside`: the schema that has them.
fn complete(schema: &Tree, beside: &Tree, at: &Path<'_>, said: &Path<'_>, faults: &mut Faults) {
    if let Some(not) = sub(schema, "not") {
        complete_nested(not, Some(beside), at, &said.field("not"), faults);
    }
    for key in ["allOf", "anyOf", "oneOf"] {
        let all = said.field(key);
        for (index, one) in list(schema, key).iter().enumerate() {
            complete_nested(one, Some(beside), at, &all.index(index), faults);
        }
    }
}

fn complete_nested(
    schema: &Tree,
    beside: Option<&Tree>,
    at: &Path<'_>,
    said: &Path<'_>,
    faults: &mut Faults,
) {
    let Some(beside) = beside else {
        faults.required(*at, &format!("because it is defined in {said}"));
        return;
    };
    complete(schema, beside, at, said, faults);
    if let Some(items) = sub(schema, "items") {
        let inner = sub(beside, "items");
        complete_nested(items, inner, &at.field("items"), &said.field("items"), faults);
    }
    let (place, said) = (at.field("properties"), said.field("properties"));
    for (key, property) in schemas(schema, "properties") {
        let inner = beside.at(&["properties", key]);
        complete_nested(property, inner, &place.key(key), &said.key(key), faults);
    }
}
