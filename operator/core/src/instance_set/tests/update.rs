//! Updates of running pods, one after the other.

use serde_json::json;

use super::{edit, plan, settle, settled, status, tree_of, waits, writes};
use crate::fixture::{InstanceSetFixture, at, instance_set, pod};
use crate::instance_set::{Tree, revision};
use crate::plan::{Call, OnFailure};

#[test]
fn another_image_is_put_into_the_running_pod() {
    let mut objects = settled(&instance_set("demo").replicas(2));
    let revision = tree_of(&objects).expect("a set").set.status.update_revision.clone();
    edit(&mut objects, |spec| {
        spec["template"]["spec"]["containers"][0]["image"] = json!("docker.io/library/redis:8.0");
    });

    let first = plan(&tree_of(&objects).expect("a set"));
    assert_eq!(writes(&first), ["patch demo-1"]);
    settle(&mut objects);

    let tree = tree_of(&objects).expect("a set");
    assert_eq!(tree.set.status.update_revision, revision);
    assert!(tree.pods.values().all(|pod| pod.spec.containers[0].image.ends_with("redis:8.0")));
    assert!(tree.pods.values().all(|pod| revision::of(pod) == revision));
}

/// Puts every pod to an older revision.
fn aged(set: InstanceSetFixture, pods: [(&str, i32); 3]) -> Tree {
    pods.into_iter().fold(set, |set, (role, n)| set.with(pod(n).ready().old().role(role))).build()
}

#[test]
fn the_least_important_role_is_recreated_first_and_asked_to_switch_over() {
    let set = instance_set("demo").replicas(3).roles(&["secondary", "primary"]).switchover();
    let tree = aged(set, [("secondary", 0), ("secondary", 1), ("primary", 2)]);

    let plan = plan(&tree);

    assert_eq!(writes(&plan), ["call switchover demo-1", "delete demo-1"]);
    let Call::Agent(call) =
        &plan.actions.iter().find(|it| matches!(it.call, Call::Agent(_))).expect("a call").call
    else {
        unreachable!("it was looked for")
    };
    assert_eq!(call.on_failure, OnFailure::Ignore);
    insta::assert_yaml_snapshot!(call.parameters, @r#"
    KB_SWITCHOVER_CURRENT_FQDN: demo-1.demo-headless.default.svc.cluster.local
    KB_SWITCHOVER_CURRENT_NAME: demo-1
    KB_SWITCHOVER_ROLE: secondary
    PORT: "6379"
    "#);
}

#[test]
fn the_leader_goes_last() {
    let set = instance_set("demo").replicas(3).roles(&["secondary", "primary"]);
    let tree = set
        .with(pod(0).ready().role("secondary"))
        .with(pod(1).ready().role("secondary"))
        .with(pod(2).ready().old().role("primary"))
        .build();

    assert_eq!(writes(&plan(&tree)), ["delete demo-2"]);
}

#[test]
fn the_next_member_waits_until_the_last_one_is_ready_and_has_a_role() {
    let set = instance_set("demo").replicas(3).roles(&["secondary", "primary"]);
    let with = |fixture| {
        set.clone()
            .with(pod(0).ready().old().role("secondary"))
            .with(fixture)
            .with(pod(2).ready().old().role("primary"))
            .build()
    };

    let starting = plan(&with(pod(1)));
    let no_role = plan(&with(pod(1).ready()));
    let well = plan(&with(pod(1).ready().role("secondary")));

    assert_eq!(
        (writes(&starting), waits(&starting)),
        (vec![], vec!["pod/demo-1 to be ready".to_owned()])
    );
    assert_eq!(
        (writes(&no_role), waits(&no_role)),
        (vec![], vec!["pod/demo-1 to have a role".to_owned()])
    );
    assert_eq!(writes(&well), ["delete demo-0"]);
}

#[test]
fn a_pod_that_crashes_from_a_bad_template_is_replaced_when_the_template_is_mended() {
    let tree = instance_set("demo")
        .replicas(3)
        .with(pod(0).ready())
        .with(pod(1).ready())
        .with(pod(2).old().crashing(at(10)))
        .build();

    assert_eq!(writes(&plan(&tree)), ["delete demo-2"]);
}

#[test]
fn a_crash_holds_the_update_of_the_others() {
    let tree = instance_set("demo")
        .replicas(2)
        .with(pod(0).ready().old())
        .with(pod(1).crashing(at(10)))
        .build();

    let plan = plan(&tree);

    assert_eq!(writes(&plan), [""; 0]);
    assert_eq!(waits(&plan), ["pod/demo-1 to be ready"]);
}

#[test]
fn strict_in_place_recreates_nothing_and_says_so() {
    let tree = instance_set("demo")
        .replicas(1)
        .update_policy("StrictInPlace")
        .with(pod(0).ready().old())
        .build();

    let plan = plan(&tree);

    assert_eq!(writes(&plan), [""; 0]);
    let after = status(&tree, &plan).status;
    let condition = after.conditions.iter().find(|it| it.kind == "InstanceUpdateRestricted");
    assert_eq!(condition.expect("the condition").status, "True");
}
