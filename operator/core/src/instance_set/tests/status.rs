//! What the set tells of its pods.

use super::{is_status, plan, settled, status, tree_of, waits};
use crate::fixture::{instance_set, pod, template};

#[test]
fn a_paused_set_touches_no_pods_but_counts_them() {
    let tree = instance_set("demo").replicas(3).paused().with(pod(0).ready()).with(pod(1)).build();

    let plan = plan(&tree);

    assert!(plan.actions.iter().all(|action| is_status(&action.call)), "{plan:?}");
    let after = status(&tree, &plan).status;
    assert_eq!((after.replicas, after.ready_replicas), (2, 1));
    assert_eq!(waits(&plan), ["instanceset/demo not to be paused", "pod/demo-1 to be ready"]);
}

#[test]
fn a_new_generation_is_observed_before_pods_are_counted() {
    let tree = instance_set("demo")
        .replicas(1)
        .change(|set| set.metadata.generation = 2)
        .with_ready(1)
        .build();

    let plan = plan(&tree);

    let after = status(&tree, &plan).status;
    assert_eq!((after.observed_generation, after.replicas, after.updated_replicas), (2, 0, 1));
}

#[test]
fn the_status_at_rest_tells_of_each_instance() {
    let objects = settled(
        &instance_set("demo")
            .replicas(2)
            .roles(&["secondary", "primary"])
            .template(template("big").replicas(1)),
    );

    insta::assert_yaml_snapshot!(tree_of(&objects).expect("a set").set.status, @r#"
    observedGeneration: 1
    replicas: 2
    readyReplicas: 2
    availableReplicas: 2
    currentReplicas: 2
    updatedReplicas: 2
    initReplicas: 0
    currentRevision: 6f98797f
    updateRevision: 6f98797f
    currentRevisions:
      demo-0: 6f98797f
      demo-big-0: 6f98797f
    updateRevisions:
      demo-0: 6f98797f
      demo-big-0: 6f98797f
    conditions:
      - type: InstanceReady
        status: "True"
        observedGeneration: 1
        lastTransitionTime: "1970-01-01T00:33:20Z"
        reason: Ready
        message: ""
      - type: InstanceAvailable
        status: "True"
        observedGeneration: 1
        lastTransitionTime: "1970-01-01T00:33:20Z"
        reason: Available
        message: ""
    instanceStatus:
      - podName: demo-0
        templateName: ""
        desiredState: Active
        currentState: Present
        currentRevision: 6f98797f
        updateRevision: 6f98797f
        upToDate: true
        ready: true
        available: true
        role: primary
      - podName: demo-big-0
        templateName: big
        desiredState: Active
        currentState: Present
        currentRevision: 6f98797f
        updateRevision: 6f98797f
        upToDate: true
        ready: true
        available: true
        role: secondary
    templatesStatus:
      - name: big
        replicas: 1
        readyReplicas: 1
        availableReplicas: 1
        currentReplicas: 1
        updatedReplicas: 1
    "#);
}
