//! The action that is run before anything of a Component goes.

use drydock_operator_api::Resource;
use drydock_operator_api::apps::{Component, ComponentDefinition, ComponentPhase};

use super::Tree;
use super::lifecycle::{Once, RETRY};
use super::replicas::Replicas;
use crate::draft::{Draft, Flow, Pass};
use crate::labels;
use crate::plan::{Reference, Whose};
use crate::view::Key;

pub(super) fn step(tree: &Tree, draft: &mut Draft<Component>, pass: &Pass<'_>) -> Flow {
    let component = &tree.component;
    let is_told = component.status.phase == Some(ComponentPhase::Deleting);
    let marks = [labels::SKIP_PRE_TERMINATE, labels::PRE_TERMINATE_DONE];
    if !component.metadata.is_deleting()
        || !is_told
        || component.spec.comp_def.is_empty()
        || marks.iter().any(|mark| component.metadata.annotations.contains_key(*mark))
        // Where nothing ever ran, there is nothing to prepare.
        || !tree.workload.as_ref().is_some_and(|workload| Replicas::of(workload).any_provisioned())
    {
        return Flow::Continue;
    }
    let Some(definition) = &tree.definition else {
        let key = Key::new("", &component.spec.comp_def);
        let on = Reference::new(ComponentDefinition::kind(), key);
        draft.wait(on, "to exist", "it may have a preTerminate action to run first", Whose::User);
        return Flow::Commit;
    };
    let action = definition
        .spec
        .lifecycle_actions
        .as_ref()
        .and_then(|actions| actions.pre_terminate.as_ref());
    let Some(action) = action else { return Flow::Continue };
    let once = Once {
        name: "preTerminate",
        action,
        because: "it is called before anything goes",
        retry: RETRY,
        mark: labels::PRE_TERMINATE_DONE,
    };
    once.call(tree, draft, pass);
    Flow::Commit
}
