//! The kube-rs driver, wired to a world: it does on the same objects what the world's own driver does.

mod api;
mod objects;

use std::collections::BTreeMap;
use std::sync::Arc;

use drydock_apiserver::{Gvr, Request, Tree};
use drydock_operator::agent::Agents;
use drydock_operator::clock::{Clock, Listen};
use drydock_operator::driver::{self, Driver};
use drydock_operator::lease::Lease;
use drydock_operator_api::crds;
use drydock_operator_core::base64;
use drydock_operator_core::controllers::{self, Controller};
use drydock_operator_core::settings::Settings;
use drydock_operator_core::view::Key;
use drydock_simulator::{World, WorldConfig};
use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use kube::client::ClientBuilder;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use api::Owner;

const DEFINITIONS: Gvr = Gvr::new("apiextensions.k8s.io", "v1", "customresourcedefinitions");
const COMPONENT_DEFINITIONS: Gvr = Gvr::new("apps.kubeblocks.io", "v1", "componentdefinitions");
const CLUSTERS: Gvr = Gvr::new("apps.kubeblocks.io", "v1", "clusters");
const INSTANCE_SETS: Gvr = Gvr::new("workloads.kubeblocks.io", "v1", "instancesets");
const SPAN: SignedDuration = SignedDuration::from_mins(2);

/// What is held against each other.
const KINDS: &[(&str, &str)] = &[
    ("apps.kubeblocks.io", "Cluster"),
    ("apps.kubeblocks.io", "Component"),
    ("apps.kubeblocks.io", "ComponentDefinition"),
    ("workloads.kubeblocks.io", "InstanceSet"),
    ("", "Pod"),
    ("", "PersistentVolumeClaim"),
    ("", "PersistentVolume"),
    ("", "Service"),
    ("", "ConfigMap"),
    ("", "Secret"),
    ("", "ServiceAccount"),
    ("rbac.authorization.k8s.io", "RoleBinding"),
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

fn definition() -> Request {
    let definition = json!({
        "apiVersion": "apps.kubeblocks.io/v1", "kind": "ComponentDefinition",
        "metadata": { "name": "tiny-1" },
        "spec": {
            "serviceKind": "tiny",
            "serviceVersion": "1.0.0",
            "systemAccounts": [{
                "name": "admin", "initAccount": true,
                "passwordConfig": { "length": 10, "numDigits": 5, "numSymbols": 0 },
            }],
            "services": [{ "name": "tiny", "spec": { "ports": [{ "name": "tiny", "port": 7000 }] } }],
            "runtime": { "containers": [{
                "name": "tiny", "image": "tiny:1",
                "ports": [{ "name": "tiny", "containerPort": 7000 }],
            }] },
        },
    });
    Request::create(COMPONENT_DEFINITIONS, "", Tree::from_value(definition))
}

fn cluster() -> Request {
    let limits = json!({ "cpu": "100m", "memory": "64Mi" });
    let cluster = json!({
        "apiVersion": "apps.kubeblocks.io/v1", "kind": "Cluster", "metadata": { "name": "demo" },
        "spec": { "terminationPolicy": "Delete", "componentSpecs": [{
            "name": "store", "componentDef": "tiny-1", "replicas": 2,
            "resources": { "requests": limits, "limits": limits },
        }] },
    });
    Request::create(CLUSTERS, "default", Tree::from_value(cluster))
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

/// A world that the kube-rs driver looks after.
struct Operated {
    owner: Owner,
    clock: Arc<Clock>,
    stop: oneshot::Sender<()>,
    running: JoinHandle<()>,
}

impl Operated {
    fn start(world: World, controllers: Vec<Controller>) -> Self {
        let (owner, api) = Owner::new(world);
        // What time it is, the server has to say.
        let clock = Clock::new(Timestamp::UNIX_EPOCH);
        let listen = Listen(Arc::clone(&clock));
        let driver = Driver {
            client: ClientBuilder::new(api, "default").with_layer(&listen).build(),
            clock: Arc::clone(&clock),
            controllers,
            settings: Settings::default(),
            agents: Arc::new(NoAgents),
            namespace: None,
        };
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(driver::run(driver, stopped.map(|_| ())));
        Self { owner, clock, stop, running }
    }

    async fn end(mut self) -> World {
        assert!(!self.running.is_finished(), "the driver runs until it is told to stop");
        let off = self.owner.world.now().duration_since(self.clock.now()).abs();
        assert!(off <= SignedDuration::from_secs(1), "its clock is off by {off:#}");
        self.stop.send(()).expect("it is still there");
        self.owner.live(SignedDuration::from_secs(1)).await;
        self.running.await.expect("it ends well");
        self.owner.world
    }
}

async fn driven(world: World, controllers: Vec<Controller>) -> World {
    let mut operated = Operated::start(world, controllers);
    operated.owner.live(SPAN).await;
    operated.end().await
}

/// That the kube-rs driver makes the same of these requests as the world's own.
async fn same(requests: impl Fn() -> Vec<Request>) -> World {
    let mut own = World::new(WorldConfig::default());
    let mut world = without_operator();
    for world in [&mut own, &mut world] {
        for request in requests() {
            world.submit(request);
        }
    }

    own.run_until(own.now() + SPAN);
    let world = driven(world, controllers::all()).await;

    let (expected, found) = (objects::of(&own, KINDS), objects::of(&world, KINDS));
    let names = |objects: &BTreeMap<String, Value>| objects.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&found), names(&expected));
    for (name, object) in &expected {
        assert_eq!(&found[name], object, "{name}");
    }
    world
}

#[tokio::test(start_paused = true)]
async fn an_instance_set_becomes_ready_through_kube_as_by_the_worlds_own_driver() {
    let world = Box::pin(same(|| vec![instance_set()])).await;

    assert_eq!(ready(&world), (2, 2));
    assert_eq!(world.objects("", "Pod").count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_cluster_becomes_running_through_kube_as_by_the_worlds_own_driver() {
    let world = Box::pin(same(|| vec![definition(), cluster()])).await;

    let cluster = world.objects("apps.kubeblocks.io", "Cluster").next().expect("it is there");
    assert_eq!(cluster.tree().str_at(&["status", "phase"]), Some("Running"));
    let password = world.objects("", "Secret").find_map(|secret| {
        let password = secret.tree().str_at(&["data", "password"])?;
        base64::decode(password)
    });
    assert_eq!(password.map(|password| password.len()), Some(10));
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_is_missing_in_the_table_is_missed() {
    let mut controllers = controllers::all();
    for controller in &mut controllers {
        controller.watches.retain(|watch| (watch.kind)().kind != "Pod");
    }
    let mut world = without_operator();
    world.submit(instance_set());

    let world = driven(world, controllers).await;

    assert_ne!(ready(&world), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_is_served_later_is_looked_after_from_then_on() {
    let name = "instancesets.workloads.kubeblocks.io";
    let mut world = without_operator();
    assert!(world.request(Request::delete(DEFINITIONS, "", name)).is_success());
    world.run_until(world.now() + SignedDuration::from_secs(5));
    assert_eq!(world.objects("apiextensions.k8s.io", "CustomResourceDefinition").count() + 1, 26);

    let mut operated = Operated::start(world, controllers::all());
    operated.owner.live(SignedDuration::from_secs(10)).await;
    let crd = crds().iter().find(|crd| crd.name == name).expect("it is one of ours");
    let crd = Tree::from_json(crd.json.as_bytes()).expect("it is JSON");
    let made = operated.owner.world.request(Request::create(DEFINITIONS, "", crd));
    assert!(made.is_success(), "{made:?}");
    operated.owner.live(SignedDuration::from_secs(5)).await;
    operated.owner.world.submit(instance_set());
    operated.owner.live(SPAN).await;
    let world = operated.end().await;

    assert_eq!(ready(&world), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn an_operator_takes_over_when_the_one_at_work_is_not_heard_of_any_more() {
    let (mut owner, api) = Owner::new(without_operator());
    let clock = Clock::new(Timestamp::UNIX_EPOCH);
    let lease = |identity: &str| Lease {
        client: ClientBuilder::new(api.clone(), "default").build(),
        clock: Arc::clone(&clock),
        key: Key::new("default", "drydock-operator"),
        identity: identity.to_owned(),
    };
    let (one, two) = (lease("one"), lease("two"));
    let one = tokio::spawn(async move {
        one.acquire().await;
        one.keep().await;
    });
    owner.live(SignedDuration::from_secs(1)).await;
    let two = tokio::spawn(async move {
        two.acquire().await;
        two
    });

    owner.live(SignedDuration::from_secs(60)).await;
    assert_eq!((holder(&owner.world), two.is_finished()), ("one".to_owned(), false));
    one.abort();
    owner.live(SignedDuration::from_secs(20)).await;

    assert_eq!(holder(&owner.world), "two");
    let two = two.await.expect("it has acquired the lease");
    let release = tokio::spawn(async move { two.release().await });
    owner.live(SignedDuration::from_secs(1)).await;
    release.await.expect("it ends well");
    assert_eq!(holder(&owner.world), "");
}

fn holder(world: &World) -> String {
    let lease = world
        .objects("coordination.k8s.io", "Lease")
        .find(|lease| lease.name() == "drydock-operator")
        .expect("the first one made it");
    lease.tree().str_at(&["spec", "holderIdentity"]).unwrap_or_default().to_owned()
}
