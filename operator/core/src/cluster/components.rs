//! The set of Components: deletes, then updates, then creates, each in its order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use drydock_operator_api::Resource;
use drydock_operator_api::apps::{
    Cluster, ClusterComponentSpec, Component, ComponentPhase, TopologyOrders,
};

use super::order::{NotOnce, Order};
use super::validation::Matches;
use super::{Tree, component, refuse, release};
use crate::definition::broken;
use crate::draft::{Draft, Flow, Pass};
use crate::names;
use crate::plan::{Reference, Whose};
use crate::view::Key;

pub(super) fn components(tree: &Tree, draft: &mut Draft<Cluster>, pass: &Pass<'_>) -> Flow {
    let cluster = draft.root.clone();
    let wanted: BTreeMap<&str, &ClusterComponentSpec> =
        cluster.spec.component_specs.iter().map(|entry| (entry.name.as_str(), entry)).collect();
    let set = Set { tree, cluster: &cluster, wanted: &wanted };
    for component in tree.components.values().filter(|component| component.metadata.is_deleting()) {
        // Deleted by hand, too: it goes as its own finalizer lets it, and is made anew then.
        release::release(draft, &**component);
    }
    set.delete(draft);
    let ordered = set
        .update(draft)
        .map_err(|NotOnce| "update")
        .and_then(|()| set.create(draft).map_err(|NotOnce| "provision"));
    if let Err(operation) = ordered {
        let rule = format!(
            "the topology's orders.{operation} must name each component of the Cluster once"
        );
        return refuse(tree, draft, broken(rule), pass);
    }
    Flow::Continue
}

struct Set<'a> {
    tree: &'a Tree,
    /// With the spec as it is normalized.
    cluster: &'a Cluster,
    wanted: &'a BTreeMap<&'a str, &'a ClusterComponentSpec>,
}

impl<'a> Set<'a> {
    /// Only a topology that the user chose by name has an order.
    fn order(&self, operation: &str) -> Order<'a> {
        let named = !self.cluster.spec.topology.is_empty();
        let orders = self.tree.topology().filter(|_| named).and_then(|it| it.orders.as_ref());
        Order::of(orders.map(|orders: &TopologyOrders| match operation {
            "terminate" => &orders.terminate,
            "update" => &orders.update,
            _ => &orders.provision,
        }))
    }

    /// What the topology calls a component: one of a template goes by the template's name.
    fn entity<'b>(&self, name: &'b str) -> &'b str
    where
        'a: 'b,
    {
        let components = self.tree.topology().into_iter().flat_map(|it| &it.components);
        components.filter(|of| of.matches(name)).map(|of| of.name.as_str()).next().unwrap_or(name)
    }

    fn in_order<'b>(&self, order: &Order<'_>, names: impl Iterator<Item = &'b str>) -> Vec<&'b str>
    where
        'a: 'b,
    {
        let mut names: Vec<_> = names.collect();
        names.sort_by_key(|name| (order.position(self.entity(name)), *name));
        names
    }

    fn delete(&self, draft: &mut Draft<Cluster>) {
        let order = self.order("terminate");
        let surplus = self.tree.components.keys().map(String::as_str);
        let surplus = surplus.filter(|name| !self.wanted.contains_key(name));
        for name in self.in_order(&order, surplus) {
            // A component that the topology never knew has no place in its order.
            let before = order.predecessors(self.entity(name)).unwrap_or_default();
            let held = before.iter().find_map(|of| {
                self.members(of).find_map(|(member, stored)| {
                    (!self.wanted.contains_key(member)).then_some(stored).flatten()
                })
            });
            if let Some(earlier) = held {
                let why = format!("component {name} is deleted after it, by the topology's order");
                draft.wait(Reference::of(&**earlier), "to be gone", why, Whose::Operator);
            } else {
                release::delete(draft, &*self.tree.components[name]);
            }
        }
    }

    fn update(&self, draft: &mut Draft<Cluster>) -> Result<(), NotOnce> {
        let order = self.order("update");
        let mut changed: BTreeSet<&str> = BTreeSet::new();
        let kept = self.wanted.keys().copied();
        let kept = kept.filter(|name| self.tree.components.contains_key(*name));
        for name in self.in_order(&order, kept) {
            let stored = &self.tree.components[name];
            let before = order.predecessors(self.entity(name))?;
            let merged = component::merged(self.tree, self.cluster, self.wanted[name], stored);
            if stored.metadata.is_deleting() || merged == **stored {
                continue;
            }
            let held = before.iter().find_map(|of| {
                self.members(of).find(|(member, stored)| {
                    stored.is_some_and(|stored| {
                        changed.contains(member) || !self.is_settled(member, stored)
                    })
                })
            });
            if let Some((earlier, _)) = held {
                self.wait(draft, earlier, name, "is updated");
            } else {
                draft.patch(&**stored, &merged);
                changed.insert(name);
            }
        }
        Ok(())
    }

    fn create(&self, draft: &mut Draft<Cluster>) -> Result<(), NotOnce> {
        let order = self.order("provision");
        let missing = self.wanted.keys().copied();
        let missing = missing.filter(|name| !self.tree.components.contains_key(*name));
        for name in self.in_order(&order, missing) {
            let before = order.predecessors(self.entity(name))?;
            let held = before.iter().find_map(|of| {
                self.members(of).find(|(member, stored)| {
                    !stored.is_some_and(|stored| self.is_settled(member, stored))
                })
            });
            match held {
                Some((earlier, _)) => self.wait(draft, earlier, name, "is made"),
                None => {
                    draft.create(&component::new(self.tree, self.cluster, self.wanted[name]));
                }
            }
        }
        Ok(())
    }

    /// The components that an entity of an order stands for, wanted or still there.
    fn members(&self, entity: &str) -> impl Iterator<Item = (&'a str, Option<&'a Arc<Component>>)> {
        let wanted = self.wanted.keys().copied();
        let stored = self.tree.components.keys().map(String::as_str);
        let names: BTreeSet<&'a str> = wanted.chain(stored).collect();
        let members: Vec<_> = names
            .into_iter()
            .filter(|name| self.entity(name) == entity)
            .map(|name| (name, self.tree.components.get(name)))
            .collect();
        members.into_iter()
    }

    /// It carries what the Cluster wants of it and has come to rest.
    fn is_settled(&self, name: &str, stored: &Component) -> bool {
        let Some(entry) = self.wanted.get(name) else { return true };
        let rest = if entry.stop { ComponentPhase::Stopped } else { ComponentPhase::Running };
        !stored.metadata.is_deleting()
            && stored.status.phase == Some(rest)
            && stored.status.observed_generation == Some(stored.metadata.generation)
    }

    fn wait(&self, draft: &mut Draft<Cluster>, earlier: &str, later: &str, what: &str) {
        let metadata = &self.cluster.metadata;
        let name = names::component(&metadata.name, earlier);
        let key = Key::new(metadata.namespace.as_str(), name);
        let until = match self.wanted.get(earlier) {
            Some(entry) if entry.stop => "to be Stopped",
            _ => "to be Running",
        };
        let why = format!("component {later} {what} after it, by the topology's order");
        draft.wait(Reference::new(Component::kind(), key), until, why, Whose::Operator);
    }
}
