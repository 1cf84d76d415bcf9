//! The `ClusterDefinition` controller: topologies whose components exist and whose orders name
//! each of them once.

use std::collections::BTreeSet;
use std::sync::Arc;

use drydock_operator_api::apps::{
    Cluster, ClusterDefinition, ComponentDefinition, ShardingDefinition, Topology,
};
use drydock_operator_api::{ObjectMeta, Resource};
use jiff::Timestamp;

use crate::controllers::{Controller, Map, Watch, planner};
use crate::definition::{self, broken, duplicate};
use crate::draft::{self, Draft, Flow, Pass};
use crate::plan::{Plan, Problem, Reference};
use crate::settings::Settings;
use crate::view::{Key, Selection, View};
use crate::{labels, matching};

pub struct Tree {
    pub definition: Arc<ClusterDefinition>,
    /// Clusters that are made from it.
    pub clusters: Vec<Arc<Cluster>>,
    pub component_definitions: BTreeSet<String>,
    pub sharding_definitions: BTreeSet<String>,
}

pub type Step = draft::Step<Tree, ClusterDefinition>;

pub const STEPS: &[(&str, Step)] = &[("guard", guard), ("validation", validation)];

pub fn controller() -> Controller {
    Controller {
        name: "cluster-definition-controller",
        root: ClusterDefinition::kind,
        watches: vec![
            Watch { kind: ClusterDefinition::kind, map: Map::Root },
            Watch { kind: Cluster::kind, map: Map::By(of_cluster) },
            Watch { kind: ComponentDefinition::kind, map: Map::By(unavailable) },
            Watch { kind: ShardingDefinition::kind, map: Map::By(unavailable) },
        ],
        plan: planner(load, reconcile),
    }
}

pub fn load(view: &dyn View, key: &Key) -> Option<Tree> {
    let definition = view.get::<ClusterDefinition>("", &key.name)?;
    let names = |metas: Vec<ObjectMeta>| metas.into_iter().map(|meta| meta.name).collect();
    Some(Tree {
        clusters: if definition.metadata.is_deleting() {
            view.list("", Selection::Labels(&[(labels::CLUSTER_DEFINITION, &key.name)]))
        } else {
            Vec::new()
        },
        component_definitions: names(
            view.list::<ComponentDefinition>("", Selection::All)
                .iter()
                .map(|found| found.metadata.clone())
                .collect(),
        ),
        sharding_definitions: names(
            view.list::<ShardingDefinition>("", Selection::All)
                .iter()
                .map(|found| found.metadata.clone())
                .collect(),
        ),
        definition,
    })
}

pub fn reconcile(tree: &Tree, now: Timestamp, settings: &Settings) -> Plan {
    draft::run(
        STEPS,
        tree,
        &*tree.definition,
        "cluster-definition-controller",
        &Pass { now, settings },
    )
}

/// A Cluster that goes may be the last that held its definition.
fn of_cluster(view: &dyn View, cluster: &ObjectMeta) -> Vec<Key> {
    definition::held::<ClusterDefinition>(view, cluster, labels::CLUSTER_DEFINITION)
}

/// One that is available stays so: what it was found good with may go and come.
fn unavailable(view: &dyn View, _definition: &ObjectMeta) -> Vec<Key> {
    view.list::<ClusterDefinition>("", Selection::All)
        .iter()
        .filter(|found| !definition::is_available(&***found))
        .map(|found| draft::key(&**found))
        .collect()
}

fn guard(tree: &Tree, draft: &mut Draft<ClusterDefinition>, _pass: &Pass<'_>) -> Flow {
    let referrers: Vec<_> = tree.clusters.iter().map(|cluster| Reference::of(&**cluster)).collect();
    definition::guard(draft, &referrers)
}

fn validation(tree: &Tree, draft: &mut Draft<ClusterDefinition>, _pass: &Pass<'_>) -> Flow {
    if definition::is_available(&draft.root) {
        return Flow::Continue;
    }
    let verdict = validate(tree);
    if verdict.is_ok() {
        let mut names: Vec<_> =
            draft.root.spec.topologies.iter().map(|topology| topology.name.as_str()).collect();
        names.sort_unstable();
        draft.root.status.topologies = names.join(",");
    }
    definition::judge(draft, verdict);
    Flow::Continue
}

fn validate(tree: &Tree) -> Result<(), Problem> {
    let topologies = &tree.definition.spec.topologies;
    if let Some(name) = duplicate(topologies.iter().map(|topology| topology.name.as_str())) {
        return Err(broken(format!("spec.topologies has {name} twice")));
    }
    if topologies.iter().filter(|topology| topology.default).count() > 1 {
        return Err(broken("spec.topologies has more than one default"));
    }
    topologies.iter().try_for_each(|topology| validate_topology(tree, topology))
}

fn validate_topology(tree: &Tree, topology: &Topology) -> Result<(), Problem> {
    let entities: Vec<&str> = entities(topology).collect();
    if let Some(name) = duplicate(entities.iter().copied()) {
        return Err(broken(format!("topology {} has {name} twice", topology.name)));
    }
    for component in &topology.components {
        let pattern = &component.comp_def;
        if !tree.component_definitions.iter().any(|name| matching::matches(pattern, name)) {
            return Err(Problem::Missing(Reference::new(
                ComponentDefinition::kind(),
                Key::new("", pattern.as_str()),
            )));
        }
    }
    for sharding in &topology.shardings {
        let pattern = &sharding.sharding_def;
        if !tree.sharding_definitions.iter().any(|name| matching::matches(pattern, name)) {
            return Err(Problem::Missing(Reference::new(
                ShardingDefinition::kind(),
                Key::new("", pattern.as_str()),
            )));
        }
    }
    let Some(orders) = &topology.orders else { return Ok(()) };
    let orders = [
        ("provision", &orders.provision),
        ("terminate", &orders.terminate),
        ("update", &orders.update),
    ];
    for (operation, order) in orders.into_iter().filter(|(_, order)| !order.is_empty()) {
        let mut named: Vec<&str> =
            order.iter().flat_map(|step| step.split(',')).map(str::trim).collect();
        let mut wanted = entities.clone();
        named.sort_unstable();
        wanted.sort_unstable();
        if named != wanted {
            return Err(broken(format!(
                "topology {}: orders.{operation} must name each of its components and shardings once",
                topology.name
            )));
        }
    }
    Ok(())
}

/// The names of a topology's components and shardings.
pub fn entities(topology: &Topology) -> impl Iterator<Item = &str> {
    let components = topology.components.iter().map(|component| component.name.as_str());
    components.chain(topology.shardings.iter().map(|sharding| sharding.name.as_str()))
}
