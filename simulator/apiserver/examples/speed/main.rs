//! How long the everyday requests take, once, without statistics: the benches of the root package are for comparing.
//!
//! `cargo run --release -p drydock-apiserver --example speed -- POD.json`.

use std::hint::black_box;

use drydock_apiserver::{Gvr, Outcome, Profile, Request, Server, Tree};
use jiff::Timestamp;

const PODS: Gvr = Gvr::new("", "v1", "pods");
const ROUNDS: u32 = 20_000;

#[expect(clippy::disallowed_methods, reason = "a tool at the edge reads files")]
fn main() {
    let path = std::env::args().nth(1).expect("the path of a pod as JSON");
    let bytes = std::fs::read(path).expect("a file");
    let mut pod = Tree::from_json(&bytes).expect("JSON");
    for key in ["resourceVersion", "uid", "ownerReferences", "deletionTimestamp"] {
        pod = pod.without(&["metadata", key]);
    }
    pod = pod.with(&["metadata", "namespace"], "default").without(&["spec", "nodeName"]);
    println!("{} bytes of JSON", pod.to_json().len());
    let mut server = Server::new(Profile::V1_34, 1);
    let now = Timestamp::UNIX_EPOCH;
    let create = |server: &mut Server, name: String| {
        let request = Request::create(PODS, "default", pod.with(&["metadata", "name"], name));
        let Outcome::Done(response) = server.handle(&request, now) else { return };
        if let Some(error) = response.error() {
            panic!("{error}");
        }
    };
    create(&mut server, "first".to_owned());

    let mut at = 0;
    time("create", 1000, || {
        create(&mut server, format!("pod-{at}"));
        at += 1;
    });
    time("clone of the server", ROUNDS, || {
        black_box(server.clone());
    });
    let mut count = 0;
    time("merge patch of one label", ROUNDS, || {
        count += 1;
        let patch = serde_json::json!({ "metadata": { "labels": { "count": count.to_string() } } });
        let patch = Request::merge_patch(PODS, "default", "pod-7", patch.into());
        black_box(server.handle(&patch, now));
    });
    time("merge patch of one field of the spec", ROUNDS, || {
        count += 1;
        let patch = serde_json::json!({ "spec": { "activeDeadlineSeconds": count } });
        let patch = Request::merge_patch(PODS, "default", "pod-8", patch.into());
        black_box(server.handle(&patch, now));
    });
    time("merge patch of the status", ROUNDS, || {
        count += 1;
        let patch = serde_json::json!({ "status": { "message": count.to_string() } });
        let patch =
            Request::merge_patch(PODS, "default", "pod-9", patch.into()).subresource("status");
        black_box(server.handle(&patch, now));
    });
    time("the same after a clone", ROUNDS / 10, || {
        count += 1;
        let patch = serde_json::json!({ "status": { "message": count.to_string() } });
        let patch =
            Request::merge_patch(PODS, "default", "pod-9", patch.into()).subresource("status");
        let mut fork = server.clone();
        black_box(fork.handle(&patch, now));
    });
    time("get", ROUNDS, || {
        black_box(server.handle(&Request::get(PODS, "default", "pod-7"), now));
    });
    let kind = server.kind("", "Pod").expect("pods");
    time("get from a table", ROUNDS, || {
        black_box(server.table(kind).get("default", "pod-7"));
    });
    time("list by a label that one object has", ROUNDS / 10, || {
        let list = Request::list(PODS, "default").selector(format!("count={ROUNDS}"));
        black_box(server.handle(&list, now));
    });
    let value = pod.to_value();
    time("tree of JSON text", 2000, || {
        black_box(Tree::from_json(&bytes).expect("JSON"));
    });
    time("put of the whole object, nothing changed", 2000, || {
        let Some(object) = server.table(kind).get("default", "pod-7") else { return };
        let tree = Tree::from_value(object.tree().to_value());
        black_box(server.handle(&Request::update(PODS, "default", "pod-7", tree), now));
    });
    time("value of a tree", 2000, || {
        black_box(value.clone());
    });
    time("a new server", 20, || {
        black_box(Server::new(Profile::V1_34, 1));
    });
}

#[expect(clippy::disallowed_types, reason = "the one place that measures")]
fn time(what: &str, rounds: u32, mut body: impl FnMut()) {
    let start = std::time::Instant::now();
    for _ in 0..rounds {
        body();
    }
    println!("{:>10.2} us  {what}", start.elapsed().as_secs_f64() * 1e6 / f64::from(rounds));
}
