//! The operator itself, on a Cluster of one component with two pods.

use drydock_apiserver::{Gvr, Request, Tree};
use drydock_operator_api::Resource;
use drydock_operator_api::apps::Cluster;
use drydock_operator_core::plan::{Reference, Whose};
use drydock_operator_core::view::Key;
use drydock_simulator::explain::{Ending, chain};
use drydock_simulator::explore::Course;
use drydock_simulator::explore::crash::{Options, sweep};
use drydock_simulator::world::Settled;
use drydock_simulator::{World, WorldConfig};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::toy::{self, ToRest};

const CLUSTERS: Gvr = Gvr::new("apps.kubeblocks.io", "v1", "clusters");
const DEFINITIONS: Gvr = Gvr::new("apps.kubeblocks.io", "v1", "componentdefinitions");

fn definition() -> Value {
    json!({
        "apiVersion": "apps.kubeblocks.io/v1", "kind": "ComponentDefinition",
        "metadata": { "name": "tiny-1" },
        "spec": {
            "serviceKind": "tiny",
            "serviceVersion": "1.0.0",
            "volumes": [{ "name": "data" }],
            "runtime": { "containers": [{
                "name": "tiny", "image": "tiny:1",
                "ports": [{ "name": "tiny", "containerPort": 7000 }],
                "volumeMounts": [{ "name": "data", "mountPath": "/data" }],
            }] },
        },
    })
}

fn cluster() -> Value {
    let claim = json!({
        "name": "data",
        "spec": { "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": "1Gi" } } },
    });
    let component = json!({
        "name": "store", "componentDef": "tiny-1", "replicas": 2, "volumeClaimTemplates": [claim],
        "resources": { "requests": { "cpu": "100m", "memory": "64Mi" }, "limits": { "cpu": "100m", "memory": "64Mi" } },
    });
    json!({
        "apiVersion": "apps.kubeblocks.io/v1", "kind": "Cluster", "metadata": { "name": "demo" },
        "spec": { "terminationPolicy": "Delete", "componentSpecs": [component] },
    })
}

fn world(change: impl FnOnce(&mut WorldConfig)) -> World {
    let mut config = WorldConfig::default();
    change(&mut config);
    let mut world = World::new(config);
    let made = world.request(Request::create(DEFINITIONS, "", Tree::from_value(definition())));
    assert!(made.is_success(), "{made:?}");
    world.submit(Request::create(CLUSTERS, "default", Tree::from_value(cluster())));
    world
}

fn running(world: &World) -> Result<(), String> {
    let phase = |kind: &str| {
        let object = world.objects("apps.kubeblocks.io", kind).next();
        object
            .and_then(|object| object.tree().str_at(&["status", "phase"]))
            .unwrap_or("nothing")
            .to_owned()
    };
    match (phase("Cluster"), phase("Component")) {
        (cluster, component) if cluster == "Running" && component == "Running" => Ok(()),
        other => Err(format!("{other:?}")),
    }
}

#[test]
fn a_component_of_two_pods_comes_up_and_rests_and_writes_nothing_in_vain() {
    let mut world = world(|_| {});

    let settled = world.settle(SignedDuration::from_mins(10));
    world.check_settled();

    assert_eq!(running(&world), Ok(()), "{:#?}", drydock_simulator::explain::stuck(&world));
    assert!(matches!(settled, Settled::AtRest(_)), "{settled:?}");
    assert_eq!(world.objects("", "Pod").count(), 2);
    assert!(world.broken().is_empty(), "{:#?}", world.broken());
    assert_eq!(world.counts().idle_writes, 0, "{:#?}", world.counts());
}

#[test]
fn a_world_that_is_cloned_midway_ends_twice_alike() {
    let mut world = world(|_| {});
    while world.objects("", "Pod").count() < 2 {
        world.step().expect("there is something to do");
    }
    let mut copy = world.clone();

    let ends = [&mut world, &mut copy].map(|world| {
        world.run_until("2026-01-01T00:02:00Z".parse().expect("a time"));
        (world.trace_hash(), world.state_hash(), world.end_hash(), world.counts().clone())
    });

    assert_eq!(running(&world), Ok(()));
    assert_eq!(ends[0], ends[1]);
}

#[test]
fn the_operator_survives_its_death_at_any_write() {
    let story = ToRest::new(world(|_| {}), running);
    // A tenth of all branches here: the whole sweep is a command, and CI runs it.
    let options = Options { shard: Some((0, 10)), ..Options::default() };

    let report = sweep(&story, &options, |_| true);

    assert_eq!(report.default_failure, None);
    assert!(report.branches > 3, "{report:#?}");
    assert_eq!(report.broken, 0, "{report:#?}");
    assert_eq!(report.distinct_ends, 1, "{report:#?}");
    let whole = report.story_events * report.branches as u64;
    assert!(report.stepped_events * 10 < (whole + report.story_events) * 6, "{report:#?}");
    assert_eq!(story.position(), 0);
}

#[test]
fn the_chain_of_a_deletion_that_is_stuck_ends_at_the_call_that_fails() {
    let mut world = world(|config| {
        "1.20".clone_into(&mut config.kubernetes);
        config.quirks = vec!["kubeblocks-8082".to_owned()];
    });
    world.settle(SignedDuration::from_mins(10));
    assert_eq!(running(&world), Ok(()));

    world.request(Request::delete(CLUSTERS, "default", "demo"));
    world.run_until(toy::after(600, &world));

    let chain = chain(&world, &Reference::new(Cluster::kind(), Key::new("default", "demo")));
    let objects: Vec<_> = chain.links.iter().map(|link| link.object.as_str()).collect();
    assert_eq!(objects, ["cluster/demo", "component/demo-store"], "{chain:#?}");
    assert_eq!(chain.ending, Ending::Open(Whose::Operator));
    assert!(chain.links[0].text.starts_with("Deleting since 0:"), "{chain:#?}");
    assert!(
        chain.links[0].text.contains("waits for component/demo-store to be gone"),
        "{chain:#?}"
    );
    let details = &chain.links[1].details;
    assert_eq!(
        details[0],
        "list poddisruptionbudgets: no matches for kind \"PodDisruptionBudget\" in version \"policy/v1\""
    );
    assert_eq!(details[1], "this server (Kubernetes 1.20) serves it as policy/v1beta1");
    assert_eq!(chain.known_as.map(|known| known.name), Some("kubeblocks-8082"));
}

#[test]
fn without_the_quirk_the_same_deletion_ends() {
    let mut world = world(|config| "1.20".clone_into(&mut config.kubernetes));
    world.settle(SignedDuration::from_mins(10));

    world.request(Request::delete(CLUSTERS, "default", "demo"));
    world.settle(SignedDuration::from_mins(10));
    world.check_settled();

    assert_eq!(
        world.objects("apps.kubeblocks.io", "Cluster").count(),
        0,
        "{:#?}",
        drydock_simulator::explain::stuck(&world)
    );
    assert!(world.broken().is_empty(), "{:#?}", world.broken());
}

#[test]
fn a_seed_decides_the_course_of_the_operator() {
    let hash = |seed| {
        let mut world = world(|config| config.seed = seed);
        world.run_until("2026-01-01T00:00:30Z".parse().expect("a time"));
        world.trace_hash()
    };

    for seed in 1..=10 {
        assert_eq!(hash(seed), hash(seed), "seed {seed}");
        assert_ne!(hash(seed), hash(seed + 1), "seed {seed}");
    }
}
