//! Whether what a Component asks for can be built at all.

use drydock_operator_api::apps::{Component, ComponentDefinition, DefinitionPhase};

use super::hold::Hold;
use super::{Tree, builds};
use crate::draft::{Draft, Flow, Pass};
use crate::labels;
use crate::plan::{Reference, Whose};
use crate::view::Key;

pub(super) fn load(tree: &Tree, draft: &mut Draft<Component>, _pass: &Pass<'_>) -> Flow {
    if !builds(tree, draft) {
        return Flow::Continue;
    }
    let component = Reference::of(&*tree.component);
    for label in [labels::INSTANCE, labels::COMPONENT_NAME] {
        if tree.component.metadata.label(label).is_none_or(str::is_empty) {
            let rule = format!("metadata.labels: {label} is required");
            return Hold::broken(component, rule, Whose::User).apply(draft);
        }
    }
    let name = &tree.component.spec.comp_def;
    let reference = Reference::new(
        <ComponentDefinition as drydock_operator_api::Resource>::kind(),
        Key::new("", name),
    );
    let Some(definition) = &tree.definition else {
        return Hold::missing(reference, "spec.compDef names it", Whose::User).apply(draft);
    };
    if definition.status.phase != Some(DefinitionPhase::Available)
        || definition.status.observed_generation != Some(definition.metadata.generation)
    {
        let because = match definition.status.message.as_str() {
            "" => "spec.compDef names it, and it is not checked yet".to_owned(),
            message => message.to_owned(),
        };
        let whose =
            if definition.status.message.is_empty() { Whose::Operator } else { Whose::Addon };
        return Hold::not_yet(Reference::of(&**definition), "to be Available", because, whose)
            .apply(draft);
    }
    if let Some(sidecar) = tree
        .component
        .spec
        .sidecars
        .iter()
        .find(|sidecar| !tree.sidecars.iter().any(|d| d.metadata.name == sidecar.sidecar_def))
    {
        let rule = format!(
            "spec.sidecars[{}].sidecarDef: sidecardefinition/{} does not exist or is not Available",
            sidecar.name, sidecar.sidecar_def
        );
        return Hold::broken(component, rule, Whose::Addon).apply(draft);
    }
    Flow::Continue
}

pub(super) fn validate(tree: &Tree, draft: &mut Draft<Component>, _pass: &Pass<'_>) -> Flow {
    /// Where a definition sets no limits.
    const LIMITS: (i32, i32) = (1, 16384);
    if !builds(tree, draft) {
        return Flow::Continue;
    }
    let limits = tree.definition().spec.replicas_limit.as_ref();
    let (least, most) = limits.map_or(LIMITS, |limit| (limit.min_replicas, limit.max_replicas));
    let replicas = tree.component.spec.replicas;
    if !(least..=most).contains(&replicas) {
        let rule = format!(
            "spec.replicas is {replicas}; componentdefinition/{} allows {least} to {most}",
            tree.definition().metadata.name
        );
        return Hold::broken(Reference::of(&*tree.component), rule, Whose::User).apply(draft);
    }
    if let Err(rule) = super::names_of::instances(&tree.component, tree.workload.as_deref()) {
        return Hold::broken(Reference::of(&*tree.component), rule, Whose::User).apply(draft);
    }
    Flow::Continue
}
