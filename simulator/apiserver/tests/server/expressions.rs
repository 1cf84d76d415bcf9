//! Rules of custom kinds, as a real server answers them.

use drydock_apiserver::{Body, Gvr, PatchKind, Request};
use serde_json::{Value, json};

use super::definitions::defining;
use super::*;

const WIDGETS: Gvr = Gvr::new("example.com", "v1", "widgets");

/// Widgets whose `spec` is this.
fn of(spec: &Value) -> Request {
    defining(&json!({ "type": "object", "properties": { "spec": spec } }), &["v1"])
}

fn widget(spec: &Value) -> Request {
    let object = json!({ "apiVersion": "example.com/v1", "kind": "Widget", "metadata": { "name": "a" }, "spec": spec });
    create(WIDGETS, object)
}

/// The causes of a refusal.
fn causes(status: &Status) -> Vec<(String, String)> {
    let causes = status.details.as_ref().map(|details| &details.causes);
    causes.into_iter().flatten().map(|it| (it.field.clone(), it.message.clone())).collect()
}

#[test]
fn a_rule_is_checked_against_the_types_of_its_schema() {
    let at = "spec.validation.openAPIV3Schema.properties[spec].x-kubernetes-validations[0]";
    for (spec, rule, key, why) in [
        (
            json!({ "type": "string" }),
            json!({ "rule": "self.a" }),
            "rule",
            "compilation failed: ERROR: <input>:1:5: type 'string' does not support field selection\n | self.a\n | ....^",
        ),
        (
            json!({ "type": "object", "properties": { "a": { "type": "integer" } } }),
            json!({ "rule": "self.b > 1" }),
            "rule",
            "compilation failed: ERROR: <input>:1:5: undefined field 'b'\n | self.b > 1\n | ....^",
        ),
        (
            json!({ "type": "string", "format": "duration" }),
            json!({ "rule": "size(self) > 1" }),
            "rule",
            "compilation failed: ERROR: <input>:1:5: found no matching overload for 'size' applied to '(duration)'\n | size(self) > 1\n | ....^",
        ),
        (
            json!({ "type": "integer" }),
            json!({ "rule": "1" }),
            "rule",
            "cel expression must evaluate to a bool",
        ),
        (
            json!({ "type": "integer" }),
            json!({ "rule": "true", "messageExpression": "1" }),
            "messageExpression",
            "messageExpression must evaluate to a string",
        ),
    ] {
        let mut spec = spec;
        spec["x-kubernetes-validations"] = json!([rule]);

        let told = causes(&refused(&mut server(), &of(&spec)));

        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(told[0].0, format!("{at}.{key}"));
        assert!(told[0].1.ends_with(why), "{:?} ends with {why:?}", told[0].1);
    }
}

#[test]
fn the_functions_of_kubernetes_are_there_when_a_rule_is_asked() {
    let rule =
        json!({ "rule": "quantity(self).isLessThan(quantity('1Gi'))", "message": "too much" });
    let text = json!({ "type": "string", "maxLength": 10, "x-kubernetes-validations": [rule] });
    let mut server = server();
    ok(&mut server, &of(&json!({ "type": "object", "properties": { "a": text } })));
    let mut told = |a: &str| causes(&refused(&mut server, &widget(&json!({ "a": a }))));

    let (more, none) = (told("2Gi"), told("x"));
    ok(&mut server, &widget(&json!({ "a": "500Mi" })));

    let cause =
        |why: &str| vec![("spec.a".to_owned(), format!("Invalid value: \"string\": {why}"))];
    assert_eq!(more, cause("too much"));
    assert_eq!(
        none,
        cause(
            "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$' evaluating rule: too much"
        )
    );
}

#[test]
fn an_optional_old_value_is_asked_of_what_is_new_too() {
    let rule = json!({ "rule": "oldSelf.hasValue() ? self >= oldSelf.value() : self == 1", "optionalOldSelf": true, "message": "no way back" });
    let mut server = server();
    ok(
        &mut server,
        &of(
            &json!({ "type": "object", "properties": { "a": { "type": "integer", "x-kubernetes-validations": [rule] } } }),
        ),
    );
    let to = |a: i64| merge(WIDGETS, "a", json!({ "spec": { "a": a } }));

    let began = refused(&mut server, &widget(&json!({ "a": 2 })));
    ok(&mut server, &widget(&json!({ "a": 1 })));
    ok(&mut server, &to(5));
    let back = refused(&mut server, &to(4));

    let wanted = vec![("spec.a".to_owned(), "Invalid value: \"integer\": no way back".to_owned())];
    assert_eq!((causes(&began), causes(&back)), (wanted.clone(), wanted));
}

#[test]
fn what_broke_a_rule_before_it_came_is_let_pass_with_a_warning() {
    let mut server = server();
    let spec = |rules: Value| json!({ "type": "object", "properties": { "a": { "type": "integer", "x-kubernetes-validations": rules } } });
    ok(&mut server, &of(&spec(json!([]))));
    ok(&mut server, &widget(&json!({ "a": 1 })));
    let definitions = Gvr::new("apiextensions.k8s.io", "v1", "customresourcedefinitions");
    let path = "/spec/versions/0/schema/openAPIV3Schema/properties/spec";
    let patch = json!([{ "op": "replace", "path": path, "value": spec(json!([{ "rule": "self != 1", "message": "not one" }])) }]);
    let tighten =
        Request::patch(definitions, "", "widgets.example.com", PatchKind::Json, patch.into());
    ok(&mut server, &tighten);

    let label = merge(WIDGETS, "a", json!({ "metadata": { "labels": { "b": "c" } } }));
    let passed = done(&mut server, &label);

    assert_eq!(passed.code, 200);
    assert_eq!(passed.warnings, ["spec.a: Invalid value: \"integer\": not one"]);
}

#[test]
fn a_rule_that_fails_as_it_runs_says_why() {
    for (schema, good, patch, why) in [
        (
            json!({ "type": "integer", "x-kubernetes-validations": [{ "rule": "self / (self - 3) < 5" }] }),
            json!(1),
            json!(3),
            "Invalid value: \"integer\": division by zero evaluating rule: self / (self - 3) < 5",
        ),
        (
            json!({ "x-kubernetes-int-or-string": true, "x-kubernetes-validations": [{ "rule": "self > 1", "message": "more" }] }),
            json!(2),
            json!("x"),
            "Invalid value: \"\": 'no such overload': call arguments did not match a supported operator, function or macro signature for rule: more",
        ),
    ] {
        let mut server = server();
        ok(&mut server, &of(&json!({ "type": "object", "properties": { "a": schema } })));
        ok(&mut server, &widget(&json!({ "a": good })));

        let told =
            causes(&refused(&mut server, &merge(WIDGETS, "a", json!({ "spec": { "a": patch } }))));

        assert_eq!(told, [("spec.a".to_owned(), why.to_owned())]);
    }
}

#[test]
fn a_default_is_asked_what_its_rules_say() {
    let refusal = |schema: Value| {
        let spec = json!({ "type": "object", "properties": { "a": schema } });
        causes(&refused(&mut server(), &of(&spec)))
    };
    let at = "spec.validation.openAPIV3Schema.properties[spec].properties[a].default";

    let broken = refusal(
        json!({ "type": "integer", "default": 1, "x-kubernetes-validations": [{ "rule": "self > 1" }] }),
    );
    let unread = refusal(
        json!({ "type": "integer", "default": 1, "x-kubernetes-validations": [{ "rule": "frob(self)" }] }),
    );

    assert_eq!(
        broken,
        [(at.to_owned(), "Invalid value: \"integer\": failed rule: self > 1".to_owned())]
    );
    let why = "Invalid value: \"integer\": rule compile error: compilation failed: ERROR: <input>:1:5: undeclared reference to 'frob' (in container '')\n | frob(self)\n | ....^";
    assert_eq!(unread[0], (at.to_owned(), why.to_owned()));
}

#[test]
fn texts_have_the_formats_that_the_real_server_knows() {
    for (format, good, bad) in [
        ("hostname", "example.com", "-a"),
        ("uuid", "8874e203-8028-465a-b0a2-649a7658a726", "8874e203"),
        ("mac", "01:02:03:04:05:06", "01:02"),
        ("duration", "2 hours", "h"),
        ("date-time", "2001-01-01T00:00:00+01:00", "2001-01-01T24:00:00Z"),
        ("uri", "mailto:a", "a b"),
        ("byte", "YQ==", ""),
        ("k8s-short-name", "a-1", "A"),
    ] {
        let mut server = server();
        ok(
            &mut server,
            &of(
                &json!({ "type": "object", "properties": { "a": { "type": "string", "format": format } } }),
            ),
        );

        let told = causes(&refused(&mut server, &widget(&json!({ "a": bad }))));
        ok(&mut server, &widget(&json!({ "a": good })));

        let why = format!("spec.a in body must be of type {format}: {bad:?}");
        assert!(told[0].1.ends_with(&why), "{told:?}");
    }
}

#[test]
fn of_two_versions_of_the_store_the_first_is_remembered_and_both_are_looked_for() {
    let Body::Tree(definition) = defining(&json!({ "type": "object" }), &["v1", "v2"]).body else {
        panic!("a definition is an object")
    };
    let mut definition = definition.to_value();
    definition["spec"]["versions"][1]["storage"] = true.into();
    let definitions = Gvr::new("apiextensions.k8s.io", "v1", "customresourcedefinitions");

    let told =
        causes(&refused(&mut server(), &Request::create(definitions, "", definition.into())));

    assert_eq!(
        told[1],
        (
            "status.storedVersions".to_owned(),
            "Invalid value: [\"v1\"]: must have the storage version v2".to_owned()
        )
    );
}

#[test]
fn maps_are_walked_in_one_order() {
    let rule = json!({ "rule": "self.map(k, k) == ['a', 'b', 'c', 'd', 'e']" });
    let map = json!({ "type": "object", "maxProperties": 9, "additionalProperties": { "type": "integer" }, "x-kubernetes-validations": [rule] });
    let spec = json!({ "type": "object", "properties": { "a": map } });
    for _ in 0..20 {
        let mut server = server();
        ok(&mut server, &of(&spec));

        ok(&mut server, &widget(&json!({ "a": { "e": 1, "b": 2, "d": 3, "a": 4, "c": 5 } })));
    }
}

#[test]
fn a_member_named_like_a_word_of_the_language_is_asked_for_by_its_name() {
    let text = || json!({ "type": "string", "maxLength": 9 });
    for rule in [
        "self.namespace == 'a' && self.__namespace__ == 'a'",
        "has(self.namespace) && !has(self.if)",
        "self.labels.all(name, value, name != value && value != self.namespace)",
        "self.labels.transformMap(name, value, 1) == {'labels': 1}",
    ] {
        let mut server = server();
        let labels =
            json!({ "type": "object", "maxProperties": 9, "additionalProperties": text() });
        let properties = json!({ "namespace": text(), "if": text(), "labels": labels });
        let rule = json!({ "rule": rule });
        ok(
            &mut server,
            &of(
                &json!({ "type": "object", "properties": properties, "x-kubernetes-validations": [rule] }),
            ),
        );

        ok(&mut server, &widget(&json!({ "namespace": "a", "labels": { "labels": "b" } })));
    }
}

#[test]
fn a_number_is_cut_to_what_the_choice_is() {
    let mut server = server();
    ok(
        &mut server,
        &of(
            &json!({ "type": "object", "properties": { "a": { "type": "number", "enum": [1, 2.5] } } }),
        ),
    );

    let told = causes(&refused(&mut server, &widget(&json!({ "a": 3.5 }))));
    ok(&mut server, &widget(&json!({ "a": 1.5 })));

    assert_eq!(
        told,
        [(
            "spec.a".to_owned(),
            "Unsupported value: 3.5: supported values: \"1\", \"2.5\"".to_owned()
        )]
    );
}
