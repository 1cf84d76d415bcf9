//! Role labels under views that lag.

use drydock_apiserver::{Gvr, Request, Tree};
use drydock_operator_core::controllers::Controller;
use drydock_operator_core::{base64, event};
use drydock_simulator::World;
use drydock_simulator::choice::Choice;
use serde_json::{Value, json};

use crate::toy;

const EVENTS: Gvr = Gvr::new("", "v1", "events");
const PODS: Gvr = Gvr::new("", "v1", "pods");
const SETS: Gvr = Gvr::new("workloads.kubeblocks.io", "v1", "instancesets");

fn event_controller() -> Vec<Controller> {
    vec![event::controller()]
}

/// A set of two pods whose changes reach the operator three seconds late from second 10 on.
fn world(seed: u64) -> World {
    let mut world = toy::world(event_controller, |config| {
        config.nodes = 0;
        config.seed = seed;
        config.choices = vec![Choice::DelayView {
            operator: "operator-0".to_owned(),
            kind: "Pod".to_owned(),
            by_ms: 3_000,
            from_ms: 10_000,
            for_ms: 60_000,
        }];
    });
    let labels = json!({
        "app.kubernetes.io/managed-by": "kubeblocks",
        "workloads.kubeblocks.io/managed-by": "InstanceSet",
        "workloads.kubeblocks.io/instance": "demo",
    });
    let containers =
        json!([{ "name": "redis", "image": "redis" }, { "name": "kbagent", "image": "agent" }]);
    let set = json!({
        "apiVersion": "workloads.kubeblocks.io/v1", "kind": "InstanceSet",
        "metadata": { "name": "demo" },
        "spec": {
            "replicas": 2,
            "roles": [{ "name": "primary", "isExclusive": true }, { "name": "secondary" }],
            "selector": { "matchLabels": labels },
            "template": { "spec": { "containers": containers } },
        },
    });
    create(&mut world, SETS, set);
    for name in ["demo-0", "demo-1"] {
        let metadata = json!({ "name": name, "labels": labels });
        create(
            &mut world,
            PODS,
            json!({ "metadata": metadata, "spec": { "containers": containers } }),
        );
    }
    world.run_until(toy::after(15, &world));
    world
}

fn create(world: &mut World, resource: Gvr, object: Value) {
    let response = world.request(Request::create(resource, "default", Tree::from_value(object)));
    assert!(response.is_success(), "{response:?}");
}

/// An agent says that its pod is the primary, since that second of the first minute of the year.
fn claim(world: &World, pod: &str, second: u32) -> Request {
    let uid = world
        .objects("", "Pod")
        .find(|object| object.name() == pod)
        .expect("it was created")
        .uid()
        .to_owned();
    let message = json!({ "code": 0, "output": base64::encode(b"primary") });
    let event = json!({
        "metadata": { "name": format!("{pod}.{second}") },
        "involvedObject": {
            "apiVersion": "v1", "kind": "Pod", "namespace": "default", "name": pod, "uid": uid,
            "fieldPath": "spec.containers{kbagent}",
        },
        "reason": "roleProbe",
        "reportingComponent": "kbagent",
        "reportingInstance": pod,
        "action": "roleProbe",
        "type": "Normal",
        "message": message.to_string(),
        "count": 1,
        "eventTime": format!("2026-01-01T00:00:{second:02}.000000Z"),
    });
    Request::create(EVENTS, "default", Tree::from_value(event))
}

fn primaries(world: &World) -> Vec<String> {
    world
        .objects("", "Pod")
        .filter(|pod| pod.label("kubeblocks.io/role") == Some("primary"))
        .map(|pod| pod.name().to_owned())
        .collect()
}

#[test]
fn two_reports_at_once_on_views_that_lag_leave_one_primary_the_newer_one() {
    for seed in 0..20 {
        let mut world = world(seed);
        let claims = [claim(&world, "demo-0", 12), claim(&world, "demo-1", 11)];
        for claim in claims {
            world.submit(claim);
        }

        let end = toy::after(30, &world);
        let mut most = 0;
        while world.next_at().is_some_and(|next| next < end) {
            world.step();
            most = most.max(primaries(&world).len());
        }

        assert_eq!(most, 2, "seed {seed}: the passes knew of each other, and nothing was tested");
        assert_eq!(primaries(&world), ["demo-0"], "seed {seed}");
        assert!(world.broken().is_empty(), "seed {seed}: {:?}", world.broken());
    }
}
