//! From the schema of a Rust type to a structural one: nothing is referred to, nothing is
//! nullable, and no text is in it.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::overlay;

const QUANTITY: &str = r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$";

pub fn structural<T: JsonSchema>() -> Value {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let root = generator.root_schema_for::<T>().to_value();
    let definitions = root.get("$defs").and_then(Value::as_object).cloned().unwrap_or_default();
    inline(&root, &definitions)
}

fn inline(schema: &Value, definitions: &Map<String, Value>) -> Value {
    let Some(schema) = schema.as_object() else {
        // `true`: anything goes.
        return json!({ "x-kubernetes-preserve-unknown-fields": true });
    };
    let mut result = Map::new();
    let own = referred(schema).is_none();
    if let Some(name) = referred(schema) {
        let definition = definitions.get(name).expect("schemars defines what it refers to");
        let Value::Object(inlined) = well_known(name).unwrap_or_else(|| {
            let mut inlined = inline(definition, definitions);
            overlay::apply(name, &mut inlined);
            inlined
        }) else {
            unreachable!("a structural schema is an object");
        };
        result = inlined;
    }
    for (key, value) in schema {
        let value = match key.as_str() {
            "$ref" | "$defs" | "$schema" | "anyOf" | "title" | "description" => continue,
            "type" => without_null(value),
            "enum" => Value::Array(
                value.as_array().into_iter().flatten().filter(|v| !v.is_null()).cloned().collect(),
            ),
            "properties" => value
                .as_object()
                .into_iter()
                .flatten()
                .map(|(name, property)| (name.clone(), inline(property, definitions)))
                .collect(),
            "items" | "additionalProperties" => inline(value, definitions),
            _ => value.clone(),
        };
        if value.is_null() {
            result.remove(key);
        } else {
            result.insert(key.clone(), value);
        }
    }
    if own {
        drop_defaults_of_required(&mut result);
    }
    if result.get("x-kubernetes-int-or-string") == Some(&json!(true)) {
        result.insert("anyOf".to_owned(), json!([{ "type": "integer" }, { "type": "string" }]));
    }
    Value::Object(result)
}

/// The definition that a schema is, or that it is when it is not null.
fn referred(schema: &Map<String, Value>) -> Option<&str> {
    let reference = schema.get("$ref").or_else(|| {
        schema.get("anyOf")?.as_array()?.iter().find_map(|choice| choice.get("$ref"))
    })?;
    reference.as_str()?.strip_prefix("#/$defs/")
}

fn well_known(name: &str) -> Option<Value> {
    match name {
        "io.k8s.apimachinery.pkg.api.resource.Quantity" => Some(json!({
            "anyOf": [{ "type": "integer" }, { "type": "string" }],
            "pattern": QUANTITY,
            "x-kubernetes-int-or-string": true,
        })),
        // What an object inside another one may say of itself.
        "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta" => Some(json!({
            "type": "object",
            "properties": {
                "annotations": { "type": "object", "additionalProperties": { "type": "string" } },
                "finalizers": { "type": "array", "items": { "type": "string" } },
                "labels": { "type": "object", "additionalProperties": { "type": "string" } },
                "name": { "type": "string" },
                "namespace": { "type": "string" },
            },
        })),
        _ => None,
    }
}

fn without_null(types: &Value) -> Value {
    match types.as_array().map(|types| types.iter().filter(|t| *t != "null").collect::<Vec<_>>()) {
        Some(types) => types.first().map_or(Value::Null, |only| (*only).clone()),
        None => types.clone(),
    }
}

/// Rust's empty values are not defaults of the API: a required field that is left out is an error.
fn drop_defaults_of_required(schema: &mut Map<String, Value>) {
    let required: Vec<String> = schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|name| name.as_str().map(str::to_owned))
        .collect();
    let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) else {
        return;
    };
    for (name, property) in properties {
        let Some(property) = property.as_object_mut() else { continue };
        let empty = match property.get("default") {
            Some(Value::String(text)) => text.is_empty(),
            Some(Value::Array(items)) => items.is_empty(),
            Some(Value::Object(_)) => true,
            Some(Value::Number(number)) => number.as_i64() == Some(0),
            _ => false,
        };
        if empty && (required.contains(name) || !property["default"].is_number()) {
            property.remove("default");
        }
    }
}
