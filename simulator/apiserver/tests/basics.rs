//! Writes and reads as a client sees them.

use drydock_apiserver::{Answer, Gvr, Outcome, Profile, Request, Response, Server, Tree};
use jiff::Timestamp;
use serde_json::json;

const CONFIG_MAPS: Gvr = Gvr::new("", "v1", "configmaps");

fn server() -> Server {
    Server::new(Profile::V1_34, 1)
}

fn done(server: &mut Server, request: &Request) -> Response {
    let Outcome::Done(response) = server.handle(request, Timestamp::UNIX_EPOCH) else {
        panic!("{request:?} is not answered at once")
    };
    response
}

fn config_map(name: &str) -> Request {
    let object = json!({ "metadata": { "name": name }, "data": { "a": "b" } });
    Request::create(CONFIG_MAPS, "default", object.into())
}

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
    let patch = |value: &str| {
        let patch = Tree::from(json!({ "data": { "a": value } }));
        Request::merge_patch(CONFIG_MAPS, "default", "c1", patch)
    };

    let same = done(&mut server, &patch("b"));
    let after_same = server.revision();
    let other = done(&mut server, &patch("c"));

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
