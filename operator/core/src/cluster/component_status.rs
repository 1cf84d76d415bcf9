//! What the Cluster knows of each component.

use std::collections::BTreeMap;

use drydock_operator_api::apps::{Cluster, ClusterComponentStatus, Component, ComponentPhase};

use super::Tree;
use crate::draft::{Draft, Flow, Pass};
use crate::labels;
use crate::plan::{Reference, Whose};

pub(super) fn component_status(tree: &Tree, draft: &mut Draft<Cluster>, _pass: &Pass<'_>) -> Flow {
    let generation = tree.cluster.metadata.generation;
    let passing = |phase, reason: &str| ClusterComponentStatus {
        phase,
        message: BTreeMap::from([("reason".to_owned(), reason.to_owned())]),
        observed_generation: Some(generation),
        up_to_date: false,
    };
    let mut statuses = BTreeMap::new();
    for entry in &draft.root.spec.component_specs {
        let status = match tree.components.get(&entry.name) {
            Some(component) => known(component, generation),
            None => passing(None, "the component to be created"),
        };
        statuses.insert(entry.name.clone(), status);
    }
    for name in tree.components.keys() {
        let deleting = || passing(Some(ComponentPhase::Deleting), "the component to be deleted");
        statuses.entry(name.clone()).or_insert_with(deleting);
    }
    for (name, status) in &statuses {
        let before = draft.root.status.components.get(name).and_then(|status| status.phase);
        if let Some(phase) = status.phase
            && before != Some(phase)
        {
            let message = format!("cluster component {name} is {phase:?}");
            draft.event("ClusterComponentPhaseTransition", message);
        }
        if let Some(component) = tree.components.get(name)
            && !at_rest(status)
        {
            draft.wait(
                Reference::of(&**component),
                "to be Running",
                match status.phase {
                    Some(phase) => format!("component {name} is {phase:?}"),
                    None => format!("component {name} has no phase yet"),
                },
                Whose::Operator,
            );
        }
    }
    draft.root.status.components = statuses;
    Flow::Continue
}

fn at_rest(status: &ClusterComponentStatus) -> bool {
    status.up_to_date
        && matches!(status.phase, Some(ComponentPhase::Running | ComponentPhase::Stopped))
}

fn known(component: &Component, generation: i64) -> ClusterComponentStatus {
    let metadata = &component.metadata;
    let made_from: i64 = metadata
        .annotation(labels::GENERATION)
        .and_then(|generation| generation.parse().ok())
        .unwrap_or_default();
    let seen = component.status.observed_generation == Some(metadata.generation);
    ClusterComponentStatus {
        phase: component.status.phase,
        message: component.status.message.clone(),
        observed_generation: Some(made_from),
        up_to_date: made_from == generation && seen,
    }
}
