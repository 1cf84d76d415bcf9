//! The Cluster controller: from what a user asks for to Components, in order, and back to one phase.
//!
//! ```text
//! Cluster (spec: topology, components)
//!    | validation, normalization: which definition, which version? written back to the spec
//!    v
//! Components, created, updated and deleted in the topology's orders
//!    | their phases
//!    v
//! Cluster (status)
//! ```
//!
//! **Invariant:** a Component is made only from a spec that is already stored: its generation says
//! from which.
//! **Invariant:** what is wrong with the spec is a condition and a finding; nothing is half-done then.

mod component;
mod component_status;
mod components;
mod deletion;
mod meta;
mod normalization;
mod order;
mod release;
mod services;
mod sidecars;
mod status;
#[cfg(test)]
mod tests;
mod validation;
mod watches;

use std::collections::BTreeMap;
use std::sync::Arc;

use drydock_operator_api::apps::{
    Cluster, ClusterDefinition, Component, ComponentDefinition, ComponentVersion,
    SidecarDefinition, TerminationPolicy, Topology,
};
use drydock_operator_api::core::{Secret, Service};
use drydock_operator_api::{ObjectMeta, Resource};
use jiff::Timestamp;

use crate::condition::{self, Wanted};
use crate::controllers::{Controller, Map, Watch, planner};
use crate::draft::{self, Draft, Flow, Pass};
use crate::plan::{Plan, Problem};
use crate::settings::Settings;
use crate::view::{Key, Selection, View};
use crate::{labels, names};

pub const PROVISIONING_STARTED: &str = "ProvisioningStarted";

/// A Cluster, what it owns and what it may be made from.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    pub cluster: Arc<Cluster>,
    /// The one that the spec names, if it is there.
    pub definition: Option<Arc<ClusterDefinition>>,
    pub component_definitions: BTreeMap<String, Arc<ComponentDefinition>>,
    pub component_versions: Vec<Arc<ComponentVersion>>,
    pub sidecar_definitions: Vec<Arc<SidecarDefinition>>,
    /// By short name.
    pub components: BTreeMap<String, Arc<Component>>,
    /// Made by the operator for the Cluster itself, not for one of its components.
    pub services: Vec<Arc<Service>>,
    pub secrets: Vec<Arc<Secret>>,
}

pub type Step = draft::Step<Tree, Cluster>;

pub const STEPS: &[(&str, Step)] = &[
    ("termination-policy", deletion::termination_policy),
    ("deletion", deletion::deletion),
    ("meta", meta::meta),
    ("validation", validation::validation),
    ("normalization", normalization::normalization),
    ("services", services::services),
    ("components", components::components),
    ("component-status", component_status::component_status),
    ("status", status::status),
];

pub fn controller() -> Controller {
    Controller {
        name: "cluster-controller",
        root: Cluster::kind,
        watches: vec![
            Watch { kind: Cluster::kind, map: Map::Root },
            Watch { kind: Component::kind, map: Map::Owner },
            Watch { kind: Service::kind, map: Map::By(watches::by_label) },
            Watch { kind: Secret::kind, map: Map::By(watches::by_label) },
            Watch { kind: ClusterDefinition::kind, map: Map::By(watches::of_cluster_definition) },
            Watch { kind: ComponentDefinition::kind, map: Map::By(watches::waiting) },
            Watch { kind: ComponentVersion::kind, map: Map::By(watches::waiting) },
            Watch { kind: SidecarDefinition::kind, map: Map::By(watches::all) },
        ],
        plan: planner(load, reconcile),
    }
}

pub fn load(view: &dyn View, key: &Key) -> Option<Tree> {
    let cluster = view.get::<Cluster>(&key.namespace, &key.name)?;
    let of_cluster = &[(labels::INSTANCE, key.name.as_str())];
    let definitions = view.list::<ComponentDefinition>("", Selection::All);
    let components =
        view.list::<Component>(&key.namespace, Selection::OwnedBy(&cluster.metadata.uid));
    Some(Tree {
        definition: (!cluster.spec.cluster_def.is_empty())
            .then(|| view.get("", &cluster.spec.cluster_def))
            .flatten(),
        component_definitions: definitions
            .into_iter()
            .map(|definition| (definition.metadata.name.clone(), definition))
            .collect(),
        component_versions: view.list("", Selection::All),
        sidecar_definitions: view.list("", Selection::All),
        components: components
            .into_iter()
            .map(|component| (short_name(&cluster, &component.metadata), component))
            .collect(),
        services: own(
            view.list::<Service>(&key.namespace, Selection::Labels(of_cluster)),
            &cluster,
        ),
        secrets: own(view.list::<Secret>(&key.namespace, Selection::Labels(of_cluster)), &cluster),
        cluster,
    })
}

pub fn reconcile(tree: &Tree, now: Timestamp, settings: &Settings) -> Plan {
    draft::run(STEPS, tree, &*tree.cluster, "cluster-controller", &Pass { now, settings })
}

impl Tree {
    /// Deletion has been asked for, and the policy lets it happen.
    fn is_terminating(&self) -> bool {
        self.cluster.metadata.is_deleting()
            && self.cluster.spec.termination_policy != TerminationPolicy::DoNotTerminate
    }

    /// The topology that the spec names, or the default one of its definition.
    fn topology(&self) -> Option<&Topology> {
        let topologies = &self.definition.as_ref()?.spec.topologies;
        let name = &self.cluster.spec.topology;
        if name.is_empty() {
            topologies.iter().find(|topology| topology.default)
        } else {
            topologies.iter().find(|topology| topology.name == *name)
        }
    }
}

/// The spec cannot be honoured: a finding, a condition, an event, and nothing further.
fn refuse(tree: &Tree, draft: &mut Draft<Cluster>, problem: Problem, pass: &Pass<'_>) -> Flow {
    let message = problem.to_string();
    // An earlier step may have found nothing wrong yet.
    let conditions = &mut draft.root.status.conditions;
    conditions.clone_from(&tree.cluster.status.conditions);
    if condition::find(conditions, PROVISIONING_STARTED)
        .is_none_or(|condition| condition.message != message)
    {
        draft.warn("PreCheckFailed", message.clone());
    }
    let refused = Wanted::new(PROVISIONING_STARTED, false, "PreCheckFailed", message);
    condition::set(&mut draft.root.status.conditions, refused, pass.now);
    draft.find(problem);
    Flow::Commit
}

fn short_name(cluster: &Cluster, component: &ObjectMeta) -> String {
    match component.label(labels::COMPONENT_NAME) {
        Some(name) => name.to_owned(),
        None => names::short_name(&cluster.metadata.name, &component.name).to_owned(),
    }
}

/// Of what carries the Cluster's label: what the Cluster owns, and what the operator made that
/// nobody owns.
fn own<T: Resource>(objects: Vec<Arc<T>>, cluster: &Cluster) -> Vec<Arc<T>> {
    let is_own = |object: &Arc<T>| match object.meta().controller() {
        Some(controller) => controller.uid == cluster.metadata.uid,
        None => object.meta().label(labels::MANAGED_BY) == Some(labels::KUBEBLOCKS),
    };
    objects.into_iter().filter(is_own).collect()
}
