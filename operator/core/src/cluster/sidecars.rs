//! Sidecars: containers that one component of a Cluster brings to the pods of others.

use std::collections::BTreeMap;

use drydock_operator_api::apps::{ClusterSpec, Sidecar};

use super::Tree;
use crate::definition;

/// The sidecars that a component made from this definition hosts, by sidecar name.
pub(super) fn sidecars(tree: &Tree, spec: &ClusterSpec, host: &str) -> Vec<Sidecar> {
    let mut hosted: BTreeMap<&str, Sidecar> = BTreeMap::new();
    // Sorted by name: of several that offer the same sidecar, the greatest name stays.
    for offered in &tree.sidecar_definitions {
        let lists = |names: &str, name: &str| names.split(',').any(|listed| listed == name);
        let mut owners = spec.component_specs.iter().map(|of| of.component_def.as_str());
        let owner = owners.by_ref().filter(|name| lists(&offered.status.owners, name)).max();
        if let Some(owner) = owner
            && lists(&offered.status.selectors, host)
            && definition::is_available(&**offered)
        {
            let sidecar = Sidecar {
                name: offered.spec.name.clone(),
                owner: owner.to_owned(),
                sidecar_def: offered.metadata.name.clone(),
            };
            hosted.insert(&offered.spec.name, sidecar);
        }
    }
    hosted.into_values().collect()
}
