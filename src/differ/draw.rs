//! Stories, drawn from a seed: objects that servers take, bent in one place or another, and requests about them.

pub(super) mod place;

use fastrand::Rng;
use serde_json::{Map, Value, json};

use super::definition::{self, DEFINITIONS};
use super::kinds::{GENERATED, Kind};
use super::nasty;
use super::story::{Body, Step, Story, Verb};
use place::{pointer, put};

/// The story that a seed and a number stand for. `about` is the verb that it must have.
pub fn story(kind: &Kind, about: Verb, seed: u64) -> Story {
    let mut rng = Rng::with_seed(seed);
    let mut steps = Vec::new();
    let mut own = None;
    if kind.name == GENERATED {
        let definition = definition::drawn(&mut rng);
        steps.push(definition::made(&definition));
        own = Some(kind.as_in(&definition));
    } else if kind.name == DEFINITIONS {
        own = Some(Kind { example: definition::drawn(&mut rng).object, ..kind.clone() });
    }
    let kind = own.as_ref().unwrap_or(kind);
    let mut draw = Draw { kind, rng, name: kind.object_name().to_owned() };
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
                query.push(format!("fieldSelector=metadata.name%3D{}", self.name));
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
        if self.kind.name == "v1/services" && !can_own_an_address(&object) {
            object["metadata"]["name"] = self.name.as_str().into();
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
                2 => json!({ "op": "copy", "from": pointer, "path": place::pointer(&self.path()) }),
                3 => json!({ "op": "move", "from": pointer, "path": place::pointer(&self.path()) }),
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
}

/// Without a name that an address can belong to, the real server tries every address of its range before it looks at the
/// rest: minutes long, and all other Services wait for it.
fn can_own_an_address(service: &Value) -> bool {
    let metadata = &service["metadata"];
    if !metadata.is_object() && !metadata.is_null() {
        return true;
    }
    let name = &metadata["name"];
    name.as_str().is_some_and(|name| !matches!(name, "" | "." | "..") && !name.contains(['/', '%']))
}
