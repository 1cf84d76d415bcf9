//! The `InstanceSet` of a component: made once all it depends on is there, and kept as it should be.

mod merge;
mod scale;

use drydock_operator_api::apps::Component;
use drydock_operator_api::workloads::InstanceSet;

use super::hold::Hold;
use super::replicas::Replicas;
use super::synthesis::{Images, Parts};
use super::{Tree, builds, files, names_of, rbac, synthesis, vars};
use crate::draft::{Draft, Flow, Pass};
use crate::labels;
use crate::plan::{Reference, Whose};

pub(super) fn step(tree: &Tree, draft: &mut Draft<Component>, pass: &Pass<'_>) -> Flow {
    if !builds(tree, draft) {
        return Flow::Continue;
    }
    let wanted = match wanted(tree, pass) {
        Ok(wanted) => wanted,
        Err(hold) => return hold.apply(draft),
    };
    match tree.workload.as_deref() {
        None => create(tree, draft, wanted, pass),
        // It goes, and comes again when it is gone.
        Some(running) if running.metadata.is_deleting() => {
            let on = Reference::of(running);
            draft.wait(on, "to be gone", "it is being deleted", Whose::Operator);
        }
        Some(running) if tree.component.spec.stop || running.spec.stop == Some(true) => {
            stop_or_start(tree, draft, running);
        }
        Some(running) => return scale::update(tree, draft, running, wanted, pass),
    }
    Flow::Continue
}

fn wanted(tree: &Tree, pass: &Pass<'_>) -> Result<InstanceSet, Hold> {
    let images =
        Images::of(tree.definition(), &tree.versions, &tree.component.spec.service_version);
    let mut lifecycle = tree.definition().spec.lifecycle_actions.clone();
    if let Some(actions) = &mut lifecycle {
        images.apply_to_actions(actions);
    }
    let account = rbac::account_name(tree, pass.settings);
    let parts = Parts {
        tree,
        settings: pass.settings,
        images: &images,
        lifecycle: lifecycle.as_ref(),
        vars: vars::resolved(tree, pass.settings)?,
        files: files::entries(tree, pass.settings)?,
        service_account: account.as_deref(),
    };
    synthesis::workload(&parts)
        .map_err(|rule| Hold::broken(Reference::of(&*tree.component), rule, Whose::Addon))
}

fn create(tree: &Tree, draft: &mut Draft<Component>, mut wanted: InstanceSet, pass: &Pass<'_>) {
    let mut replicas = Replicas::default();
    // All instances are the first ones: they are noted when their pods are there.
    if let Ok(names) = names_of::of_set(&wanted) {
        replicas.update(tree, &names, &names, pass.now);
    }
    wanted.metadata.annotations.insert(labels::REPLICAS_STATUS.to_owned(), replicas.json());
    draft.create(&wanted);
}

/// While stopped, and in the pass that starts it again, nothing else of the workload changes.
fn stop_or_start(tree: &Tree, draft: &mut Draft<Component>, running: &InstanceSet) {
    let mut new = running.clone();
    let generation = tree.component.metadata.generation.to_string();
    new.metadata.annotations.insert(labels::GENERATION.to_owned(), generation);
    if !tree.component.spec.stop {
        new.spec.stop = None;
    } else if super::post_provision::is_done(tree) {
        new.spec.stop = Some(true);
    } else {
        let on = Reference::of(&*tree.component);
        draft.wait(
            on,
            "to have run postProvision",
            "it is stopped only after that",
            Whose::Operator,
        );
    }
    draft.patch_as_read(running, &new);
}
