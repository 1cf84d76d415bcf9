//! The kube-rs driver, wired to a world: it does on the same objects what the world's own driver does.

mod api;
mod objects;

use std::sync::Arc;

use drydock_apiserver::{Gvr, Request, Tree};
use drydock_operator::agent::Agents;
use drydock_operator::clock::{Clock, Listen};
use drydock_operator::driver::{self, Driver};
use drydock_operator_core::controllers::{self, Controller};
use drydock_operator_core::settings::Settings;
use drydock_simulator::{World, WorldConfig};
use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use kube::client::ClientBuilder;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use api::Owner;

const INSTANCE_SETS: Gvr = Gvr::new("workloads.kubeblocks.io", "v1", "instancesets");
const SPAN: SignedDuration = SignedDuration::from_mins(2);

/// What comes of an InstanceSet, and what stands around it.
const KINDS: &[(&str, &str)] = &[
    ("workloads.kubeblocks.io", "InstanceSet"),
    ("", "Pod"),
    ("", "PersistentVolumeClaim"),
    ("", "PersistentVolume"),
    ("", "Service"),
    ("", "ConfigMap"),
    ("apps", "ControllerRevision"),
];

fn instance_set() -> Request {
    let labels = json!({
        "app.kubernetes.io/managed-by": "kubeblocks",
        "app.kubernetes.io/instance": "demo",
        "apps.kubeblocks.io/component-name": "store",
    });
    let set = json!({
        "apiVersion": "workloads.kubeblocks.io/v1", "kind": "InstanceSet",
        "metadata": { "name": "demo-store", "labels": labels },
        "spec": {
            "replicas": 2,
            "selector": { "matchLabels": labels },
            "template": {
                "metadata": { "labels": labels },
                "spec": { "containers": [{
                    "name": "store", "image": "store:1",
                    "ports": [{ "name": "store", "containerPort": 7000 }],
                    "volumeMounts": [{ "name": "data", "mountPath": "/data" }],
                }] },
            },
            "volumeClaimTemplates": [{
                "metadata": { "name": "data" },
                "spec": {
                    "accessModes": ["ReadWriteOnce"],
                    "resources": { "requests": { "storage": "1Gi" } },
                },
            }],
        },
    });
    Request::create(INSTANCE_SETS, "default", Tree::from_value(set))
}

/// Ready replicas of the set, and those that are up to date.
fn ready(world: &World) -> (i64, i64) {
    let set = world.objects("workloads.kubeblocks.io", "InstanceSet").next();
    let count = |field| set.and_then(|set| set.tree().int_at(&["status", field])).unwrap_or(0);
    (count("readyReplicas"), count("updatedReplicas"))
}

/// A world whose operator is outside.
fn without_operator() -> World {
    World::new(WorldConfig { operators: Vec::new(), ..WorldConfig::default() })
}

struct NoAgents;

impl Agents for NoAgents {
    fn post(&self, _: String, _: Value) -> BoxFuture<'static, Result<Value, String>> {
        async { Err("nobody calls an agent in these stories".to_owned()) }.boxed()
    }
}

/// Lets the kube-rs driver look after a world for a while.
async fn driven(world: World, controllers: Vec<Controller>, span: SignedDuration) -> World {
    let (mut owner, api) = Owner::new(world);
    // What time it is, the server has to say.
    let clock = Clock::new(Timestamp::UNIX_EPOCH);
    let driver = Driver {
        client: ClientBuilder::new(api, "default").with_layer(&Listen(Arc::clone(&clock))).build(),
        clock: Arc::clone(&clock),
        controllers,
        settings: Settings::default(),
        agents: Arc::new(NoAgents),
        namespace: None,
    };
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(driver::run(driver, stopped.map(|_| ())));
    owner.live(span).await;
    assert!(!running.is_finished(), "the driver runs until it is told to stop");
    let off = owner.world.now().duration_since(clock.now()).abs();
    assert!(off <= SignedDuration::from_secs(1), "its clock is off by {off:#}");
    stop.send(()).expect("it is still there");
    owner.live(SignedDuration::from_secs(1)).await;
    running.await.expect("it ends well");
    owner.world
}

#[tokio::test(start_paused = true)]
async fn an_instance_set_becomes_ready_through_kube_and_its_objects_are_those_of_the_worlds_own_driver()
 {
    let mut own = World::new(WorldConfig::default());
    own.submit(instance_set());
    own.run_until(own.now() + SPAN);
    let mut world = without_operator();
    world.submit(instance_set());

    let world = driven(world, controllers::all(), SPAN).await;

    assert_eq!(ready(&own), (2, 2));
    assert_eq!(ready(&world), (2, 2));
    let (expected, found) = (objects::of(&own, KINDS), objects::of(&world, KINDS));
    let names = |objects: &std::collections::BTreeMap<String, Value>| {
        objects.keys().cloned().collect::<Vec<_>>()
    };
    assert_eq!(names(&found), names(&expected));
    assert!(names(&found).iter().filter(|name| name.starts_with("Pod ")).count() == 2);
    for (name, object) in &expected {
        assert_eq!(&found[name], object, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_is_missing_in_the_table_is_missed() {
    let mut controllers = controllers::all();
    for controller in &mut controllers {
        controller.watches.retain(|watch| (watch.kind)().kind != "Pod");
    }
    let mut world = without_operator();
    world.submit(instance_set());

    let world = driven(world, controllers, SPAN).await;

    assert_ne!(ready(&world), (2, 2));
}
