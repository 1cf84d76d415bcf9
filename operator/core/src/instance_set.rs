//! The `InstanceSet` controller: pods with an identity, their claims, and the Service that names them.
//!
//! A pass looks at one set and its children, and decides in steps. Nothing is remembered between
//! passes but what the objects say, so a pass may end between any two of its writes.
//!
//! **Invariant:** a claim is deleted only for an instance that the spec no longer asks for, while its
//! pod is still there to tell; claims go before their pod.
//! **Invariant:** with an update at work no pod is touched while another one is not well.

pub mod alignment;
mod assistant;
mod deletion;
mod meta;
pub mod naming;
pub mod object;
pub mod pod;
pub mod revision;
mod status;
pub mod template;
pub mod update;
mod wait;

use std::collections::BTreeMap;
use std::sync::Arc;

use drydock_operator_api::core::{ConfigMap, PersistentVolumeClaim, Pod, Service};
use drydock_operator_api::workloads::InstanceSet;
use drydock_operator_api::{ObjectMeta, Resource};
use jiff::Timestamp;

use crate::controllers::{Controller, Map, Watch, planner};
use crate::draft::{self, Pass};
use crate::labels;
use crate::plan::Plan;
use crate::settings::Settings;
use crate::view::{Key, Selection, View};

use self::naming::{Name, Names};

pub type Step = draft::Step<Tree, InstanceSet>;

/// In order: what a step sees was settled by the ones before it.
pub const STEPS: &[(&str, Step)] = &[
    ("meta", meta::meta),
    ("deletion", deletion::deletion),
    ("validation", meta::validation),
    ("status", status::status),
    ("revision", revision::revision),
    ("assistant", assistant::assistant),
    ("alignment", alignment::alignment),
    ("update", update::update),
    ("wait", wait::wait),
];

/// A set and what belongs to it.
#[derive(Clone, Debug)]
pub struct Tree {
    pub set: Arc<InstanceSet>,
    /// By name, so that the last one is the one to go first.
    pub pods: BTreeMap<Name, Arc<Pod>>,
    /// Its own, and those that have a name which one of its instances needs.
    pub claims: BTreeMap<String, Arc<PersistentVolumeClaim>>,
    pub services: BTreeMap<String, Arc<Service>>,
    pub config_maps: BTreeMap<String, Arc<ConfigMap>>,
    /// What the spec asks for, or what is wrong with it.
    pub names: Result<Names, String>,
}

impl Tree {
    pub fn new(set: Arc<InstanceSet>, pods: impl IntoIterator<Item = Arc<Pod>>) -> Self {
        let pods: BTreeMap<_, _> =
            pods.into_iter().map(|pod| (Name::parse(&pod.metadata.name), pod)).collect();
        let names = naming::names(&set, |name| pods.contains_key(name));
        Self {
            set,
            pods,
            claims: BTreeMap::new(),
            services: BTreeMap::new(),
            config_maps: BTreeMap::new(),
            names,
        }
    }

    /// What the spec asks for; nothing where it cannot be honoured: the validation step ends the pass.
    pub fn desired(&self) -> &BTreeMap<Name, String> {
        static NONE: BTreeMap<Name, String> = BTreeMap::new();
        self.names.as_ref().map_or(&NONE, |names| &names.desired)
    }

    /// The desired instances that should have a pod now.
    pub fn running(&self) -> impl Iterator<Item = (&Name, &String)> {
        let stop = self.set.spec.stop == Some(true);
        self.desired().iter().filter(move |_| !stop)
    }

    pub fn is_deleting(&self) -> bool {
        self.set.metadata.is_deleting()
    }

    pub fn is_paused(&self) -> bool {
        self.set.spec.paused == Some(true)
    }

    pub fn claims_of(&self, pod: &str) -> impl Iterator<Item = &Arc<PersistentVolumeClaim>> {
        self.claims.values().filter(move |claim| {
            claim.metadata.label(labels::POD_NAME) == Some(pod) && self.owns(&claim.metadata)
        })
    }

    pub fn owns(&self, meta: &ObjectMeta) -> bool {
        meta.owner_references.iter().any(|owner| owner.uid == self.set.metadata.uid)
    }
}

pub fn load(view: &dyn View, key: &Key) -> Option<Tree> {
    let set = view.get::<InstanceSet>(&key.namespace, &key.name)?;
    let pods = children::<Pod>(view, &set);
    let mut tree = Tree::new(set, pods);
    tree.claims = by_name(children(view, &tree.set));
    tree.services = by_name(children(view, &tree.set));
    tree.config_maps = by_name(children(view, &tree.set));
    // A claim may be older than the set: retained, restored or made by hand.
    let needed: Vec<String> = tree
        .desired()
        .iter()
        .flat_map(|(name, template)| object::claim_names(&tree.set, name, template))
        .filter(|claim| !tree.claims.contains_key(claim))
        .collect();
    for name in needed {
        if let Some(claim) = view.get::<PersistentVolumeClaim>(&key.namespace, &name) {
            tree.claims.insert(name, claim);
        }
    }
    Some(tree)
}

pub fn reconcile(tree: &Tree, now: Timestamp, settings: &Settings) -> Plan {
    draft::run(STEPS, tree, &*tree.set, "instance-set-controller", &Pass { now, settings })
}

/// The row in the table of controllers.
pub fn controller() -> Controller {
    Controller {
        name: "instance-set-controller",
        root: InstanceSet::kind,
        watches: vec![
            Watch { kind: InstanceSet::kind, map: Map::Root },
            Watch { kind: Pod::kind, map: Map::Owner },
            Watch { kind: PersistentVolumeClaim::kind, map: Map::Owner },
            Watch { kind: Service::kind, map: Map::Owner },
            Watch { kind: ConfigMap::kind, map: Map::Owner },
        ],
        plan: planner(load, reconcile),
    }
}

/// What carries the set's labels and is not somebody else's. Without any owner it can be taken over.
fn children<T: Resource>(view: &dyn View, set: &InstanceSet) -> Vec<Arc<T>> {
    let labels = object::match_labels(&set.metadata.name);
    let mut found = view.list::<T>(&set.metadata.namespace, Selection::Labels(&labels));
    found.retain(|child| {
        let owners = &child.meta().owner_references;
        owners.is_empty() || owners.iter().any(|owner| owner.uid == set.metadata.uid)
    });
    found
}

fn by_name<T: Resource>(objects: Vec<Arc<T>>) -> BTreeMap<String, Arc<T>> {
    objects.into_iter().map(|object| (object.meta().name.clone(), object)).collect()
}

#[cfg(test)]
mod tests;
