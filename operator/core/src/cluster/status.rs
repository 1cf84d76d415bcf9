//! One phase and a few conditions out of the phases of all components.

use drydock_operator_api::apps::{Cluster, ClusterPhase, ComponentPhase};

use super::Tree;
use crate::condition::{self, Wanted};
use crate::draft::{Draft, Flow, Pass};
use crate::names;

pub(super) fn status(tree: &Tree, draft: &mut Draft<Cluster>, pass: &Pass<'_>) -> Flow {
    let name = tree.cluster.metadata.name.clone();
    let generation = tree.cluster.metadata.generation;
    let phases: Vec<_> = draft.root.status.components.values().map(|of| of.phase).collect();
    let before = draft.root.status.phase;
    let phase = compose(&phases).or(before);
    draft.root.status.phase = phase;
    let observed = draft.root.status.components.values().filter_map(|of| of.observed_generation);
    draft.root.status.observed_generation = observed.min();

    let unavailable: String = draft
        .root
        .status
        .components
        .keys()
        .filter_map(|component| unavailable(tree, &name, component))
        .collect();
    let available = if unavailable.is_empty() {
        Wanted::new("Available", true, "Available", "All components are available")
    } else {
        Wanted::new("Available", false, "Unavailable", unavailable)
    };
    let applied = "Successfully applied for resources";
    let applied = Wanted::new("ApplyResources", true, "ApplyResourcesSucceed", applied);
    let conditions = &mut draft.root.status.conditions;
    condition::set(conditions, available, pass.now);
    condition::set(conditions, applied.at_generation(generation), pass.now);
    let failed: Vec<_> = draft
        .root
        .status
        .components
        .iter()
        .filter(|(_, of)| of.phase == Some(ComponentPhase::Failed))
        .map(|(name, _)| name.as_str())
        .collect();
    let ready = if phase == Some(ClusterPhase::Running) {
        Some(Wanted::new("Ready", true, "ClusterReady", format!("cluster {name} is ready")))
    } else if failed.is_empty() {
        None
    } else {
        let failed = failed.join(" ");
        let message = format!(
            "pods are unavailable in Components: [{failed}], refer to related component message \
             in Cluster.status.components"
        );
        Some(Wanted::new("Ready", false, "ComponentsNotReady", message))
    };
    if let Some(ready) = ready {
        condition::set(&mut draft.root.status.conditions, ready, pass.now);
    }
    tell(tree, draft, before);
    Flow::Continue
}

/// The first rule that holds; none: the phase stays as it was.
fn compose(phases: &[Option<ComponentPhase>]) -> Option<ClusterPhase> {
    use ComponentPhase::{Creating, Failed, Running, Starting, Stopped, Stopping, Updating};

    let any = |wanted: ComponentPhase| phases.contains(&Some(wanted));
    let all = |among: &[Option<ComponentPhase>]| phases.iter().all(|phase| among.contains(phase));
    if phases.is_empty() {
        None
    } else if all(&[Some(Stopped)]) {
        Some(ClusterPhase::Stopped)
    } else if all(&[Some(Running), Some(Stopped)]) {
        Some(ClusterPhase::Running)
    } else if all(&[Some(Creating), None]) {
        Some(ClusterPhase::Creating)
    } else if all(&[Some(Creating), Some(Running), Some(Updating)]) || any(Starting) {
        Some(ClusterPhase::Updating)
    } else if any(Stopping) {
        Some(ClusterPhase::Stopping)
    } else if all(&[Some(Failed)]) {
        Some(ClusterPhase::Failed)
    } else if any(Failed) {
        Some(ClusterPhase::Abnormal)
    } else {
        None
    }
}

fn unavailable(tree: &Tree, cluster: &str, component: &str) -> Option<String> {
    let name = names::component(cluster, component);
    let conditions = tree.components.get(component).map(|of| of.status.conditions.as_slice());
    match condition::find(conditions.unwrap_or_default(), "Available") {
        None => Some(format!("component {name} has no available condition; ")),
        Some(available) if available.status != "True" => {
            Some(format!("component {name} is not available; "))
        }
        Some(_) => None,
    }
}

/// Events for what turned: one per condition, one for a phase that is an end.
fn tell(tree: &Tree, draft: &mut Draft<Cluster>, before: Option<ClusterPhase>) {
    let turned: Vec<_> =
        condition::turned(&tree.cluster.status.conditions, &draft.root.status.conditions)
            .cloned()
            .collect();
    for condition in turned {
        if condition.status == "True" {
            draft.event(condition.reason, condition.message);
        } else {
            draft.warn(condition.reason, condition.message);
        }
    }
    let Some(phase) = draft.root.status.phase.filter(|phase| before != Some(*phase)) else {
        return;
    };
    let message = format!("cluster {} is {phase:?}", tree.cluster.metadata.name);
    match phase {
        ClusterPhase::Running | ClusterPhase::Stopped => draft.event(format!("{phase:?}"), message),
        ClusterPhase::Failed | ClusterPhase::Abnormal => draft.warn(format!("{phase:?}"), message),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rule_that_holds_gives_the_phase() {
        use ComponentPhase::{
            Creating, Deleting, Failed, Running, Starting, Stopped, Stopping, Updating,
        };
        let cases: &[(&[Option<ComponentPhase>], Option<ClusterPhase>)] = &[
            (&[], None),
            (&[Some(Stopped), Some(Stopped)], Some(ClusterPhase::Stopped)),
            (&[Some(Running), Some(Stopped)], Some(ClusterPhase::Running)),
            (&[Some(Running), Some(Running)], Some(ClusterPhase::Running)),
            (&[Some(Creating), None], Some(ClusterPhase::Creating)),
            (&[Some(Creating), Some(Running)], Some(ClusterPhase::Updating)),
            (&[Some(Updating), Some(Running)], Some(ClusterPhase::Updating)),
            (&[Some(Starting), Some(Failed)], Some(ClusterPhase::Updating)),
            (&[Some(Stopping), Some(Failed)], Some(ClusterPhase::Stopping)),
            (&[Some(Failed), Some(Failed)], Some(ClusterPhase::Failed)),
            (&[Some(Failed), Some(Running)], Some(ClusterPhase::Abnormal)),
            (&[Some(Failed), None], Some(ClusterPhase::Abnormal)),
            (&[Some(Running), None], None),
            (&[Some(Running), Some(Deleting)], None),
        ];

        for (phases, expected) in cases {
            assert_eq!(compose(phases), *expected, "{phases:?}");
        }
    }
}
