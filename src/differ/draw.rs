//! Stories, drawn from a seed: objects that servers take, bent in one place or another, and requests about them.

use fastrand::Rng;
use serde_json::{Map, Value, json};

use super::kinds::{Kind, Schema};
use super::nasty;
use super::story::{Body, Step, Story, Verb};

/// The story that a seed and a number stand for. `about` is the verb that it must have.
pub fn story(kind: &Kind, about: Verb, seed: u64) -> Story {
    let mut draw = Draw { kind, rng: Rng::with_seed(seed), name: "${ns}-a".to_owned() };
    let mut steps = Vec::new();
    if about != Verb::Create && draw.one_in(24) {
        // About an object that is not there.
    } else {
        steps.push(draw.step(Verb::Create, about == Verb::Create));
    }
    let others = draw.rng.usize(1..=4);
    for _ in 0..others {
        if draw.one_in(3) {
            let verb = Verb::ALL[draw.rng.usize(..Verb::ALL.len())];
            // A watch takes a second.
            let verb = if verb == Verb::Watch { Verb::Get } else { verb };
            steps.push(draw.step(verb, true));
        } else if about != Verb::Create {
            steps.push(draw.step(about, true));
        }
    }
    if about != Verb::Create {
        steps.push(draw.step(about, true));
    }
    steps.push(draw.step(Verb::Get, false));
    Story { kind: kind.name.clone(), steps }
}

struct Draw<'a> {
    kind: &'a Kind,
    rng: Rng,
    name: String,
}

impl Draw<'_> {
    fn one_in(&mut self, n: u32) -> bool {
        self.rng.u32(..n) == 0
    }

    fn pick<'v, T>(&mut self, from: &'v [T]) -> &'v T {
        &from[self.rng.usize(..from.len())]
    }

    /// `odd`: it need not be what a server takes.
    fn step(&mut self, verb: Verb, odd: bool) -> Step {
        let collection = self.kind.collection();
        let mut object = format!("{collection}/{}", self.name);
        let subresource = self.subresource(verb, odd);
        if let Some(subresource) = &subresource {
            object = format!("{object}/{subresource}");
        }
        let mut step = Step {
            verb,
            method: String::new(),
            path: object,
            content_type: None,
            accept: None,
            body: Body::None,
        };
        let json_type = || Some("application/json".to_owned());
        match verb {
            Verb::Create => {
                step.method = "POST".into();
                step.path = collection;
                step.content_type = json_type();
                step.body = self.document(odd);
            }
            Verb::Update => {
                step.method = "PUT".into();
                step.content_type = json_type();
                step.body = self.update(odd);
            }
            Verb::Get => step.method = "GET".into(),
            Verb::List | Verb::Watch => {
                step.method = "GET".into();
                step.path = collection;
            }
            Verb::Delete => {
                step.method = "DELETE".into();
                if self.one_in(2) {
                    step.content_type = json_type();
                    step.body = Body::Json(self.delete_options());
                }
            }
            Verb::JsonPatch => {
                step.method = "PATCH".into();
                step.content_type = Some("application/json-patch+json".into());
                step.body = Body::Json(self.json_patch());
            }
            Verb::MergePatch => {
                step.method = "PATCH".into();
                step.content_type = Some("application/merge-patch+json".into());
                step.body = Body::Json(self.merge_patch());
            }
            Verb::StrategicPatch => {
                step.method = "PATCH".into();
                step.content_type = Some("application/strategic-merge-patch+json".into());
                step.body = Body::Json(self.strategic_patch());
            }
            Verb::Apply => {
                step.method = "PATCH".into();
                step.content_type = Some("application/apply-patch+yaml".into());
                step.body = self.apply(odd);
            }
        }
        let query = self.query(verb, odd);
        if !query.is_empty() {
            step.path = format!("{}?{}", step.path, query.join("&"));
        }
        if matches!(verb, Verb::Get | Verb::List | Verb::Watch) && odd && self.one_in(3) {
            step.accept = Some((*self.pick(nasty::ACCEPT)).to_owned());
        }
        step
    }

    fn subresource(&mut self, verb: Verb, odd: bool) -> Option<String> {
        let known = ["status", "scale"];
        let fits = matches!(
            verb,
            Verb::Get
                | Verb::Update
                | Verb::JsonPatch
                | Verb::MergePatch
                | Verb::StrategicPatch
                | Verb::Apply
        );
        if !odd || !fits || !self.one_in(6) {
            return None;
        }
        let name = *self.pick(&known);
        // Now and then one that is not there.
        (self.kind.subresources.iter().any(|it| it == name) || self.one_in(8))
            .then(|| name.to_owned())
    }

    fn query(&mut self, verb: Verb, odd: bool) -> Vec<String> {
        let mut query = Vec::new();
        if verb == Verb::Apply && !(odd && self.one_in(12)) {
            query.push(format!("fieldManager={}", self.pick(&["one", "two", "three"])));
            if self.one_in(2) {
                query.push(format!("force={}", self.pick(&["true", "true", "false"])));
            }
        }
        if verb == Verb::Watch {
            query.push("watch=true".into());
            query.push("timeoutSeconds=1".into());
            if self.one_in(2) {
                query.push("allowWatchBookmarks=true".into());
                if self.one_in(2) {
                    query.push("sendInitialEvents=true&resourceVersionMatch=NotOlderThan".into());
                }
            }
        }
        if matches!(verb, Verb::List | Verb::Watch) {
            if !self.kind.namespaced {
                query.push("fieldSelector=metadata.name%3D${ns}-a".into());
            } else if odd && self.one_in(2) {
                query.push((*self.pick(nasty::SELECTORS)).to_owned());
            }
            if odd && self.one_in(3) {
                query.push((*self.pick(nasty::LIST_OPTIONS)).to_owned());
            }
        }
        if !odd {
            return query;
        }
        let writes = !matches!(verb, Verb::Get | Verb::List | Verb::Watch);
        if writes && self.one_in(6) {
            query.push((*self.pick(&["dryRun=All", "dryRun=All", "dryRun=Some"])).to_owned());
        }
        if writes && verb != Verb::Delete && self.one_in(2) {
            query.push((*self.pick(nasty::VALIDATION)).to_owned());
        }
        if writes && verb != Verb::Apply && self.one_in(5) {
            query.push(
                (*self.pick(&["fieldManager=one", "fieldManager=two", "fieldManager=a%00b"]))
                    .to_owned(),
            );
        }
        if verb == Verb::Get && self.one_in(8) {
            query.push(
                (*self.pick(&[
                    "resourceVersion=0",
                    "resourceVersion=${rv}",
                    "resourceVersion=abc",
                ]))
                .to_owned(),
            );
        }
        query
    }

    /// The example under the story's name, with labels that selectors know.
    fn good(&mut self) -> Value {
        let mut object = self.kind.example.clone();
        object["apiVersion"] = self.kind.api_version.as_str().into();
        object["kind"] = self.kind.kind.as_str().into();
        object["metadata"]["name"] = self.name.as_str().into();
        if self.one_in(2) {
            object["metadata"]["labels"] = json!({ "app": *self.pick(&["a", "b"]) });
        }
        object
    }

    fn bent(&mut self, odd: bool) -> Value {
        let mut object = self.good();
        if odd {
            for _ in 0..self.rng.usize(0..=2) {
                self.bend(&mut object);
            }
        }
        object
    }

    fn document(&mut self, odd: bool) -> Body {
        if odd && self.one_in(60) {
            return Body::Text((*self.pick(nasty::BODIES)).to_owned());
        }
        let mut object = self.bent(odd);
        if odd && self.one_in(30) {
            object = nasty::head(&mut self.rng, object);
        }
        Body::Json(object)
    }

    fn update(&mut self, odd: bool) -> Body {
        let mut object = self.bent(odd);
        match self.rng.u32(..4) {
            0 => object["metadata"]["resourceVersion"] = "${rv}".into(),
            1 => {
                object["metadata"]["resourceVersion"] = "${rv}".into();
                object["metadata"]["uid"] = "${uid}".into();
            }
            2 if self.one_in(4) => object["metadata"]["resourceVersion"] = "1".into(),
            _ => {}
        }
        Body::Json(object)
    }

    fn apply(&mut self, odd: bool) -> Body {
        let mut object = self.bent(odd);
        if self.one_in(2)
            && let Some(spec) = object["spec"].as_object_mut()
        {
            // Another manager's part of it.
            let names: Vec<String> = spec.keys().cloned().collect();
            for name in names {
                if self.rng.bool() {
                    spec.remove(&name);
                }
            }
        }
        if odd && self.one_in(20) {
            object["metadata"]["managedFields"] = json!([]);
        }
        Body::Json(object)
    }

    fn merge_patch(&mut self) -> Value {
        let mut patch = Value::Object(Map::new());
        for _ in 0..self.rng.usize(1..=2) {
            let path = self.path();
            let value = self.value_at(&path);
            put(&mut patch, &path, value);
        }
        patch
    }

    /// A merge patch whose lists are partly orders.
    fn strategic_patch(&mut self) -> Value {
        let mut patch = self.merge_patch();
        if self.one_in(3) {
            let path = self.path();
            let order = self.pick(&[
                "$patch",
                "$retainKeys",
                "$deleteFromPrimitiveList/finalizers",
                "$setElementOrder/containers",
            ]);
            let value = match *order {
                "$patch" => json!(*self.pick(&["replace", "delete", "merge", "other"])),
                "$retainKeys" => json!(["name"]),
                _ => json!(["a"]),
            };
            let mut path: Vec<String> =
                path.into_iter().take_while(|part| part.parse::<usize>().is_err()).collect();
            path.pop();
            path.push((*order).to_owned());
            put(&mut patch, &path, value);
        }
        patch
    }

    fn json_patch(&mut self) -> Value {
        let count = self.rng.usize(1..=2);
        let operations = (0..count).map(|_| {
            let path = self.path();
            let pointer = pointer(&path);
            match self.rng.u32(..8) {
                0 => json!({ "op": "remove", "path": pointer }),
                1 => json!({ "op": "test", "path": pointer, "value": self.value_at(&path) }),
                2 => json!({ "op": "copy", "from": pointer, "path": crate::differ::draw::pointer(&self.path()) }),
                3 => json!({ "op": "move", "from": pointer, "path": crate::differ::draw::pointer(&self.path()) }),
                4 | 5 => json!({ "op": "replace", "path": pointer, "value": self.value_at(&path) }),
                6 if self.one_in(6) => json!({ "op": "invent", "path": pointer }),
                _ => json!({ "op": "add", "path": pointer, "value": self.value_at(&path) }),
            }
        });
        Value::Array(operations.collect())
    }

    fn delete_options(&mut self) -> Value {
        let mut options = json!({ "apiVersion": "v1", "kind": "DeleteOptions" });
        let (name, value) = match self.rng.u32(..8) {
            0 => ("gracePeriodSeconds", json!(0)),
            1 => ("gracePeriodSeconds", json!(-1)),
            2 => (
                "propagationPolicy",
                json!(*self.pick(&["Foreground", "Background", "Orphan", "Never"])),
            ),
            3 => ("orphanDependents", json!(true)),
            4 => ("preconditions", json!({ "uid": "${uid}" })),
            5 => ("preconditions", json!({ "uid": "another" })),
            6 => ("preconditions", json!({ "resourceVersion": *self.pick(&["${rv}", "1"]) })),
            _ => ("dryRun", json!(["All"])),
        };
        options[name] = value;
        options
    }

    /// Changes an object in one place.
    fn bend(&mut self, object: &mut Value) {
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
    fn path(&mut self) -> Vec<String> {
        let mut path = Vec::new();
        let mut schema = self.kind.schema.clone();
        let mut here = Some(self.kind.example.clone());
        let depth = self.rng.usize(1..=5);
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

    fn schema_at(&self, path: &[String]) -> Option<Schema> {
        path.iter().try_fold(self.kind.schema.clone(), |schema, part| {
            if schema.of_type() == "array" { schema.items() } else { schema.member(part) }
        })
    }

    fn value_at(&mut self, path: &[String]) -> Value {
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
    fn value(&mut self, name: &str, schema: &Schema, depth: u32) -> Value {
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

fn pointer(path: &[String]) -> String {
    path.iter().map(|part| format!("/{}", part.replace('~', "~0").replace('/', "~1"))).collect()
}

fn at_mut<'v>(object: &'v mut Value, path: &[String]) -> Option<&'v mut Value> {
    path.iter().try_fold(object, |value, part| match value {
        Value::Array(items) => items.get_mut(part.parse::<usize>().ok()?),
        Value::Object(members) => members.get_mut(part),
        _ => None,
    })
}

/// Sets a value; what is on the way and of another shape gives way.
fn put(object: &mut Value, path: &[String], value: Value) {
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
