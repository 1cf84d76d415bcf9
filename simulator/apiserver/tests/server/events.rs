use drydock_apiserver::{PatchKind, WatchEvent};

use super::*;

const CORE: Gvr = Gvr::new("", "v1", "events");
const OWN: Gvr = Gvr::new("events.k8s.io", "v1", "events");

fn old_style() -> Request {
    let event = json!({
        "metadata": { "name": "old" },
        "involvedObject": { "kind": "Pod", "name": "p", "namespace": "default" },
        "reason": "Because", "message": "hello", "type": "Normal", "count": 3,
        "source": { "component": "kubelet" },
        "firstTimestamp": "2026-01-01T00:00:00Z", "lastTimestamp": "2026-01-01T00:00:01Z",
    });
    create(CORE, event)
}

fn new_style() -> Value {
    json!({
        "metadata": { "name": "new" },
        "regarding": { "kind": "Pod", "name": "p", "namespace": "default" },
        "reason": "Because", "note": "hello", "type": "Normal", "action": "Doing",
        "reportingController": "k8s.io/me", "reportingInstance": "me-1",
        "eventTime": "2026-01-01T00:00:00.000001Z",
    })
}

fn get(server: &mut Server, resource: Gvr, name: &str) -> Value {
    let Outcome::Done(response) = server.handle(&Request::get(resource, "default", name), now())
    else {
        panic!("a get is answered at once")
    };
    serde_json::from_slice(&response.object().expect("an object").shown().to_json())
        .expect("an object is JSON")
}

#[test]
fn an_event_of_one_group_is_seen_through_the_other_under_its_names() {
    let mut server = server();
    let mut through_own = watch(&mut server, &Request::watch(OWN, "default", 0));
    ok(&mut server, &old_style());
    ok(&mut server, &create(OWN, new_style()));

    let old = get(&mut server, OWN, "old");
    let new = get(&mut server, CORE, "new");

    assert_eq!((&old["apiVersion"], &old["note"]), (&json!("events.k8s.io/v1"), &json!("hello")));
    assert_eq!((&old["regarding"]["name"], &old["deprecatedCount"]), (&json!("p"), &json!(3)));
    assert_eq!(old["deprecatedSource"], json!({ "component": "kubelet" }));
    assert_eq!(old["deprecatedFirstTimestamp"], json!("2026-01-01T00:00:00Z"));
    assert_eq!((old.get("message"), old.get("reportingController")), (None, None));
    assert_eq!((&new["apiVersion"], &new["message"]), (&json!("v1"), &json!("hello")));
    assert_eq!(new["reportingComponent"], json!("k8s.io/me"));
    assert_eq!((&new["source"], &new["firstTimestamp"]), (&json!({}), &Value::Null));
    let same = |field: &str, a: &Value, b: &Value| {
        assert_eq!(a["metadata"][field], b["metadata"][field], "{field}");
    };
    for field in ["uid", "resourceVersion", "managedFields"] {
        let other = get(&mut server, CORE, "old");
        same(field, &old, &other);
    }
    let told: Vec<_> = std::iter::from_fn(|| through_own.next(&server)).collect();
    let notes = told.iter().map(|event| match event {
        WatchEvent::Added(object) => object.tree().str_at(&["note"]).unwrap_or_default(),
        other => panic!("{other:?}"),
    });
    assert_eq!(notes.collect::<Vec<_>>(), ["hello", "hello"]);
}

#[test]
fn events_are_selected_by_the_names_of_the_group_that_is_asked() {
    let mut server = server();
    ok(&mut server, &old_style());
    ok(&mut server, &create(OWN, new_style()));
    let mut names = |resource: Gvr, selector: &str| -> Vec<String> {
        let list = Request::list(resource, "default").field_selector(selector);
        let response = done(&mut server, &list);
        response.objects().iter().map(|object| object.name().to_owned()).collect()
    };

    assert_eq!(names(OWN, "regarding.name=p"), ["new", "old"]);
    assert_eq!(names(OWN, "reportingController=k8s.io/me"), ["new"]);
    assert_eq!(names(CORE, "involvedObject.name=p,reportingComponent="), ["old"]);
    assert_eq!(names(CORE, "source=k8s.io/me"), ["new"]);
    let wrong = Request::list(OWN, "default").field_selector("involvedObject.name=p");
    assert_eq!(
        refused(&mut server, &wrong).message,
        "field label not supported: involvedObject.name"
    );
}

#[test]
fn each_group_has_its_own_rules() {
    let mut server = server();
    ok(&mut server, &old_style());
    ok(&mut server, &create(OWN, new_style()));
    let empty = |resource| create(resource, json!({ "metadata": { "name": "empty" } }));

    let own = refused(&mut server, &merge(OWN, "old", json!({ "note": "other" }))).message;
    let new = refused(&mut server, &merge(CORE, "new", json!({ "reason": "" }))).message;
    ok(&mut server, &merge(CORE, "old", json!({ "message": "other" })));
    ok(&mut server, &empty(CORE));

    assert!(own.ends_with("message: Invalid value: \"other\": field is immutable"), "{own}");
    assert!(new.ends_with("reason: Required value"), "{new}");
    let why = refused(&mut server, &create(OWN, json!({ "metadata": { "name": "bare" } }))).message;
    assert!(
        why.ends_with(
            "[eventTime: Required value, type: Invalid value: \"\": has invalid value: ]"
        ),
        "{why}"
    );
}

#[test]
fn who_writes_through_one_group_makes_the_owners_of_the_other_be_forgotten() {
    let mut server = server();
    ok(&mut server, &create(OWN, new_style()).by("recorder"));
    let owners = |server: &mut Server| -> Vec<String> {
        let event = get(server, CORE, "new");
        let entries = event["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
        let entry = |entry: &Value| format!("{} {}", entry["manager"], entry["apiVersion"]);
        entries.iter().map(entry).collect()
    };

    assert_eq!(owners(&mut server), [r#""recorder" "events.k8s.io/v1""#]);
    ok(&mut server, &merge(CORE, "new", json!({ "message": "other" })).by("editor"));

    assert_eq!(owners(&mut server), [r#""editor" "v1""#]);
    let applied = json!({
        "apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": { "name": "new" }, "note": "other",
    });
    let apply = Request::patch(OWN, "default", "new", PatchKind::Apply, applied.into());
    ok(&mut server, &apply.by("applier"));
    assert_eq!(owners(&mut server), [r#""applier" "events.k8s.io/v1""#]);
}
