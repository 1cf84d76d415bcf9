//! What belonged to a Cluster goes with it, but for what its policy keeps.

use std::collections::BTreeSet;

use drydock_apiserver::{Change, Object};

use super::{Invariant, Violation, When};
use crate::world::World;

pub const NOTHING_IS_LEFT: Invariant = Invariant {
    name: "nothing-is-left",
    about: "nothing of a deleted Cluster stays, but claims that its policy keeps",
    when: When::Settled,
    check,
};

fn check(world: &World) -> Vec<Violation> {
    let server = world.server(0);
    let Some(clusters) = server.kind("apps.kubeblocks.io", "Cluster") else { return Vec::new() };
    let deleted = server
        .log_since(drydock_apiserver::LogPosition::default())
        .filter(|entry| entry.kind == clusters && entry.change == Change::Deleted)
        .map(|entry| &entry.object)
        .filter(|cluster| {
            server.table(clusters).get(cluster.namespace(), cluster.name()).is_none()
        });
    let mut seen = BTreeSet::new();
    let mut violations = Vec::new();
    for cluster in deleted {
        if !seen.insert((cluster.namespace(), cluster.name())) {
            continue;
        }
        let kept = keeps_claims(cluster);
        for info in server.kinds().filter(|info| info.storage && &*info.kind != "Event") {
            let Some(kind) = server.kind(&info.group, &info.kind) else { continue };
            let left = server
                .table(kind)
                .labelled("app.kubernetes.io/instance", cluster.name())
                .filter(|object| object.namespace() == cluster.namespace());
            for object in left {
                if kept && &*info.kind == "PersistentVolumeClaim" && object.owners().is_empty() {
                    continue;
                }
                let name = format!("{}/{}", info.singular, object.name());
                violations.push(Violation::at_once(
                    name.clone(),
                    format!("{name} is left of cluster/{}, which is gone", cluster.name()),
                ));
            }
        }
    }
    violations
}

fn keeps_claims(cluster: &Object) -> bool {
    let specs = ["componentSpecs", "shardings"];
    specs
        .iter()
        .filter_map(|list| cluster.tree().at(&["spec", list]))
        .flat_map(drydock_apiserver::Tree::items)
        .any(|spec| {
            let direct = ["persistentVolumeClaimRetentionPolicy", "whenDeleted"];
            let shard = ["template", "persistentVolumeClaimRetentionPolicy", "whenDeleted"];
            spec.str_at(&direct) == Some("Retain") || spec.str_at(&shard) == Some("Retain")
        })
}
