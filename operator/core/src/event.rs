//! The Event controller: what the agents in the pods report, told by Events, becomes labels of pods.
//!
//! A report may come late, twice, or after one that is newer: each carries an anchor, and a pod
//! remembers the last one it believed.
//!
//! **Invariant:** no plan leaves a pod with an exclusive role while it knows of another pod that has
//! it, whichever of its writes is the last to arrive. Of two passes that do not know of each other, the
//! one that wrote last looks again with both writes in view, before its report counts as handled.

mod claim;
mod role;

pub use claim::{Anchor, Report};

use std::sync::Arc;

use drydock_operator_api::Resource;
use drydock_operator_api::core::{Event, Pod};
use drydock_operator_api::workloads::InstanceSet;
use jiff::Timestamp;

use crate::controllers::{Controller, Map, Watch, planner};
use crate::draft::{self, Pass};
use crate::instance_set::object::match_labels;
use crate::labels;
use crate::plan::Plan;
use crate::settings::Settings;
use crate::view::{Key, Selection, View};

pub type Step = draft::Step<Tree, Event>;

pub const STEPS: &[(&str, Step)] = &[
    ("claim", claim::claim),
    ("target", role::target),
    ("order", role::order),
    ("label", role::label),
];

/// An Event and, if it is a report of a role that is still to be handled, whom it is about.
#[derive(Clone, Debug)]
pub struct Tree {
    pub event: Arc<Event>,
    /// None: not ours to handle, or handled.
    pub report: Option<Report>,
    /// The pod of that name: perhaps not the one that was meant.
    pub pod: Option<Arc<Pod>>,
    pub set: Option<Arc<InstanceSet>>,
    /// The other pods of the set that carry the reported role.
    pub peers: Vec<Arc<Pod>>,
}

impl Tree {
    pub fn new(event: Arc<Event>) -> Self {
        let report = claim::report(&event);
        Self { event, report, pod: None, set: None, peers: Vec::new() }
    }
}

pub fn load(view: &dyn View, key: &Key) -> Option<Tree> {
    let mut tree = Tree::new(view.get(&key.namespace, &key.name)?);
    let Some(Report::Role { role, .. }) = &tree.report else {
        if tree.report.is_some() {
            tree.pod = pod(view, &tree.event);
            tree.set = tree.pod.as_ref().and_then(|pod| set(view, pod));
        }
        return Some(tree);
    };
    tree.pod = pod(view, &tree.event);
    tree.set = tree.pod.as_ref().and_then(|pod| set(view, pod));
    if let (Some(pod), Some(set)) = (&tree.pod, &tree.set) {
        let mut selection = match_labels(&set.metadata.name).to_vec();
        selection.push((labels::ROLE, role));
        tree.peers = view.list(&set.metadata.namespace, Selection::Labels(&selection));
        tree.peers.retain(|peer| peer.metadata.name != pod.metadata.name);
    }
    Some(tree)
}

fn pod(view: &dyn View, event: &Event) -> Option<Arc<Pod>> {
    view.get(&event.involved_object.namespace, &event.involved_object.name)
}

/// The set that controls the pod; a pod without an owner is known by its label.
fn set(view: &dyn View, pod: &Pod) -> Option<Arc<InstanceSet>> {
    let metadata = &pod.metadata;
    let name = match metadata.controller() {
        Some(owner) if owner.kind == InstanceSet::kind().kind => &owner.name,
        Some(_) => return None,
        None => metadata.labels.get(labels::WORKLOAD_INSTANCE)?,
    };
    view.get(&metadata.namespace, name)
}

pub fn reconcile(tree: &Tree, now: Timestamp, settings: &Settings) -> Plan {
    draft::run(STEPS, tree, &*tree.event, "event-controller", &Pass { now, settings })
}

/// The row in the table of controllers.
pub fn controller() -> Controller {
    Controller {
        name: "event-controller",
        root: Event::kind,
        watches: vec![Watch { kind: Event::kind, map: Map::Root }],
        plan: planner(load, reconcile),
    }
}

#[cfg(test)]
mod tests;
