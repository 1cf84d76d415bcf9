//! Redis and its sentinels in pods, with agents, on nodes that die and come back. No operator.

use std::sync::Arc;

use drydock_apiserver::{Request, Tree};
use drydock_operator_core::plan::{AgentCall, OnFailure};
use drydock_operator_core::view::Key;
use drydock_scenarios::{Fault, NodeChoice};
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::objects::{CLAIMS, PODS};
use crate::inflight::{Reply, Sender, Subject};
use crate::preset::Preset;
use crate::world::{World, WorldConfig};

fn run(world: &mut World, secs: i64) {
    let until = world.now() + SignedDuration::from_secs(secs);
    world.run_until(until);
}

fn pod(component: &str, ordinal: usize) -> Value {
    let sentinels: Vec<String> =
        (0..3).map(|one| format!("demo-sentinel-{one}.headless.default.svc")).collect();
    let env = json!([
        { "name": "REDIS_POD_FQDNS", "value": "demo-redis-0.headless.default.svc,demo-redis-1.headless.default.svc" },
        { "name": "SENTINEL_POD_FQDNS", "value": sentinels.join(",") },
    ]);
    let (definition, container) = if component == "redis" {
        ("redis-7", "redis")
    } else {
        ("redis-sentinel-7", "redis-sentinel")
    };
    let probe = json!([{ "instance": format!("demo-{component}"), "action": "roleProbe", "periodSeconds": 1,
        "reportPeriodSeconds": 15, "reportOnFileChange": ["/etc/kubeblocks/pod-metadata"] }]);
    let actions = json!([{ "name": "postProvision", "timeoutSeconds": 5 }, { "name": "switchover" }, { "name": "roleProbe" }]);
    let mut containers = vec![json!({
        "name": container, "image": "redis:7", "env": env,
        "readinessProbe": { "periodSeconds": 1, "exec": { "command": ["ping"] } },
        "livenessProbe": { "initialDelaySeconds": 10, "periodSeconds": 5, "tcpSocket": { "port": if component == "redis" { 6379 } else { 26379 } } },
    })];
    if component == "redis" {
        containers.push(json!({ "name": "kbagent", "image": "tools:1", "env": [
            { "name": "KB_AGENT_PROBE", "value": probe.to_string() },
            { "name": "KB_AGENT_ACTION", "value": actions.to_string() },
        ], "startupProbe": { "tcpSocket": { "port": 3501 } } }));
    }
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": { "name": format!("demo-{component}-{ordinal}"), "labels": {
            "app.kubernetes.io/component": definition,
            "workloads.kubeblocks.io/instance": format!("demo-{component}"),
        } },
        "spec": {
            "containers": containers,
            "volumes": [{ "name": "data", "persistentVolumeClaim": { "claimName": format!("data-demo-{component}-{ordinal}") } }],
            // Each pair of a redis and a sentinel has its own machine.
            "nodeSelector": { "kubernetes.io/hostname": format!("node-{}", ordinal + 1) },
        },
    })
}

fn call(world: &mut World, action: &str, pod: &str) -> Result<String, String> {
    call_within(world, action, pod, Some(SignedDuration::from_secs(60)))
}

fn call_within(
    world: &mut World,
    action: &str,
    pod: &str,
    timeout: Option<SignedDuration>,
) -> Result<String, String> {
    let server = world.server(0);
    let uid =
        server.table(server.kind("", "Pod").unwrap()).get("default", pod).unwrap().uid().to_owned();
    let call = AgentCall {
        pod: Key::new("default", pod),
        pod_uid: uid,
        action: action.to_owned(),
        parameters: std::collections::BTreeMap::new(),
        timeout,
        on_failure: OnFailure::Ignore,
    };
    let id = world.issue(Sender::User, 0, Subject::Agent(Arc::new(call)));
    loop {
        if let Some(Reply::Agent(result)) = world.take_answer_of(id) {
            return result;
        }
        world.step().expect("the call is answered");
    }
}

fn cluster(seed: u64) -> World {
    let config = WorldConfig {
        preset: Preset::Realistic,
        seed,
        operators: Vec::new(),
        ..WorldConfig::default()
    };
    let mut world = World::new(config);
    run(&mut world, 1);
    for (component, count) in [("sentinel", 3), ("redis", 2)] {
        for ordinal in 0..count {
            let claim = json!({
                "apiVersion": "v1", "kind": "PersistentVolumeClaim",
                "metadata": { "name": format!("data-demo-{component}-{ordinal}") },
                "spec": { "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": "1Gi" } } },
            });
            for (resource, object) in [(CLAIMS, claim), (PODS, pod(component, ordinal))] {
                let response =
                    world.request(Request::create(resource, "default", Tree::from_value(object)));
                assert!(response.is_success(), "{response:?}");
            }
        }
    }
    run(&mut world, 40);
    world
}

fn writable(world: &World) -> Vec<String> {
    world
        .facts()
        .iter()
        .filter(|(_, facts)| facts.accepts_writes)
        .map(|(key, _)| key.name.clone())
        .collect()
}

/// What the last role Event about a pod says, decoded.
fn reported(world: &World, pod: &str) -> Option<Value> {
    let server = world.server(0);
    let events = server.table(server.kind("", "Event").unwrap());
    let about =
        events.iter().filter(|event| event.tree().str_at(&["involvedObject", "name"]) == Some(pod));
    let last = about.max_by_key(|event| event.tree().str_at(&["eventTime"]).map(str::to_owned))?;
    let mut message: Value = serde_json::from_str(last.tree().str_at(&["message"])?).unwrap();
    let output = drydock_operator_core::base64::decode(message["output"].as_str()?).unwrap();
    message["output"] = json!(String::from_utf8(output).unwrap());
    Some(message)
}

fn role(world: &World, pod: &str) -> String {
    reported(world, pod)
        .map(|message| message["output"].as_str().unwrap().to_owned())
        .unwrap_or_default()
}

#[test]
fn a_primary_whose_node_dies_is_replaced_and_returns_as_a_replica_and_the_agents_say_so() {
    for seed in 0..3 {
        let mut world = cluster(seed);
        assert_eq!(writable(&world), ["demo-redis-0"], "seed {seed}");
        assert_eq!(
            (role(&world, "demo-redis-0").as_str(), role(&world, "demo-redis-1").as_str()),
            ("primary", "secondary")
        );
        assert_eq!(call(&mut world, "postProvision", "demo-redis-0"), Ok(String::new()));
        assert_eq!(
            call(&mut world, "accountProvision", "demo-redis-0"),
            Err("accountProvision is not defined: notDefined".to_owned())
        );
        run(&mut world, 60);

        world.set_node("node-1", false);
        let down = world.now();
        while !writable(&world).contains(&"demo-redis-1".to_owned()) {
            run(&mut world, 1);
            assert!(
                world.now().duration_since(down).as_secs() < 40,
                "seed {seed}: nobody took over"
            );
        }
        assert!(world.now().duration_since(down).as_secs() >= 19, "seed {seed}: before down-after");
        run(&mut world, 3);
        assert_eq!(role(&world, "demo-redis-1"), "primary", "seed {seed}");

        run(&mut world, 200);
        world.set_node("node-1", true);
        run(&mut world, 60);

        assert_eq!(writable(&world), ["demo-redis-1"], "seed {seed}");
        assert_eq!(
            world.facts().get("default", "demo-redis-0").unwrap().values["replica-of"],
            "demo-redis-1"
        );
        assert_eq!(role(&world, "demo-redis-0"), "secondary", "seed {seed}");
    }
}

#[test]
fn a_switchover_moves_the_primary_within_seconds() {
    let mut world = cluster(5);
    call(&mut world, "postProvision", "demo-redis-0").unwrap();
    run(&mut world, 30);

    assert_eq!(call(&mut world, "switchover", "demo-redis-0"), Ok(String::new()));
    run(&mut world, 5);

    assert_eq!(writable(&world), ["demo-redis-1"]);
}

#[test]
fn an_unchanged_role_is_said_again_every_fifteen_seconds_and_counted() {
    let mut world = cluster(1);
    run(&mut world, 60);

    let server = world.server(0);
    let events = server.table(server.kind("", "Event").unwrap());
    let about = |event: &&drydock_apiserver::Object| {
        event.tree().str_at(&["involvedObject", "name"]) == Some("demo-redis-0")
            && event.tree().str_at(&["message"]).is_some_and(|text| text.contains("\"code\":0"))
    };
    let event = events.iter().find(about).unwrap();
    let tree = event.tree();
    assert!(
        (5..=8).contains(&tree.int_at(&["count"]).unwrap()),
        "{}",
        tree.int_at(&["count"]).unwrap()
    );
    assert_eq!(tree.str_at(&["involvedObject", "fieldPath"]), Some("spec.containers{kbagent}"));
    assert_eq!(tree.str_at(&["reportingComponent"]), Some("kbagent"));
    let message = tree.str_at(&["message"]).unwrap();
    assert_eq!(
        message,
        "{\"instance\":\"demo-redis\",\"probe\":\"roleProbe\",\"code\":0,\"output\":\"cHJpbWFyeQ==\",\"message\":\"\"}"
    );
}

#[test]
fn half_an_hour_of_pings_and_probes_is_cheap() {
    let mut world = cluster(1);
    call(&mut world, "postProvision", "demo-redis-0").unwrap();
    let before = world.counts().events;

    run(&mut world, 1_800);

    let events = world.counts().events - before;
    assert!((50_000..150_000).contains(&events), "{events}");
    assert_eq!(writable(&world), ["demo-redis-0"]);
}

/// Role Events of the recorded agent: milliseconds after `begin`, pod, role, count.
fn role_events(world: &World, begin: jiff::Timestamp) -> Vec<(i64, String, String, i64)> {
    let server = world.server(0);
    let events = server.kind("", "Event").unwrap();
    let log = server.log_since(drydock_apiserver::LogPosition::default());
    let reports = log.filter(|entry| {
        entry.kind == events && entry.object.tree().str_at(&["reason"]) == Some("roleProbe")
    });
    reports
        .map(|entry| {
            let tree = entry.object.tree();
            let message: Value = serde_json::from_str(tree.str_at(&["message"]).unwrap()).unwrap();
            let output = message["output"].as_str().unwrap();
            let role = String::from_utf8(drydock_operator_core::base64::decode(output).unwrap());
            let at: jiff::Timestamp = tree.str_at(&["eventTime"]).unwrap().parse().unwrap();
            let pod = tree.str_at(&["involvedObject", "name"]).unwrap().to_owned();
            let after = i64::try_from(at.duration_since(begin).as_millis()).unwrap();
            (after, pod, role.unwrap(), tree.int_at(&["count"]).unwrap())
        })
        .collect()
}

#[test]
fn a_recorded_agent_reports_after_readiness_on_each_change_and_after_the_label_file_changes() {
    let config =
        WorldConfig { preset: Preset::Recorded, operators: Vec::new(), ..WorldConfig::default() };
    let mut world = World::new(config);
    run(&mut world, 1);
    let set = json!({
        "apiVersion": "workloads.kubeblocks.io/v1", "kind": "InstanceSet",
        "metadata": { "name": "demo-redis", "namespace": "default" },
        "spec": {
            "replicas": 2, "selector": { "matchLabels": { "app": "demo" } },
            "template": { "spec": { "containers": [{ "name": "redis", "image": "redis:7" }] } },
            "roles": [
                { "name": "secondary", "updatePriority": 1 },
                { "name": "primary", "updatePriority": 2, "isExclusive": true },
            ],
        },
    });
    let sets = drydock_apiserver::Gvr::new("workloads.kubeblocks.io", "v1", "instancesets");
    let made = world.request(Request::create(sets, "default", Tree::from_value(set)));
    assert!(made.is_success(), "{made:?}");
    for ordinal in 0..2 {
        let mut object = pod("redis", ordinal);
        object["spec"]["volumes"] = json!([]);
        let made = world.request(Request::create(PODS, "default", Tree::from_value(object)));
        assert!(made.is_success(), "{made:?}");
    }
    let begin = world.now();
    run(&mut world, 5);

    let first: Vec<_> = role_events(&world, begin);
    assert_eq!(first.len(), 2, "{first:?}");
    assert!(
        first.iter().all(|(at, ..)| (680..730).contains(at)),
        "0.4 s to ready, 0.3 s to the report: {first:?}"
    );
    assert_eq!((first[0].1.as_str(), first[0].2.as_str()), ("demo-redis-0", "primary"));
    assert_eq!((first[1].1.as_str(), first[1].2.as_str()), ("demo-redis-1", "secondary"));

    let labelled = world.now();
    let label = json!({ "metadata": { "labels": { "kubeblocks.io/role": "secondary" } } });
    world.request(Request::merge_patch(PODS, "default", "demo-redis-1", Tree::from_value(label)));
    run(&mut world, 5);
    let again = role_events(&world, labelled).split_off(2);
    assert_eq!(again.len(), 1, "{again:?}");
    assert!((1_000..1_020).contains(&again[0].0) && again[0].3 == 2, "{again:?}");

    world.request(Request::delete(PODS, "default", "demo-redis-0").grace(0));
    let deleted = world.now();
    run(&mut world, 5);
    let after = role_events(&world, deleted).split_off(3);
    assert_eq!(after.len(), 1, "{after:?}");
    assert_eq!((after[0].1.as_str(), after[0].2.as_str()), ("demo-redis-1", "primary"));
    assert!((1_000..1_030).contains(&after[0].0), "a second after the leader is gone: {after:?}");
}

#[test]
fn an_action_that_takes_too_long_is_killed_by_the_limit_of_the_call_or_else_its_own() {
    for (limit, seconds) in [(None, 5), (Some(SignedDuration::from_secs(10)), 10)] {
        let mut world = cluster(1);
        // Registration waits for every sentinel, and one does not answer.
        let down = Fault::NodeDown(NodeChoice::Named("node-3".to_owned()));
        world.inject(&down).expect("the node exists");
        let asked = world.now();

        let result = call_within(&mut world, "postProvision", "demo-redis-0", limit);

        assert!(result.as_ref().is_err_and(|error| error.contains("timed")), "{result:?}");
        assert_eq!(world.now().duration_since(asked).as_secs(), seconds);
    }
}
