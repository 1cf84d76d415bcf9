//! How a Component goes: it says so, its workload goes, then all else, and last it itself.

use drydock_operator_api::Resource;
use drydock_operator_api::apps::{Component, ComponentPhase};
use drydock_operator_api::workloads::InstanceSet;

use super::{Tree, rbac};
use crate::draft::{Draft, Flow, Pass};
use crate::labels;
use crate::plan::{Reference, Whose};

pub(super) fn step(tree: &Tree, draft: &mut Draft<Component>, _pass: &Pass<'_>) -> Flow {
    if !tree.component.metadata.is_deleting() {
        return Flow::Continue;
    }
    if !tree.component.metadata.has_finalizer(labels::COMPONENT_FINALIZER) {
        return Flow::Commit;
    }
    if tree.component.status.phase != Some(ComponentPhase::Deleting) {
        draft.root.status.phase = Some(ComponentPhase::Deleting);
        draft.event("ComponentPhaseTransition", "component is Deleting");
        return Flow::Commit;
    }
    if let Some(workload) = &tree.workload {
        await_gone(draft, &**workload, "the component is deleted");
        if !workload.metadata.is_deleting() || has_our_finalizer(&**workload) {
            let_go(draft, &**workload);
        }
        return Flow::Commit;
    }
    let owned = &tree.owned;
    let mut left = 0;
    left += go(tree, draft, &owned.services);
    left += go(tree, draft, &owned.secrets);
    left += go(tree, draft, &owned.config_maps);
    left += go_or_be_orphaned(tree, draft, &owned.role_bindings);
    left += go_or_be_orphaned(tree, draft, &owned.service_accounts);
    left += go_or_be_orphaned(tree, draft, &owned.roles);
    if left == 0 {
        draft.root.metadata.finalizers.retain(|finalizer| finalizer != labels::COMPONENT_FINALIZER);
    }
    Flow::Commit
}

/// Our finalizer goes, and then the object: it may have others that hold it.
pub(super) fn let_go<T: Resource + Clone>(draft: &mut Draft<Component>, object: &T) {
    if has_our_finalizer(object) {
        let mut new = object.clone();
        new.meta_mut().finalizers.retain(|finalizer| finalizer != labels::COMPONENT_FINALIZER);
        draft.patch(object, &new);
    }
    if !object.meta().is_deleting() {
        draft.delete(object);
    }
}

fn has_our_finalizer<T: Resource>(object: &T) -> bool {
    object.meta().has_finalizer(labels::COMPONENT_FINALIZER)
}

fn await_gone<T: Resource>(draft: &mut Draft<Component>, object: &T, because: &'static str) {
    let held: Vec<&str> = object
        .meta()
        .finalizers
        .iter()
        .map(String::as_str)
        .filter(|finalizer| *finalizer != labels::COMPONENT_FINALIZER)
        .collect();
    let because = match held[..] {
        [] => because.to_owned(),
        [..] => format!("{because}, and it is held by {}", held.join(", ")),
    };
    draft.wait(Reference::of(object), "to be gone", because, Whose::Operator);
}

/// How many are still there. What a workload controls goes with the workload.
fn go<T: Resource + Clone>(
    tree: &Tree,
    draft: &mut Draft<Component>,
    objects: &[std::sync::Arc<T>],
) -> usize {
    let ours = |object: &&std::sync::Arc<T>| {
        object.meta().controller().is_none_or(|owner| owner.kind != InstanceSet::kind().kind)
            || object
                .meta()
                .owner_references
                .iter()
                .any(|owner| owner.uid == tree.component.metadata.uid)
    };
    let present: Vec<&std::sync::Arc<T>> = objects.iter().filter(ours).collect();
    for object in &present {
        await_gone(draft, &***object, "the component is deleted");
        if !object.meta().is_deleting() || has_our_finalizer(&***object) {
            let_go(draft, &***object);
        }
    }
    present.len()
}

/// Accounts and bindings of another name may be used by others: they stay, without us.
fn go_or_be_orphaned<T: Resource + Clone>(
    tree: &Tree,
    draft: &mut Draft<Component>,
    objects: &[std::sync::Arc<T>],
) -> usize {
    let (own, others): (Vec<_>, Vec<_>) =
        objects.iter().cloned().partition(|object| rbac::is_own(tree, &object.meta().name));
    for object in others.iter().filter(|object| rbac::controls(tree, &***object)) {
        let mut new = T::clone(object);
        let meta = new.meta_mut();
        meta.owner_references.retain(|owner| owner.uid != tree.component.metadata.uid);
        for label in super::names_of::base(tree).keys() {
            meta.labels.remove(label);
        }
        draft.patch(&**object, &new);
    }
    go(tree, draft, &own)
}
