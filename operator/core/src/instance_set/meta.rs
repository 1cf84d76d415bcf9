//! What has to stand before anything else is done: the finalizer, and a spec that can be honoured.

use drydock_operator_api::workloads::InstanceSet;

use super::Tree;
use crate::draft::{Draft, Flow, Pass};
use crate::labels::INSTANCE_SET_FINALIZER;
use crate::plan::{Problem, Reference, Whose};

/// Without the finalizer nothing is made, or it could be left behind.
pub(super) fn meta(tree: &Tree, draft: &mut Draft<InstanceSet>, _pass: &Pass<'_>) -> Flow {
    let metadata = &tree.set.metadata;
    if metadata.is_deleting() || metadata.has_finalizer(INSTANCE_SET_FINALIZER) {
        return Flow::Continue;
    }
    draft.root.metadata.finalizers.push(INSTANCE_SET_FINALIZER.to_owned());
    Flow::Commit
}

/// Only the user can put a broken spec right, so there is nothing to retry.
pub(super) fn validation(tree: &Tree, draft: &mut Draft<InstanceSet>, _pass: &Pass<'_>) -> Flow {
    let problem = match &tree.names {
        Err(problem) => problem.clone(),
        Ok(_) if tree.set.spec.enable_instance_api == Some(true) => {
            "spec.enableInstanceAPI is not supported: this set's pods are made directly".to_owned()
        }
        Ok(_) => return Flow::Continue,
    };
    let on = Reference::of(&*tree.set);
    draft.warn("FailedReconcile", problem.clone());
    draft.wait(on, "to have a spec that can be honoured", problem.clone(), Whose::User);
    draft.find(Problem::Broken(problem));
    Flow::Commit
}
