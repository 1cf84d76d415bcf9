use drydock_apiserver::{Body, Gvr, PatchKind, Request, WatchEvent};
use serde_json::{Value, json};

use super::*;

const DEFINITIONS: Gvr = Gvr::new("apiextensions.k8s.io", "v1", "customresourcedefinitions");
const WIDGETS: Gvr = Gvr::new("example.com", "v1", "widgets");

fn definition() -> Request {
    let schema = json!({ "type": "object", "properties": {
        "spec": { "type": "object", "required": ["size"], "properties": {
            "size": { "type": "integer", "maximum": 9 },
            "color": { "type": "string", "default": "red" },
        } },
        "status": { "type": "object", "x-kubernetes-preserve-unknown-fields": true },
    } });
    defining(&schema, &["v1", "v1beta1"])
}

/// Widgets of one schema, in some versions; the first is that of the store.
pub(super) fn defining(schema: &Value, versions: &[&str]) -> Request {
    let versions = versions.iter().map(|name| {
        json!({ "name": name, "served": true, "storage": *name == versions[0],
            "schema": { "openAPIV3Schema": schema }, "subresources": { "status": {} } })
    });
    let spec = json!({ "group": "example.com", "scope": "Namespaced",
        "versions": versions.collect::<Vec<_>>(), "names": { "plural": "widgets", "kind": "Widget" } });
    let definition = json!({ "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": { "name": "widgets.example.com" }, "spec": spec });
    Request::create(DEFINITIONS, "", definition.into())
}

fn widget(name: &str, spec: &Value) -> Request {
    create(
        WIDGETS,
        json!({ "apiVersion": "example.com/v1", "kind": "Widget",
        "metadata": { "name": name, "finalizers": ["example.com/x"] }, "spec": spec }),
    )
}

#[test]
fn a_definition_serves_its_kind_at_once() {
    let mut server = server();
    let before = refused(&mut server, &Request::list(WIDGETS, "default"));

    let answer = ok(&mut server, &definition());
    let defined = ok(&mut server, &Request::get(DEFINITIONS, "", "widgets.example.com"));
    let made = ok(&mut server, &widget("a", &json!({ "size": 3, "bogus": 1 })));
    let bad = refused(&mut server, &widget("b", &json!({ "size": 10 })));

    assert!(before.is_plain_text());
    assert_eq!(answer.at(&["status", "conditions"]), Some(&Tree::null()));
    let conditions = defined.at(&["status", "conditions"]).unwrap().items();
    assert!(conditions.iter().any(
        |c| c.str_at(&["type"]) == Some("Established") && c.str_at(&["status"]) == Some("True")
    ));
    assert_eq!(made.get("spec").map(Tree::to_value), Some(json!({ "size": 3, "color": "red" })));
    assert_eq!(
        bad.message,
        "Widget.example.com \"b\" is invalid: spec.size: Invalid value: 10: spec.size in body should be less than or equal to 9"
    );
}

#[test]
fn a_definition_goes_after_the_last_of_its_objects() {
    let mut server = server();
    ok(&mut server, &definition());
    ok(&mut server, &widget("a", &json!({ "size": 3 })));

    ok(&mut server, &Request::delete(DEFINITIONS, "", "widgets.example.com"));
    let refused_now = refused(&mut server, &widget("b", &json!({ "size": 3 })));
    let held = ok(&mut server, &Request::get(WIDGETS, "default", "a"));
    ok(&mut server, &merge(WIDGETS, "a", json!({ "metadata": { "finalizers": null } })));

    assert_eq!(refused_now.code, 403);
    assert!(held.at(&["metadata", "deletionTimestamp"]).is_some());
    assert!(refused(&mut server, &Request::list(WIDGETS, "default")).is_plain_text());
    assert_eq!(
        refused(&mut server, &Request::get(DEFINITIONS, "", "widgets.example.com")).code,
        404
    );
}

#[test]
fn an_object_is_one_in_all_versions_of_its_kind() {
    const OLD: Gvr = Gvr::new("example.com", "v1beta1", "widgets");
    let mut server = server();
    ok(&mut server, &definition());
    let widget = json!({ "apiVersion": "example.com/v1beta1", "kind": "Widget",
        "metadata": { "name": "a" }, "spec": { "size": 3 } });

    let made = ok(&mut server, &create(OLD, widget));
    let kept = ok(&mut server, &Request::get(WIDGETS, "default", "a"));
    let same = done(&mut server, &merge(OLD, "a", json!({ "spec": { "size": 3 } })));
    let other = done(&mut server, &merge(OLD, "a", json!({ "spec": { "size": 4 } })));

    let version = |tree: &Tree| tree.str_at(&["apiVersion"]).map(str::to_owned);
    assert_eq!(version(&made).as_deref(), Some("example.com/v1beta1"));
    assert_eq!(version(&kept).as_deref(), Some("example.com/v1"));
    assert_eq!((same.code, same.changed, other.changed), (200, false, true));
    assert_eq!(version(other.object().unwrap().tree()).as_deref(), Some("example.com/v1beta1"));
    let kind = server.kind("example.com", "Widget").unwrap();
    let stored = server.table(kind).get("default", "a").unwrap();
    assert_eq!(version(stored.tree()).as_deref(), Some("example.com/v1"));
}

#[test]
fn an_object_that_no_longer_fits_loses_its_owners_with_the_next_write() {
    let mut server = server();
    ok(&mut server, &definition());
    ok(&mut server, &widget("a", &json!({ "size": 3 })));
    let definition = definition();
    let Body::Tree(tree) = &definition.body else { panic!("no tree") };
    let mut changed = tree.to_value();
    for version in changed["spec"]["versions"].as_array_mut().unwrap() {
        let schema = &mut version["schema"]["openAPIV3Schema"];
        schema["properties"]["spec"]["properties"]["size"] = json!({ "type": "object" });
    }
    let changed = merge(DEFINITIONS, "widgets.example.com", changed);
    ok(&mut server, &Request { namespace: String::new(), ..changed });

    let label = json!({ "metadata": { "labels": { "a": "b" } } });
    let response = done(&mut server, &merge(WIDGETS, "a", label));

    assert_eq!(response.error().map(|status| status.message.clone()), None);
    let seen = response.object().unwrap().shown().to_value();
    assert_eq!(seen["metadata"].get("managedFields"), None);
}

#[test]
fn an_apply_is_judged_before_its_nulls_go() {
    let mut server = server();
    ok(&mut server, &definition());
    let apply = |spec: Value| {
        let config = json!({ "apiVersion": "example.com/v1", "kind": "Widget",
            "metadata": { "name": "a" }, "spec": spec });
        Request::patch(WIDGETS, "default", "a", PatchKind::Apply, config.into()).by("one")
    };

    let null = refused(&mut server, &apply(json!({ "size": null })));
    ok(&mut server, &apply(json!({ "size": 3 })));
    let same = ok(&mut server, &apply(json!({ "size": 3 })));

    assert!(
        null.message.ends_with("spec.size in body must be of type integer: \"null\""),
        "{null}"
    );
    assert_eq!(same.int_at(&["metadata", "generation"]), Some(1));
}

#[test]
fn an_object_of_another_kind_is_asked_by_expressions_all_the_same() {
    let mut server = server();
    let schema = json!({ "type": "object", "properties": { "spec": { "type": "object",
        "x-kubernetes-validations": [{ "rule": "self.size < 50", "message": "too large" }],
        "properties": { "size": { "type": "integer", "maximum": 60 } } } } });
    ok(&mut server, &defining(&schema, &["v1"]));
    let other = json!({ "apiVersion": "example.com/v1", "kind": "Other",
        "metadata": { "name": "a" }, "spec": { "size": 77 } });

    let status = refused(&mut server, &create(WIDGETS, other));

    assert_eq!(
        status.message,
        "Other.example.com \"a\" is invalid: [kind: Invalid value: \"Other\": must be Widget, spec: Invalid value: \"object\": too large]"
    );
}

#[test]
fn what_is_wrong_in_an_embedded_object_is_lost_in_no_apply() {
    let mut server = server();
    let template = json!({ "type": "object", "x-kubernetes-embedded-resource": true,
        "x-kubernetes-preserve-unknown-fields": true });
    let schema = json!({ "type": "object", "properties": { "spec": { "type": "object",
        "properties": { "template": template } } } });
    ok(&mut server, &defining(&schema, &["v1"]));
    let mut apply = |template: Value| {
        let config = json!({ "apiVersion": "example.com/v1", "kind": "Widget",
            "metadata": { "name": "a" }, "spec": { "template": template } });
        let patch = Request::patch(WIDGETS, "default", "a", PatchKind::Apply, config.into());
        refused(&mut server, &patch.by("one")).message
    };

    let time = apply(json!({ "apiVersion": "v1", "kind": "Pod",
        "metadata": { "creationTimestamp": "100m" } }));
    let kind = apply(json!({ "apiVersion": "v1", "kind": null }));

    assert!(
        time.contains(
            "spec.template.metadata: Invalid value: {\"creationTimestamp\":\"100m\"}: parsing time \"100m\""
        ),
        "{time}"
    );
    assert!(kind.ends_with("spec.template.kind: Invalid value: null: must be a string"), "{kind}");
}

#[test]
fn of_objects_that_a_schema_says_nothing_of_nothing_is_kept_and_all_is_owned() {
    let mut server = server();
    let bare = json!({ "type": "object" });
    let schema = json!({ "type": "object", "properties": { "spec": { "type": "object",
        "required": ["undeclared"],
        "properties": { "bare": bare, "list": { "type": "array", "items": bare },
            "values": { "type": "object", "additionalProperties": true } } } } });
    ok(&mut server, &defining(&schema, &["v1"]));
    let spec = json!({ "bare": { "a": 1 }, "list": [{ "a": 1 }], "values": { "a": { "b": 1 } },
        "undeclared": 1 });

    let missing = refused(&mut server, &widget("a", &spec)).message;
    let mut free = schema;
    free["properties"]["spec"]["required"] = json!([]);
    let patch = json!({ "spec": { "versions": [{ "name": "v1", "served": true, "storage": true,
        "schema": { "openAPIV3Schema": free } }] } });
    let patch =
        Request::patch(DEFINITIONS, "", "widgets.example.com", PatchKind::Merge, patch.into());
    ok(&mut server, &patch);
    let config = json!({ "apiVersion": "example.com/v1", "kind": "Widget",
        "metadata": { "name": "a" }, "spec": { "bare": { "a": 1 } } });
    let apply = Request::patch(WIDGETS, "default", "a", PatchKind::Apply, config.into()).by("one");
    let applied = done(&mut server, &apply);
    let kept = ok(
        &mut server,
        &widget("b", &json!({ "list": [{ "a": 1 }], "values": { "a": { "b": 1 } } })),
    );

    assert!(missing.ends_with("spec.undeclared: Required value"), "{missing}");
    let seen = applied.object().unwrap().shown().to_value();
    let owned = json!({ "f:spec": { "f:bare": { "f:a": {} } } });
    assert_eq!(seen["metadata"]["managedFields"][0]["fieldsV1"], owned);
    assert_eq!(seen["spec"], json!({ "bare": {} }));
    let kept = kept.get("spec").map(Tree::to_value);
    assert_eq!(kept, Some(json!({ "list": [{}], "values": { "a": {} } })));
}

#[test]
fn an_object_of_another_kind_is_looked_at_within_and_of_a_change_after_its_revision() {
    let mut server = server();
    let embedded = json!({ "type": "object", "x-kubernetes-embedded-resource": true,
        "x-kubernetes-preserve-unknown-fields": true });
    let tags =
        json!({ "type": "array", "x-kubernetes-list-type": "set", "items": { "type": "string" } });
    let schema = json!({ "type": "object", "properties": { "spec": { "type": "object",
        "properties": { "tags": tags, "template": embedded } } } });
    ok(&mut server, &defining(&schema, &["v1"]));
    let object = |kind: &str, spec: Value| json!({ "apiVersion": "example.com/v1", "kind": kind, "metadata": { "name": "a" }, "spec": spec });
    let bad = object("Other", json!({ "tags": ["x", "x"], "template": { "apiVersion": "v1" } }));

    let new = refused(&mut server, &create(WIDGETS, bad.clone())).message;
    ok(&mut server, &create(WIDGETS, object("Widget", json!({}))));
    let changed = refused(&mut server, &Request::update(WIDGETS, "default", "a", bad.into()));

    let all = "[kind: Invalid value: \"Other\": must be Widget, spec.template.kind: Required value, spec.tags[1]: Duplicate value: \"x\"]";
    assert!(new.ends_with(all), "{new}");
    assert!(changed.message.contains("metadata.resourceVersion"), "{changed}");
}

/// A definition of widgets with these properties, as it is refused.
fn faults_of(properties: &Value) -> Vec<String> {
    let schema = json!({ "type": "object", "properties": properties });
    let status = refused(&mut server(), &defining(&schema, &["v1"]));
    let causes = status.details.map(|details| details.causes).unwrap_or_default();
    let place = "spec.validation.openAPIV3Schema.properties";
    causes
        .iter()
        .map(|cause| format!("{}: {}", cause.field.replace(place, ""), cause.message))
        .collect()
}

#[test]
fn the_values_of_a_default_are_named_as_the_validator_names_them_and_its_rules_as_paths_do() {
    let text = json!({ "type": "string" });
    let some = json!({ "type": "object", "properties": { "in": text, "x": text },
        "anyOf": [{ "required": ["in"] }, { "required": ["x"] }] });
    let number =
        json!({ "type": "object", "additionalProperties": { "type": "integer", "maximum": 3 } });

    let found = faults_of(&json!({
        "a": { "type": "object", "additionalProperties": some, "default": { "a": {} } },
        "l": { "type": "array", "items": some, "default": [{}] },
        "m": { "type": "object", "additionalProperties": number, "default": { "a": { "b": 5 } } },
        "r": { "type": "array", "default": [5],
            "items": { "type": "integer", "x-kubernetes-validations": [{ "rule": "self > 9" }] } },
    }));

    assert_eq!(
        found,
        [
            "[a].default: Invalid value: \"\": \".a\" must validate at least one schema (anyOf)",
            "[a].default.a.in: Required value",
            "[l].default: Invalid value: \"\": \"[0]\" must validate at least one schema (anyOf)",
            "[l].default.[0].in: Required value",
            "[m].default.a.b: Invalid value: 5: .a.b in body should be less than or equal to 3",
            "[r].default[0]: Invalid value: \"integer\": failed rule: self > 9",
        ]
    );
}

#[test]
fn rules_of_a_default_speak_in_their_order_and_name_the_type_of_the_schema() {
    let number = json!({ "type": "number",
        "x-kubernetes-validations": [{ "rule": "self > 7.0" }, { "rule": "frob(self)" }] });
    let either = json!({ "x-kubernetes-int-or-string": true,
        "x-kubernetes-validations": [{ "rule": "self == 1" }] });

    let untold = json!({ "rule": "has(self.z)", "fieldPath": ".z", "messageExpression": "self.z" });
    let found = faults_of(&json!({
        "o": { "type": "object", "default": { "a": 5, "b": "x" },
            "x-kubernetes-validations": [{ "rule": "self.a > 5" }],
            "properties": { "a": number, "b": either } },
        "p": { "type": "object", "default": { "a": 5 }, "x-kubernetes-validations": [untold],
            "properties": { "a": { "type": "integer" }, "z": { "type": "integer" } } },
    }));

    assert_eq!(
        found,
        [
            "[o].default: Invalid value: \"object\": failed rule: self.a > 5",
            "[o].default.a: Invalid value: \"number\": failed rule: self > 7.0",
            "[o].default.a: Invalid value: \"number\": rule compile error: compilation failed: ERROR: <input>:1:5: undeclared reference to 'frob' (in container '')\n | frob(self)\n | ....^",
            "[o].default.b: Invalid value: \"\": failed rule: self == 1",
            "[p].default: Invalid value: \"object\": failed rule: has(self.z)",
        ]
    );
}

#[test]
fn selectable_fields_stand_beside_the_schema_that_has_them() {
    let version = |name: &str, title: &str| {
        json!({ "name": name, "served": true, "storage": name == "v1",
            "schema": { "openAPIV3Schema": { "type": "object", "title": title, "additionalItems": true } },
            "selectableFields": [{ "jsonPath": "c" }] })
    };
    let faults = |versions: Value| {
        let Body::Tree(tree) = defining(&json!({ "type": "object" }), &["v1"]).body else {
            panic!("no tree")
        };
        let mut definition = tree.to_value();
        definition["spec"]["versions"] = versions;
        let status = refused(&mut server(), &Request::create(DEFINITIONS, "", definition.into()));
        status.message
    };

    let one = faults(json!([version("v1", "one")]));
    let two = faults(json!([version("v1", "one"), version("v2", "two")]));

    let unread = "spec.schema.openAPIV3Schema: Invalid value: \"\": OpenAPIV3Schema 'additionalItems' is not supported, spec.selectableFields[0].jsonPath: Invalid value: \"c\": is an invalid path: expected [ or . but got: c]";
    assert!(one.ends_with(unread), "{one}");
    let apart = ", spec.selectableFields: Invalid value: \"\": may only be set when validations.schema is included]";
    assert!(two.ends_with(apart), "{two}");
}

#[test]
fn what_a_definition_means_by_saying_nothing_is_owned_by_nobody() {
    let mut server = server();
    let definition = definition();
    let Body::Tree(tree) = &definition.body else { panic!("no tree") };
    let empty = json!({ "strategy": "None", "webhook": { "conversionReviewVersions": [] } });
    let tree = tree.with(&["spec", "conversion"], Tree::from_value(empty));

    let made = done(&mut server, &Request::create(DEFINITIONS, "", tree.clone()).by("one"));
    let settled = ok(&mut server, &Request::get(DEFINITIONS, "", "widgets.example.com"));
    let revision = settled.str_at(&["metadata", "resourceVersion"]).expect("it has one");
    let tree = tree.with(&["metadata", "resourceVersion"], revision);
    let status = Request {
        subresource: Some("status".into()),
        ..Request::update(DEFINITIONS, "", "widgets.example.com", tree)
    };
    let replaced = done(&mut server, &status.by("two"));

    let made = made.object().expect("it is made").shown().to_value();
    assert_eq!(made["spec"]["conversion"], json!({ "strategy": "None" }));
    let owned = &made["metadata"]["managedFields"][0]["fieldsV1"]["f:spec"]["f:conversion"];
    let whole = json!({ ".": {}, "f:strategy": {},
        "f:webhook": { ".": {}, "f:conversionReviewVersions": {} } });
    assert_eq!(*owned, whole);
    let replaced = replaced.object().expect("it is replaced").shown().to_value();
    assert_eq!(replaced["status"]["storedVersions"], json!(["v1"]));
    let managers = replaced["metadata"]["managedFields"].as_array().expect("there are some");
    let theirs = managers.iter().find(|one| one["manager"] == "two").expect("two wrote");
    let names = json!({ "f:status": { "f:acceptedNames": { "f:kind": {}, "f:plural": {} } } });
    assert_eq!(theirs["fieldsV1"], names);
}

#[test]
fn rules_about_what_expressions_have_no_type_for_are_not_asked_of_a_default() {
    let free = json!({ "x-kubernetes-preserve-unknown-fields": true });
    let rules = json!([{ "rule": "self.size() < 3" }, { "rule": "self.size() < 4" }]);
    let map = json!({ "type": "object", "additionalProperties": free,
        "x-kubernetes-validations": rules });
    let mut own = map.clone();
    own["default"] = json!({ "a": 1 });

    let found = faults_of(&json!({ "m": own,
        "l": { "type": "array", "items": map, "default": [{ "a": 1 }] } }));

    let why = "Invalid value: \"object\": rule compiler initialization error: failed to convert to declType for CEL validation rules";
    assert_eq!(found, [format!("[l].default[0]: {why}"), format!("[m].default: {why}")]);
}

#[test]
fn a_definition_says_that_its_objects_go_before_they_do() {
    let mut server = server();
    ok(&mut server, &definition());
    ok(&mut server, &widget("a", &json!({ "size": 3 })));
    let since = server.revision();
    let mut definitions = watch(&mut server, &Request::watch(DEFINITIONS, "", since));

    ok(&mut server, &Request::delete(DEFINITIONS, "", "widgets.example.com"));
    ok(&mut server, &merge(WIDGETS, "a", json!({ "metadata": { "finalizers": null } })));

    let events = std::iter::from_fn(|| definitions.next(&server));
    let seen: Vec<_> = events
        .map(|event| {
            let (is_last, object) = match &event {
                WatchEvent::Deleted(object) => (true, object),
                WatchEvent::Modified(object) => (false, object),
                other => panic!("{other:?}"),
            };
            let definition = object.tree().to_value();
            let said = definition["status"]["conditions"][2]["reason"].to_string();
            (is_last, said, object.finalizers().count())
        })
        .collect();
    let reasons = ["\"InstanceDeletionPending\"", "\"InstanceDeletionInProgress\""];
    let pending = (false, reasons[0].to_owned(), 1);
    let going = |is_last| (is_last, reasons[1].to_owned(), 1);
    assert_eq!(seen, [pending, going(false), going(true)]);
}
