//! The controller of sets against a map of objects, step by step.

mod alignment;
mod deletion;
mod interruption;
mod objects;
mod status;
mod update;

use drydock_operator_api::Resource;
use drydock_operator_api::core::{PersistentVolumeClaim, Pod, Service};
use drydock_operator_api::workloads::InstanceSet;
use drydock_operator_api::workloads::instance_set::ConfigTemplate;
use serde_json::{Value, json};

use crate::fixture::{InstanceSetFixture, Objects, at, instance_set, template};
use crate::instance_set::{Tree, load, reconcile};
use crate::plan::{Call, Plan};
use crate::settings::Settings;
use crate::view::{Key, View};

fn plan(tree: &Tree) -> Plan {
    reconcile(tree, at(1000), &Settings::default())
}

/// The writes of pods and claims, as `create demo-0`.
fn writes(plan: &Plan) -> Vec<String> {
    plan.actions
        .iter()
        .filter_map(|action| match &action.call {
            Call::Create { kind, object, .. } if *kind != Service::kind() => {
                Some(format!("create {}", object["metadata"]["name"].as_str().expect("a name")))
            }
            Call::Delete { key, .. } => Some(format!("delete {}", key.name)),
            Call::Patch { kind, key, .. } if *kind == Pod::kind() => {
                Some(format!("patch {}", key.name))
            }
            Call::Agent(call) => Some(format!("call {} {}", call.action, call.pod.name)),
            _ => None,
        })
        .collect()
}

/// Each wait, as people would say it.
fn waits(plan: &Plan) -> Vec<String> {
    plan.waits.iter().map(|wait| format!("{} {}", wait.on, wait.until)).collect()
}

/// The status as it is after the plan.
fn status(tree: &Tree, plan: &Plan) -> InstanceSet {
    let mut objects = Objects::default();
    objects.insert(&*tree.set);
    for action in plan.actions.iter().filter(|it| is_status(&it.call)) {
        objects.call(&action.call, at(1000));
    }
    let view: &dyn View = &objects;
    InstanceSet::clone(&view.get::<InstanceSet>("default", "demo").expect("it was inserted"))
}

fn is_status(call: &Call) -> bool {
    matches!(call, Call::Patch { subresource: Some("status"), .. })
}

/// A set in a cluster where everything has come to rest.
fn settled(set: &InstanceSetFixture) -> Objects {
    let mut objects = Objects::default();
    objects.insert(&set.set());
    settle(&mut objects);
    objects
}

fn tree_of(objects: &Objects) -> Option<Tree> {
    load(objects, &Key::new("default", "demo"))
}

/// Passes and kubelets take turns, until a pass has nothing to do.
fn settle(objects: &mut Objects) {
    for second in 0..200 {
        let now = at(2000 + second);
        let Some(tree) = tree_of(objects) else { return };
        let plan = reconcile(&tree, now, &Settings::default());
        let quiet = plan.actions.is_empty() && plan.requeue_at.is_none();
        objects.execute(plan, usize::MAX, now);
        let before = objects.facts();
        objects.settle(now);
        report_roles(objects, &tree);
        if quiet && objects.facts() == before {
            return;
        }
    }
    panic!("it does not come to rest: {:?}", tree_of(objects).map(|tree| plan(&tree).actions));
}

/// As agents do: the first pod leads.
fn report_roles(objects: &mut Objects, tree: &Tree) {
    let roles = &tree.set.spec.roles;
    for (name, _) in tree.running() {
        let key = Key::new("default", name.to_string());
        if let (Some(pod), Some(leader)) = (objects.value(Pod::kind(), &key), roles.last()) {
            let role = if key.name == "demo-0" { leader } else { &roles[0] };
            pod["metadata"]["labels"]["kubeblocks.io/role"] = json!(role.name);
        }
    }
}

fn edit(objects: &mut Objects, change: impl FnOnce(&mut Value)) {
    let set = objects.value(InstanceSet::kind(), &Key::new("default", "demo")).expect("a set");
    change(&mut set["spec"]);
    let generation = set["metadata"]["generation"].as_i64().expect("a generation");
    set["metadata"]["generation"] = json!(generation + 1);
}

fn kinds() -> Vec<InstanceSetFixture> {
    vec![
        instance_set("demo").replicas(3).claim("data", "1Gi"),
        instance_set("demo").replicas(3).parallel("100%"),
        instance_set("demo").replicas(3).roles(&["secondary", "primary"]).switchover(),
        instance_set("demo").replicas(3).template(template("big").replicas(1).env("SIZE", "big")),
        instance_set("demo").replicas(2).min_ready(10),
        instance_set("demo").replicas(2).stopped(),
        instance_set("demo").replicas(0),
        instance_set("demo").replicas(2).change(|set| {
            set.spec.flat_instance_ordinal = true;
            set.spec.configs = vec![ConfigTemplate::default()];
        }),
    ]
}

fn deletion() -> Call {
    Call::Delete {
        kind: InstanceSet::kind(),
        key: Key::new("default", "demo"),
        uid: "set-uid".to_owned(),
        propagation: crate::plan::Propagation::Background,
    }
}

#[test]
fn a_settled_set_plans_nothing_and_waits_for_nothing() {
    for set in kinds() {
        let objects = settled(&set);

        let plan = reconcile(&tree_of(&objects).expect("a set"), at(9000), &Settings::default());

        assert_eq!(plan, Plan::default());
    }
}

#[test]
fn what_the_api_server_fills_in_is_not_written_again() {
    let mut objects = settled(&instance_set("demo").replicas(1).claim("data", "1Gi"));
    let service = objects.value(Service::kind(), &Key::new("default", "demo-headless"));
    let spec = &mut service.expect("a Service")["spec"];
    spec["clusterIPs"] = json!(["None"]);
    spec["sessionAffinity"] = json!("None");
    spec["internalTrafficPolicy"] = json!("Cluster");
    let claim = objects.value(PersistentVolumeClaim::kind(), &Key::new("default", "data-demo-0"));
    claim.expect("a claim")["spec"]["volumeName"] = json!("volume-1");
    let pod = objects.value(Pod::kind(), &Key::new("default", "demo-0"));
    pod.expect("a pod")["spec"]["containers"][0]["resources"]["requests"] =
        json!({ "cpu": "1000m", "memory": "1024Mi" });

    let plan = reconcile(&tree_of(&objects).expect("a set"), at(9000), &Settings::default());

    assert_eq!(plan, Plan::default());
}

#[test]
fn the_finalizer_comes_before_anything_is_made() {
    let tree = instance_set("demo").change(|set| set.metadata.finalizers.clear()).build();

    let plan = plan(&tree);

    assert_eq!(plan.actions.len(), 1);
    let Call::Patch { patch, subresource: None, .. } = &plan.actions[0].call else {
        panic!("no patch of the set: {plan:?}");
    };
    assert_eq!(
        patch["metadata"]["finalizers"],
        json!(["instanceset.workloads.kubeblocks.io/finalizer"])
    );
    assert_eq!(patch["metadata"]["resourceVersion"], "1");
}
