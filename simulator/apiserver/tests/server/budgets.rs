//! What the rules of a definition may cost. Each factor is that of a real server.

use serde_json::{Value, json};

use super::definitions::defining;
use super::*;

const ADVICE: &str = "(try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)";

fn with_rule(schema: &Value, rule: &str) -> Value {
    let mut schema = schema.clone();
    schema["x-kubernetes-validations"] = json!([{ "rule": rule, "message": "no" }]);
    schema
}

fn object(members: &Value) -> Value {
    json!({ "type": "object", "properties": members })
}

/// What a schema is refused for; nothing if it is not.
fn complaints(schema: &Value) -> Vec<String> {
    let response = done(&mut server(), &defining(schema, &["v1"]));
    let Some(status) = response.error() else { return Vec::new() };
    let causes = status.details.iter().flat_map(|details| &details.causes);
    let told = causes.map(|cause| {
        let place = cause.field.split("openAPIV3Schema").nth(1).unwrap_or(&cause.field);
        format!("{place}: {}", cause.message.replace(ADVICE, "..."))
    });
    told.collect()
}

#[test]
fn a_rule_costs_as_often_as_its_values_may_stand_in_an_object() {
    let q = |count: usize| format!("'{}'", "q".repeat(count));
    let text = json!({ "type": "string" });
    let on = json!({ "type": "boolean" });
    let integer = json!({ "type": "integer" });
    let object_of_three = json!({
        "type": "object", "required": ["a", "b", "c"],
        "properties": { "a": text, "b": integer, "c": { "type": "integer", "default": 1 } },
    });
    let whole = json!({
        "type": "object", "x-kubernetes-embedded-resource": true, "required": ["metadata"],
        "properties": { "spec": integer },
    });
    let list = |items: Value| json!({ "type": "array", "items": items });
    let list_of =
        |most: u64, items: Value| json!({ "type": "array", "maxItems": most, "items": items });
    let of_three = format!("self.a == {} && self.b > 1 && self.c > 2", q(600));
    let of_whole = format!("self.metadata.name == {} && self.kind != ''", q(500));
    let pairs = "k == self.w[k] && self.w[k] == self.w[k] && self.w[k] == self.w[k] && self.w[k] == self.w[k]";
    let short = json!({ "type": "string", "maxLength": 3 });
    let w = |schema: Value| object(&json!({ "w": schema }));
    for (schema, factor) in [
        (w(list(with_rule(&text, &format!("self == {}", q(100))))), Some("1.153434x")),
        (w(list_of(12_000_000, with_rule(&on, "self"))), Some("1.200000x")),
        (w(list_of(12_000_000, with_rule(&on, "self ? self : self"))), Some("2.4x")),
        (w(list_of(3000, list_of(2000, with_rule(&integer, "self > 1")))), Some("1.200000x")),
        (w(list_of(3000, list_of(1000, with_rule(&integer, "self > 1")))), None),
        (w(list(with_rule(&object_of_three, &of_three))), Some("1.336934x")),
        (w(list(with_rule(&whole, &of_whole))), Some("1.017731x")),
        (w(with_rule(&text, &format!("self.matches({})", q(128)))), Some("1.006634x")),
        (
            with_rule(
                &w(list(on)),
                "self.w.all(x, x && !x && x && !x && x && !x && x && !x && x && !x)",
            ),
            Some("1.132461x"),
        ),
        (
            with_rule(
                &w(json!({ "type": "object", "additionalProperties": short })),
                &format!("self.w.all(k, {pairs})"),
            ),
            Some("1.494217x"),
        ),
        (
            with_rule(&w(list(text)), "self.w.all(x, self.w.exists(y, x == y))"),
            Some("more than 100x"),
        ),
    ] {
        let told = complaints(&schema);
        let why = factor.map(|factor| {
            format!("rule: Forbidden: estimated rule cost exceeds budget by factor of {factor} ...")
        });
        assert_eq!(told.is_empty(), why.is_none(), "{schema}: {told:?}");
        assert!(why.is_none_or(|why| told[0].ends_with(&why)), "{schema}: {told:?}");
    }
}

#[test]
fn a_message_is_made_once() {
    let message = format!("self.a.matches('{}') ? 'a' : 'b'", "q".repeat(360));
    let item = json!({
        "type": "object", "properties": { "a": { "type": "string", "maxLength": 300_000 } },
        "x-kubernetes-validations": [{ "rule": "true", "messageExpression": message }],
    });
    let schema = object(&json!({ "w": { "type": "array", "items": item } }));

    let told = complaints(&schema);

    assert_eq!(
        told,
        [".properties[w].items.x-kubernetes-validations[0].messageExpression: Forbidden: \
          estimated messageExpression cost exceeds budget by factor of 1.080009x ..."]
    );
}

#[test]
fn all_rules_together_may_cost_ten_times_as_much_as_one() {
    let rule = json!({ "rule": format!("self.matches('{}')", "q".repeat(40)), "message": "no" });
    let schema = |times: usize| {
        let text = |most: u64| json!({ "type": "string", "maxLength": most, "x-kubernetes-validations": vec![&rule; times] });
        object(&json!({
            "a": text(2_000_000), "b": text(1_900_000), "c": text(2_400_000),
            "d": text(1000), "e": text(2_300_000), "f": text(2_100_000),
        }))
    };

    assert_eq!(complaints(&schema(2)), [""; 0]);

    let why = "Forbidden: contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema";
    let place = |name: &str, index: u8| {
        format!(".properties[{name}].x-kubernetes-validations[{index}].rule: {why}")
    };
    let total = ": Forbidden: x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema exceeds budget by factor of 1.284122x ...";
    assert_eq!(
        complaints(&schema(3)),
        [place("c", 0), place("c", 1), place("c", 2), place("e", 0), total.to_owned()]
    );
}
