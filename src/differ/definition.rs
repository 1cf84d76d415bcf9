//! Definitions of custom kinds, drawn: a schema with every kind of constraint, and an object that it takes.

use fastrand::Rng;
use serde_json::{Map, Value, json};

use super::story::{Body, Step, Verb};

pub const DEFINITIONS: &str = "apiextensions.k8s.io/v1/customresourcedefinitions";
const COLLECTION: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

/// A definition of `things` in a group of the story's own, and one of its things.
pub struct Definition {
    pub object: Value,
    pub example: Value,
}

/// The step that makes it, before those about its objects.
pub fn made(definition: &Definition) -> Step {
    Step {
        verb: Verb::Create,
        method: "POST".into(),
        path: COLLECTION.into(),
        content_type: Some("application/json".into()),
        accept: None,
        body: Body::Json(definition.object.clone()),
    }
}

/// The lists of the objects that a definition, as it is stored, is served with.
pub fn lists(definition: &Value) -> Vec<String> {
    let spec = &definition["spec"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (group, plural) = (text(&spec["group"]), text(&spec["names"]["plural"]));
    let versions = spec["versions"].as_array().into_iter().flatten();
    let served = versions.filter(|version| version["served"] == true);
    served.map(|version| format!("/apis/{group}/{}/{plural}", text(&version["name"]))).collect()
}

pub fn drawn(rng: &mut Rng) -> Definition {
    let mut draw = Draw { rng };
    let (spec, good) = draw.object(3);
    let status = json!({ "type": "object", "properties": {
        "size": { "type": "integer" }, "selector": { "type": "string" }, "phase": { "type": "string" },
    } });
    let mut whole = json!({ "type": "object", "properties": { "spec": spec, "status": status } });
    if draw.one_in(4) {
        whole["required"] = json!(["spec"]);
    }
    if draw.one_in(8) {
        whole["x-kubernetes-validations"] = json!([{ "rule": *draw.pick(&["self.metadata.name.size() > 3", "has(self.spec)", "self.kind == 'Thing'"]) }]);
    }
    let mut version = json!({ "name": "v1", "served": true, "storage": true, "schema": { "openAPIV3Schema": whole } });
    if draw.one_in(2) {
        version["subresources"] = json!({ "status": {} });
        if draw.one_in(2) {
            version["subresources"]["scale"] = json!({ "specReplicasPath": ".spec.size", "statusReplicasPath": ".status.size", "labelSelectorPath": ".status.selector" });
        }
    }
    if draw.one_in(3) {
        let kind = *draw.pick(&["integer", "string", "date", "boolean", "number"]);
        let path = *draw.pick(&[
            ".spec.size",
            ".metadata.creationTimestamp",
            ".spec.a",
            ".spec.list[*].a",
            ".spec.list[0]",
        ]);
        version["additionalPrinterColumns"] = json!([{ "name": "One", "type": kind, "jsonPath": path }, { "name": "Phase", "type": "string", "jsonPath": ".status.phase", "priority": 1 }]);
    }
    let fields =
        version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"].as_object();
    let plain = fields.into_iter().flatten().find(|(_, field)| {
        matches!(field["type"].as_str(), Some("string" | "integer" | "boolean"))
    });
    if let Some((name, _)) = plain
        && draw.one_in(3)
    {
        version["selectableFields"] = json!([{ "jsonPath": format!(".spec.{name}") }]);
    }
    if draw.one_in(10) {
        version["deprecated"] = true.into();
    }
    let mut versions = vec![version.clone()];
    if draw.one_in(4) {
        let mut other = version;
        other["name"] = (*draw.pick(&["v2", "v1beta1", "v1alpha1"])).into();
        other["storage"] = false.into();
        if draw.one_in(2) {
            let (spec, _) = draw.object(2);
            other["schema"]["openAPIV3Schema"]["properties"]["spec"] = spec;
            other.as_object_mut().map(|other| other.remove("selectableFields"));
        }
        if draw.one_in(8) {
            other["served"] = false.into();
        }
        versions.push(other);
    }
    let mut names = json!({ "kind": "Thing", "plural": "things" });
    if draw.one_in(3) {
        names["shortNames"] = json!(["th"]);
        names["categories"] = json!(["all"]);
    }
    let object = json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": { "name": "things.${ns}.example" },
        "spec": { "group": "${ns}.example", "names": names, "scope": "Namespaced", "versions": versions },
    });
    let mut example = Map::new();
    example.insert("spec".into(), good);
    Definition { object, example: example.into() }
}

struct Draw<'a> {
    rng: &'a mut Rng,
}

/// A schema, and a value that it takes.
type Node = (Value, Value);

impl Draw<'_> {
    fn one_in(&mut self, n: u32) -> bool {
        self.rng.u32(..n) == 0
    }

    fn pick<'v, T>(&mut self, from: &'v [T]) -> &'v T {
        &from[self.rng.usize(..from.len())]
    }

    fn any(&mut self, depth: u32) -> Node {
        let deep = if depth == 0 { 6 } else { 10 };
        let (mut schema, good) = match self.rng.u32(..deep) {
            0..=2 => self.text(),
            3 => self.integer(),
            4 => self.number(),
            5 => self.odd(),
            6 | 7 => self.object(depth - 1),
            8 => self.map(depth - 1),
            _ => self.list(depth - 1),
        };
        if self.one_in(10) {
            schema["nullable"] = true.into();
        }
        if self.one_in(8) {
            schema["default"] = good.clone();
        }
        if self.one_in(8) {
            schema["description"] = "what it is".into();
        }
        (schema, good)
    }

    fn text(&mut self) -> Node {
        const RULES: &[&str] = &[
            "self == oldSelf",
            "self != 'b'",
            "self.startsWith('a') || self.size() < 4",
            "self.matches('^[a-z]*$')",
            "self.lowerAscii() == self",
            "size(self) >= size(oldSelf)",
            "self.contains('a') && self.endsWith('c')",
            "self in ['a', 'abc', 'fast']",
        ];
        let pairs = [
            (json!({ "type": "string" }), json!("a")),
            (json!({ "type": "string", "minLength": 1, "maxLength": 5 }), json!("abc")),
            (json!({ "type": "string", "maxLength": 8, "pattern": "^[a-z0-9-]+$" }), json!("a-1")),
            (json!({ "type": "string", "enum": ["fast", "slow"] }), json!("fast")),
            (json!({ "type": "string", "enum": ["", "one"], "default": "one" }), json!("")),
            (json!({ "type": "string", "format": "date-time" }), json!("2001-01-01T00:00:00Z")),
            (json!({ "type": "string", "format": "date" }), json!("2001-01-01")),
            (json!({ "type": "string", "format": "byte" }), json!("YQ==")),
            (json!({ "type": "string", "format": "ipv4" }), json!("10.0.0.1")),
            (json!({ "type": "string", "format": "ipv6" }), json!("::1")),
            (json!({ "type": "string", "format": "cidr" }), json!("10.0.0.0/8")),
            (
                json!({ "type": "string", "format": "uuid" }),
                json!("8874e203-8028-465a-b0a2-649a7658a726"),
            ),
            (json!({ "type": "string", "format": "email" }), json!("a@example.com")),
            (json!({ "type": "string", "format": "hostname" }), json!("example.com")),
            (json!({ "type": "string", "format": "uri" }), json!("http://example.com/a")),
            (json!({ "type": "string", "format": "duration" }), json!("1h")),
            (json!({ "type": "string", "format": "mac" }), json!("01:02:03:04:05:06")),
            (json!({ "type": "string", "format": "unheard-of" }), json!("a")),
        ];
        let (mut schema, good) = self.pick(&pairs).clone();
        self.rules(&mut schema, RULES);
        (schema, good)
    }

    fn integer(&mut self) -> Node {
        let pairs = [
            (json!({ "type": "integer" }), json!(1)),
            (json!({ "type": "integer", "minimum": 0, "maximum": 99 }), json!(7)),
            (json!({ "type": "integer", "minimum": 1, "exclusiveMinimum": true }), json!(2)),
            (json!({ "type": "integer", "maximum": 10, "exclusiveMaximum": true }), json!(2)),
            (json!({ "type": "integer", "multipleOf": 5 }), json!(10)),
            (json!({ "type": "integer", "format": "int32" }), json!(80)),
            (json!({ "type": "integer", "format": "int64" }), json!(80)),
            (json!({ "type": "integer", "enum": [1, 2, 3] }), json!(2)),
            (json!({ "type": "boolean" }), json!(true)),
            (json!({ "type": "boolean", "enum": [true] }), json!(true)),
        ];
        let (mut schema, good) = self.pick(&pairs).clone();
        if schema["type"] == "integer" {
            const RULES: &[&str] = &[
                "self >= 0",
                "self >= oldSelf",
                "self % 2 == 0 || self < 10",
                "self == oldSelf",
                "self + 1 < 100",
                "self / (self - 3) < 5",
            ];
            self.rules(&mut schema, RULES);
        }
        (schema, good)
    }

    fn number(&mut self) -> Node {
        let pairs = [
            (json!({ "type": "number" }), json!(1.5)),
            (json!({ "type": "number", "minimum": 0.5, "maximum": 9 }), json!(2)),
            (json!({ "type": "number", "multipleOf": 0.25 }), json!(0.75)),
            (json!({ "type": "number", "format": "double" }), json!(1)),
        ];
        let (mut schema, good) = self.pick(&pairs).clone();
        self.rules(
            &mut schema,
            &["self > 0.0", "self < oldSelf + 10.0", "self >= 1.0 || self == 0.75"],
        );
        (schema, good)
    }

    /// What is of more than one type, or of any.
    fn odd(&mut self) -> Node {
        let pairs = [
            (json!({ "x-kubernetes-int-or-string": true }), json!("25%")),
            (
                json!({ "x-kubernetes-int-or-string": true, "anyOf": [{ "type": "integer" }, { "type": "string" }] }),
                json!(1),
            ),
            (
                json!({ "x-kubernetes-int-or-string": true, "anyOf": [{ "type": "integer" }, { "type": "string" }], "pattern": "^[0-9]+%?$" }),
                json!("5"),
            ),
            (json!({ "x-kubernetes-preserve-unknown-fields": true }), json!({ "a": 1 })),
            (
                json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true }),
                json!({ "a": [1] }),
            ),
            (
                json!({ "type": "object", "x-kubernetes-embedded-resource": true, "x-kubernetes-preserve-unknown-fields": true }),
                json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "a" } }),
            ),
            (
                json!({ "type": "string", "anyOf": [{ "pattern": "^a" }, { "maxLength": 2 }] }),
                json!("abc"),
            ),
            (
                json!({ "type": "integer", "oneOf": [{ "minimum": 10 }, { "multipleOf": 3 }] }),
                json!(3),
            ),
            (json!({ "type": "string", "not": { "enum": ["b", "c"] } }), json!("a")),
            (
                json!({ "type": "integer", "allOf": [{ "minimum": 1 }, { "maximum": 50 }] }),
                json!(5),
            ),
        ];
        self.pick(&pairs).clone()
    }

    fn object(&mut self, depth: u32) -> Node {
        let mut properties = Map::new();
        let mut good = Map::new();
        let count = self.rng.usize(1..=4);
        for _ in 0..count {
            let name = *self.pick(&["a", "b", "size", "name", "mode", "x-y", "list", "in"]);
            let (schema, value) = if name == "size" { self.integer() } else { self.any(depth) };
            properties.insert(name.into(), schema);
            good.insert(name.into(), value);
        }
        let names: Vec<String> = properties.keys().cloned().collect();
        let mut schema = json!({ "type": "object", "properties": properties });
        let first = self.pick(&names).clone();
        if self.one_in(3) {
            schema["required"] = json!([first]);
        } else if self.one_in(2) {
            good.remove(&first);
        }
        match self.rng.u32(..14) {
            0 => schema["x-kubernetes-map-type"] = "atomic".into(),
            1 => schema["x-kubernetes-preserve-unknown-fields"] = true.into(),
            2 => schema["minProperties"] = 1.into(),
            3 => schema["maxProperties"] = 3.into(),
            4 => schema["x-kubernetes-map-type"] = "granular".into(),
            5 => schema["anyOf"] = json!([{ "required": [first] }, { "maxProperties": 1 }]),
            _ => {}
        }
        if self.one_in(6) {
            let escaped = first.replace('-', "__dash__");
            let escaped = if escaped == "in" { "__in__".to_owned() } else { escaped };
            let rules = [
                format!("has(self.{escaped})"),
                format!("!has(oldSelf.{escaped}) || has(self.{escaped})"),
                format!("!has(self.{escaped}) || self.{escaped} == oldSelf.{escaped}"),
                format!("has(self.{escaped}) == has(oldSelf.{escaped})"),
                "self == oldSelf".to_owned(),
            ];
            let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
            self.rule(&mut schema, &rules, Some(&first));
        }
        (schema, good.into())
    }

    fn map(&mut self, depth: u32) -> Node {
        let (values, good) = self.any(depth);
        let mut schema = json!({ "type": "object", "additionalProperties": values });
        match self.rng.u32(..5) {
            0 => schema["maxProperties"] = 2.into(),
            1 => schema["minProperties"] = 1.into(),
            2 => schema["x-kubernetes-map-type"] = "atomic".into(),
            _ => {}
        }
        self.rules(
            &mut schema,
            &[
                "self.size() < 3",
                "'a' in self",
                "oldSelf.all(k, k in self)",
                "self.all(k, k.size() < 20)",
            ],
        );
        (schema, json!({ "a": good }))
    }

    fn list(&mut self, depth: u32) -> Node {
        let kind = self.rng.u32(..6);
        let (mut schema, good) = match kind {
            0 | 1 => {
                let (mut items, good) = if self.rng.bool() { self.text() } else { self.integer() };
                if items["format"] == "byte" {
                    // A rule that compares sets of bytes panics within the real server.
                    items = json!({ "type": "string" });
                }
                (
                    json!({ "type": "array", "items": items, "x-kubernetes-list-type": "set" }),
                    json!([good]),
                )
            }
            2 | 3 => {
                let (mut items, mut good) = self.object(depth);
                items["properties"]["key"] = json!({ "type": "string" });
                good["key"] = "one".into();
                items["required"] = json!(["key"]);
                let mut keys = json!(["key"]);
                if self.one_in(3) {
                    items["properties"]["port"] = json!({ "type": "integer", "default": 80 });
                    keys = json!(["key", "port"]);
                }
                for odd in ["minProperties", "maxProperties", "anyOf"] {
                    items.as_object_mut().map(|items| items.remove(odd));
                }
                let schema = json!({ "type": "array", "items": items, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": keys });
                (schema, json!([good]))
            }
            4 => {
                let (items, good) = self.any(depth);
                (
                    json!({ "type": "array", "items": items, "x-kubernetes-list-type": "atomic" }),
                    json!([good]),
                )
            }
            _ => {
                let (items, good) = self.any(depth);
                (json!({ "type": "array", "items": items }), json!([good]))
            }
        };
        match self.rng.u32(..5) {
            0 => schema["maxItems"] = 2.into(),
            1 => schema["minItems"] = 1.into(),
            _ => {}
        }
        self.rules(
            &mut schema,
            &[
                "self.size() < 3",
                "self.size() >= oldSelf.size()",
                "self.all(x, x == x)",
                "self.exists(x, true)",
                "self == oldSelf",
            ],
        );
        (schema, good)
    }

    fn rules(&mut self, schema: &mut Value, rules: &[&str]) {
        if self.one_in(6) {
            self.rule(schema, rules, None);
        }
    }

    /// One rule of those, with what else a rule may say.
    fn rule(&mut self, schema: &mut Value, rules: &[&str], member: Option<&str>) {
        let source = if self.one_in(12) {
            *self.pick(&[
                "self.nothing",
                "1",
                "self ==",
                "frob(self)",
                "oldSelf > 1",
                "self.orValue(1)",
                "true",
            ])
        } else {
            *self.pick(rules)
        };
        let mut rule = json!({ "rule": source });
        match self.rng.u32(..6) {
            0 => rule["message"] = "not like this".into(),
            1 => {
                rule["messageExpression"] =
                    (*self.pick(&["'it is ' + string(self)", "'never'", "''", "1"])).into();
            }
            2 => {
                rule["reason"] = (*self.pick(&[
                    "FieldValueInvalid",
                    "FieldValueForbidden",
                    "FieldValueRequired",
                    "FieldValueDuplicate",
                ]))
                .into();
            }
            3 if source.contains("oldSelf") && self.one_in(2) => {
                rule["optionalOldSelf"] = true.into();
                rule["rule"] = "!oldSelf.hasValue() || self == oldSelf.value()".into();
            }
            _ => {}
        }
        if let Some(member) = member
            && self.one_in(3)
        {
            rule["fieldPath"] = format!(".{member}").into();
        }
        // Without a bound, what a rule costs is estimated with the largest value.
        if schema["type"] == "string" && self.rng.u32(..4) > 0 && schema.get("maxLength").is_none()
        {
            schema["maxLength"] = 40.into();
        }
        if schema["type"] == "array" && self.rng.u32(..4) > 0 && schema.get("maxItems").is_none() {
            schema["maxItems"] = 4.into();
        }
        schema["x-kubernetes-validations"] = json!([rule]);
    }
}
