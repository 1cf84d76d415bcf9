//! The actors together, on worlds without an operator.

use drydock_apiserver::{Gvr, Object, Request, Tree};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::Held;
use super::objects::{CLAIMS, CONFIG_MAPS, NAMESPACES, PODS, SERVICES};
use crate::preset::Preset;
use crate::world::{World, WorldConfig};

fn world(preset: Preset, kubernetes: &str) -> World {
    let config = WorldConfig {
        preset,
        kubernetes: kubernetes.to_owned(),
        operators: Vec::new(),
        ..WorldConfig::default()
    };
    let mut world = World::new(config);
    run(&mut world, 2_000);
    world
}

fn run(world: &mut World, millis: i64) {
    let until = world.now() + SignedDuration::from_millis(millis);
    world.run_until(until);
}

fn create(world: &mut World, resource: Gvr, object: Value) -> Object {
    let namespace = if resource == NAMESPACES {
        ""
    } else {
        object["metadata"]["namespace"].as_str().unwrap_or("default")
    };
    let namespace = namespace.to_owned();
    let response = world.request(Request::create(resource, &namespace, Tree::from_value(object)));
    response.object().unwrap_or_else(|| panic!("{response:?}")).clone()
}

fn get(world: &World, kind: &str, name: &str) -> Option<Value> {
    let server = world.server(0);
    let namespace =
        if matches!(kind, "Node" | "PersistentVolume" | "Namespace") { "" } else { "default" };
    let group = if kind == "EndpointSlice" { "discovery.k8s.io" } else { "" };
    Some(server.table(server.kind(group, kind)?).get(namespace, name)?.tree().to_value())
}

fn condition(object: &Value, kind: &str) -> String {
    let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let found = conditions.iter().find(|one| one["type"] == kind).cloned().unwrap_or_default();
    found["status"].as_str().unwrap_or_default().to_owned()
}

fn waits(world: &World) -> Vec<Held> {
    world.actors.iter().flat_map(|slot| slot.actor.as_ref().unwrap().waits()).collect()
}

fn because(world: &World) -> Vec<String> {
    waits(world).into_iter().map(|held| held.wait.because.into_owned()).collect()
}

fn pod(name: &str, spec: &Value) -> Value {
    let mut all = json!({ "containers": [{ "name": "main", "image": "example/main:1" }] });
    for (key, value) in spec.as_object().unwrap() {
        all[key] = value.clone();
    }
    json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "name": name, "labels": { "app": "demo" } }, "spec": all })
}

/// Every state of a pod that was written, with the time since `begin` in milliseconds.
fn history(world: &World, name: &str, begin: Timestamp) -> Vec<(i64, Value)> {
    let server = world.server(0);
    let log = server.log_since(drydock_apiserver::LogPosition::default());
    let writes = log
        .filter(|entry| entry.object.name() == name && Some(entry.kind) == server.kind("", "Pod"));
    writes
        .map(|entry| {
            (
                entry.object.write().time.duration_since(begin).as_millis().try_into().unwrap(),
                entry.object.tree().to_value(),
            )
        })
        .collect()
}

#[test]
fn a_pod_on_an_ordinary_node_goes_through_init_containers_and_probes_to_ready() {
    let mut world = world(Preset::Realistic, "1.34");
    let begin = world.now();
    let spec = json!({
        "initContainers": [{ "name": "first", "image": "example/tool:1" }, { "name": "second", "image": "example/tool:1" }],
        "containers": [{
            "name": "main", "image": "example/main:1",
            "readinessProbe": { "initialDelaySeconds": 10, "periodSeconds": 5, "exec": { "command": ["true"] } },
        }],
    });

    create(&mut world, PODS, pod("demo-0", &spec));
    run(&mut world, 30_000);

    let states = history(&world, "demo-0", begin);
    let ready_at =
        states.iter().find(|(_, pod)| condition(pod, "Ready") == "True").expect("it is ready").0;
    let running_at =
        states.iter().find(|(_, pod)| pod["status"]["phase"] == "Running").expect("it runs").0;
    assert!((9_900..10_100).contains(&(ready_at - running_at)), "{running_at} {ready_at}");
    let last = &states.last().unwrap().1;
    assert_eq!(
        last["status"]["initContainerStatuses"][1]["state"]["terminated"]["reason"],
        "Completed"
    );
    assert_eq!(last["status"]["containerStatuses"][0]["ready"], true);
    for kind in
        ["PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"]
    {
        assert_eq!(condition(last, kind), "True", "{kind}");
    }
    assert!(last["status"]["podIP"].is_string() && last["status"]["startTime"].is_string());
    assert_eq!(waits(&world), []);
}

#[test]
fn a_recorded_node_makes_a_pod_ready_in_one_write_after_four_tenths_of_a_second_and_ends_it_as_fast()
 {
    let mut world = world(Preset::Recorded, "1.34");
    let begin = world.now();
    let probe = json!({ "initialDelaySeconds": 60, "exec": { "command": ["false"] } });
    let spec = json!({ "containers": [{ "name": "main", "image": "example/main:1", "readinessProbe": probe }] });

    create(&mut world, PODS, pod("demo-0", &spec));
    run(&mut world, 2_000);
    world.request(Request::delete(PODS, "default", "demo-0"));
    let deleted = world.now();
    run(&mut world, 2_000);

    let states = history(&world, "demo-0", begin);
    let places: Vec<(i64, bool)> =
        states.iter().map(|(at, pod)| (*at, condition(pod, "Ready") == "True")).collect();
    let scheduled_at =
        states.iter().find(|(_, pod)| pod["spec"]["nodeName"].is_string()).unwrap().0;
    let writes_until_ready = places.iter().position(|(_, ready)| *ready).unwrap();
    assert_eq!(writes_until_ready, 2, "made, bound, ready: {places:?}");
    assert!((400..410).contains(&(places[2].0 - scheduled_at)), "{places:?}");
    let gone = states.last().unwrap().0
        - i64::try_from(deleted.duration_since(begin).as_millis()).unwrap();
    assert!((395..415).contains(&gone), "{gone}");
    assert_eq!(get(&world, "Pod", "demo-0"), None);
}

#[test]
fn a_changed_image_restarts_the_container_on_a_recorded_node() {
    let mut world = world(Preset::Recorded, "1.34");
    create(&mut world, PODS, pod("demo-0", &json!({})));
    run(&mut world, 2_000);

    let patch =
        json!({ "spec": { "containers": [{ "name": "main", "image": "example/main:2" }] } });
    world.request(Request::merge_patch(PODS, "default", "demo-0", Tree::from_value(patch)));
    run(&mut world, 1_000);

    let status = &get(&world, "Pod", "demo-0").unwrap()["status"]["containerStatuses"][0];
    assert_eq!(
        (status["image"].as_str(), status["restartCount"].as_i64()),
        (Some("example/main:2"), Some(1))
    );
}

#[test]
fn a_missing_config_map_is_named_and_the_container_starts_when_it_is_there() {
    let mut world = world(Preset::Realistic, "1.34");
    let container = json!({ "name": "main", "image": "x:1", "envFrom": [{ "configMapRef": { "name": "demo-env" } }] });

    create(&mut world, PODS, pod("demo-0", &json!({ "containers": [container] })));
    run(&mut world, 20_000);

    let said = because(&world);
    assert_eq!(
        said,
        ["container main waits (CreateContainerConfigError): configmap \"demo-env\" not found"]
    );
    let waiting = get(&world, "Pod", "demo-0").unwrap()["status"]["containerStatuses"][0]["state"]
        ["waiting"]
        .clone();
    assert_eq!(waiting["reason"], "CreateContainerConfigError");

    let map = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "demo-env" }, "data": { "A": "1" } });
    create(&mut world, CONFIG_MAPS, map);
    run(&mut world, 10_000);

    assert_eq!(condition(&get(&world, "Pod", "demo-0").unwrap(), "Ready"), "True");
}

#[test]
fn a_container_that_fails_waits_ten_seconds_twice_as_long_each_time_up_to_five_minutes() {
    let mut world = world(Preset::Realistic, "1.34");
    let begin = world.now();
    // Nothing listens there for a sentinel, so the liveness probe kills it every ten seconds.
    let container = json!({
        "name": "redis-sentinel", "image": "x:1",
        "livenessProbe": { "periodSeconds": 5, "failureThreshold": 2, "tcpSocket": { "port": 1 } },
    });
    let mut object = pod("demo-0", &json!({ "containers": [container] }));
    object["metadata"]["labels"]["app.kubernetes.io/component"] = json!("redis-sentinel-7");

    create(&mut world, PODS, object);
    run(&mut world, 40 * 60_000);

    let waiting = |pod: &Value| pod["status"]["containerStatuses"][0]["state"]["waiting"].clone();
    let said: Vec<String> = history(&world, "demo-0", begin)
        .iter()
        .filter(|(_, pod)| waiting(pod)["reason"] == "CrashLoopBackOff")
        .filter_map(|(_, pod)| {
            waiting(pod)["message"].as_str().map(|text| text.split(' ').nth(1).unwrap().to_owned())
        })
        .collect();
    assert_eq!(said[..7], ["10s", "20s", "40s", "1m20s", "2m40s", "5m0s", "5m0s"]);
    assert!(because(&world)[0].contains("exit code 137"), "{:?}", because(&world));
}

#[test]
fn a_claim_is_bound_to_a_new_volume_and_stays_while_a_pod_uses_it() {
    let mut world = world(Preset::Realistic, "1.34");
    let claim = json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": { "name": "data" },
        "spec": { "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": "1Gi" } } },
    });
    let volume = json!([{ "name": "data", "persistentVolumeClaim": { "claimName": "data" } }]);
    create(&mut world, PODS, pod("demo-0", &json!({ "volumes": volume })));
    run(&mut world, 3_000);

    assert!(
        because(&world)
            .iter()
            .any(|text| text.contains("persistentvolumeclaim \"data\" not found")),
        "{:?}",
        because(&world)
    );
    create(&mut world, CLAIMS, claim);
    run(&mut world, 20_000);

    let claim = get(&world, "PersistentVolumeClaim", "data").unwrap();
    assert_eq!(
        (claim["status"]["phase"].as_str(), claim["status"]["capacity"]["storage"].as_str()),
        (Some("Bound"), Some("1Gi"))
    );
    assert_eq!(claim["spec"]["storageClassName"], "sim-disk");
    let volume =
        get(&world, "PersistentVolume", claim["spec"]["volumeName"].as_str().unwrap()).unwrap();
    assert_eq!(volume["status"]["phase"], "Bound");
    assert_eq!(condition(&get(&world, "Pod", "demo-0").unwrap(), "Ready"), "True");

    world.request(Request::delete(CLAIMS, "default", "data"));
    run(&mut world, 5_000);
    assert!(because(&world)[0].contains("pod/demo-0 uses it"), "{:?}", because(&world));
    world.request(Request::delete(PODS, "default", "demo-0"));
    run(&mut world, 5_000);

    assert_eq!(get(&world, "PersistentVolumeClaim", "data"), None);
    let server = world.server(0);
    assert_eq!(server.table(server.kind("", "PersistentVolume").unwrap()).len(), 0);
}

#[test]
fn a_recorded_claim_is_bound_in_a_tenth_of_a_second() {
    let mut world = world(Preset::Recorded, "1.34");
    let claim = json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": { "name": "data" },
        "spec": { "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": "1Gi" } } },
    });

    create(&mut world, CLAIMS, claim);
    run(&mut world, 120);

    assert_eq!(get(&world, "PersistentVolumeClaim", "data").unwrap()["status"]["phase"], "Bound");
}

#[test]
fn a_pod_too_large_for_every_node_says_so_and_goes_when_there_is_room() {
    let mut world = world(Preset::Realistic, "1.34");
    let of = |cpu: &str| json!({ "containers": [{ "name": "main", "image": "x:1", "resources": { "requests": { "cpu": cpu } } }] });
    for place in 0..3 {
        create(&mut world, PODS, pod(&format!("big-{place}"), &of("10")));
        run(&mut world, 1_000);
    }
    create(&mut world, PODS, pod("demo-0", &of("8")));
    run(&mut world, 2_000);

    assert_eq!(because(&world).last().unwrap(), "0/3 nodes are available: 3 Insufficient cpu.");
    let stuck = get(&world, "Pod", "demo-0").unwrap();
    assert_eq!(
        (condition(&stuck, "PodScheduled").as_str(), &stuck["spec"]["nodeName"]),
        ("False", &Value::Null)
    );

    world.request(Request::delete(PODS, "default", "big-1"));
    run(&mut world, 5_000);
    assert_eq!(condition(&get(&world, "Pod", "demo-0").unwrap(), "PodScheduled"), "True");
}

#[test]
fn a_silent_node_is_not_ready_after_forty_seconds_or_fifty_from_1_32_and_its_pods_go_five_minutes_later()
 {
    for (kubernetes, grace_secs) in [("1.34", 50), ("1.20", 40)] {
        let mut world = world(Preset::Realistic, kubernetes);
        create(&mut world, PODS, pod("demo-0", &json!({})));
        run(&mut world, 20_000);
        let node =
            get(&world, "Pod", "demo-0").unwrap()["spec"]["nodeName"].as_str().unwrap().to_owned();

        world.set_node(&node, false);
        let down = world.now();
        while condition(&get(&world, "Node", &node).unwrap(), "Ready") == "True" {
            run(&mut world, 100);
        }
        // The last heartbeat was up to ten seconds before, and the monitor looks every five.
        let took = world.now().duration_since(down).as_secs();
        assert!((grace_secs - 10..=grace_secs + 6).contains(&took), "{kubernetes}: {took}");
        run(&mut world, 1_000);
        let marked = get(&world, "Pod", "demo-0").unwrap();
        assert_eq!(condition(&marked, "Ready"), "False");
        assert_eq!(marked["metadata"]["deletionTimestamp"], Value::Null);

        run(&mut world, 305_000);
        assert!(
            get(&world, "Pod", "demo-0").unwrap()["metadata"]["deletionTimestamp"].is_string(),
            "{kubernetes}"
        );
        assert!(because(&world)[0].contains(&format!("{node} is down")), "{:?}", because(&world));

        world.set_node(&node, true);
        run(&mut world, 30_000);
        assert_eq!(
            get(&world, "Pod", "demo-0"),
            None,
            "{kubernetes}: the kubelet ends what was deleted"
        );
        let node = get(&world, "Node", &node).unwrap();
        assert_eq!(
            (condition(&node, "Ready").as_str(), &node["spec"]["taints"]),
            ("True", &Value::Null)
        );
    }
}

#[test]
fn a_node_that_comes_back_in_time_runs_its_pods_again() {
    let mut world = world(Preset::Realistic, "1.34");
    create(&mut world, PODS, pod("demo-0", &json!({})));
    run(&mut world, 20_000);
    let before = get(&world, "Pod", "demo-0").unwrap();
    let node = before["spec"]["nodeName"].as_str().unwrap().to_owned();

    world.set_node(&node, false);
    run(&mut world, 120_000);
    world.set_node(&node, true);
    run(&mut world, 30_000);

    let after = get(&world, "Pod", "demo-0").unwrap();
    assert_eq!(after["metadata"]["uid"], before["metadata"]["uid"]);
    assert_eq!(condition(&after, "Ready"), "True");
    assert_eq!(after["status"]["containerStatuses"][0]["restartCount"], 1);
}

#[test]
fn a_service_leads_to_its_ready_pods_and_a_headless_one_to_all_if_it_asks_for_it() {
    let mut world = world(Preset::Realistic, "1.34");
    let probe = json!({ "initialDelaySeconds": 10, "exec": { "command": ["true"] } });
    let port = json!([{ "name": "main", "containerPort": 80 }]);
    let container =
        json!({ "name": "main", "image": "x:1", "readinessProbe": probe, "ports": port });
    let service = |name: &str, all: bool| {
        json!({ "apiVersion": "v1", "kind": "Service", "metadata": { "name": name }, "spec": {
            "selector": { "app": "demo" }, "publishNotReadyAddresses": all,
            "ports": [{ "name": "main", "port": 8080, "targetPort": "main" }],
        } })
    };
    create(&mut world, SERVICES, service("ready", false));
    create(&mut world, SERVICES, service("all", true));
    create(&mut world, PODS, pod("demo-0", &json!({ "containers": [container] })));
    run(&mut world, 8_000);

    let subset =
        |world: &World, name: &str| get(world, "Endpoints", name).unwrap()["subsets"][0].clone();
    assert_eq!(subset(&world, "ready")["addresses"], Value::Null);
    assert!(subset(&world, "ready")["notReadyAddresses"][0]["ip"].is_string());
    assert!(subset(&world, "all")["addresses"][0]["ip"].is_string());

    run(&mut world, 10_000);
    assert_eq!(subset(&world, "ready")["addresses"][0]["targetRef"]["name"], "demo-0");
    assert_eq!(subset(&world, "ready")["ports"][0]["port"], 80);
}

#[test]
fn what_has_lost_its_owner_is_deleted_and_a_foreground_owner_goes_last() {
    let mut world = world(Preset::Realistic, "1.34");
    let map = |name: &str, owner: Option<&Object>| {
        let mut object =
            json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": name } });
        if let Some(owner) = owner {
            object["metadata"]["ownerReferences"] = json!([{
                "apiVersion": "v1", "kind": "ConfigMap", "name": owner.name(), "uid": owner.uid(),
                "blockOwnerDeletion": true,
            }]);
        }
        object
    };
    let owner = create(&mut world, CONFIG_MAPS, map("owner", None));
    let child = create(&mut world, CONFIG_MAPS, map("child", Some(&owner)));
    create(&mut world, CONFIG_MAPS, map("grandchild", Some(&child)));

    world.request(
        Request::delete(CONFIG_MAPS, "default", "owner")
            .propagation(drydock_apiserver::Propagation::Foreground),
    );
    assert!(get(&world, "ConfigMap", "owner").is_some(), "it waits for its dependents");
    run(&mut world, 2_000);

    for name in ["owner", "child", "grandchild"] {
        assert_eq!(get(&world, "ConfigMap", name), None, "{name}");
    }

    let owner = create(&mut world, CONFIG_MAPS, map("owner", None));
    create(&mut world, CONFIG_MAPS, map("child", Some(&owner)));
    world.request(
        Request::delete(CONFIG_MAPS, "default", "owner")
            .propagation(drydock_apiserver::Propagation::Orphan),
    );
    run(&mut world, 2_000);

    assert_eq!(get(&world, "ConfigMap", "owner"), None);
    let child = get(&world, "ConfigMap", "child").expect("an orphan stays");
    assert_eq!(child["metadata"]["ownerReferences"], Value::Null);
}

#[test]
fn a_deleted_namespace_is_emptied_first() {
    let mut world = world(Preset::Realistic, "1.34");
    create(
        &mut world,
        NAMESPACES,
        json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "test" } }),
    );
    run(&mut world, 1_000);
    let mut object = pod("demo-0", &json!({}));
    object["metadata"]["namespace"] = json!("test");
    create(&mut world, PODS, object);
    run(&mut world, 10_000);

    world.request(Request::delete(NAMESPACES, "", "test"));
    run(&mut world, 10_000);

    assert_eq!(get(&world, "Namespace", "test"), None);
}

#[test]
fn a_world_and_its_copy_go_the_same_way() {
    let mut world = world(Preset::Realistic, "1.34");
    create(&mut world, PODS, pod("demo-0", &json!({})));
    run(&mut world, 500);

    let mut copy = world.clone();
    run(&mut world, 30_000);
    run(&mut copy, 30_000);

    assert_eq!(world.trace_hash(), copy.trace_hash());
    assert_eq!(
        get(&world, "Node", "node-1").map(|node| condition(&node, "Ready")),
        Some("True".to_owned())
    );
}

#[test]
fn a_headless_name_means_the_ready_pods_or_all_if_it_publishes_them() {
    let mut world = world(Preset::Realistic, "1.34");
    let probe = json!({ "initialDelaySeconds": 10, "exec": { "command": ["true"] } });
    let container = json!({ "name": "main", "image": "x:1", "readinessProbe": probe });
    let service = |name: &str, all: bool| {
        json!({ "apiVersion": "v1", "kind": "Service", "metadata": { "name": name }, "spec": {
            "clusterIP": "None", "selector": { "app": "demo" }, "publishNotReadyAddresses": all,
            "ports": [{ "name": "main", "port": 80 }],
        } })
    };
    create(&mut world, SERVICES, service("ready", false));
    create(&mut world, SERVICES, service("all", true));
    let spec = json!({ "containers": [container], "hostname": "demo-0", "subdomain": "all" });
    create(&mut world, PODS, pod("demo-0", &spec));
    run(&mut world, 8_000);

    let found = |world: &World, host: &str| {
        super::dns::resolve(world.server(0), host, "cluster.local").len()
    };
    assert_eq!(found(&world, "ready.default.svc.cluster.local"), 0);
    assert_eq!(found(&world, "all.default"), 1);
    assert_eq!(found(&world, "demo-0.all.default.svc.cluster.local."), 1);
    assert_eq!(found(&world, "demo-1.all.default.svc"), 0);

    run(&mut world, 10_000);
    assert_eq!(found(&world, "ready.default.svc"), 1);
}

#[test]
fn a_local_volume_pins_its_pod_to_the_machine_with_the_disk() {
    let mut world = world(Preset::Realistic, "1.34");
    let claim = json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": { "name": "data" },
        "spec": { "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": "1Gi" } } },
    });
    let claim = create(&mut world, CLAIMS, claim);
    run(&mut world, 5_000);
    let affinity = json!({ "spec": { "nodeAffinity": { "required": { "nodeSelectorTerms": [{ "matchExpressions": [
        { "key": "kubernetes.io/hostname", "operator": "In", "values": ["node-3"] },
    ] }] } } } });
    let volume = format!("pvc-{}", claim.uid());
    let patch =
        Request::merge_patch(super::objects::VOLUMES, "", &volume, Tree::from_value(affinity));
    assert!(world.request(patch).is_success());

    let volume = json!([{ "name": "data", "persistentVolumeClaim": { "claimName": "data" } }]);
    create(&mut world, PODS, pod("demo-0", &json!({ "volumes": volume })));
    run(&mut world, 5_000);

    assert_eq!(get(&world, "Pod", "demo-0").unwrap()["spec"]["nodeName"], "node-3");
}
