//! Deletion: the components in the topology's order, then what belongs to the Cluster itself, then
//! the finalizer.

use drydock_operator_api::apps::{Cluster, ClusterPhase, TerminationPolicy};

use super::order::Order;
use super::{Tree, release};
use crate::draft::{Draft, Flow, Pass};
use crate::labels;
use crate::plan::{Reference, Whose};

/// The components must know the policy before they are deleted by it.
pub(super) fn termination_policy(
    tree: &Tree,
    draft: &mut Draft<Cluster>,
    _pass: &Pass<'_>,
) -> Flow {
    if !tree.is_terminating() {
        return Flow::Continue;
    }
    let policy = tree.cluster.spec.termination_policy;
    let mut patched = false;
    for component in tree.components.values() {
        let mut wanted = (**component).clone();
        wanted.spec.termination_policy = policy;
        patched |= draft.patch(&**component, &wanted);
    }
    if patched { Flow::Commit } else { Flow::Continue }
}

pub(super) fn deletion(tree: &Tree, draft: &mut Draft<Cluster>, _pass: &Pass<'_>) -> Flow {
    let cluster = &tree.cluster;
    if !tree.is_terminating() {
        if cluster.metadata.is_deleting() {
            debug_assert_eq!(cluster.spec.termination_policy, TerminationPolicy::DoNotTerminate);
            draft.wait(
                Reference::of(&**cluster),
                "to allow its deletion",
                "spec.terminationPolicy is DoNotTerminate",
                Whose::User,
            );
        }
        return Flow::Continue;
    }
    let nothing_left =
        tree.components.is_empty() && tree.services.is_empty() && tree.secrets.is_empty();
    if nothing_left {
        draft.root.metadata.finalizers.retain(|finalizer| finalizer != labels::CLUSTER_FINALIZER);
        return Flow::Commit;
    }
    if draft.root.status.phase != Some(ClusterPhase::Deleting) {
        draft.root.status.phase = Some(ClusterPhase::Deleting);
        draft.event("DeletingCR", format!("Deleting : {}", cluster.metadata.name));
    }
    if tree.components.is_empty() {
        delete_own(tree, draft);
    } else {
        delete_components(tree, draft);
    }
    Flow::Commit
}

/// An order is kept as long as it is known: a definition that is gone, or that is none for these
/// components any more, must not keep a Cluster from going.
fn delete_components(tree: &Tree, draft: &mut Draft<Cluster>) {
    let order =
        Order::of(tree.topology().and_then(|it| it.orders.as_ref()).map(|it| &it.terminate));
    for (name, component) in &tree.components {
        let before = order.predecessors(name).unwrap_or_default();
        match before.iter().find_map(|name| tree.components.get(*name)) {
            None => {
                release::delete(draft, &**component);
                draft.wait(
                    Reference::of(&**component),
                    "to be gone",
                    "a Cluster goes after its components",
                    Whose::Operator,
                );
            }
            Some(earlier) => draft.wait(
                Reference::of(&**earlier),
                "to be gone",
                format!("component {name} is deleted after it, by the topology's order"),
                Whose::Operator,
            ),
        }
    }
}

fn delete_own(tree: &Tree, draft: &mut Draft<Cluster>) {
    for service in &tree.services {
        release::delete(draft, &**service);
        wait_for(draft, Reference::of(&**service));
    }
    for secret in &tree.secrets {
        release::delete(draft, &**secret);
        wait_for(draft, Reference::of(&**secret));
    }
}

fn wait_for(draft: &mut Draft<Cluster>, object: Reference) {
    draft.wait(object, "to be gone", "a Cluster goes after what it owns", Whose::Kubernetes);
}
