//! A member keeps its volume: no claim goes while its `InstanceSet` lives and still wants that member.

use drydock_apiserver::{Change, LogEntry, Object};

use super::{Invariant, Violation, When};
use crate::world::World;

pub const CLAIMS_KEEP_THEIR_VOLUMES: Invariant = Invariant {
    name: "claims-keep-their-volumes",
    about: "no claim of a member that is still wanted is deleted",
    when: When::Always,
    check,
};

fn check(world: &World) -> Vec<Violation> {
    world
        .lost_claims
        .iter()
        .map(|claim| {
            Violation::at_once(
                claim.clone(),
                format!("persistentvolumeclaim/{claim} was deleted although its InstanceSet wants the member it belongs to"),
            )
        })
        .collect()
}

impl World {
    /// Looks at each change of a claim: a claim without a finalizer is gone before anybody can ask.
    pub(crate) fn watch_claim(&mut self, entry: &LogEntry) {
        let was_deleting = entry.before.as_ref().is_some_and(Object::is_deleting);
        let goes = entry.change == Change::Deleted || entry.object.is_deleting();
        if goes && !was_deleting && self.wants(&entry.object) {
            self.lost_claims.push_back(entry.object.name().to_owned());
        }
    }

    fn wants(&self, claim: &Object) -> bool {
        let server = self.server(0);
        let set = claim.label("workloads.kubeblocks.io/instance").and_then(|name| {
            let kind = server.kind("workloads.kubeblocks.io", "InstanceSet")?;
            server.table(kind).get(claim.namespace(), name)
        });
        let Some(set) = set.filter(|set| !set.is_deleting()) else { return false };
        let Some(pod) = claim.label("apps.kubeblocks.io/pod-name") else { return false };
        let spec = |field: &str| set.tree().at(&["spec", field]);
        let offline = spec("offlineInstances").into_iter().flat_map(drydock_apiserver::Tree::items);
        if offline.into_iter().any(|name| name.as_str() == Some(pod)) {
            return false;
        }
        // Members of named templates have other names; what is wanted of them is not judged here.
        let ordinal = pod
            .strip_prefix(set.name())
            .and_then(|rest| rest.strip_prefix('-')?.parse::<i64>().ok());
        let replicas = spec("replicas").and_then(drydock_apiserver::Tree::as_i64).unwrap_or(1);
        ordinal.is_some_and(|ordinal| ordinal < replicas)
    }
}
