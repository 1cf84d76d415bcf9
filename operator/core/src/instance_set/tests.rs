use drydock_operator_api::Resource;
use drydock_operator_api::core::{PersistentVolumeClaim, Pod, Service};
use drydock_operator_api::workloads::InstanceSet;
use drydock_operator_api::workloads::instance_set::{
    ConfigTemplate, CurrentState, DesiredState, Status,
};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Tree, load, reconcile};
use crate::fixture::{InstanceSetFixture, Objects, at, instance_set, pod, template};
use crate::plan::{Call, OnFailure, Plan};
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

#[test]
fn a_pod_that_is_not_available_holds_the_next_one_back() {
    let set = instance_set("demo").replicas(3);

    let first = plan(&set.build());
    let held = plan(&set.clone().with(pod(0)).build());
    let second = plan(&set.with(pod(0).ready()).build());

    assert_eq!(writes(&first), ["create demo-0"]);
    assert_eq!(writes(&held), [""; 0]);
    assert_eq!(waits(&held), ["pod/demo-0 to be available"]);
    assert_eq!(writes(&second), ["create demo-1"]);
}

#[test]
fn in_parallel_no_more_are_new_or_unavailable_than_the_concurrency() {
    let set = instance_set("demo").replicas(5).parallel("2");

    assert_eq!(writes(&plan(&set.build())), ["create demo-0", "create demo-1"]);
    let set = set.with(pod(0).ready()).with(pod(1));
    assert_eq!(writes(&plan(&set.build())), ["create demo-2"]);
    let held = plan(&set.with(pod(2)).build());
    assert_eq!(writes(&held), [""; 0]);
    assert_eq!(waits(&held), ["pod/demo-1 to be available", "pod/demo-2 to be available"]);
}

#[test]
fn broken_pods_that_are_not_wanted_do_not_keep_each_other() {
    let set = instance_set("demo").replicas(1).parallel("100%");
    let tree = set.with(pod(0).ready()).with(pod(1)).with(pod(2)).build();

    assert_eq!(writes(&plan(&tree)), ["delete demo-2", "delete demo-1"]);
}

#[test]
fn the_last_pod_goes_first_and_its_claim_before_it() {
    let mut objects = settled(&instance_set("demo").replicas(3).claim("data", "1Gi"));
    edit(&mut objects, |spec| spec["replicas"] = json!(2));
    let mut all = Vec::new();
    for _ in 0..3 {
        let plan = plan(&tree_of(&objects).expect("a set"));
        all.extend(writes(&plan));
        objects.execute(plan, usize::MAX, at(1000));
    }

    assert_eq!(all, ["delete data-demo-2", "delete demo-2"]);
    settle(&mut objects);
    assert_eq!(objects.names(PersistentVolumeClaim::kind()), ["data-demo-0", "data-demo-1"]);
}

#[test]
fn retained_claims_outlive_scale_in_and_are_used_again() {
    let mut objects = settled(&instance_set("demo").replicas(2).claim("data", "1Gi").retain());
    edit(&mut objects, |spec| spec["replicas"] = json!(1));
    settle(&mut objects);
    assert_eq!(objects.names(PersistentVolumeClaim::kind()), ["data-demo-0", "data-demo-1"]);
    let claim = Key::new("default", "data-demo-1");
    let before = objects.value(PersistentVolumeClaim::kind(), &claim).expect("a claim")["metadata"]
        ["uid"]
        .clone();

    edit(&mut objects, |spec| spec["replicas"] = json!(2));
    settle(&mut objects);

    assert_eq!(objects.names(Pod::kind()), ["demo-0", "demo-1"]);
    assert_eq!(
        objects.value(PersistentVolumeClaim::kind(), &claim).expect("a claim")["metadata"]["uid"],
        before
    );
}

#[test]
fn an_old_copy_of_the_set_deletes_no_data() {
    let mut objects = settled(&instance_set("demo").replicas(2).claim("data", "1Gi"));
    edit(&mut objects, |spec| spec["replicas"] = json!(1));
    let old = tree_of(&objects).expect("a set");
    edit(&mut objects, |spec| spec["replicas"] = json!(2));
    settle(&mut objects);

    let plan = plan(&old);
    objects.execute(plan, usize::MAX, at(1000));

    assert_eq!(objects.names(PersistentVolumeClaim::kind()), ["data-demo-0", "data-demo-1"]);
    let claim = Key::new("default", "data-demo-1");
    let claim = objects.value(PersistentVolumeClaim::kind(), &claim).expect("a claim");
    assert_eq!(claim["metadata"].get("deletionTimestamp"), None);
}

#[test]
fn a_pod_waits_for_the_name_of_its_claim_to_be_free() {
    let mut objects = settled(&instance_set("demo").replicas(1).claim("data", "1Gi"));
    let claim = objects.value(PersistentVolumeClaim::kind(), &Key::new("default", "data-demo-0"));
    claim.expect("a claim")["metadata"]["deletionTimestamp"] = json!(at(1));
    let mut tree = tree_of(&objects).expect("a set");
    tree.pods.clear();

    let plan = plan(&tree);

    assert_eq!(writes(&plan), [""; 0]);
    assert_eq!(waits(&plan), ["persistentvolumeclaim/data-demo-0 to be gone"]);
}

#[test]
fn a_claim_only_grows_and_is_asked_for_last() {
    let mut objects = settled(&instance_set("demo").replicas(1).claim("data", "2Gi"));
    edit(&mut objects, |spec| {
        spec["volumeClaimTemplates"][0]["spec"]["resources"]["requests"]["storage"] = json!("1Gi");
    });
    settle(&mut objects);
    let size = |objects: &mut Objects| {
        let key = Key::new("default", "data-demo-0");
        let claim = objects.value(PersistentVolumeClaim::kind(), &key).expect("a claim");
        claim["spec"]["resources"]["requests"]["storage"].clone()
    };
    assert_eq!(size(&mut objects), "2Gi");

    edit(&mut objects, |spec| {
        spec["volumeClaimTemplates"][0]["spec"]["resources"]["requests"]["storage"] = json!("3Gi");
    });
    let plan = plan(&tree_of(&objects).expect("a set"));
    let last = plan.actions.last().expect("an action");
    assert!(
        matches!(&last.call, Call::Patch { kind, .. } if *kind == PersistentVolumeClaim::kind())
    );
    settle(&mut objects);
    assert_eq!(size(&mut objects), "3Gi");
}

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
    assert!(tree.pods.values().all(|pod| super::revision::of(pod) == revision));
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
fn a_stopped_set_loses_its_pods_and_keeps_its_claims() {
    let mut objects = settled(&instance_set("demo").replicas(2).claim("data", "1Gi"));
    edit(&mut objects, |spec| spec["stop"] = json!(true));
    let plan = {
        let tree = tree_of(&objects).expect("a set");
        plan(&tree)
    };
    objects.execute(plan, usize::MAX, at(1000));

    let states = |objects: &Objects| -> Vec<_> {
        let tree = tree_of(objects).expect("a set");
        let entries = status(&tree, &self::plan(&tree)).status.instance_status;
        entries.into_iter().map(|it| (it.desired_state, it.current_state)).collect()
    };
    let offline = Some(DesiredState::Offline);
    assert_eq!(
        states(&objects),
        [(offline, Some(CurrentState::Present)), (offline, Some(CurrentState::Terminating))]
    );
    settle(&mut objects);
    assert_eq!(states(&objects), [(offline, Some(CurrentState::Absent)); 2]);
    assert_eq!(objects.names(PersistentVolumeClaim::kind()), ["data-demo-0", "data-demo-1"]);
}

#[test]
fn deletion_takes_everything_and_then_the_finalizer() {
    let mut objects = settled(&instance_set("demo").replicas(2).claim("data", "1Gi"));
    objects.call(&deletion(), at(1));

    settle(&mut objects);

    assert_eq!(objects.facts().into_keys().collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn retained_claims_survive_the_set_without_an_owner() {
    let mut objects = settled(&instance_set("demo").replicas(1).claim("data", "1Gi").retain());
    objects.call(&deletion(), at(1));

    settle(&mut objects);

    assert_eq!(objects.names(PersistentVolumeClaim::kind()), ["data-demo-0"]);
    let claim = objects.value(PersistentVolumeClaim::kind(), &Key::new("default", "data-demo-0"));
    let claim = claim.expect("a claim");
    assert_eq!(claim["metadata"].get("deletionTimestamp"), None);
    assert_eq!(claim["metadata"]["ownerReferences"].as_array().map_or(0, Vec::len), 0);
}

#[test]
fn a_paused_set_is_not_deleted_and_says_whose_that_is() {
    let tree = instance_set("demo")
        .paused()
        .change(|set| set.metadata.deletion_timestamp = Some(at(1)))
        .with_ready(1)
        .build();

    let plan = plan(&tree);

    assert_eq!(plan.actions, []);
    assert_eq!(waits(&plan), ["instanceset/demo not to be paused"]);
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
fn a_headless_service_deleted_by_hand_is_made_anew() {
    let mut objects = settled(&instance_set("demo").replicas(1));
    let key = Key::new("default", "demo-headless");
    let service = objects.value(Service::kind(), &key).expect("a Service");
    service["metadata"]["deletionTimestamp"] = json!(at(1));
    let before = service["metadata"]["uid"].clone();

    settle(&mut objects);

    assert_ne!(objects.value(Service::kind(), &key).expect("a Service")["metadata"]["uid"], before);
}

#[test]
fn a_pod_carries_what_identifies_it() {
    let set = instance_set("demo").replicas(1).claim("data", "1Gi").set();

    let mut pod = super::object::pod(&set, &super::naming::Name::new("demo", 0), "");

    pod["spec"]["containers"].take();
    insta::assert_yaml_snapshot!(pod, @r#"
    apiVersion: v1
    kind: Pod
    metadata:
      labels:
        app.kubernetes.io/instance: demo
        app.kubernetes.io/managed-by: kubeblocks
        apps.kubeblocks.io/component-name: redis
        apps.kubeblocks.io/instance-template: ""
        apps.kubeblocks.io/pod-name: demo-0
        apps.kubeblocks.io/release-phase: stable
        controller-revision-hash: 6f98797f
        workloads.kubeblocks.io/instance: demo
        workloads.kubeblocks.io/managed-by: InstanceSet
        workloads.kubeblocks.io/template-name: ""
      name: demo-0
      namespace: default
      ownerReferences:
        - apiVersion: workloads.kubeblocks.io/v1
          blockOwnerDeletion: true
          controller: true
          kind: InstanceSet
          name: demo
          uid: set-uid
    spec:
      containers: ~
      hostname: demo-0
      subdomain: demo-headless
      volumes:
        - name: data
          persistentVolumeClaim:
            claimName: data-demo-0
    "#);
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
