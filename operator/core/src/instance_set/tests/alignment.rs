//! Scale out, scale in, claims.

use drydock_operator_api::Resource;
use drydock_operator_api::core::{PersistentVolumeClaim, Pod};
use drydock_operator_api::workloads::instance_set::{CurrentState, DesiredState};
use serde_json::json;

use super::{edit, plan, settle, settled, status, tree_of, waits, writes};
use crate::fixture::{Objects, at, instance_set, pod};
use crate::plan::Call;
use crate::view::Key;

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
