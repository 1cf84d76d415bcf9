use drydock_apiserver::{Answer, Request, WatchEvent};
use serde_json::json;

use super::*;

fn labelled(name: &str, labels: &serde_json::Value) -> Request {
    create(CONFIG_MAPS, json!({ "metadata": { "name": name, "labels": labels } }))
}

fn names(server: &mut Server, request: &Request) -> Vec<String> {
    let response = done(server, request);
    if let Some(status) = response.error() {
        panic!("{status}");
    }
    response.objects().iter().map(|object| object.name().to_owned()).collect()
}

#[test]
fn selectors_select_by_label_and_by_field() {
    let mut server = server();
    ok(&mut server, &labelled("a", &json!({ "app": "x", "n": "1" })));
    ok(&mut server, &labelled("b", &json!({ "app": "y", "n": "5" })));
    ok(&mut server, &labelled("c", &json!({})));
    let list = || Request::list(CONFIG_MAPS, "default");

    let mut selected = |selector: &str| names(&mut server, &list().selector(selector));

    assert_eq!(selected(""), ["a", "b", "c"]);
    assert_eq!(selected("app=x"), ["a"]);
    assert_eq!(selected("app!=x"), ["b", "c"]);
    assert_eq!(selected("app in (x, y),n>2"), ["b"]);
    assert_eq!(selected("app notin (y)"), ["a", "c"]);
    assert_eq!(selected("!app"), ["c"]);
    assert_eq!(selected("app"), ["a", "b"]);
    assert_eq!(names(&mut server, &list().field_selector("metadata.name=b")), ["b"]);
    let status = refused(&mut server, &list().selector("a b"));
    assert_eq!(
        status.message,
        "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"
    );
}

#[test]
fn pages_show_the_revision_of_the_first() {
    let mut server = server();
    for name in ["a", "b", "c"] {
        ok(&mut server, &config_map(name));
    }

    let first = done(&mut server, &Request::list(CONFIG_MAPS, "default").limit(2, ""));
    ok(&mut server, &config_map("d"));
    ok(&mut server, &Request::delete(CONFIG_MAPS, "default", "c"));
    let Answer::Objects { continue_token: Some(token), remaining, .. } = &first.body else {
        panic!("no second page")
    };
    let second =
        names(&mut server, &Request::list(CONFIG_MAPS, "default").limit(2, token.as_str()));
    server.compact(server.revision());
    let expired =
        refused(&mut server, &Request::list(CONFIG_MAPS, "default").limit(2, token.as_str()));

    assert_eq!(*remaining, Some(1));
    assert_eq!(second, ["c"]);
    assert_eq!((expired.code, expired.reason), (410, "Expired"));
}

#[test]
fn a_watch_tells_what_a_selector_makes_of_each_change() {
    let mut server = server();
    let start = server.revision();
    ok(&mut server, &labelled("a", &json!({ "l": "no" })));
    ok(&mut server, &merge(CONFIG_MAPS, "a", json!({ "metadata": { "labels": { "l": "yes" } } })));
    ok(&mut server, &merge(CONFIG_MAPS, "a", json!({ "data": { "k": "v" } })));
    ok(&mut server, &merge(CONFIG_MAPS, "a", json!({ "metadata": { "labels": null } })));

    let request = Request::watch(CONFIG_MAPS, "default", start).selector("l=yes");
    let mut cursor = watch(&mut server, &request);

    let mut next = || cursor.next(&server);
    assert!(matches!(next(), Some(WatchEvent::Added(object)) if object.revision() == start + 2));
    assert!(matches!(next(), Some(WatchEvent::Modified(object)) if object.revision() == start + 3));
    // The last content that matched, at the revision at which it did no more.
    let left = next();
    assert!(
        matches!(&left, Some(WatchEvent::Deleted(object)) if object.revision() == start + 4 && object.label("l") == Some("yes")),
        "{left:?}"
    );
    assert_eq!(next(), None);
}

#[test]
fn a_watch_from_a_forgotten_revision_is_an_error_and_over() {
    let mut server = server();
    ok(&mut server, &config_map("a"));
    ok(&mut server, &config_map("b"));
    server.compact(server.revision());

    let mut cursor = watch(&mut server, &Request::watch(CONFIG_MAPS, "default", 1));

    let event = cursor.next(&server);
    assert!(matches!(&event, Some(WatchEvent::Error(status)) if status.code == 410), "{event:?}");
    assert!(cursor.is_over());
}

#[test]
fn a_view_catches_up_with_the_log() {
    let mut server = server();
    let kind = server.kind("", "ConfigMap").unwrap();
    let owner = json!([{ "apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "u" }]);
    ok(
        &mut server,
        &create(CONFIG_MAPS, json!({ "metadata": { "name": "a", "ownerReferences": owner } })),
    );
    ok(&mut server, &labelled("b", &json!({ "l": "1" })));
    let (mut view, position) = (server.table(kind).clone(), server.log_end());
    ok(&mut server, &merge(CONFIG_MAPS, "b", json!({ "metadata": { "labels": { "l": "2" } } })));
    ok(&mut server, &Request::delete(CONFIG_MAPS, "default", "a"));

    let lagging = (view.labelled("l", "1").count(), view.owned_by("u").count());
    for entry in server.log_since(position).filter(|entry| entry.kind == kind) {
        view.apply(entry);
    }

    assert_eq!(lagging, (1, 1));
    assert_eq!((view.labelled("l", "1").count(), view.labelled("l", "2").count()), (0, 1));
    assert_eq!((view.owned_by("u").count(), view.len()), (0, 1));
}
