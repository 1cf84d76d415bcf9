//! What the controllers of all definitions have in common: a finalizer that guards a definition in
//! use, and a status that says whether it can be used.

#[cfg(test)]
mod tests;

use drydock_operator_api::apps::{
    ClusterDefinition, ComponentDefinition, ComponentVersion, DefinitionPhase, ServiceDescriptor,
    ShardingDefinition, SidecarDefinition,
};
use drydock_operator_api::{ObjectMeta, Resource};

use crate::draft::{self, Draft, Flow};
use crate::plan::{Problem, Reference, Whose};
use crate::view::{Key, View};

/// A definition's status, wherever its kind keeps it.
pub trait Definition: Resource + Clone {
    const FINALIZER: &'static str;
    fn status(&self) -> Status<'_>;
    fn set_status(&mut self, generation: i64, phase: DefinitionPhase, message: String);
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status<'a> {
    pub observed_generation: i64,
    pub phase: Option<DefinitionPhase>,
    pub message: &'a str,
}

macro_rules! definition {
    ($($kind:ty: $finalizer:literal),* $(,)?) => {$(
        impl Definition for $kind {
            const FINALIZER: &'static str = $finalizer;
            fn status(&self) -> Status<'_> {
                Status {
                    observed_generation: self.status.observed_generation.unwrap_or_default(),
                    phase: self.status.phase,
                    message: &self.status.message,
                }
            }
            fn set_status(&mut self, generation: i64, phase: DefinitionPhase, message: String) {
                self.status.observed_generation = Some(generation);
                self.status.phase = Some(phase);
                self.status.message = message;
            }
        }
    )*};
}

definition! {
    ClusterDefinition: "clusterdefinition.kubeblocks.io/finalizer",
    ComponentDefinition: "componentdefinition.kubeblocks.io/finalizer",
    ComponentVersion: "componentversion.kubeblocks.io/finalizer",
    ServiceDescriptor: "servicedescriptor.kubeblocks.io/finalizer",
    ShardingDefinition: "shardingdefinition.kubeblocks.io/finalizer",
    SidecarDefinition: "sidecardefinition.kubeblocks.io/finalizer",
}

/// Whether a definition was found good, as it is now.
pub fn is_available<D: Definition>(definition: &D) -> bool {
    let status = definition.status();
    status.phase == Some(DefinitionPhase::Available)
        && status.observed_generation == definition.meta().generation
}

/// The definition that an object names in a label, if it is to go: only then its users matter to it.
pub fn held<D: Definition>(view: &dyn View, user: &ObjectMeta, label: &str) -> Vec<Key> {
    let definition = user.label(label).and_then(|name| view.get::<D>("", name));
    let going = definition.filter(|definition| definition.meta().is_deleting());
    going.iter().map(|definition| draft::key(&**definition)).collect()
}

/// Adds the finalizer, or, when the definition is to go, removes it once nobody refers to it.
pub fn guard<D: Definition>(draft: &mut Draft<D>, referrers: &[Reference]) -> Flow {
    let kind = D::kind().kind.to_lowercase();
    let name = draft.root.meta().name.clone();
    if !draft.root.meta().is_deleting() {
        if !draft.root.meta().has_finalizer(D::FINALIZER) {
            draft.root.meta_mut().finalizers.push(D::FINALIZER.to_owned());
            if draft.root.meta().generation == 1 {
                draft.event("CreatedCR", format!("Created {kind}: {name}"));
            }
        }
        return Flow::Continue;
    }
    if referrers.is_empty() {
        draft.root.meta_mut().finalizers.retain(|finalizer| finalizer != D::FINALIZER);
    }
    for referrer in referrers {
        draft.wait(
            referrer.clone(),
            "to be gone",
            format!("{kind}/{name} is in use as long as {referrer} refers to it"),
            Whose::User,
        );
    }
    Flow::Commit
}

/// Says in the status whether the definition can be used, and why not.
pub fn judge<D: Definition>(draft: &mut Draft<D>, verdict: Result<(), Problem>) {
    let generation = draft.root.meta().generation;
    match verdict {
        Ok(()) => draft.root.set_status(generation, DefinitionPhase::Available, String::new()),
        Err(problem) => {
            let message = problem.to_string();
            if draft.root.status().message != message {
                draft.warn("Unavailable", message.clone());
            }
            if let Problem::Missing(what) = &problem {
                draft.wait(what.clone(), "to be there", message.clone(), Whose::User);
            }
            draft.root.set_status(generation, DefinitionPhase::Unavailable, message);
            draft.find(problem);
        }
    }
}

pub fn broken(rule: impl Into<String>) -> Problem {
    Problem::Broken(rule.into())
}

/// The first name that occurs twice.
pub fn duplicate<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let mut seen = std::collections::BTreeSet::new();
    names.into_iter().find(|name| !seen.insert(*name))
}
