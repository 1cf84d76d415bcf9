//! The end of a set: all its children go, then its finalizer.

use drydock_operator_api::core::PersistentVolumeClaim;
use drydock_operator_api::workloads::InstanceSet;
use drydock_operator_api::{Resource, apps::Retention};

use super::Tree;
use crate::draft::{Draft, Flow, Pass, key};
use crate::labels::INSTANCE_SET_FINALIZER;
use crate::plan::{Reference, Whose};

pub(super) fn deletion(tree: &Tree, draft: &mut Draft<InstanceSet>, _pass: &Pass<'_>) -> Flow {
    let set = &*tree.set;
    if !tree.is_deleting() || !set.metadata.has_finalizer(INSTANCE_SET_FINALIZER) {
        return if tree.is_deleting() { Flow::Commit } else { Flow::Continue };
    }
    if tree.is_paused() {
        let on = Reference::of(set);
        draft.wait(on, "not to be paused", "a paused set is not deleted", Whose::User);
        return Flow::Commit;
    }
    let retain = retained(set);
    let mut left = false;
    for claim in tree.claims.values().filter(|claim| tree.owns(&claim.metadata)) {
        if retain && !claim.metadata.is_deleting() {
            release(tree, draft, claim);
        } else {
            left = true;
            remove(draft, &**claim, "its data goes with the set");
        }
    }
    for service in tree.services.values() {
        left = true;
        remove(draft, &**service, "a set goes after its Services");
    }
    for config_map in tree.config_maps.values() {
        left = true;
        remove(draft, &**config_map, "a set goes after its ConfigMaps");
    }
    for pod in tree.pods.values() {
        left = true;
        remove(draft, &**pod, "a set goes after its pods");
    }
    if !left {
        draft.root.metadata.finalizers.retain(|finalizer| finalizer != INSTANCE_SET_FINALIZER);
    }
    Flow::Commit
}

fn retained(set: &InstanceSet) -> bool {
    let policy = set.spec.persistent_volume_claim_retention_policy.as_ref();
    policy.and_then(|policy| policy.when_deleted) == Some(Retention::Retain)
}

/// Without the owner reference the garbage collector leaves the claim alone.
fn release(tree: &Tree, draft: &mut Draft<InstanceSet>, claim: &PersistentVolumeClaim) {
    let mut released = claim.clone();
    let owners = &mut released.metadata.owner_references;
    owners.retain(|owner| owner.uid != tree.set.metadata.uid);
    draft.patch(claim, &released);
}

/// Takes our finalizer off and deletes, whichever is still to be done; then waits.
pub(super) fn remove<T: Resource + Clone>(
    draft: &mut Draft<InstanceSet>,
    object: &T,
    because: &'static str,
) {
    // First the finalizer: after the deletion the object has another revision.
    let mut released = object.clone();
    released.meta_mut().finalizers.retain(|finalizer| finalizer != INSTANCE_SET_FINALIZER);
    draft.patch(object, &released);
    if !object.meta().is_deleting() {
        draft.delete(object);
        let key = key(object);
        draft.event(
            "SuccessfulDelete",
            format!("delete {} {} successful", T::kind().kind, key.name),
        );
    }
    draft.wait(Reference::of(object), "to be gone", because, Whose::Kubernetes);
}
