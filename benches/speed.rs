//! What the product's promises rest on: copies of a world, the everyday requests, a plan, a whole replay.
//!
//! All of it in the state that a user's run has: the bundled failover, four minutes in, with its real Pods.

use std::collections::BTreeSet;
use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use drydock_apiserver::{Gvr, Request, Server, Tree};
use drydock_operator_core::controllers;
use drydock_operator_core::settings::Settings;
use drydock_operator_core::view::Key;
use drydock_scenarios::{Scenario, corpus};
use drydock_simulator::trace::Level;
use drydock_simulator::view::{ServerView, Tables};
use drydock_simulator::{Options, Run, Story, World};
use jiff::SignedDuration;
use serde_json::json;

const FAILOVER: &str = "scenarios/failover/redis-primary-node-lost/scenario.yaml";
const PODS: Gvr = Gvr::new("", "v1", "pods");

criterion_group!(benches, world, requests, plan, replay);
criterion_main!(benches);

fn world(c: &mut Criterion) {
    let world = settled();
    let server = world.server(0);
    let kinds = server.kinds().filter_map(|info| server.kind(&info.group, &info.kind));
    let objects: usize =
        kinds.collect::<BTreeSet<_>>().into_iter().map(|kind| server.table(kind).len()).sum();
    println!("a world with {objects} objects");
    c.bench_function("world/clone", |b| b.iter(|| black_box(&world).clone()));
    // What a fork really costs: the copy takes its own memory where it goes on.
    c.bench_function("world/fork and go on for a second", |b| {
        b.iter_batched(
            || world.clone(),
            |mut fork| {
                fork.run_until(fork.now() + SignedDuration::from_secs(1));
                fork
            },
            BatchSize::SmallInput,
        );
    });
    c.bench_function("world/state hash", |b| b.iter(|| black_box(&world).state_hash()));
}

fn requests(c: &mut Criterion) {
    let world = settled();
    let now = world.now();
    let mut server = world.server(0).clone();
    let pod = pod(&server);
    println!("a pod of {} bytes", pod.to_json().len());
    let get = Request::get(PODS, "default", "demo-redis-0");
    c.bench_function("api/get", |b| b.iter(|| server.handle(black_box(&get), now)));

    let fresh = ["uid", "resourceVersion", "ownerReferences", "creationTimestamp"]
        .iter()
        .fold(pod.without(&["status"]), |pod, field| pod.without(&["metadata", field]))
        .with(&["metadata", "name"], "another");
    let create = Request::create(PODS, "default", fresh);
    c.bench_function("api/create", |b| {
        b.iter_batched(
            || server.clone(),
            |mut server| {
                let created = server.handle(&create, now).done().expect("an answer");
                assert!(created.is_success(), "{created:?}");
                server
            },
            BatchSize::SmallInput,
        );
    });

    let mut count = 0u64;
    c.bench_function("api/write one field", |b| {
        b.iter(|| {
            count += 1;
            let patch = json!({ "metadata": { "annotations": { "count": count.to_string() } } });
            let patch = Tree::from_value(patch);
            let patch = Request::merge_patch(PODS, "default", "demo-redis-0", patch);
            server.handle(&patch, now)
        });
    });
}

fn plan(c: &mut Criterion) {
    let world = settled();
    let server = world.server(0);
    let tables = Tables::list(server);
    let view = ServerView { server, tables: &tables };
    let settings = Settings::default();
    for (controller, name) in
        [("instance-set-controller", "demo-redis"), ("component-controller", "demo-redis")]
    {
        let row = controllers::all()
            .into_iter()
            .find(|row| row.name == controller)
            .expect("a controller of this name");
        let key = Key::new("default", name);
        c.bench_function(&format!("plan/{controller}"), |b| {
            b.iter(|| (row.plan)(&view, black_box(&key), world.now(), &settings));
        });
    }
}

fn replay(c: &mut Criterion) {
    let mut group = c.benchmark_group("replay");
    group.sample_size(10);
    group.bench_function("failover of half an hour", |b| {
        b.iter(|| {
            let mut run = start();
            run.finish();
            run.world.trace_hash()
        });
    });
    group.finish();
}

fn scenario() -> Scenario {
    let read = |path: &str| corpus::read(path).map(str::to_owned).ok_or_else(|| path.to_owned());
    drydock_scenarios::load(FAILOVER, &read).expect("a bundled scenario is right")
}

fn start() -> Run {
    let options = Options { trace: Level::Off, ..Options::default() };
    Run::new(Story::new(scenario(), options)).expect("a bundled story can be told")
}

/// Everything runs, and nothing has failed yet.
fn settled() -> World {
    let mut run = start();
    let end = run.world.now() + SignedDuration::from_mins(4);
    while run.world.now() < end && run.step() {}
    run.world
}

fn pod(server: &Server) -> Tree {
    let pods = server.kind("", "Pod").expect("a builtin kind");
    server.table(pods).get("default", "demo-redis-0").expect("it runs").tree().clone()
}
