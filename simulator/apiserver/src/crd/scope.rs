//! How the values of a schema look to an expression.

use super::openapi::{on, schemas, sub, text};
use crate::Tree;
use crate::expression::{Kind, Scope};
use crate::schema::escaped;

/// What a rule of a schema may use. A message is of the value alone as well.
pub(super) fn of(value: &Kind, may_be_new: bool) -> Scope {
    let old = if may_be_new { Kind::optional(value.clone()) } else { value.clone() };
    Scope::from([("self".to_owned(), value.clone()), ("oldSelf".to_owned(), old)])
}

/// The type of a schema's values; `None` where the schema does not say enough. `is_root`: of an object with a kind of
/// its own.
pub(super) fn kind(schema: &Tree, is_root: bool) -> Option<Kind> {
    // The real server names the types of a definition by the time of day.
    named(schema, is_root, "selfType0")
}

fn named(schema: &Tree, is_root: bool, name: &str) -> Option<Kind> {
    if on(schema, "x-kubernetes-int-or-string") {
        return Some(Kind::Dyn);
    }
    let below = |schema: &Tree, last: &str| {
        let is_root = on(schema, "x-kubernetes-embedded-resource");
        named(schema, is_root, &format!("{name}.{last}"))
    };
    match text(schema, "type") {
        "array" => Some(Kind::list(below(sub(schema, "items")?, "@idx")?)),
        "object" => {
            if let Some(values) = sub(schema, "additionalProperties") {
                return Some(Kind::map(Kind::String, below(values, "@elem")?));
            }
            let fields = schemas(schema, "properties").filter_map(|(key, schema)| {
                let key = escaped(key);
                let kind = below(schema, &key)?;
                Some((key, kind))
            });
            let mut fields: std::collections::BTreeMap<_, _> = fields.collect();
            if is_root {
                let head = ["name", "generateName"].map(|key| (key.to_owned(), Kind::String));
                let meta = Kind::Object(format!("{name}.metadata").into(), head.into());
                fields.insert("apiVersion".to_owned(), Kind::String);
                fields.insert("kind".to_owned(), Kind::String);
                fields.insert("metadata".to_owned(), meta);
            }
            Some(Kind::Object(name.to_owned().into(), fields))
        }
        "string" => Some(match text(schema, "format") {
            "byte" => Kind::Bytes,
            "duration" => Kind::Duration,
            "date" | "date-time" => Kind::Timestamp,
            _ => Kind::String,
        }),
        "boolean" => Some(Kind::Bool),
        "number" => Some(Kind::Double),
        "integer" => Some(Kind::Int),
        _ => None,
    }
}
