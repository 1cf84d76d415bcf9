//! What a Component carries itself: the finalizer that lets it clean up, and the label by which its
//! definition knows that it is in use.

use drydock_operator_api::apps::Component;

use super::{Tree, builds};
use crate::draft::{Draft, Flow, Pass};
use crate::labels;

/// Nothing may exist before the finalizer does: the pass ends with the write.
pub(super) fn step(tree: &Tree, draft: &mut Draft<Component>, _pass: &Pass<'_>) -> Flow {
    if !builds(tree, draft) {
        return Flow::Continue;
    }
    let meta = &mut draft.root.metadata;
    if !meta.has_finalizer(labels::COMPONENT_FINALIZER) {
        meta.finalizers.push(labels::COMPONENT_FINALIZER.to_owned());
    }
    meta.labels
        .insert(labels::COMPONENT_DEFINITION.to_owned(), tree.component.spec.comp_def.clone());
    if *meta == tree.component.metadata { Flow::Continue } else { Flow::Commit }
}
