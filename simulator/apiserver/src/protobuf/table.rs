//! The generated table of messages: split at first use, each parsed when it is needed.

use std::sync::OnceLock;

const TEXT: &str = include_str!("../../tables/proto.txt");

pub(super) struct Message {
    /// `core.v1.Pod`.
    pub name: &'static str,
    body: &'static str,
    fields: OnceLock<Vec<Field>>,
}

pub(super) struct Field {
    pub number: u32,
    /// In JSON.
    pub name: &'static str,
    pub shape: Shape,
    pub kind: Type,
    /// Whether its zero value is something else than its absence.
    pub pointer: bool,
    /// Whether its members are, in JSON, those of the message around it.
    pub inline: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    One,
    List,
    /// By a string.
    Map,
}

#[derive(Clone, Copy)]
pub(super) enum Type {
    String,
    Bytes,
    Int,
    Bool,
    Double,
    Time,
    MicroTime,
    Quantity,
    IntOrString,
    /// JSON as bytes.
    Raw,
    /// A list of strings.
    Items,
    OrSchemas,
    OrStrings,
    OrBool,
    Message(&'static Message),
}

impl Message {
    /// That of a kind, and of the kinds that every group has: `DeleteOptions`, `Status`.
    pub(super) fn of(api_version: &str, kind: &str) -> Option<&'static Message> {
        let (group, version) = api_version.split_once('/').unwrap_or(("core", api_version));
        let group = group.split('.').next().unwrap_or_default();
        Self::named(&format!("{group}.{version}.{kind}"))
            .or_else(|| Self::named(&format!("meta.v1.{kind}")))
    }

    pub(super) fn named(name: &str) -> Option<&'static Message> {
        static TABLE: OnceLock<Vec<Message>> = OnceLock::new();
        let table = TABLE.get_or_init(split);
        let at = table.binary_search_by(|message| message.name.cmp(name)).ok()?;
        Some(&table[at])
    }

    /// Sorted by number.
    pub(super) fn fields(&self) -> &[Field] {
        self.fields.get_or_init(|| self.body.lines().filter_map(Field::parse).collect())
    }
}

/// Whether a kind is in the list of those that are no longer served.
pub(super) fn is_listed(name: &str) -> bool {
    let lines = TEXT.lines().filter_map(|line| line.strip_prefix("# known "));
    lines.flat_map(|line| line.split(' ')).any(|known| known == name)
}

fn split() -> Vec<Message> {
    let mut messages = Vec::with_capacity(768);
    let mut rest = TEXT;
    while let Some((line, after)) = rest.split_once('\n') {
        let mut end = 0;
        while after[end..].starts_with(' ') {
            end += after[end..].find('\n').map_or(after.len() - end, |at| at + 1);
        }
        if !line.starts_with('#') {
            messages.push(Message { name: line, body: &after[..end], fields: OnceLock::new() });
        }
        rest = &after[end..];
    }
    messages
}

impl Field {
    fn parse(line: &'static str) -> Option<Self> {
        let mut words = line.trim_start().split(' ');
        let number = words.next()?.parse().ok()?;
        let name = words.next()?;
        let word = words.next()?;
        let (word, inline) = word.strip_prefix('~').map_or((word, false), |word| (word, true));
        let (word, pointer) = word.strip_prefix('?').map_or((word, false), |word| (word, true));
        let (word, shape) = if let Some(word) = word.strip_prefix("[]") {
            (word, Shape::List)
        } else if let Some(word) = word.strip_prefix("{}") {
            (word, Shape::Map)
        } else {
            (word, Shape::One)
        };
        let kind = match word {
            "string" => Type::String,
            "bytes" => Type::Bytes,
            "int32" | "int64" => Type::Int,
            "bool" => Type::Bool,
            "double" => Type::Double,
            "time" => Type::Time,
            "microtime" => Type::MicroTime,
            "quantity" => Type::Quantity,
            "int-or-string" => Type::IntOrString,
            "raw" => Type::Raw,
            "items" => Type::Items,
            "or-schemas" => Type::OrSchemas,
            "or-strings" => Type::OrStrings,
            "or-bool" => Type::OrBool,
            other => Type::Message(Message::named(other.strip_prefix('@')?)?),
        };
        Some(Self { number, name, shape, kind, pointer, inline })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Table;

    #[test]
    fn every_line_is_a_field_and_numbers_rise() {
        Message::named("core.v1.Pod").expect("pods are there");

        for message in split() {
            assert_eq!(message.fields().len(), message.body.lines().count(), "{}", message.name);
            let numbers = message.fields();
            assert!(numbers.is_sorted_by(|a, b| a.number < b.number), "{}", message.name);
        }
    }

    #[test]
    fn every_builtin_kind_and_list_has_a_message() {
        for minor in [20, 24, 34] {
            for row in &Table::of(minor).rows {
                let version = match row.group {
                    "" => row.version.to_owned(),
                    group => format!("{group}/{}", row.version),
                };
                assert!(Message::of(&version, row.kind).is_some(), "{version} {}", row.kind);
                let list = format!("{}List", row.kind);
                let listed = Message::of(&version, &list).is_some();
                assert!(listed || row.flags.contains('r'), "{version} {list}");
            }
        }
    }
}
