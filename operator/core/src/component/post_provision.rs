//! The action that is run once, after the first instances are there.

use drydock_operator_api::apps::{Action, Component};
use jiff::SignedDuration;

use super::lifecycle::Once;
use super::{Tree, builds};
use crate::draft::{Draft, Flow, Pass};
use crate::labels;

const RETRY: SignedDuration = SignedDuration::from_secs(5);

pub(super) fn step(tree: &Tree, draft: &mut Draft<Component>, pass: &Pass<'_>) -> Flow {
    if !builds(tree, draft) || is_done(tree) {
        return Flow::Continue;
    }
    let Some(action) = action(tree) else { return Flow::Continue };
    let once = Once {
        name: "postProvision",
        action,
        because: "it is called once",
        retry: RETRY,
        mark: labels::POST_PROVISION_DONE,
    };
    once.call(tree, draft, pass);
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
