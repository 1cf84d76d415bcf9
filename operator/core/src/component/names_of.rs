//! Labels and names that all objects of a component share.

use std::collections::BTreeMap;

use drydock_operator_api::apps::{Component, InstanceTemplate as Given};
use drydock_operator_api::workloads::InstanceSet;
use drydock_operator_api::workloads::instance_set::{InstanceTemplate, Spec};
use drydock_operator_api::{ObjectMeta, Shared};

use super::Tree;
use crate::draft::controlled_by;
use crate::instance_set::naming;
use crate::labels;

/// Labels of every object of the component.
pub(super) fn base(tree: &Tree) -> BTreeMap<String, String> {
    labels::of_component(&tree.cluster_name, &tree.short_name)
}

/// The same, and for a shard also those of its sharding.
pub(super) fn base_with_sharding(tree: &Tree) -> BTreeMap<String, String> {
    let mut all = base(tree);
    for name in [labels::SHARDING_NAME, labels::SHARD_TEMPLATE] {
        if let Some(value) = tree.component.metadata.label(name) {
            all.insert(name.to_owned(), value.to_owned());
        }
    }
    all
}

/// What the pods that Services select are selected by.
pub(super) fn selector(tree: &Tree) -> BTreeMap<String, String> {
    let mut all = base_with_sharding(tree);
    all.insert(labels::RELEASE_PHASE.to_owned(), labels::STABLE.to_owned());
    all
}

/// `maps` merged: a later one wins.
pub(super) fn merged<'a>(
    maps: impl IntoIterator<Item = &'a BTreeMap<String, String>>,
) -> BTreeMap<String, String> {
    maps.into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// An object of the component; it goes only when the component lets it go.
pub(super) fn owned_meta(
    tree: &Tree,
    name: String,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
) -> ObjectMeta {
    ObjectMeta {
        finalizers: vec![labels::COMPONENT_FINALIZER.to_owned()],
        ..plain_meta(tree, name, labels, annotations)
    }
}

/// The same without a finalizer.
pub(super) fn plain_meta(
    tree: &Tree,
    name: String,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
) -> ObjectMeta {
    ObjectMeta {
        name,
        namespace: tree.namespace().to_owned(),
        labels,
        annotations,
        owner_references: vec![controlled_by(&*tree.component)],
        ..ObjectMeta::default()
    }
}

/// Names of the instances that a component asks for, in order. `running`: its workload, which
/// remembers who has which ordinal where templates share them.
pub(super) fn instances(
    component: &Component,
    running: Option<&InstanceSet>,
) -> Result<Vec<String>, String> {
    let spec = &component.spec;
    let set = InstanceSet {
        metadata: ObjectMeta { name: component.metadata.name.clone(), ..ObjectMeta::default() },
        spec: Shared::new(Spec {
            replicas: Some(spec.replicas),
            ordinals: spec.ordinals.clone(),
            instances: spec.instances.iter().map(name_part).collect(),
            flat_instance_ordinal: spec.flat_instance_ordinal,
            offline_instances: spec.offline_instances.clone(),
            ..Spec::default()
        }),
        status: running.map(|set| set.status.clone()).unwrap_or_default(),
    };
    of_set(&set)
}

/// Names of the instances that a workload asks for, in order.
pub(super) fn of_set(set: &InstanceSet) -> Result<Vec<String>, String> {
    Ok(naming::names(set, |_| false)?.desired.keys().map(ToString::to_string).collect())
}

/// What decides about names.
fn name_part(given: &Given) -> InstanceTemplate {
    InstanceTemplate {
        name: given.name.clone(),
        replicas: Some(given.replicas),
        ordinals: given.ordinals.clone().unwrap_or_default(),
        ..InstanceTemplate::default()
    }
}

/// Where a pod is reached.
pub(super) fn pod_fqdn(component: &str, namespace: &str, pod: &str, domain: &str) -> String {
    format!("{pod}.{}.{namespace}.svc.{domain}", crate::names::headless_service(component))
}
