//! Members that come, leave, have roles, stop and go.

use drydock_operator_core::plan::{Call, OnFailure};
use drydock_operator_core::view::Key;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::store::Store;

fn exec(command: &str) -> Value {
    json!({"exec": {"command": [command]}})
}

fn roles() -> Value {
    json!([{"name": "leader", "updatePriority": 2}, {"name": "follower", "updatePriority": 1}])
}

#[test]
fn who_cannot_leave_stays() {
    let actions = json!({"switchover": exec("switch"), "memberLeave": exec("leave")});
    let mut store =
        Store::of(json!({"lifecycleActions": actions, "roles": roles()}), json!({"replicas": 3}));
    store.run();

    store.failing.insert("memberLeave");
    store.edit("Component", "demo-db", &json!({"spec": {"replicas": 2}}));
    store.settle();

    assert_eq!(store.workload()["spec"]["replicas"], 3);
    let plan = store.last_plan();
    let leave = plan.actions.iter().find_map(|action| match &action.call {
        Call::Agent(call) if call.action == "memberLeave" => Some(call),
        _ => None,
    });
    assert_eq!(leave.unwrap().on_failure, OnFailure::Retry(SignedDuration::from_secs(1)));
    assert_eq!(leave.unwrap().parameters["KB_LEAVE_MEMBER_POD_NAME"], "demo-db-2");
    assert!(
        plan.waits.iter().any(|wait| wait.on.to_string() == "pod/demo-db-2"),
        "{:?}",
        plan.waits
    );
    assert_eq!(store.phase(), "Updating");

    store.failing.clear();
    store.settle();

    assert_eq!(store.workload()["spec"]["replicas"], 2);
    assert!(store.calls.contains(&("switchover".to_owned(), "demo-db-2".to_owned())));
}

#[test]
fn new_members_join_once_and_the_first_ones_never() {
    let actions = json!({"memberJoin": exec("join")});
    let mut store = Store::of(json!({"lifecycleActions": actions}), json!({"replicas": 1}));
    store.run();
    assert_eq!(store.calls, []);

    store.edit("Component", "demo-db", &json!({"spec": {"replicas": 3}}));
    store.run();

    let join = |pod: &str| ("memberJoin".to_owned(), pod.to_owned());
    assert_eq!(store.calls, [join("demo-db-1"), join("demo-db-2")]);
    assert_eq!(store.phase(), "Running");
}

#[test]
fn a_new_member_finds_the_task_to_load_its_data() {
    let actions = json!({"dataDump": exec("dump"), "dataLoad": exec("load")});
    let mut store = Store::of(json!({"lifecycleActions": actions}), json!({"replicas": 1}));
    store.run();

    store.edit("Component", "demo-db", &json!({"spec": {"replicas": 2}}));
    store.settle();

    let env = &store.get("ConfigMap", "demo-db-env").unwrap()["data"];
    let task: Value = serde_json::from_str(env["KB_AGENT_TASK"].as_str().unwrap()).unwrap();
    assert_eq!(
        task[0]["newReplica"]["remote"],
        "demo-db-0.demo-db-headless.demo.svc.cluster.local"
    );
    assert_eq!(task[0]["replicas"], "demo-db-1");
    assert_eq!(store.workload()["spec"]["replicas"], 2);
}

#[test]
fn a_service_per_pod_comes_and_goes_with_its_pod() {
    let service = json!({"name": "pods", "serviceName": "pods", "podService": true, "spec": {"ports": [{"port": 80}]}});
    let mut store = Store::of(json!({"services": [service]}), json!({"replicas": 2}));
    store.settle();
    let selector = &store.get("Service", "demo-db-pods-1").unwrap()["spec"]["selector"];
    assert_eq!(selector["apps.kubeblocks.io/pod-name"], "demo-db-1");

    store.edit("Component", "demo-db", &json!({"spec": {"replicas": 1}}));
    store.settle();

    assert!(store.get("Service", "demo-db-pods-0").is_some());
    assert!(store.get("Service", "demo-db-pods-1").is_none());
}

#[test]
fn a_stopped_component_keeps_its_workload_and_starts_again() {
    let mut store = Store::of(json!({}), json!({"replicas": 2}));
    store.run();
    assert_eq!(store.phase(), "Running");

    store.edit("Component", "demo-db", &json!({"spec": {"stop": true, "replicas": 3}}));
    store.settle();
    assert_eq!(store.phase(), "Stopping");
    assert_eq!(store.workload()["spec"]["stop"], true);
    // What else changed is done when it starts.
    assert_eq!(store.workload()["spec"]["replicas"], 2);
    store.pretend_pods();
    store.settle();
    assert_eq!(store.phase(), "Stopped");

    store.edit("Component", "demo-db", &json!({"spec": {"stop": null}}));
    store.settle();
    assert_eq!(store.phase(), "Starting");
    assert_eq!(store.workload()["spec"]["replicas"], 3);
    store.run();
    assert_eq!(store.phase(), "Running");
}

#[test]
fn a_role_that_is_not_told_for_a_minute_is_a_failure_until_it_is() {
    let actions = json!({"roleProbe": exec("probe")});
    let mut store =
        Store::of(json!({"lifecycleActions": actions, "roles": roles()}), json!({"replicas": 1}));
    store.run();
    let name = "demo-db";
    let ready = json!([{"type": "InstanceReady", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}]);
    let without = json!([{"podName": "demo-db-0", "templateName": ""}]);
    store.edit(
        "InstanceSet",
        name,
        &json!({"status": {"conditions": ready, "instanceStatus": without}}),
    );
    store.settle();
    assert_eq!(store.phase(), "Updating");
    assert_eq!(store.last_plan().requeue_at, Some(store.now + SignedDuration::from_secs(60)));

    store.now += SignedDuration::from_secs(60);
    store.settle();
    assert_eq!(store.phase(), "Failed");

    let with = json!([{"podName": "demo-db-0", "templateName": "", "role": "leader"}]);
    store.edit("InstanceSet", name, &json!({"status": {"instanceStatus": with}}));
    store.settle();
    assert_eq!(store.phase(), "Running");
}

#[test]
fn the_minute_of_a_missing_role_counts_from_when_all_pods_became_ready() {
    // As recorded: the leader's label moves, and the old leader has none until it reports. Shortly
    // after a pod was ready the component is Updating; long after it, Failed at once.
    for (ready_for, phase) in [(59, "Updating"), (60, "Failed"), (600, "Failed")] {
        let actions = json!({"roleProbe": exec("probe")});
        let definition = json!({"lifecycleActions": actions, "roles": roles()});
        let mut store = Store::of(definition, json!({"replicas": 2}));
        store.run();
        assert_eq!(store.phase(), "Running");

        store.now += SignedDuration::from_secs(ready_for);
        let ready = json!([{"type": "InstanceReady", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}]);
        let moved = json!([
            {"podName": "demo-db-0", "templateName": ""},
            {"podName": "demo-db-1", "templateName": "", "role": "leader"},
        ]);
        let status = json!({"status": {"conditions": ready, "instanceStatus": moved}});
        store.edit("InstanceSet", "demo-db", &status);
        store.settle();

        assert_eq!(store.phase(), phase, "ready for {ready_for} s");
    }
}

#[test]
fn what_follows_provisioning_is_run_once() {
    let action = json!({"exec": {"command": ["init"]}, "preCondition": "RuntimeReady"});
    let mut store =
        Store::of(json!({"lifecycleActions": {"postProvision": action}}), json!({"replicas": 2}));
    store.settle();
    assert_eq!(store.calls, []);

    store.failing.insert("postProvision");
    store.run();
    let failed = store.calls.len();
    assert!(failed > 0);
    let progressing = &store.get("Component", "demo-db").unwrap()["status"]["conditions"][2];
    assert_eq!(progressing["reason"], "PostProvision");

    store.failing.clear();
    store.run();
    assert_eq!(store.calls.len(), failed + 1);
    let annotations = &store.get("Component", "demo-db").unwrap()["metadata"]["annotations"];
    assert!(annotations["kubeblocks.io/post-provision-done"].is_string());
}

#[test]
fn accounts_are_made_in_the_database_once_it_runs() {
    let accounts = json!([
        {"name": "root", "initAccount": true},
        {"name": "app", "statement": {"create": "CREATE USER app"}},
    ]);
    let definition = json!({"lifecycleActions": {"accountProvision": exec("account")}, "systemAccounts": accounts});
    let mut store = Store::of(definition, json!({"replicas": 1}));

    store.run();

    assert_eq!(store.calls, [("accountProvision".to_owned(), "demo-db-0".to_owned())]);
    let conditions = store.get("Component", "demo-db").unwrap()["status"]["conditions"]
        .as_array()
        .unwrap()
        .clone();
    let told =
        conditions.iter().find(|condition| condition["type"] == "SystemAccountProvision").unwrap();
    assert_eq!((&told["status"], &told["message"]), (&json!("True"), &json!("app:,root:")));
}

#[test]
fn nothing_goes_before_what_precedes_it_has_run() {
    let actions = json!({"preTerminate": exec("drain")});
    let mut store = Store::of(json!({"lifecycleActions": actions}), json!({"replicas": 1}));
    store.run();

    store.failing.insert("preTerminate");
    store.delete("Component", &Key::new("demo", "demo-db"));
    store.settle();

    assert_eq!(store.phase(), "Deleting");
    assert!(store.workload()["metadata"]["deletionTimestamp"].is_null());
    let waits = store.last_plan().waits;
    assert_eq!(waits[0].until, "to have run preTerminate");

    store.failing.clear();
    store.settle();

    assert!(store.workload()["metadata"]["deletionTimestamp"].is_string());
}

#[test]
fn accounts_and_bindings_of_the_user_are_left_to_him() {
    let definition = json!({"lifecycleActions": {"roleProbe": exec("probe")}});
    let mut store = Store::of(definition, json!({"replicas": 1, "serviceAccountName": "mine"}));
    store.add(json!({"kind": "ServiceAccount", "metadata": {"name": "mine"}}), "demo");
    store.run();
    assert_eq!(store.pod()["serviceAccountName"], "mine");

    let key = Key::new("demo", "demo-db");
    store.delete("Component", &key);
    store.settle();
    store.objects.remove(&("InstanceSet".to_owned(), key));
    store.settle();

    assert!(store.get("Component", "demo-db").is_none());
    let binding = store.get("RoleBinding", "mine-pod").expect("the binding of the user's account");
    assert_eq!(binding["metadata"]["ownerReferences"], Value::Null);
    assert_eq!(binding["metadata"]["labels"]["app.kubernetes.io/instance"], Value::Null);
}
