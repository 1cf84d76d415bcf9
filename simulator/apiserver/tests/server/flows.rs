use drydock_apiserver::{Body, Gvr, PatchKind, Request, Server, Tree};
use serde_json::json;

use super::*;

const SCHEMAS: Gvr = Gvr::new("flowcontrol.apiserver.k8s.io", "v1", "flowschemas");
const LEVELS: Gvr = Gvr::new("flowcontrol.apiserver.k8s.io", "v1", "prioritylevelconfigurations");

fn schema() -> Request {
    let rules = json!([{ "subjects": [{ "kind": "User", "user": { "name": "a" } }],
        "nonResourceRules": [{ "verbs": ["get"], "nonResourceURLs": ["/a"] }] }]);
    Request::create(
        SCHEMAS,
        "",
        json!({ "metadata": { "name": "a" }, "spec": { "matchingPrecedence": 0,
        "priorityLevelConfiguration": { "name": "b" }, "rules": rules } })
        .into(),
    )
}

fn level() -> Request {
    let limited = json!({ "limitResponse": { "type": "Reject" } });
    Request::create(
        LEVELS,
        "",
        json!({ "metadata": { "name": "b" }, "spec": { "type": "Limited", "limited": limited } })
            .into(),
    )
}

/// Status, reason and message of what the server says now.
fn said(server: &mut Server) -> [String; 3] {
    let now = ok(server, &Request::get(SCHEMAS, "", "a"));
    let conditions = now.at(&["status", "conditions"]).map_or(&[][..], Tree::items);
    let [condition] = conditions else { panic!("one condition in {conditions:?}") };
    ["status", "reason", "message"].map(|key| condition.str_at(&[key]).unwrap().to_owned())
}

#[test]
fn a_flow_says_whether_its_level_is_there() {
    let mut server = server();
    let made = ok(&mut server, &schema());
    let without = said(&mut server);
    ok(&mut server, &level());
    let with = said(&mut server);
    ok(&mut server, &Request::delete(LEVELS, "", "b"));
    let again = said(&mut server);

    assert_eq!(made.at(&["status", "conditions"]), None, "it is said after the answer");
    assert_eq!(
        without,
        [
            "True",
            "NotFound",
            r#"This FlowSchema references the PriorityLevelConfiguration object named "b" but there is no such object"#
        ]
    );
    assert_eq!(
        with,
        [
            "False",
            "Found",
            r#"This FlowSchema references the PriorityLevelConfiguration object named "b" and it exists"#
        ]
    );
    assert_eq!(again, without);
}

#[test]
fn what_a_server_says_of_a_flow_it_applies_once() {
    let mut server = server();
    ok(&mut server, &schema());
    let before = server.revision();
    let get = Request::get(SCHEMAS, "", "a");

    let label = json!({ "metadata": { "labels": { "a": "b" } } });
    ok(&mut server, &Request::merge_patch(SCHEMAS, "", "a", label.into()));

    assert_eq!(server.revision(), before + 1);
    let shown = done(&mut server, &get).object().expect("an object").shown().to_value();
    let entries = shown["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
    let entry = entries.iter().find(|entry| entry["operation"] == "Apply").expect("an apply");
    assert_eq!(entry["manager"], "api-priority-and-fairness-config-consumer-v1");
    assert_eq!(entry["subresource"], "status");
    let conditions = &entry["fieldsV1"]["f:status"]["f:conditions"];
    assert!(conditions[r#"k:{"type":"Dangling"}"#]["f:message"].is_object());
}

#[test]
fn a_precedence_of_zero_is_none() {
    let made = ok(&mut server(), &schema());

    assert_eq!(made.int_at(&["spec", "matchingPrecedence"]), Some(1000));
}

#[test]
fn a_flow_that_nothing_holds_goes_once_something_is_said_of_it() {
    let mut server = server();
    let Body::Tree(object) = schema().body else { panic!("a tree") };
    let ends = object.with(&["metadata", "deletionTimestamp"], "2001-01-01T00:00:00Z");
    let apply = Request::patch(
        SCHEMAS,
        "",
        "a",
        PatchKind::Apply,
        ends.with(&["apiVersion"], "flowcontrol.apiserver.k8s.io/v1").with(&["kind"], "FlowSchema"),
    );

    let made = done(&mut server, &apply.by("a")).code;
    let gone = refused(&mut server, &Request::get(SCHEMAS, "", "a")).code;

    assert_eq!((made, gone), (201, 404));
}
