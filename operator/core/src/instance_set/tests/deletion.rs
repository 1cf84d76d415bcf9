//! How a set goes.

use drydock_operator_api::Resource;
use drydock_operator_api::core::PersistentVolumeClaim;

use super::{deletion, plan, settle, settled, waits};
use crate::fixture::{at, instance_set};
use crate::view::Key;

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
