//! A v2 document in protobuf, in the messages of gnostic's `OpenAPIv2.proto` (Apache-2.0): what clients written in Go ask
//! for.

use crate::object::Tree;
use crate::protobuf::Writer;
use crate::yaml;

/// How a member is written.
#[derive(Clone, Copy)]
enum Form {
    Text,
    Texts,
    Flag,
    Int,
    Double,
    /// Anything, as YAML.
    Any,
    Anys,
    One(fn(&Tree, &mut Writer)),
    Many(fn(&Tree, &mut Writer)),
    /// Members by name, inside a message of their own.
    Named(fn(&Tree, &mut Writer)),
}

type Fields = &'static [(u32, &'static str, Form)];

pub(super) fn bytes(document: &Tree) -> Vec<u8> {
    let mut writer = Writer::default();
    fields(DOCUMENT, None, document, &mut writer);
    writer.0
}

const DOCUMENT: Fields = &[
    (1, "swagger", Form::Text),
    (2, "info", Form::One(info)),
    (8, "paths", Form::One(paths)),
    (9, "definitions", Form::Named(schema)),
    (10, "parameters", Form::Named(parameter)),
    (12, "security", Form::Many(security)),
    (13, "securityDefinitions", Form::Named(security_definition)),
];

fn info(tree: &Tree, writer: &mut Writer) {
    let known: Fields = &[(1, "title", Form::Text), (2, "version", Form::Text)];
    fields(known, None, tree, writer);
}

fn paths(tree: &Tree, writer: &mut Writer) {
    for (path, item) in tree.entries() {
        named(2, path, item, path_item, writer);
    }
}

fn path_item(tree: &Tree, writer: &mut Writer) {
    let known: Fields = &[
        (2, "get", Form::One(operation)),
        (3, "put", Form::One(operation)),
        (4, "post", Form::One(operation)),
        (5, "delete", Form::One(operation)),
        (6, "options", Form::One(operation)),
        (7, "head", Form::One(operation)),
        (8, "patch", Form::One(operation)),
        (9, "parameters", Form::Many(parameters_item)),
    ];
    fields(known, Some(10), tree, writer);
}

fn operation(tree: &Tree, writer: &mut Writer) {
    let known: Fields = &[
        (1, "tags", Form::Texts),
        (2, "summary", Form::Text),
        (3, "description", Form::Text),
        (5, "operationId", Form::Text),
        (6, "produces", Form::Texts),
        (7, "consumes", Form::Texts),
        (8, "parameters", Form::Many(parameters_item)),
        (9, "responses", Form::One(responses)),
        (10, "schemes", Form::Texts),
        (11, "deprecated", Form::Flag),
    ];
    fields(known, Some(13), tree, writer);
}

fn parameters_item(tree: &Tree, writer: &mut Writer) {
    if tree.get("$ref").is_some() {
        message(2, tree, reference, writer);
    } else {
        message(1, tree, parameter, writer);
    }
}

fn reference(tree: &Tree, writer: &mut Writer) {
    let known: Fields = &[(1, "$ref", Form::Text), (2, "description", Form::Text)];
    fields(known, None, tree, writer);
}

fn parameter(tree: &Tree, writer: &mut Writer) {
    if tree.str_at(&["in"]) == Some("body") {
        message(1, tree, body_parameter, writer);
    } else {
        message(2, tree, non_body_parameter, writer);
    }
}

fn body_parameter(tree: &Tree, writer: &mut Writer) {
    let known: Fields = &[
        (1, "description", Form::Text),
        (2, "name", Form::Text),
        (3, "in", Form::Text),
        (4, "required", Form::Flag),
        (5, "schema", Form::One(schema)),
    ];
    fields(known, Some(6), tree, writer);
}

fn non_body_parameter(tree: &Tree, writer: &mut Writer) {
    match tree.str_at(&["in"]) {
        Some("query") => message(3, tree, query_parameter, writer),
        Some("path") => message(4, tree, path_parameter, writer),
        _ => message(1, tree, path_parameter, writer),
    }
}

fn query_parameter(tree: &Tree, writer: &mut Writer) {
    let known: Fields = &[
        (1, "required", Form::Flag),
        (2, "in", Form::Text),
        (3, "description", Form::Text),
        (4, "name", Form::Text),
        (6, "type", Form::Text),
        (7, "format", Form::Text),
        (20, "uniqueItems", Form::Flag),
    ];
    fields(known, Some(23), tree, writer);
}

/// Those of headers have the same numbers.
fn path_parameter(tree: &Tree, writer: &mut Writer) {
    let known: Fields = &[
        (1, "required", Form::Flag),
        (2, "in", Form::Text),
        (3, "description", Form::Text),
        (4, "name", Form::Text),
        (5, "type", Form::Text),
        (6, "format", Form::Text),
        (19, "uniqueItems", Form::Flag),
    ];
    fields(known, Some(22), tree, writer);
}

fn responses(tree: &Tree, writer: &mut Writer) {
    for (code, answer) in tree.entries() {
        named(1, code, answer, response_value, writer);
    }
}

fn response_value(tree: &Tree, writer: &mut Writer) {
    message(1, tree, response, writer);
}

fn response(tree: &Tree, writer: &mut Writer) {
    let known: Fields = &[(1, "description", Form::Text), (2, "schema", Form::One(schema_item))];
    fields(known, Some(5), tree, writer);
}

fn schema_item(tree: &Tree, writer: &mut Writer) {
    message(1, tree, schema, writer);
}

fn schema(tree: &Tree, writer: &mut Writer) {
    let known: Fields = &[
        (1, "$ref", Form::Text),
        (2, "format", Form::Text),
        (3, "title", Form::Text),
        (4, "description", Form::Text),
        (5, "default", Form::Any),
        (6, "multipleOf", Form::Double),
        (7, "maximum", Form::Double),
        (8, "exclusiveMaximum", Form::Flag),
        (9, "minimum", Form::Double),
        (10, "exclusiveMinimum", Form::Flag),
        (11, "maxLength", Form::Int),
        (12, "minLength", Form::Int),
        (13, "pattern", Form::Text),
        (14, "maxItems", Form::Int),
        (15, "minItems", Form::Int),
        (16, "uniqueItems", Form::Flag),
        (17, "maxProperties", Form::Int),
        (18, "minProperties", Form::Int),
        (19, "required", Form::Texts),
        (20, "enum", Form::Anys),
        (21, "additionalProperties", Form::One(additional)),
        (22, "type", Form::One(type_item)),
        (23, "items", Form::One(schema_item)),
        (24, "allOf", Form::Many(schema)),
        (25, "properties", Form::Named(schema)),
        (30, "example", Form::Any),
    ];
    fields(known, Some(31), tree, writer);
}

fn additional(tree: &Tree, writer: &mut Writer) {
    match tree.as_bool() {
        Some(allowed) => writer.int(2, allowed.into()),
        None => message(1, tree, schema, writer),
    }
}

fn type_item(tree: &Tree, writer: &mut Writer) {
    for name in tree.as_str().into_iter().chain(tree.items().iter().filter_map(Tree::as_str)) {
        writer.string(1, name);
    }
}

fn security(tree: &Tree, writer: &mut Writer) {
    for (name, scopes) in tree.entries() {
        named(1, name, scopes, type_item, writer);
    }
}

fn security_definition(tree: &Tree, writer: &mut Writer) {
    message(2, tree, api_key, writer);
}

fn api_key(tree: &Tree, writer: &mut Writer) {
    let known: Fields = &[
        (1, "type", Form::Text),
        (2, "name", Form::Text),
        (3, "in", Form::Text),
        (4, "description", Form::Text),
    ];
    fields(known, Some(5), tree, writer);
}

fn message(number: u32, tree: &Tree, write: fn(&Tree, &mut Writer), writer: &mut Writer) {
    let mut inner = Writer::default();
    write(tree, &mut inner);
    writer.bytes(number, &inner.0);
}

fn named(number: u32, name: &str, tree: &Tree, write: fn(&Tree, &mut Writer), to: &mut Writer) {
    let mut entry = Writer::default();
    entry.string(1, name);
    message(2, tree, write, &mut entry);
    to.bytes(number, &entry.0);
}

fn any(number: u32, tree: &Tree, writer: &mut Writer) {
    let mut inner = Writer::default();
    inner.string(2, &yaml::text(tree));
    writer.bytes(number, &inner.0);
}

/// The known members, and those of vendors under the number `others`.
fn fields(known: Fields, others: Option<u32>, tree: &Tree, writer: &mut Writer) {
    for (number, name, form) in known {
        let Some(value) = tree.get(name) else { continue };
        match form {
            Form::Text => writer.string(*number, value.as_str().unwrap_or_default()),
            Form::Texts => {
                for text in value.items().iter().filter_map(Tree::as_str) {
                    writer.string(*number, text);
                }
            }
            Form::Flag => writer.int(*number, value.as_bool().unwrap_or_default().into()),
            Form::Int => writer.int(*number, value.as_i64().unwrap_or_default()),
            Form::Double => writer.double(*number, value.as_f64().unwrap_or_default()),
            Form::Any => any(*number, value, writer),
            Form::Anys => value.items().iter().for_each(|item| any(*number, item, writer)),
            Form::One(write) => message(*number, value, *write, writer),
            Form::Many(write) => {
                value.items().iter().for_each(|item| message(*number, item, *write, writer));
            }
            Form::Named(write) => {
                let mut inner = Writer::default();
                for (name, member) in value.entries() {
                    named(1, name, member, *write, &mut inner);
                }
                writer.bytes(*number, &inner.0);
            }
        }
    }
    let Some(number) = others else { return };
    for (name, value) in tree.entries().filter(|(name, _)| name.starts_with("x-")) {
        let mut entry = Writer::default();
        entry.string(1, name);
        any(2, value, &mut entry);
        writer.bytes(number, &entry.0);
    }
}
