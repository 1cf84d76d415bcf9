//! The action that is run once, after the first instances are there.

use drydock_operator_api::apps::{Action, Component};
use jiff::SignedDuration;

use super::lifecycle::Request;
use super::{Tree, builds};
use crate::draft::{Draft, Flow, Pass};
use crate::labels;
use crate::plan::{OnFailure, Reference, Whose};

const RETRY: SignedDuration = SignedDuration::from_secs(5);

pub(super) fn step(tree: &Tree, draft: &mut Draft<Component>, pass: &Pass<'_>) -> Flow {
    if !builds(tree, draft) || is_done(tree) {
        return Flow::Continue;
    }
    let Some(action) = action(tree) else { return Flow::Continue };
    let request = Request {
        name: "postProvision",
        action,
        subject: None,
        parameters: [].into(),
        on_failure: OnFailure::Retry(RETRY),
    };
    match request.calls(tree, pass.settings) {
        Ok(calls) => {
            let on = Reference::of(&*tree.component);
            draft.wait(on, "to have run postProvision", "it is called once", Whose::Addon);
            for call in calls {
                draft.call_last(call);
            }
            draft.late_mark(labels::POST_PROVISION_DONE, pass.now.to_string());
        }
        Err(hold) => hold.wait(draft),
    }
    Flow::Continue
}

/// Also where there is no such action.
pub(super) fn is_done(tree: &Tree) -> bool {
    action(tree).is_none()
        || tree.component.metadata.annotations.contains_key(labels::POST_PROVISION_DONE)
}

fn action(tree: &Tree) -> Option<&Action> {
    tree.definition.as_ref()?.spec.lifecycle_actions.as_ref()?.post_provision.as_ref()
}
