//! Recorded answers against live ones, with symbols for what a server chooses.

use std::collections::BTreeMap;

use serde_json::Value;

pub struct Symbols {
    namespace: String,
    bound: BTreeMap<String, String>,
    answers: BTreeMap<String, Value>,
    ignore: Vec<String>,
}

/// Compared by shape only.
const LOOSE: &[&str] = &["rev", "time", "age", "token", "src", "dump"];

impl Symbols {
    pub fn new(namespace: &str, story: &Value) -> Self {
        let ignore = story["ignore"].as_array().into_iter().flatten();
        let ignore = ignore.filter_map(|entry| entry["pointer"].as_str()).map(str::to_owned);
        Self {
            namespace: namespace.to_owned(),
            bound: BTreeMap::new(),
            answers: BTreeMap::new(),
            ignore: ignore.collect(),
        }
    }

    pub fn remember(&mut self, id: &str, answer: &Value) {
        self.answers.insert(id.to_owned(), answer.clone());
    }

    /// A request with the values of earlier answers in it.
    pub fn resolve(&self, node: &Value) -> Value {
        match node {
            Value::String(text) => Value::String(self.text(text)),
            Value::Array(items) => items.iter().map(|item| self.resolve(item)).collect(),
            Value::Object(members) => members
                .iter()
                .map(|(key, value)| (self.text(key), self.resolve(value)))
                .collect::<serde_json::Map<_, _>>()
                .into(),
            other => other.clone(),
        }
    }

    fn text(&self, text: &str) -> String {
        pieces(text)
            .into_iter()
            .map(|piece| match piece {
                Piece::Literal(text) => text.to_owned(),
                Piece::Symbol("ns") => self.namespace.clone(),
                Piece::Symbol(name) => self.value(name),
            })
            .collect()
    }

    fn value(&self, name: &str) -> String {
        let mut parts = name.split('.');
        let answer = parts.next().and_then(|id| self.answers.get(id));
        let found = parts.try_fold(answer.unwrap_or(&Value::Null), |node, part| {
            match part.parse::<usize>() {
                Ok(at) => node.get(at),
                Err(_) => node.get(part),
            }
        });
        match found {
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
            None => format!("${{{name}}}"),
        }
    }

    pub fn compare(&mut self, id: &str, expected: &Value, actual: &Value, into: &mut Vec<String>) {
        self.node(id, "", expected, actual, into);
    }

    fn is_ignored(&self, id: &str, path: &str) -> bool {
        let path: Vec<&str> = path.split('/').skip(1).collect();
        self.ignore.iter().any(|pattern| {
            let mut parts = pattern.split('/').skip(1);
            let step = parts.next().unwrap_or_default();
            let parts: Vec<&str> = parts.skip_while(|part| *part == "body").collect();
            (step == "*" || step == id)
                && parts.len() == path.len()
                && parts.iter().zip(&path).all(|(a, b)| *a == "*" || a == b)
        })
    }

    fn node(
        &mut self,
        id: &str,
        path: &str,
        expected: &Value,
        actual: &Value,
        into: &mut Vec<String>,
    ) {
        if self.is_ignored(id, path) {
            return;
        }
        match (expected, actual) {
            (Value::Object(expected), Value::Object(actual)) => {
                let expected: BTreeMap<String, &Value> =
                    expected.iter().map(|(key, value)| (self.key(key), value)).collect();
                for (key, value) in &expected {
                    let path = format!("{path}/{key}");
                    match actual.get(key) {
                        Some(Value::Array(actual)) if key == "managedFields" => {
                            let expected = in_order(value.as_array().map_or(&[], Vec::as_slice));
                            self.node(id, &path, &expected, &in_order(actual), into);
                        }
                        Some(actual) => self.node(id, &path, value, actual, into),
                        None if self.is_ignored(id, &path) => {}
                        None => into.push(format!("{path}: {} expected, absent", short(value))),
                    }
                }
                for (key, value) in actual {
                    let path = format!("{path}/{key}");
                    if !expected.contains_key(key) && !self.is_ignored(id, &path) {
                        into.push(format!("{path}: {} answered, not expected", short(value)));
                    }
                }
            }
            (Value::Array(expected), Value::Array(actual)) if expected.len() == actual.len() => {
                for (at, (expected, actual)) in expected.iter().zip(actual).enumerate() {
                    self.node(id, &format!("{path}/{at}"), expected, actual, into);
                }
            }
            (Value::String(pattern), Value::String(text)) => {
                if !self.matches(pattern, text) {
                    into.push(format!("{path}:\n        - {pattern}\n        + {text}"));
                }
            }
            // A symbol may stand for a port.
            (Value::String(pattern), Value::Number(number))
                if pattern.starts_with("${") && self.matches(pattern, &number.to_string()) => {}
            _ if expected == actual => {}
            _ => into.push(format!(
                "{path}:\n        - {}\n        + {}",
                short(expected),
                short(actual)
            )),
        }
    }

    fn key(&self, key: &str) -> String {
        let piece = |piece| match piece {
            Piece::Literal(text) => text.to_owned(),
            Piece::Symbol("ns") => self.namespace.clone(),
            Piece::Symbol(name) => self.bound.get(name).cloned().unwrap_or_default(),
        };
        pieces(key).into_iter().map(piece).collect()
    }

    pub fn matches(&mut self, pattern: &str, text: &str) -> bool {
        let pieces = pieces(pattern);
        let mut rest = text;
        for (at, piece) in pieces.iter().enumerate() {
            let known = match piece {
                Piece::Literal(literal) => Some((*literal).to_owned()),
                Piece::Symbol("ns") => Some(self.namespace.clone()),
                Piece::Symbol(name) => self.bound.get(*name).cloned(),
            };
            if let Some(known) = known {
                let Some(after) = rest.strip_prefix(known.as_str()) else { return false };
                rest = after;
                continue;
            }
            let Piece::Symbol(name) = piece else { return false };
            let end = match pieces.get(at + 1) {
                None => rest.len(),
                // What may be any text goes on to where the last piece begins.
                Some(Piece::Literal(literal)) if at + 2 == pieces.len() => {
                    match rest.strip_suffix(literal) {
                        Some(value) => value.len(),
                        None => return false,
                    }
                }
                Some(Piece::Literal(literal)) => match rest.find(literal) {
                    Some(end) => end,
                    None => return false,
                },
                Some(Piece::Symbol(_)) => 5.min(rest.len()),
            };
            let (value, after) = rest.split_at(end);
            if !LOOSE.contains(name) {
                self.bound.insert((*name).to_owned(), value.to_owned());
            }
            rest = after;
        }
        rest.is_empty()
    }
}

/// Entries of `managedFields` stand in the order of their times, and these are not compared.
fn in_order(entries: &[Value]) -> Value {
    let mut entries = entries.to_vec();
    entries.sort_by_key(|entry| {
        ["manager", "operation", "apiVersion", "subresource"].map(|key| entry[key].to_string())
    });
    entries.into()
}

enum Piece<'a> {
    Literal(&'a str),
    Symbol(&'a str),
}

fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let Some(length) = rest[start..].find('}') else { break };
        if start > 0 {
            pieces.push(Piece::Literal(&rest[..start]));
        }
        pieces.push(Piece::Symbol(&rest[start + 2..start + length]));
        rest = &rest[start + length + 1..];
    }
    if !rest.is_empty() {
        pieces.push(Piece::Literal(rest));
    }
    pieces
}

fn short(value: &Value) -> String {
    let text = value.to_string();
    text.chars().take(4000).collect()
}
