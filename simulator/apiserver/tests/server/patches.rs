use drydock_apiserver::{Body, Gvr, PatchKind, Request};
use serde_json::{Value, json};

use super::*;

const DEPLOYMENTS: Gvr = Gvr::new("apps", "v1", "deployments");

fn deployment(server: &mut Server) {
    let container = |name: &str| json!({ "name": name, "image": "image:1" });
    let template = json!({
        "metadata": { "labels": { "app": "d" } },
        "spec": { "containers": [container("a"), container("b")] },
    });
    let spec = json!({ "selector": { "matchLabels": { "app": "d" } }, "template": template });
    ok(server, &create(DEPLOYMENTS, json!({ "metadata": { "name": "d" }, "spec": spec })));
}

fn strategic(patch: Value) -> Request {
    Request::patch(DEPLOYMENTS, "default", "d", PatchKind::Strategic, patch.into())
}

fn containers(tree: &Tree) -> Vec<(String, String)> {
    let containers = tree.at(&["spec", "template", "spec", "containers"]).unwrap().items();
    let string = |tree: &Tree, key: &str| tree.str_at(&[key]).unwrap().to_owned();
    containers.iter().map(|c| (string(c, "name"), string(c, "image"))).collect()
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
}

#[test]
fn a_strategic_patch_merges_containers_by_name() {
    let mut server = server();
    deployment(&mut server);
    let in_template = |containers: Value| {
        strategic(json!({ "spec": { "template": { "spec": { "containers": containers } } } }))
    };

    let changed = ok(
        &mut server,
        &in_template(
            json!([{ "name": "b", "image": "image:2" }, { "name": "c", "image": "image:3" }]),
        ),
    );
    let removed = ok(&mut server, &in_template(json!([{ "name": "a", "$patch": "delete" }])));

    assert_eq!(
        containers(&changed),
        pairs(&[("a", "image:1"), ("b", "image:2"), ("c", "image:3")])
    );
    assert_eq!(containers(&removed), pairs(&[("b", "image:2"), ("c", "image:3")]));
}

#[test]
fn a_merge_patch_replaces_lists_and_removes_by_null() {
    let mut server = server();
    deployment(&mut server);
    let list = json!([{ "name": "z", "image": "image:9" }]);
    let patch =
        json!({ "spec": { "replicas": 3, "template": { "spec": { "containers": list } } } });

    let replaced = ok(&mut server, &merge(DEPLOYMENTS, "d", patch));
    let reset = ok(&mut server, &merge(DEPLOYMENTS, "d", json!({ "spec": { "replicas": null } })));

    assert_eq!(containers(&replaced), pairs(&[("z", "image:9")]));
    assert_eq!(replaced.int_at(&["spec", "replicas"]), Some(3));
    assert_eq!(reset.int_at(&["spec", "replicas"]), Some(1), "the default is back");
}

#[test]
fn a_json_patch_is_carried_out_whole_or_not_at_all() {
    let mut server = server();
    ok(&mut server, &config_map("a"));
    let patch = |operations: Value| {
        Request::patch(CONFIG_MAPS, "default", "a", PatchKind::Json, operations.into())
    };

    let moved = ok(
        &mut server,
        &patch(json!([
            { "op": "test", "path": "/data/a", "value": "b" },
            { "op": "move", "from": "/data/a", "path": "/data/c" },
            { "op": "add", "path": "/metadata/labels", "value": { "l": "1" } },
        ])),
    );
    let failed = refused(
        &mut server,
        &patch(json!([
            { "op": "add", "path": "/data/x", "value": "1" },
            { "op": "test", "path": "/data/x", "value": "2" },
        ])),
    );

    let after = ok(&mut server, &Request::get(CONFIG_MAPS, "default", "a"));
    assert_eq!(moved.at(&["data"]).map(Tree::to_value), Some(json!({ "c": "b" })));
    assert_eq!((failed.code, failed.reason), (422, "Invalid"));
    assert_eq!(after, moved);
}

#[test]
fn a_patch_cannot_make_an_object_grow_without_end() {
    let mut server = server();
    ok(&mut server, &config_map("a"));
    let long = "x".repeat(100_000);
    let doubling =
        std::iter::repeat_n(json!({ "op": "copy", "from": "/data", "path": "/data/b" }), 40);
    let first = json!({ "op": "add", "path": "/data", "value": { "a": long } });
    let operations: Vec<Value> = std::iter::once(first).chain(doubling).collect();

    let patch =
        Request::patch(CONFIG_MAPS, "default", "a", PatchKind::Json, json!(operations).into());
    let status = refused(&mut server, &patch);

    assert_eq!((status.code, status.reason), (413, "RequestEntityTooLarge"));
}

#[test]
fn a_strategic_patch_puts_what_is_new_with_its_directives_but_for_patch() {
    let mut server = server();
    ok(&mut server, &config_map("c"));
    let patch = |patch: serde_json::Value| {
        Request::patch(CONFIG_MAPS, "default", "c", PatchKind::Strategic, patch.into())
    };

    let kept = json!({ "metadata": { "annotations": { "$retainKeys": ["a"], "b": null } } });
    let status = refused(&mut server, &patch(kept));
    let gone = json!({ "metadata": { "annotations": { "$patch": "delete" } } });
    let patched = ok(&mut server, &patch(gone));

    assert!(
        status.message.ends_with(
            r#""map[metadata:map[annotations:map[$retainKeys:[a]]]]": unrecognized type: string"#
        ),
        "{}",
        status.message
    );
    assert!(patched.at(&["metadata", "annotations"]).is_none());
}

#[test]
fn what_a_patch_says_is_empty_is_told_from_what_it_does_not_say() {
    const POLICIES: Gvr = Gvr::new("networking.k8s.io", "v1", "networkpolicies");
    const PODS: Gvr = Gvr::new("", "v1", "pods");
    let mut server = server();
    ok(&mut server, &create(POLICIES, json!({ "metadata": { "name": "p" } })));
    ok(&mut server, &pod("a", None));

    let selects_none = json!({ "spec": { "podSelector": { "matchLabels": {} } } });
    let policy = ok(&mut server, &merge(POLICIES, "p", selects_none));
    let spec = json!({ "spec": { "hostname": "b", "dnsConfig": { "searches": [] } } });
    let status = refused(&mut server, &merge(PODS, "a", spec));

    assert_eq!(policy.int_at(&["metadata", "generation"]), Some(2));
    assert_eq!(policy.at(&["spec", "podSelector"]).map(Tree::to_value), Some(json!({})));
    assert!(status.message.contains("+  \"Searches\": [],"), "{}", status.message);
    assert!(status.message.contains("+  \"Nameservers\": null,"), "{}", status.message);
}

#[test]
fn what_a_json_patch_moves_keeps_its_order_until_a_step_goes_into_it() {
    let mut server = server();
    deployment(&mut server);
    let patch = |operations: Value| {
        Request::patch(DEPLOYMENTS, "default", "d", PatchKind::Json, operations.into())
    };
    let container = "/spec/template/spec/containers/0";

    let moved = json!([{ "op": "copy", "from": container, "path": "/spec/paused" }]);
    let moved = refused(&mut server, &patch(moved)).message;
    let opened = json!([
        { "op": "test", "path": format!("{container}/name"), "value": "a" },
        { "op": "copy", "from": container, "path": "/spec/paused" },
    ]);
    let opened = refused(&mut server, &patch(opened)).message;

    assert!(moved.contains(r#"\"paused\":{\"name\":\"a\",\"image\":\"image:1\","#), "{moved}");
    assert!(opened.contains(r#"\"paused\":{\"image\":\"image:1\","#), "{opened}");
}

#[test]
fn of_wrong_values_the_first_of_the_text_is_told() {
    let mut server = server();
    deployment(&mut server);
    let copied = json!([{ "op": "copy", "from": "/spec", "path": "/metadata/annotations" }]);
    let patch = Request::patch(DEPLOYMENTS, "default", "d", PatchKind::Json, copied.into());
    let written = |text: &'static str| {
        let body =
            Body::Bytes { content_type: "application/json".into(), bytes: text.as_bytes().into() };
        Request { body, ..create(CONFIG_MAPS, json!({ "metadata": { "name": "c" } })) }
    };

    let patched = refused(&mut server, &patch).message;
    let text = refused(&mut server, &written(r#"{"metadata":{"labels":5},"data":"x"}"#)).message;
    let ended = r#"{"data":5,"metadata":{"creationTimestamp":"y","deletionTimestamp":"z"}}"#;
    let ended = refused(&mut server, &written(ended)).message;

    let type_of_annotations = "Go struct field ObjectMeta.metadata.annotations of type string";
    assert!(patched.ends_with(&format!("cannot unmarshal number into {type_of_annotations}")));
    assert!(
        text.contains("cannot unmarshal number into Go struct field ObjectMeta.metadata.labels")
    );
    assert!(ended.contains("parsing time \"y\""), "{ended}");
}

#[test]
fn who_scales_an_object_is_warned_of_it() {
    const SETS: Gvr = Gvr::new("apps", "v1", "statefulsets");
    let mut server = server();
    let template = json!({ "metadata": { "labels": { "app": "s" } },
        "spec": { "containers": [{ "name": "a", "image": "image:1" }] } });
    let spec = json!({ "serviceName": "s", "selector": { "matchLabels": { "app": "s" } },
        "template": template, "revisionHistoryLimit": -1 });
    ok(&mut server, &create(SETS, json!({ "metadata": { "name": "s" }, "spec": spec })));

    let scaled = merge(SETS, "s", json!({ "spec": { "replicas": 2 } })).subresource("scale");
    let response = done(&mut server, &scaled);

    assert!(response.warnings[0].starts_with("spec.revisionHistoryLimit: a negative value"));
}
