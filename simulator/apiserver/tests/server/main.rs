//! What a client sees of a server: writes, reads, watches, deletions, definitions.

mod availability;
mod budgets;
mod definitions;
mod deletion;
mod devices;
mod events;
mod expressions;
mod flows;
mod grants;
mod lists;
mod ownership;
mod patches;
mod quotas;
mod tables;
mod validation;
mod values;
mod writes;

use drydock_apiserver::{Cursor, Gvr, Outcome, Profile, Request, Response, Server, Status, Tree};
use jiff::Timestamp;
use serde_json::{Value, json};

const CONFIG_MAPS: Gvr = Gvr::new("", "v1", "configmaps");
const PODS: Gvr = Gvr::new("", "v1", "pods");
const NAMESPACES: Gvr = Gvr::new("", "v1", "namespaces");

fn server() -> Server {
    Server::new(Profile::V1_34, 1)
}

fn now() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().expect("a time")
}

fn done(server: &mut Server, request: &Request) -> Response {
    let Outcome::Done(response) = server.handle(request, now()) else {
        panic!("{request:?} is not answered at once")
    };
    response
}

/// For requests that must succeed: the object they answer with.
#[track_caller]
fn ok(server: &mut Server, request: &Request) -> Tree {
    let response = done(server, request);
    if let Some(status) = response.error() {
        panic!("{status}");
    }
    response.object().map_or(Tree::null(), |object| object.tree().clone())
}

/// For requests that must fail.
#[track_caller]
fn refused(server: &mut Server, request: &Request) -> Status {
    done(server, request).error().expect("an error").clone()
}

fn watch(server: &mut Server, request: &Request) -> Cursor {
    let Outcome::Watch(cursor) = server.handle(request, now()) else { panic!("no watch") };
    cursor
}

fn config_map(name: &str) -> Request {
    create(CONFIG_MAPS, json!({ "metadata": { "name": name }, "data": { "a": "b" } }))
}

fn create(resource: Gvr, object: Value) -> Request {
    Request::create(resource, "default", object.into())
}

fn merge(resource: Gvr, name: &str, patch: Value) -> Request {
    Request::merge_patch(resource, "default", name, patch.into())
}

fn pod(name: &str, node: Option<&str>) -> Request {
    let mut pod = json!({
        "metadata": { "name": name },
        "spec": { "containers": [{ "name": "main", "image": "image" }] },
    });
    if let Some(node) = node {
        pod["spec"]["nodeName"] = node.into();
    }
    create(PODS, pod)
}
