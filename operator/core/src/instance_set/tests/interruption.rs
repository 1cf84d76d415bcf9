//! A pass that ends in the middle.

use drydock_operator_api::workloads::instance_set::Status;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{deletion, edit, report_roles, settle, settled, tree_of};
use crate::fixture::{InstanceSetFixture, Objects, at, instance_set};
use crate::instance_set::reconcile;
use crate::settings::Settings;

/// Stories from one rest to the next.
fn stories() -> Vec<(&'static str, Objects)> {
    let roles = ["secondary", "primary"];
    let settled_with = |set: InstanceSetFixture, change: fn(&mut Value)| {
        let mut objects = settled(&set);
        edit(&mut objects, change);
        objects
    };
    let mut fresh = Objects::default();
    fresh.insert(
        &instance_set("demo")
            .replicas(2)
            .claim("data", "1Gi")
            .change(|set| {
                set.metadata.finalizers.clear();
                set.status = Status::default();
            })
            .set(),
    );
    let mut deleted = settled(&instance_set("demo").replicas(2).claim("data", "1Gi"));
    deleted.call(&deletion(), at(1));
    vec![
        ("provision", fresh),
        ("delete", deleted),
        (
            "scale in",
            settled_with(instance_set("demo").replicas(3).claim("data", "1Gi"), |spec| {
                spec["replicas"] = json!(1);
            }),
        ),
        (
            "stop",
            settled_with(instance_set("demo").replicas(3).parallel("100%"), |spec| {
                spec["stop"] = json!(true);
            }),
        ),
        (
            "new env",
            settled_with(instance_set("demo").replicas(3).roles(&roles).switchover(), |spec| {
                spec["template"]["spec"]["containers"][0]["env"][0]["value"] = json!("6380");
            }),
        ),
        (
            "new image",
            settled_with(instance_set("demo").replicas(2), |spec| {
                spec["template"]["spec"]["containers"][0]["image"] =
                    json!("docker.io/library/redis:8.0");
            }),
        ),
    ]
}

#[test]
fn a_pass_may_be_interrupted_between_any_two_of_its_calls() {
    for (story, start) in stories() {
        let mut whole = start.clone();
        settle(&mut whole);
        let mut objects = start;
        let mut points = 0;
        for second in 0..200 {
            let now: Timestamp = at(2000 + second);
            let Some(tree) = tree_of(&objects) else { break };
            let plan = reconcile(&tree, now, &Settings::default());
            for crash in 0..plan.actions.len() {
                points += 1;
                let mut branch = objects.clone();
                branch.execute(plan.clone(), crash, now);
                settle(&mut branch);
                assert_eq!(
                    names(&branch),
                    names(&whole),
                    "{story}, crash after call {crash} of {plan:?}"
                );
            }
            let quiet = plan.actions.is_empty() && plan.requeue_at.is_none();
            objects.execute(plan, usize::MAX, now);
            let before = objects.facts();
            objects.settle(now);
            report_roles(&mut objects, &tree);
            if quiet && objects.facts() == before {
                break;
            }
        }
        assert!(points > 2, "{story} has {points} points to crash at");
    }
}

/// What is there, and what the set says of it.
fn names(objects: &Objects) -> (Vec<String>, Option<Value>) {
    let facts = objects.facts();
    let mut set = facts.get("InstanceSet/demo").cloned();
    for condition in
        set.iter_mut().filter_map(|it| it["status"]["conditions"].as_array_mut()).flatten()
    {
        condition["lastTransitionTime"].take();
    }
    (facts.into_keys().collect(), set)
}
