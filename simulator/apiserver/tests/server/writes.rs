use drydock_apiserver::{Answer, Request};
use serde_json::json;

use super::*;

#[test]
fn an_object_that_was_created_can_be_read() {
    let mut server = server();

    let created = done(&mut server, &config_map("c1"));
    let read = done(&mut server, &Request::get(CONFIG_MAPS, "default", "c1"));

    assert_eq!(created.code, 201);
    assert_eq!(read.object(), created.object());
    assert_eq!(read.object().unwrap().tree().str_at(&["data", "a"]), Some("b"));
}

#[test]
fn what_changes_nothing_makes_no_revision() {
    let mut server = server();
    done(&mut server, &config_map("c1"));
    let revision = server.revision();

    let same = done(&mut server, &merge(CONFIG_MAPS, "c1", json!({ "data": { "a": "b" } })));
    let after_same = server.revision();
    let other = done(&mut server, &merge(CONFIG_MAPS, "c1", json!({ "data": { "a": "c" } })));

    assert_eq!((same.code, same.changed, after_same), (200, false, revision));
    assert_eq!((other.code, other.changed, server.revision()), (200, true, revision + 1));
}

#[test]
fn an_object_that_is_not_there_is_not_found_in_these_words() {
    let missing = done(&mut server(), &Request::get(CONFIG_MAPS, "default", "x"));

    let Answer::Status(status) = missing.body else { panic!("no status") };
    assert_eq!(
        serde_json::to_string(&status).unwrap(),
        r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"configmaps \"x\" not found","reason":"NotFound","details":{"name":"x","kind":"configmaps"},"code":404}"#
    );
}

#[test]
fn an_update_that_rests_on_an_old_revision_conflicts() {
    let mut server = server();
    let first = ok(&mut server, &config_map("c1"));
    ok(&mut server, &merge(CONFIG_MAPS, "c1", json!({ "data": { "a": "2" } })));

    let stale = Request::update(CONFIG_MAPS, "default", "c1", first.with(&["data", "a"], "3"));
    let status = refused(&mut server, &stale);

    assert_eq!((status.code, status.reason), (409, "Conflict"));
}

#[test]
fn a_dry_run_answers_as_if_and_changes_nothing() {
    let mut server = server();
    let before = server.revision();

    let response = done(&mut server, &config_map("c1").dry_run());

    let object = response.object().unwrap();
    assert_eq!((response.code, response.changed), (201, false));
    assert!(!object.uid().is_empty());
    assert_eq!(object.tree().at(&["metadata", "resourceVersion"]), None);
    assert_eq!(server.revision(), before);
    assert_eq!(refused(&mut server, &Request::get(CONFIG_MAPS, "default", "c1")).code, 404);
}

#[test]
fn generated_names_and_uids_come_from_the_seed() {
    let nameless = create(CONFIG_MAPS, json!({ "metadata": { "generateName": "web-" } }));

    let one = ok(&mut server(), &nameless);
    let same = ok(&mut server(), &nameless);
    let other = ok(&mut Server::new(Profile::V1_34, 2), &nameless);

    let name = one.str_at(&["metadata", "name"]).unwrap();
    assert!(name.starts_with("web-") && name.len() == 9, "{name}");
    assert_eq!(one, same);
    assert_ne!(one.at(&["metadata", "uid"]), other.at(&["metadata", "uid"]));
    assert_ne!(one.at(&["metadata", "name"]), other.at(&["metadata", "name"]));
}

#[test]
fn nothing_is_created_in_a_namespace_that_is_missing_or_ending() {
    let mut server = server();
    let lost = Request::create(CONFIG_MAPS, "lost", json!({ "metadata": { "name": "a" } }).into());

    let missing = refused(&mut server, &lost);
    ok(
        &mut server,
        &Request::create(NAMESPACES, "", json!({ "metadata": { "name": "lost" } }).into()),
    );
    ok(&mut server, &Request::delete(NAMESPACES, "", "lost"));
    let ending = refused(&mut server, &lost);

    assert_eq!((missing.code, &*missing.message), (404, "namespaces \"lost\" not found"));
    assert_eq!(ending.code, 403);
    assert_eq!(ending.details.unwrap().causes[0].reason, "NamespaceTerminating");
}

#[test]
fn status_has_its_own_way_in() {
    let mut server = server();
    ok(&mut server, &pod("p", None));
    let both = json!({ "spec": { "activeDeadlineSeconds": 5 }, "status": { "phase": "Running" } });

    let main = ok(&mut server, &merge(PODS, "p", both.clone()));
    let status = ok(
        &mut server,
        &merge(
            PODS,
            "p",
            json!({ "spec": { "activeDeadlineSeconds": 3 }, "status": { "phase": "Running" } }),
        )
        .subresource("status"),
    );

    assert_eq!(main.str_at(&["status", "phase"]), Some("Pending"));
    assert_eq!(main.int_at(&["metadata", "generation"]), Some(2));
    assert_eq!(status.str_at(&["status", "phase"]), Some("Running"));
    assert_eq!(status.int_at(&["spec", "activeDeadlineSeconds"]), Some(5));
    assert_eq!(status.int_at(&["metadata", "generation"]), Some(2));
}

#[test]
fn a_binding_gives_a_pod_its_node_once() {
    let mut server = server();
    ok(&mut server, &pod("p", None));
    let binding = |node: &str| {
        let binding =
            json!({ "metadata": { "name": "p" }, "target": { "kind": "Node", "name": node } });
        let mut request = Request::create(PODS, "default", binding.into()).subresource("binding");
        request.name = "p".to_owned();
        request
    };

    let first = done(&mut server, &binding("n1"));
    let second = refused(&mut server, &binding("n2"));

    let pod = ok(&mut server, &Request::get(PODS, "default", "p"));
    assert_eq!(first.code, 201);
    assert_eq!(pod.str_at(&["spec", "nodeName"]), Some("n1"));
    let conditions = pod.at(&["status", "conditions"]).unwrap().items();
    assert!(conditions.iter().any(|c| c.str_at(&["type"]) == Some("PodScheduled")));
    assert_eq!(
        second.message,
        "Operation cannot be fulfilled on pods/binding \"p\": pod p is already assigned to node \"n1\""
    );
}

#[test]
fn unknown_fields_warn_or_with_strict_validation_fail() {
    let mut server = server();
    let request = create(CONFIG_MAPS, json!({ "metadata": { "name": "a" }, "bogus": 1 }));

    let warned = done(&mut server, &request);
    let strict = refused(&mut server, &request.strict());

    assert_eq!(warned.warnings, ["unknown field \"bogus\""]);
    assert_eq!(warned.object().unwrap().tree().get("bogus"), None);
    assert_eq!(
        strict.message,
        "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: strict decoding error: unknown field \"bogus\""
    );
}

#[test]
fn a_group_that_is_not_served_is_not_found_and_comes_back_with_its_objects() {
    const BUDGETS: Gvr = Gvr::new("policy", "v1", "poddisruptionbudgets");
    let mut server = server();
    let budget =
        json!({ "metadata": { "name": "b" }, "spec": { "minAvailable": 1, "selector": {} } });
    ok(&mut server, &create(BUDGETS, budget));

    server.serve_group("policy/v1", false);
    let gone = refused(&mut server, &Request::list(BUDGETS, "default"));
    server.serve_group("policy/v1", true);
    let back = done(&mut server, &Request::list(BUDGETS, "default"));

    assert_eq!(
        (gone.code, &*gone.message),
        (404, "the server could not find the requested resource")
    );
    assert_eq!(back.objects().len(), 1);
}

#[test]
fn a_new_pod_is_believed_what_quality_of_service_it_has() {
    let mut server = server();
    let mut stated = json!({ "metadata": { "name": "a" },
        "spec": { "containers": [{ "name": "a", "image": "i" }] },
        "status": { "qosClass": "Guaranteed", "reason": "Lost" } });

    let believed = ok(&mut server, &create(PODS, stated.clone()));
    stated["metadata"]["name"] = "b".into();
    stated["status"] = json!({});
    let computed = ok(&mut server, &create(PODS, stated));

    let status = |pod: &Tree| pod.get("status").map(Tree::to_value);
    assert_eq!(status(&believed), Some(json!({ "phase": "Pending", "qosClass": "Guaranteed" })));
    assert_eq!(status(&computed), Some(json!({ "phase": "Pending", "qosClass": "BestEffort" })));
}
