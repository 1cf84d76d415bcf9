//! A place in an object, and what to put there.

use serde_json::{Map, Value, json};

use super::Draw;
use crate::differ::definition::DEFINITIONS;
use crate::differ::kinds::Schema;
use crate::differ::nasty;

impl Draw<'_> {
    /// Changes an object in one place.
    pub(super) fn bend(&mut self, object: &mut Value) {
        let path = self.path();
        match self.rng.u32(..10) {
            0 => {
                let parent = &path[..path.len() - 1];
                if let Some(Value::Object(parent)) = at_mut(object, parent) {
                    parent.remove(&path[path.len() - 1]);
                }
            }
            1 => {
                let unknown = self.pick(&["unknown", "Name", "spec", "$patch"]);
                let mut path = path;
                path.pop();
                path.push((*unknown).to_owned());
                put(object, &path, json!("x"));
            }
            2 => {
                let list = at_mut(object, &path).filter(|it| it.is_array());
                if let Some(Value::Array(items)) = list
                    && let Some(first) = items.first().cloned()
                {
                    items.push(first);
                } else {
                    let value = self.value_at(&path);
                    put(object, &path, value);
                }
            }
            _ => {
                let value = self.value_at(&path);
                put(object, &path, value);
            }
        }
    }

    /// A place in an object of the kind, there or not.
    pub(super) fn path(&mut self) -> Vec<String> {
        let mut path = Vec::new();
        let mut schema = self.kind.schema.clone();
        let mut here = Some(self.kind.example.clone());
        // A definition is a schema before it is anything else, and that lies deep.
        let deepest = if self.kind.name == DEFINITIONS { 13 } else { 5 };
        let depth = self.rng.usize(1..=deepest);
        while path.len() < depth || path.last().is_some_and(|it: &String| it == "metadata") {
            let next = if schema.of_type() == "array" {
                here = here.as_ref().and_then(|it| it.get(0)).cloned();
                schema.items().map(|items| ("0".to_owned(), items))
            } else {
                let mut names: Vec<String> =
                    schema.members().into_iter().map(str::to_owned).collect();
                // What the example has leads further than the many fields it has not.
                if let Some(Value::Object(members)) = &here
                    && self.rng.u32(..3) > 0
                {
                    let there = names.iter().filter(|name| members.contains_key(*name)).cloned();
                    let there: Vec<String> = there.collect();
                    if !there.is_empty() {
                        names = there;
                    }
                }
                if path.is_empty() {
                    names.retain(|name| !matches!(name.as_str(), "status" | "kind" | "apiVersion"));
                    names.extend(
                        ["spec".to_owned()].into_iter().filter(|it| schema.member(it).is_some()),
                    );
                }
                if names.is_empty() && schema.values().is_some() {
                    names = vec!["a".into(), "example.com/b".into()];
                }
                if names.is_empty() {
                    None
                } else {
                    let name = self.pick(&names).clone();
                    here = here.as_ref().and_then(|it| it.get(&name)).cloned();
                    schema.member(&name).map(|schema| (name, schema))
                }
            };
            let Some((name, below)) = next else { break };
            path.push(name);
            schema = below;
        }
        if path == ["metadata"] || path.is_empty() {
            path = vec!["metadata".into(), "labels".into()];
        }
        // The name is what the story is about; who owns what is the servers' own.
        if path.len() >= 2
            && path[0] == "metadata"
            && matches!(path[1].as_str(), "name" | "managedFields")
        {
            path[1] = "annotations".into();
            path.truncate(2);
        }
        path
    }

    pub(super) fn schema_at(&self, path: &[String]) -> Option<Schema> {
        path.iter().try_fold(self.kind.schema.clone(), |schema, part| {
            if schema.of_type() == "array" { schema.items() } else { schema.member(part) }
        })
    }

    pub(super) fn value_at(&mut self, path: &[String]) -> Value {
        if self.one_in(5) {
            return nasty::any(&mut self.rng);
        }
        let name = path.last().map_or("", String::as_str).to_owned();
        match self.schema_at(path) {
            Some(schema) => self.value(&name, &schema, 3),
            None => nasty::any(&mut self.rng),
        }
    }

    /// Something of the schema's shape.
    pub(super) fn value(&mut self, name: &str, schema: &Schema, depth: u32) -> Value {
        if !schema.choices().is_empty() {
            return self.pick(schema.choices()).clone();
        }
        match schema.of_type() {
            "string" => nasty::text(&mut self.rng, name, schema.text("format")),
            "int-or-string" => match self.rng.u32(..3) {
                0 => json!(self.rng.i64(0..90)),
                1 => json!("25%"),
                _ => nasty::text(&mut self.rng, name, ""),
            },
            "integer" => nasty::number(&mut self.rng),
            "number" => json!(self.rng.f64()),
            "boolean" => json!(self.rng.bool()),
            "array" => {
                let Some(items) = schema.items().filter(|_| depth > 0) else { return json!([]) };
                let count = self.rng.usize(0..=2);
                (0..count).map(|_| self.value(name, &items, depth - 1)).collect()
            }
            _ => {
                let mut members = Map::new();
                if depth == 0 {
                    return Value::Object(members);
                }
                let known: Vec<String> = schema.members().into_iter().map(str::to_owned).collect();
                let required: Vec<String> =
                    schema.required().into_iter().map(str::to_owned).collect();
                let optional = u32::try_from(known.len()).unwrap_or(1).clamp(1, 8);
                for member in &known {
                    let take = if required.contains(member) {
                        !self.one_in(9)
                    } else {
                        self.one_in(optional)
                    };
                    if take && let Some(below) = schema.member(member) {
                        members.insert(member.clone(), self.value(member, &below, depth - 1));
                    }
                }
                if let Some(values) = schema.values() {
                    for key in ["a", "example.com/b"] {
                        if self.rng.bool() {
                            members.insert(key.into(), self.value(key, &values, depth - 1));
                        }
                    }
                }
                Value::Object(members)
            }
        }
    }
}

pub(super) fn pointer(path: &[String]) -> String {
    path.iter().map(|part| format!("/{}", part.replace('~', "~0").replace('/', "~1"))).collect()
}

pub(super) fn at_mut<'v>(object: &'v mut Value, path: &[String]) -> Option<&'v mut Value> {
    path.iter().try_fold(object, |value, part| match value {
        Value::Array(items) => items.get_mut(part.parse::<usize>().ok()?),
        Value::Object(members) => members.get_mut(part),
        _ => None,
    })
}

/// Sets a value; what is on the way and of another shape gives way.
pub(in crate::differ) fn put(object: &mut Value, path: &[String], value: Value) {
    let Some((first, rest)) = path.split_first() else {
        *object = value;
        return;
    };
    if let (Value::Array(items), Ok(index)) = (&mut *object, first.parse::<usize>()) {
        if index < items.len() {
            put(&mut items[index], rest, value);
        } else {
            let mut item = Value::Null;
            put(&mut item, rest, value);
            items.push(item);
        }
        return;
    }
    if first.parse::<usize>().is_ok() {
        let mut item = Value::Null;
        put(&mut item, rest, value);
        *object = json!([item]);
        return;
    }
    if !object.is_object() {
        *object = Value::Object(Map::new());
    }
    if let Value::Object(members) = object {
        put(members.entry(first.clone()).or_insert(Value::Null), rest, value);
    }
}
