//! Two pods that both believe they accept writes is the one state no later reconcile can repair.
//! Two pods that are labelled so get the writes of clients; that may last as long as it takes to
//! move a label, or to see that two were given at the same time.

use std::collections::{BTreeMap, BTreeSet};

use drydock_apiserver::{Object, Tree};
use jiff::SignedDuration;

use super::{Invariant, Violation, When};
use crate::world::World;

/// Two requests, and the wait of one back-off.
const MOVING: SignedDuration = SignedDuration::from_secs(5);

pub const AT_MOST_ONE_PRIMARY: Invariant = Invariant {
    name: "at-most-one-primary",
    about: "of one component at most one pod accepts writes, and at most one is labelled so",
    when: When::Always,
    check,
};

fn check(world: &World) -> Vec<Violation> {
    let mut violations = believed(world);
    violations.extend(labelled(world));
    violations
}

fn believed(world: &World) -> Vec<Violation> {
    let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (pod, facts) in world.facts().iter() {
        if facts.single_primary && facts.up && facts.accepts_writes {
            groups.entry(&facts.group).or_default().push(&pod.name);
        }
    }
    groups
        .into_iter()
        .filter(|(_, pods)| pods.len() > 1)
        .map(|(group, pods)| {
            Violation::at_once(
                format!("{group} believed"),
                format!("{group}: {} all accept writes", pods.join(" and ")),
            )
        })
        .collect()
}

fn labelled(world: &World) -> Vec<Violation> {
    let mut violations = Vec::new();
    for set in world.objects("workloads.kubeblocks.io", "InstanceSet") {
        let roles = exclusive_roles(world, set);
        if roles.is_empty() {
            continue;
        }
        let mut holders: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for pod in pods_of(world, set) {
            if let Some(role) = pod.label("kubeblocks.io/role").filter(|role| roles.contains(*role))
            {
                holders.entry(role).or_default().push(pod.name());
            }
        }
        for (role, pods) in holders.into_iter().filter(|(_, pods)| pods.len() > 1) {
            violations.push(Violation::after(
                MOVING,
                format!("{}/{} labelled {role}", set.namespace(), set.name()),
                format!("{}: {} are all labelled {role}", set.name(), pods.join(" and ")),
            ));
        }
    }
    violations
}

/// Those that the definition calls exclusive, and what a member that alone accepts writes calls itself.
fn exclusive_roles(world: &World, set: &Object) -> BTreeSet<String> {
    let declared = set.tree().at(&["spec", "roles"]).into_iter().flat_map(Tree::items);
    let mut roles: BTreeSet<String> = declared
        .filter(|role| role.bool_at(&["isExclusive"]) == Some(true))
        .filter_map(|role| role.str_at(&["name"]).map(str::to_lowercase))
        .collect();
    for pod in pods_of(world, set) {
        let facts = world.facts().get(pod.namespace(), pod.name());
        let primary = facts
            .filter(|facts| facts.single_primary && facts.accepts_writes && !facts.role.is_empty());
        roles.extend(primary.map(|facts| facts.role.to_string()));
    }
    roles
}

fn pods_of<'a>(world: &'a World, set: &'a Object) -> impl Iterator<Item = &'a Object> {
    let server = world.server(0);
    let pods = server.kind("", "Pod").map(|kind| server.table(kind));
    pods.into_iter()
        .flat_map(|pods| pods.labelled("workloads.kubeblocks.io/instance", set.name()))
        .filter(|pod| pod.namespace() == set.namespace())
}
