use drydock_apiserver::{Gvr, PatchKind, Request};
use serde_json::{Value, json};

use super::*;

const DEPLOYMENTS: Gvr = Gvr::new("apps", "v1", "deployments");
const BUDGETS: Gvr = Gvr::new("policy", "v1", "poddisruptionbudgets");

fn apply(name: &str, manager: &'static str, data: &Value) -> Request {
    let config = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": name },
        "data": data });
    Request::patch(CONFIG_MAPS, "default", name, PatchKind::Apply, config.into()).by(manager)
}

/// What a client sees.
#[track_caller]
fn shown(server: &mut Server, request: &Request) -> Value {
    let response = done(server, request);
    if let Some(status) = response.error() {
        panic!("{status}");
    }
    response.object().expect("an object").shown().to_value()
}

/// Manager, operation and fields of each entry.
fn owners(object: &Value) -> Vec<(String, Value)> {
    let entries = object["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
    let one = |entry: &Value| {
        let string = |key: &str| entry[key].as_str().unwrap_or_default().to_owned();
        (format!("{} {}", string("manager"), string("operation")), entry["fieldsV1"].clone())
    };
    entries.iter().map(one).collect()
}

fn owner(who: &str, fields: Value) -> (String, Value) {
    (who.to_owned(), fields)
}

#[test]
fn a_write_owns_what_it_changes_and_takes_it_from_others() {
    let mut server = server();
    ok(&mut server, &config_map("c").by("first"));
    let patch = json!({ "data": { "a": "x", "n": "1" } });

    let seen = shown(&mut server, &merge(CONFIG_MAPS, "c", patch).by("second"));

    assert_eq!(
        owners(&seen),
        [
            owner("first Update", json!({ "f:data": {} })),
            owner("second Update", json!({ "f:data": { "f:a": {}, "f:n": {} } })),
        ]
    );
    let plain = ok(&mut server, &Request::get(CONFIG_MAPS, "default", "c"));
    assert_eq!(plain.at(&["metadata", "managedFields"]), None, "who reads trees does not pay");
}

#[test]
fn applying_what_another_applied_otherwise_is_a_conflict_unless_forced() {
    let mut server = server();
    ok(&mut server, &apply("c", "one", &json!({ "a": "1", "b": "1" })));

    let conflict = refused(&mut server, &apply("c", "two", &json!({ "a": "2" })));
    let mut forced = apply("c", "two", &json!({ "a": "2" }));
    forced.options.force = Some(true);
    let seen = shown(&mut server, &forced);

    assert_eq!(conflict.code, 409);
    assert_eq!(conflict.message, "Apply failed with 1 conflict: conflict with \"one\": .data.a");
    assert_eq!(
        owners(&seen),
        [
            owner("one Apply", json!({ "f:data": { "f:b": {} } })),
            owner("two Apply", json!({ "f:data": { "f:a": {} } })),
        ]
    );
}

#[test]
fn what_is_applied_no_more_goes_unless_another_has_it_too() {
    let mut server = server();
    ok(&mut server, &apply("c", "one", &json!({ "mine": "1", "ours": "1" })));
    ok(&mut server, &apply("c", "two", &json!({ "ours": "1" })));

    let seen = ok(&mut server, &apply("c", "one", &json!({})));

    assert_eq!(seen.get("data").map(Tree::to_value), Some(json!({ "ours": "1" })));
}

#[test]
fn an_apply_that_changes_nothing_is_no_write() {
    let mut server = server();
    ok(&mut server, &apply("c", "one", &json!({ "a": "1" })));
    let before = server.revision();

    let again = done(&mut server, &apply("c", "one", &json!({ "a": "1" })));

    assert!(again.is_success());
    assert!(!again.changed);
    assert_eq!(server.revision(), before);
}

#[test]
fn an_apply_of_what_the_server_keeps_to_itself_is_a_write_of_another_time() {
    let mut server = server();
    ok(&mut server, &apply("c", "one", &json!({ "a": "1" })));
    ok(&mut server, &apply("c", "two", &json!({ "a": "1" })));
    let config = json!({ "apiVersion": "v1", "kind": "ConfigMap", "data": { "a": "1" },
        "metadata": { "name": "c", "selfLink": "x" } });
    let request = Request::patch(CONFIG_MAPS, "default", "c", PatchKind::Apply, config.into());
    let time = |object: &Value| object["metadata"]["managedFields"][1]["time"].clone();
    let read = Request::get(CONFIG_MAPS, "default", "c");
    let before = shown(&mut server, &read);

    let changed = done(&mut server, &request.by("two")).changed;
    let after = shown(&mut server, &read);

    assert!(changed);
    assert_eq!(before["metadata"]["managedFields"][0].get("time"), None);
    assert_eq!(time(&after), "2026-01-01T00:00:00Z");
    assert_eq!(after["metadata"].get("selfLink"), None);
}

#[test]
fn what_is_empty_within_a_list_with_one_owner_takes_the_list() {
    const POLICIES: Gvr = Gvr::new("networking.k8s.io", "v1", "networkpolicies");
    let mut server = server();
    let policy = json!({ "metadata": { "name": "p" },
        "spec": { "podSelector": {}, "ingress": [{}] } });
    ok(&mut server, &create(POLICIES, policy).by("one"));
    let owner = |server: &mut Server, ingress: Value| {
        let patch = json!({ "spec": { "ingress": ingress } });
        let seen = shown(server, &merge(POLICIES, "p", patch).by("two"));
        assert_eq!(seen["spec"]["ingress"], json!([{}]));
        let mut owners = owners(&seen).into_iter();
        owners.find(|(_, fields)| fields["f:spec"].get("f:ingress").is_some()).unwrap().0
    };

    let same = owner(&mut server, json!([{}]));
    let said = owner(&mut server, json!([{ "ports": [] }]));

    assert_eq!((same.as_str(), said.as_str()), ("one Update", "two Update"));
}

#[test]
fn what_is_empty_within_such_a_list_is_a_change_of_its_owner_alone() {
    const ROLES: Gvr = Gvr::new("rbac.authorization.k8s.io", "v1", "roles");
    let mut server = server();
    let rule = json!({ "apiGroups": [""], "resources": ["pods"], "verbs": ["get"] });
    let role = json!({ "metadata": { "name": "r" }, "rules": [rule] });
    ok(&mut server, &create(ROLES, role).by("one"));
    let add = json!([{ "op": "add", "path": "/rules/0/resourceNames", "value": [] }]);
    let request = Request::patch(ROLES, "default", "r", PatchKind::Json, add.into());

    let seen = shown(&mut server, &request.by("two"));

    assert_eq!(seen["rules"], json!([rule]));
    assert_eq!(owners(&seen), [owner("two Update", json!({ "f:rules": {} }))]);
}

#[test]
fn containers_are_owned_by_name_and_keep_the_order_of_who_applies() {
    let mut server = server();
    let deployment = |containers: Value| {
        json!({ "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "d" }, "spec": {
            "selector": { "matchLabels": { "app": "d" } },
            "template": { "metadata": { "labels": { "app": "d" } }, "spec": { "containers": containers } } } })
    };
    let apply = |manager: &'static str, containers: Value| {
        let config = deployment(containers).into();
        Request::patch(DEPLOYMENTS, "default", "d", PatchKind::Apply, config).by(manager)
    };
    ok(
        &mut server,
        &apply("one", json!([{ "name": "a", "image": "i" }, { "name": "b", "image": "i" }])),
    );

    let seen =
        shown(&mut server, &apply("two", json!([{ "name": "c", "image": "i" }, { "name": "a" }])));

    let names = seen["spec"]["template"]["spec"]["containers"].as_array().unwrap();
    let names: Vec<&str> = names.iter().map(|c| c["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["c", "a", "b"]);
    let two = owners(&seen).into_iter().find(|(who, _)| who == "two Apply").unwrap().1;
    assert_eq!(
        two["f:spec"]["f:template"]["f:spec"]["f:containers"]["k:{\"name\":\"a\"}"],
        json!({ ".": {}, "f:name": {} })
    );
}

#[test]
fn an_empty_list_of_managers_is_forgotten_until_somebody_applies() {
    let mut server = server();
    ok(&mut server, &config_map("c").by("first"));
    let forget = json!({ "metadata": { "managedFields": [] } });
    let write = json!({ "data": { "n": "1" } });

    let forgotten = shown(&mut server, &merge(CONFIG_MAPS, "c", forget));
    let written = shown(&mut server, &merge(CONFIG_MAPS, "c", write).by("second"));
    let applied = shown(&mut server, &apply("c", "third", &json!({ "a": "b" })));

    assert_eq!(owners(&forgotten), []);
    assert_eq!(owners(&written), []);
    assert_eq!(
        owners(&applied),
        [
            owner("third Apply", json!({ "f:data": { "f:a": {} } })),
            owner(
                "before-first-apply Update",
                json!({ "f:data": { ".": {}, "f:a": {}, "f:n": {} } })
            ),
        ]
    );
}

#[test]
fn an_apply_of_a_field_that_is_not_there_says_so() {
    let mut server = server();
    let config =
        json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "c" }, "x": 1 });
    let request = Request::patch(CONFIG_MAPS, "default", "c", PatchKind::Apply, config.into());

    let status = refused(&mut server, &request.by("one"));

    assert_eq!(status.code, 500);
    assert_eq!(
        status.message,
        "failed to create typed patch object (/c; /v1, Kind=ConfigMap): .x: field not declared in schema"
    );
}

#[test]
fn a_long_history_is_settled_and_dropped_without_recursion() {
    let mut server = server();
    ok(&mut server, &config_map("c").by("first"));
    for count in 0..30_000 {
        let patch = json!({ "data": { "a": count.to_string() } });
        ok(&mut server, &merge(CONFIG_MAPS, "c", patch).by("second"));
    }
    let unread = server.clone();

    let seen = shown(&mut server, &Request::get(CONFIG_MAPS, "default", "c"));
    drop(unread);

    assert_eq!(owners(&seen).len(), 2);
}

#[test]
fn an_eviction_takes_from_the_budget_and_is_refused_when_it_is_spent() {
    let mut server = server();
    for name in ["a", "b"] {
        let mut pod = json!({ "metadata": { "name": name, "labels": { "app": "x" } },
            "spec": { "containers": [{ "name": "main", "image": "image" }], "nodeName": "n" } });
        pod["spec"]["terminationGracePeriodSeconds"] = 0.into();
        ok(&mut server, &create(PODS, pod));
        let running = json!({ "status": { "phase": "Running",
            "conditions": [{ "type": "Ready", "status": "True" }] } });
        ok(&mut server, &merge(PODS, name, running).subresource("status"));
    }
    let spec = json!({ "selector": { "matchLabels": { "app": "x" } }, "minAvailable": 1 });
    ok(&mut server, &create(BUDGETS, json!({ "metadata": { "name": "one" }, "spec": spec })));
    let status = json!({ "status": { "observedGeneration": 1, "disruptionsAllowed": 1,
        "currentHealthy": 2, "desiredHealthy": 1, "expectedPods": 2 } });
    ok(&mut server, &merge(BUDGETS, "one", status).subresource("status"));
    let evict = |name: &str| {
        let body = json!({ "metadata": { "name": name } });
        let mut request = create(PODS, body).subresource("eviction");
        request.name = name.to_owned();
        request
    };

    let first = done(&mut server, &evict("a"));
    let second = refused(&mut server, &evict("b"));

    assert_eq!(first.code, 201);
    assert_eq!(second.code, 429);
    assert_eq!(refused(&mut server, &Request::get(PODS, "default", "a")).code, 404);
    let budget = ok(&mut server, &Request::get(BUDGETS, "default", "one"));
    assert_eq!(budget.int_at(&["status", "disruptionsAllowed"]), Some(0));
    assert!(budget.at(&["status", "disruptedPods", "a"]).is_some());
}

#[test]
fn who_keeps_the_number_through_a_scale_stands_twice_until_the_next_write() {
    let mut server = server();
    let template = json!({ "metadata": { "labels": { "a": "b" } },
        "spec": { "containers": [{ "name": "main", "image": "image" }] } });
    let spec = json!({ "selector": { "matchLabels": { "a": "b" } }, "template": template });
    let deployment = json!({ "metadata": { "name": "d" }, "spec": spec });
    ok(&mut server, &create(DEPLOYMENTS, deployment).by("one"));
    let scale = |replicas: Value, who: &'static str| {
        let patch = json!({ "spec": { "replicas": replicas } });
        Request { subresource: Some("scale".into()), ..merge(DEPLOYMENTS, "d", patch) }.by(who)
    };
    let read = Request::get(DEPLOYMENTS, "default", "d");
    let number = |server: &mut Server| {
        let owners = owners(&shown(server, &read));
        let has = |fields: &Value| fields["f:spec"].get("f:replicas").is_some();
        owners.into_iter().map(|(who, fields)| (who, has(&fields))).collect::<Vec<_>>()
    };
    let entry = |who: &str, has: bool| (who.to_owned(), has);

    done(&mut server, &scale(1.into(), "two"));
    let kept = number(&mut server);
    ok(&mut server, &merge(DEPLOYMENTS, "d", json!({})).by("three"));
    let after = number(&mut server);
    ok(&mut server, &merge(DEPLOYMENTS, "d", json!({ "spec": { "replicas": 2 } })).by("one"));
    done(&mut server, &scale(3.into(), "two"));
    let taken = number(&mut server);

    assert_eq!(kept, [entry("one Update", true), entry("one Update", false)]);
    assert_eq!(after, [entry("one Update", false)]);
    assert_eq!(taken, [entry("two Update", true), entry("one Update", false)]);
}

#[test]
fn nobody_owns_what_has_a_set_of_fields_that_is_no_map() {
    let mut server = server();
    let templates = Gvr::new("", "v1", "podtemplates");
    let mut template = |name: &str, fields: Value| {
        let metadata = json!({ "managedFields": [{ "fieldsV1": fields }] });
        let containers = json!([{ "name": "a", "image": "i" }]);
        let template = json!({ "metadata": metadata, "spec": { "containers": containers } });
        let object = json!({ "metadata": { "name": name }, "template": template });
        shown(&mut server, &create(templates.clone(), object))
    };

    assert_eq!(owners(&template("a", json!("x"))), []);
    assert_eq!(owners(&template("b", json!({}))).len(), 1);
}

#[test]
fn what_is_free_to_be_a_map_loses_its_members_when_it_becomes_something_else() {
    let mut server = server();
    let free = json!({ "x-kubernetes-preserve-unknown-fields": true });
    let schema = json!({ "type": "object", "properties": { "spec": { "type": "object", "properties": { "a": free } } } });
    ok(&mut server, &definitions::defining(&schema, &["v1"]));
    let widgets = Gvr::new("example.com", "v1", "widgets");
    let widget = json!({ "apiVersion": "example.com/v1", "kind": "Widget",
        "metadata": { "name": "w" }, "spec": { "a": { "b": 1 } } });
    ok(&mut server, &create(widgets.clone(), widget).by("one"));
    let mut replace = |value: Value, by| {
        let patch = json!([{ "op": "replace", "path": "/spec/a", "value": value }]);
        let patch = Request::patch(widgets.clone(), "default", "w", PatchKind::Json, patch.into());
        owners(&shown(&mut server, &patch.by(by)))
    };

    let text = replace(json!("x"), "one");
    let map = replace(json!({ "c": 1 }), "two");

    let one = json!({ "f:spec": { ".": {}, "f:a": {} } });
    assert_eq!(text, [owner("one Update", one)]);
    let rest = json!({ "f:spec": {} });
    let two = json!({ "f:spec": { "f:a": { ".": {}, "f:c": {} } } });
    assert_eq!(map, [owner("one Update", rest), owner("two Update", two)]);
}
