use drydock_apiserver::request::Propagation;
use drydock_apiserver::{Request, WatchEvent};
use serde_json::json;

use super::*;

#[test]
fn an_object_goes_when_its_last_finalizer_does() {
    let mut server = server();
    let held = json!({ "metadata": { "name": "a", "finalizers": ["example.com/x"] } });
    ok(&mut server, &create(CONFIG_MAPS, held));

    let marked = ok(&mut server, &Request::delete(CONFIG_MAPS, "default", "a"));
    let revision = server.revision();
    let again = done(&mut server, &Request::delete(CONFIG_MAPS, "default", "a"));
    let released = merge(CONFIG_MAPS, "a", json!({ "metadata": { "finalizers": null } }));
    let mut cursor = watch(&mut server, &Request::watch(CONFIG_MAPS, "default", revision));
    let released = done(&mut server, &released);

    assert_eq!(marked.str_at(&["metadata", "deletionTimestamp"]), Some("2026-01-01T00:00:00Z"));
    assert_eq!((again.code, again.changed), (200, false));
    assert_eq!(released.code, 200);
    let event = cursor.next(&server);
    assert!(
        matches!(&event, Some(WatchEvent::Deleted(last)) if last.revision() == revision + 1),
        "{event:?}"
    );
    assert_eq!(cursor.next(&server), None);
}

#[test]
fn a_deletion_can_ask_for_the_object_it_knows() {
    let mut server = server();
    let created = ok(&mut server, &config_map("a"));
    let uid = created.str_at(&["metadata", "uid"]).unwrap();

    let other = refused(&mut server, &Request::delete(CONFIG_MAPS, "default", "a").if_uid("other"));
    let same = done(&mut server, &Request::delete(CONFIG_MAPS, "default", "a").if_uid(uid));

    assert_eq!(
        other.message,
        format!(
            "Operation cannot be fulfilled on ConfigMap \"a\": the UID in the precondition (other) does not match the UID in record ({uid}). The object might have been deleted and then recreated"
        )
    );
    assert!(same.is_success());
}

#[test]
fn a_pod_on_a_node_has_its_grace_and_one_without_goes_at_once() {
    let mut server = server();
    ok(&mut server, &pod("placed", Some("n1")));
    ok(&mut server, &pod("waiting", None));

    let placed = ok(&mut server, &Request::delete(PODS, "default", "placed"));
    done(&mut server, &Request::delete(PODS, "default", "waiting"));
    let shorter = ok(&mut server, &Request::delete(PODS, "default", "placed").grace(5));
    let longer = done(&mut server, &Request::delete(PODS, "default", "placed").grace(50));
    done(&mut server, &Request::delete(PODS, "default", "placed").grace(0));

    let end = |pod: &Tree| pod.str_at(&["metadata", "deletionTimestamp"]).map(str::to_owned);
    assert_eq!(end(&placed).as_deref(), Some("2026-01-01T00:00:30Z"));
    assert_eq!(end(&shorter).as_deref(), Some("2026-01-01T00:00:05Z"));
    assert!(!longer.changed);
    assert_eq!(done(&mut server, &Request::list(PODS, "default")).objects(), []);
}

#[test]
fn a_policy_becomes_a_finalizer_for_the_garbage_collector() {
    let mut server = server();
    ok(&mut server, &config_map("a"));
    ok(&mut server, &config_map("b"));
    let delete = |name, policy| Request::delete(CONFIG_MAPS, "default", name).propagation(policy);

    let foreground = ok(&mut server, &delete("a", Propagation::Foreground));
    let orphan = ok(&mut server, &delete("b", Propagation::Orphan));
    let background = done(&mut server, &delete("b", Propagation::Background));

    let finalizers = |tree: &Tree| tree.at(&["metadata", "finalizers"]).map(Tree::to_value);
    assert_eq!(finalizers(&foreground), Some(json!(["foregroundDeletion"])));
    assert_eq!(finalizers(&orphan), Some(json!(["orphan"])));
    assert_eq!(background.code, 200);
    assert_eq!(refused(&mut server, &Request::get(CONFIG_MAPS, "default", "b")).code, 404);
}

#[test]
fn a_namespace_goes_when_it_is_finalized() {
    let mut server = server();
    let namespace = json!({ "metadata": { "name": "a" } });
    ok(&mut server, &Request::create(NAMESPACES, "", namespace.clone().into()));

    let marked = ok(&mut server, &Request::delete(NAMESPACES, "", "a"));
    let finalize = Request::update(NAMESPACES, "", "a", namespace.into()).subresource("finalize");
    done(&mut server, &finalize);

    assert_eq!(marked.str_at(&["status", "phase"]), Some("Terminating"));
    assert_eq!(refused(&mut server, &Request::get(NAMESPACES, "", "a")).code, 404);
    assert_eq!(refused(&mut server, &Request::delete(NAMESPACES, "", "default")).code, 403);
}

#[test]
fn a_collection_is_deleted_by_its_selector() {
    let mut server = server();
    for (name, label) in [("a", "1"), ("b", "2"), ("c", "1")] {
        let labels = json!({ "metadata": { "name": name, "labels": { "l": label } } });
        ok(&mut server, &create(CONFIG_MAPS, labels));
    }

    let deleted =
        done(&mut server, &Request::delete_collection(CONFIG_MAPS, "default").selector("l=1"));

    let names = |response: &Response| {
        response.objects().iter().map(|object| object.name().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&deleted), ["a", "c"]);
    assert_eq!(names(&done(&mut server, &Request::list(CONFIG_MAPS, "default"))), ["b"]);
}

#[test]
fn what_goes_by_a_change_is_shown_as_it_was_given() {
    let mut server = server();
    let slices = Gvr::new("discovery.k8s.io", "v1", "endpointslices");
    let link = ["metadata", "selfLink"];
    let slice = |finalizers: Value| {
        json!({ "addressType": "IPv4", "endpoints": [], "ports": [],
            "metadata": { "name": "s", "finalizers": finalizers, "selfLink": "/s" } })
    };
    let update = Request::update(slices.clone(), "default", "s", slice(json!([])).into());

    let made = ok(&mut server, &create(slices.clone(), slice(json!(["example.com/a"]))));
    ok(&mut server, &Request::delete(slices, "default", "s"));
    let gone = ok(&mut server, &update);

    assert_eq!(made.get("ports"), Some(&Tree::null()), "it was read back");
    assert_eq!(gone.get("ports"), Some(&Tree::list([])));
    assert_eq!((made.str_at(&link), gone.str_at(&link)), (None, Some("/s")));
}
