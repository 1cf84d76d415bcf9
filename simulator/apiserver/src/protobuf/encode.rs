//! From a tree to bytes.

use super::special;
use super::table::{Message, Shape, Type};
use super::wire::Writer;
use crate::object::Tree;

/// Writes what a tree has of a message's fields; of the wrong type nothing is written.
pub(super) fn message(message: &Message, tree: &Tree, writer: &mut Writer) {
    for field in message.fields() {
        if field.inline {
            if let Type::Message(inner) = field.kind {
                let mut content = Writer::default();
                self::message(inner, tree, &mut content);
                writer.bytes(field.number, &content.0);
            }
            continue;
        }
        let Some(value) = tree.get(field.name).filter(|value| !value.is_null()) else { continue };
        match field.shape {
            Shape::One => one(field.kind, field.number, value, writer),
            Shape::List => {
                for item in value.items() {
                    one(field.kind, field.number, item, writer);
                }
            }
            Shape::Map => {
                for (key, held) in value.entries() {
                    let mut entry = Writer::default();
                    entry.string(1, key);
                    one(field.kind, 2, held, &mut entry);
                    writer.bytes(field.number, &entry.0);
                }
            }
        }
    }
}

fn one(kind: Type, number: u32, value: &Tree, writer: &mut Writer) {
    let text = || value.as_str().unwrap_or_default();
    match kind {
        Type::String => writer.string(number, text()),
        Type::Bytes => writer.bytes(number, &special::from_base64(text())),
        Type::Int => writer.int(number, value.as_i64().unwrap_or_default()),
        Type::Bool => writer.int(number, value.as_bool().unwrap_or_default().into()),
        Type::Double => writer.double(number, value.as_f64().unwrap_or_default()),
        Type::Message(inner) => {
            let mut content = Writer::default();
            message(inner, value, &mut content);
            writer.bytes(number, &content.0);
        }
        Type::Time | Type::MicroTime => {
            let micro = matches!(kind, Type::MicroTime);
            writer.bytes(number, &special::time_bytes(text(), micro));
        }
        Type::Quantity => {
            let mut content = Writer::default();
            match value.as_str() {
                Some(text) => content.string(1, text),
                None => content.string(1, &value.to_string()),
            }
            writer.bytes(number, &content.0);
        }
        Type::IntOrString => writer.bytes(number, &special::int_or_string_bytes(value)),
        Type::Raw => {
            let mut content = Writer::default();
            content.bytes(1, &value.to_json());
            writer.bytes(number, &content.0);
        }
        Type::Items => {
            let mut content = Writer::default();
            for item in value.items() {
                content.string(1, item.as_str().unwrap_or_default());
            }
            writer.bytes(number, &content.0);
        }
        Type::OrSchemas | Type::OrStrings | Type::OrBool => {
            let mut content = Writer::default();
            either(kind, value, &mut content);
            writer.bytes(number, &content.0);
        }
    }
}

fn either(kind: Type, value: &Tree, writer: &mut Writer) {
    let is_bool = matches!(kind, Type::OrBool);
    let schema = |value: &Tree| {
        let mut content = Writer::default();
        if let Some(props) = Message::named(special::SCHEMA) {
            message(props, value, &mut content);
        }
        content.0
    };
    if is_bool {
        writer.int(1, (value.as_bool() != Some(false)).into());
    }
    if value.is_map() {
        writer.bytes(if is_bool { 2 } else { 1 }, &schema(value));
    }
    for item in value.items() {
        match item.as_str() {
            Some(text) => writer.string(2, text),
            None => writer.bytes(2, &schema(item)),
        }
    }
}
