//! Each invariant bites.

use drydock_apiserver::{Gvr, Request, Tree};
use drydock_operator_api::Resource;
use drydock_operator_api::core::{ConfigMap, Pod};
use drydock_operator_core::controllers::Controller;
use drydock_operator_core::plan::{Action, Call, Plan};
use drydock_operator_core::view::{Key, View};
use drydock_scenarios::{Fault, Requests};
use drydock_simulator::World;
use drydock_simulator::facts::PodFacts;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::toy::{self, CONFIG_MAPS, parent};

const PODS: Gvr = Gvr::new("", "v1", "pods");
const CLAIMS: Gvr = Gvr::new("", "v1", "persistentvolumeclaims");
const SETS: Gvr = Gvr::new("workloads.kubeblocks.io", "v1", "instancesets");
const DEFINITIONS: Gvr = Gvr::new("apps.kubeblocks.io", "v1", "componentdefinitions");
const CLUSTERS: Gvr = Gvr::new("apps.kubeblocks.io", "v1", "clusters");

/// A world without an operator and without nodes.
fn world() -> World {
    toy::world(toy::good, |config| {
        config.operators.clear();
        config.nodes = 0;
    })
}

fn create(world: &mut World, resource: Gvr, namespace: &str, object: Value) {
    let response = world.request(Request::create(resource, namespace, Tree::from_value(object)));
    assert!(response.is_success(), "{response:?}");
}

fn pod(name: &str, role: &str) -> Value {
    json!({
        "metadata": {
            "name": name,
            "labels": { "workloads.kubeblocks.io/instance": "demo-redis", "kubeblocks.io/role": role },
        },
        "spec": { "containers": [{ "name": "redis", "image": "redis" }] },
    })
}

fn set(replicas: u32) -> Value {
    let roles = json!([{ "name": "primary", "isExclusive": true }, { "name": "secondary" }]);
    json!({
        "apiVersion": "workloads.kubeblocks.io/v1", "kind": "InstanceSet",
        "metadata": { "name": "demo-redis" },
        "spec": {
            "replicas": replicas, "roles": roles,
            "selector": { "matchLabels": { "workloads.kubeblocks.io/instance": "demo-redis" } },
            "template": { "spec": { "containers": [{ "name": "redis", "image": "redis" }] } },
        },
    })
}

fn facts(world: &World, pod: &str, role: &str) -> PodFacts {
    let uid = world
        .objects("", "Pod")
        .find(|object| object.name() == pod)
        .map_or("", |object| object.uid());
    PodFacts {
        pod_uid: uid.into(),
        group: "default/demo-redis".into(),
        up: true,
        role: role.into(),
        accepts_writes: role == "primary",
        single_primary: true,
        ..PodFacts::default()
    }
}

fn broken(world: &World) -> Vec<(&'static str, String)> {
    world.broken().iter().map(|broken| (broken.invariant, broken.message.clone())).collect()
}

#[test]
fn two_engines_that_accept_writes_break_at_once() {
    let mut world = world();
    for name in ["demo-redis-0", "demo-redis-1"] {
        create(&mut world, PODS, "default", pod(name, "primary"));
        assert_eq!(broken(&world), []);
        let facts = facts(&world, name, "primary");
        world.set_facts("default", name, Some(facts));
    }

    world.submit(Request::get(PODS, "default", "demo-redis-0"));
    world.step();

    let message = "default/demo-redis: demo-redis-0 and demo-redis-1 all accept writes".to_owned();
    assert_eq!(broken(&world), [("at-most-one-primary", message)]);
}

#[test]
fn two_labels_of_an_exclusive_role_break_if_they_stay() {
    let mut world = world();
    create(&mut world, SETS, "default", set(2));
    create(&mut world, PODS, "default", pod("demo-redis-0", "primary"));
    create(&mut world, PODS, "default", pod("demo-redis-1", "primary"));

    world.run_until(toy::after(4, &world));
    assert_eq!(broken(&world), [], "a label on its way is tolerated");
    world.run_until(toy::after(2, &world));

    let message = "demo-redis: demo-redis-0 and demo-redis-1 are all labelled primary".to_owned();
    assert_eq!(broken(&world), [("at-most-one-primary", message)]);
}

#[test]
fn a_label_that_does_not_follow_its_engine_breaks_after_a_while() {
    let mut world = world();
    create(&mut world, PODS, "default", pod("demo-redis-0", "secondary"));
    let facts = facts(&world, "demo-redis-0", "primary");
    world.set_facts("default", "demo-redis-0", Some(facts));
    world.submit(Request::get(PODS, "default", "demo-redis-0"));

    world.run_until(toy::after(29, &world));
    assert_eq!(broken(&world), []);
    world.run_until(toy::after(2, &world));

    let message = "pod/demo-redis-0 is labelled secondary, its engine is primary".to_owned();
    assert_eq!(broken(&world), [("role-labels-agree-with-engines", message)]);
}

/// Seconds until the label of a pod breaks, whose definition has this probe.
fn bound(probe: &Value) -> i64 {
    let mut world = world();
    let definition = json!({
        "apiVersion": "apps.kubeblocks.io/v1", "kind": "ComponentDefinition",
        "metadata": { "name": "redis-7" },
        "spec": {
            "runtime": { "containers": [{ "name": "redis", "image": "redis" }] },
            "lifecycleActions": { "roleProbe": probe },
        },
    });
    create(&mut world, DEFINITIONS, "", definition);
    let mut labelled = pod("demo-redis-0", "secondary");
    labelled["metadata"]["labels"]["app.kubernetes.io/component"] = json!("redis-7");
    create(&mut world, PODS, "default", labelled);
    let facts = facts(&world, "demo-redis-0", "primary");
    world.set_facts("default", "demo-redis-0", Some(facts));
    world.submit(Request::get(PODS, "default", "demo-redis-0"));
    let since = world.now();
    while world.broken().is_empty() {
        assert!(world.now() < since + SignedDuration::from_mins(5), "it never breaks");
        world.step();
    }
    world.now().duration_since(since).round(jiff::Unit::Second).expect("seconds").as_secs()
}

#[test]
fn a_label_has_a_probe_period_and_half_a_minute_to_follow_its_engine() {
    let exec = json!({ "command": ["role"] });

    assert_eq!(bound(&json!({ "exec": exec, "periodSeconds": 5 })), 35);
    assert_eq!(bound(&json!({ "exec": exec, "periodSeconds": 45 })), 75);
    assert_eq!(bound(&json!({ "exec": exec })), 90, "the agent takes a minute");
    assert_eq!(bound(&json!({ "exec": exec, "periodSeconds": 0 })), 90);
}

#[test]
fn a_label_that_follows_in_time_is_forgiven_and_the_clock_begins_anew() {
    let mut world = world();
    create(&mut world, PODS, "default", pod("demo-redis-0", "secondary"));
    let primary = facts(&world, "demo-redis-0", "primary");
    let secondary = facts(&world, "demo-redis-0", "secondary");

    for _ in 0..3 {
        for facts in [&primary, &secondary] {
            world.set_facts("default", "demo-redis-0", Some(facts.clone()));
            world.submit(Request::get(PODS, "default", "demo-redis-0"));
            world.run_until(toy::after(20, &world));
        }
    }

    assert_eq!(broken(&world), []);
}

fn claim(ordinal: u32) -> Value {
    let pod = format!("demo-redis-{ordinal}");
    json!({
        "metadata": {
            "name": format!("data-{pod}"),
            "labels": { "workloads.kubeblocks.io/instance": "demo-redis", "apps.kubeblocks.io/pod-name": pod },
        },
        "spec": { "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": "1Gi" } } },
    })
}

#[test]
fn a_claim_of_a_wanted_member_must_not_go() {
    let mut world = world();
    create(&mut world, SETS, "default", set(2));
    (0..3).for_each(|ordinal| create(&mut world, CLAIMS, "default", claim(ordinal)));

    world.request(Request::delete(CLAIMS, "default", "data-demo-redis-2"));
    assert_eq!(broken(&world), [], "nobody wants a third member");
    world.request(Request::delete(CLAIMS, "default", "data-demo-redis-1"));

    let [(invariant, message)] = &broken(&world)[..] else { panic!("{:?}", broken(&world)) };
    assert_eq!(*invariant, "claims-keep-their-volumes");
    assert!(message.contains("data-demo-redis-1"), "{message}");
}

#[test]
fn a_key_that_is_looked_at_without_end_is_a_hot_loop() {
    fn hot() -> Vec<Controller> {
        toy::controllers_of(|_, _, now| Plan {
            requeue_at: Some(now + SignedDuration::from_millis(10)),
            ..Plan::default()
        })
    }
    let mut world = toy::world(hot, |_| {});

    world.request(parent(1));
    world.run_until(toy::after(10, &world));

    let names: Vec<_> = broken(&world).into_iter().map(|(name, _)| name).collect();
    assert!(names.contains(&"no-hot-loop"), "{names:?}");
}

#[test]
fn a_key_that_polls_slowly_is_no_hot_loop() {
    fn polls() -> Vec<Controller> {
        toy::controllers_of(|_, _, now| Plan {
            requeue_at: Some(now + SignedDuration::from_secs(1)),
            ..Plan::default()
        })
    }
    let mut world = toy::world(polls, |_| {});

    world.request(parent(1));
    world.run_until(toy::after(1800, &world));

    assert_eq!(broken(&world), []);
}

#[test]
fn an_operator_that_writes_at_rest_is_found_out() {
    fn restless() -> Vec<Controller> {
        toy::controllers_of(|view, key, now| {
            let mut plan =
                Plan { requeue_at: Some(now + SignedDuration::from_mins(1)), ..Plan::default() };
            if let Some(parent) = view
                .get::<ConfigMap>(&key.namespace, &key.name)
                .filter(|parent| parent.metadata.label("toy").is_some())
            {
                plan.actions.push(toy::annotate(&parent, "done", "true"));
            }
            plan
        })
    }
    let mut world = toy::world(restless, |_| {});
    world.request(parent(1));

    world.settle(SignedDuration::from_mins(30));
    world.check_settled();

    let [(invariant, message)] = &broken(&world)[..] else { panic!("{:?}", broken(&world)) };
    assert_eq!(*invariant, "no-writes-at-rest");
    assert!(message.contains("configmaps"), "{message}");
}

/// Every minute a pod is told when its role was reported last, and perhaps something else.
fn report_again(view: &dyn View, key: &Key, now: Timestamp, more: bool) -> Plan {
    if key.name != "demo" {
        return Plan::default();
    }
    let mut plan = Plan { requeue_at: Some(now + SignedDuration::from_mins(1)), ..Plan::default() };
    if let Some(pod) = view.get::<Pod>("default", "demo-redis-0") {
        let now = now.as_microsecond().to_string();
        let mut annotations = json!({ "apps.kubeblocks.io/last-role-snapshot-version": now });
        if more {
            annotations["more"] = json!(now);
        }
        let patch = json!({ "metadata": { "uid": pod.metadata.uid, "annotations": annotations } });
        let key = Key::new("default", "demo-redis-0");
        let call = Call::Patch { kind: Pod::kind(), key, subresource: None, patch };
        plan.actions.push(Action { because: "toy", call });
    }
    plan
}

#[test]
fn a_role_that_is_reported_again_is_no_write_at_rest_and_anything_more_is() {
    fn reports() -> Vec<Controller> {
        toy::controllers_of(|view, key, now| report_again(view, key, now, false))
    }
    fn more() -> Vec<Controller> {
        toy::controllers_of(|view, key, now| report_again(view, key, now, true))
    }
    let broken_by = |controllers, conflicts| {
        let mut world = toy::world(controllers, |config| config.nodes = 0);
        let mut marked = pod("demo-redis-0", "primary");
        let mark = json!({ "apps.kubeblocks.io/last-role-snapshot-version": "0" });
        marked["metadata"]["annotations"] = mark;
        create(&mut world, PODS, "default", marked);
        world.request(parent(1));
        world.run_until(toy::after(300, &world));
        let requests =
            Requests { verb: Some("patch".into()), kind: Some("Pod".into()), times: conflicts };
        world.inject(&Fault::Conflict { requests }).expect("it can strike");
        world.run_until(toy::after(300, &world));
        assert!(world.counts().writes["pods"] >= 9, "it reports");
        assert_eq!(world.counts().conflicts, u64::from(conflicts));
        world.check_settled();
        broken(&world)
    };

    assert_eq!(broken_by(reports, 0), []);
    assert_eq!(broken_by(reports, 1), [], "who finds a pod changed has not written to it");
    let [(name, message)] = <[_; 1]>::try_from(broken_by(more, 0)).expect("one is broken");
    assert_eq!(name, "no-writes-at-rest");
    // One a minute; whether the last is still within depends on how late the news of the others come.
    let about = |count| format!("within 10m at rest, the operator wrote {count} times to pods");
    assert!(message == about(9) || message == about(10), "{message}");
}

fn cluster(policy: &Value) -> Value {
    let component = json!({
        "name": "redis", "componentDef": "redis", "replicas": 1,
        "persistentVolumeClaimRetentionPolicy": policy,
    });
    json!({
        "apiVersion": "apps.kubeblocks.io/v1", "kind": "Cluster", "metadata": { "name": "demo" },
        "spec": { "terminationPolicy": "Delete", "componentSpecs": [component] },
    })
}

#[test]
fn what_a_deleted_cluster_leaves_behind_is_found() {
    let mut world = world();
    let labels = json!({ "app.kubernetes.io/instance": "demo" });
    create(&mut world, CLUSTERS, "default", cluster(&json!({})));
    create(
        &mut world,
        CONFIG_MAPS,
        "default",
        json!({ "metadata": { "name": "demo-env", "labels": labels } }),
    );
    world.check_settled();
    assert_eq!(broken(&world), []);

    world.request(Request::delete(CLUSTERS, "default", "demo"));
    world.check_settled();

    let message = "configmap/demo-env is left of cluster/demo, which is gone".to_owned();
    assert_eq!(broken(&world), [("nothing-is-left", message)]);
}

#[test]
fn claims_that_the_policy_keeps_are_not_left_behind() {
    let mut world = world();
    create(&mut world, CLUSTERS, "default", cluster(&json!({ "whenDeleted": "Retain" })));
    let mut kept = claim(0);
    kept["metadata"]["labels"]["app.kubernetes.io/instance"] = json!("demo");
    create(&mut world, CLAIMS, "default", kept);

    world.request(Request::delete(CLUSTERS, "default", "demo"));
    world.check_settled();

    assert_eq!(broken(&world), []);
}

#[test]
fn a_deletion_that_does_not_end_is_broken_unless_the_user_holds_it_up() {
    let held_by = |finalizer: &str| {
        let mut world = world();
        let metadata = json!({ "name": "demo", "finalizers": [finalizer] });
        create(&mut world, CONFIG_MAPS, "default", json!({ "metadata": metadata }));
        world.request(Request::delete(CONFIG_MAPS, "default", "demo"));
        world.check_settled();
        broken(&world)
    };

    assert_eq!(held_by("example.com/somebody-else"), []);
    let [(invariant, message)] = &held_by("cluster.kubeblocks.io/finalizer")[..] else {
        panic!("it is the operator's")
    };
    assert_eq!(*invariant, "deletion-ends");
    assert!(
        message.contains("its finalizer cluster.kubeblocks.io/finalizer has not been removed"),
        "{message}"
    );
}
