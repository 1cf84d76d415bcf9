//! The objects an instance is made of, complete with what identifies them.

use std::collections::BTreeMap;

use drydock_operator_api::core::PersistentVolumeClaim;
use drydock_operator_api::workloads::InstanceSet;
use drydock_operator_api::workloads::instance_set::ClaimTemplate;
use drydock_operator_api::{ObjectMeta, OwnerReference, Resource};
use k8s_openapi::api::core::v1::{PersistentVolumeClaimVolumeSource, Volume};
use serde_json::{Value, json};

use super::naming::Name;
use super::revision::{PROPOSED_ACCOUNT, revisions};
use super::template::{Shape, shape};
use crate::draft::controlled_by;
use crate::{labels, names};

/// On the set: pods that have to come up on a certain node, once. JSON: pod to node.
pub const NODE_ONCE: &str = "workloads.kubeblocks.io/node-selector-once";

/// What every child of a set carries, and no other object. The first is the one that few others have:
/// it is looked up in an index.
pub fn match_labels(set: &str) -> [(&str, &str); 3] {
    [
        (labels::WORKLOAD_INSTANCE, set),
        (labels::WORKLOAD_MANAGED_BY, "InstanceSet"),
        (labels::MANAGED_BY, labels::KUBEBLOCKS),
    ]
}

pub fn owned_match_labels(set: &str) -> BTreeMap<String, String> {
    match_labels(set).map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}

/// All labels of a pod but its revision: that one says what it was made from, and is never updated.
pub fn pod_labels(set: &InstanceSet, name: &Name, shape: &Shape<'_>) -> BTreeMap<String, String> {
    let mut labels = shape.labels().into_owned();
    labels.extend(owned_match_labels(&set.metadata.name));
    labels.insert(labels::POD_NAME.to_owned(), name.to_string());
    labels.insert(labels::WORKLOAD_TEMPLATE_NAME.to_owned(), shape.name.to_owned());
    labels.insert(labels::INSTANCE_TEMPLATE.to_owned(), shape.name.to_owned());
    labels
}

pub fn pod_annotations(set: &InstanceSet, shape: &Shape<'_>) -> BTreeMap<String, String> {
    let mut annotations = shape.annotations().into_owned();
    if !set.spec.configs.is_empty() {
        let hashes: BTreeMap<&str, &str> = set
            .spec
            .configs
            .iter()
            .map(|config| (&*config.name, config.config_hash.as_deref().unwrap_or_default()))
            .collect();
        annotations.insert(labels::CONFIG_HASH.to_owned(), json!(hashes).to_string());
    }
    annotations
}

/// The pod as it is created.
pub fn pod(set: &InstanceSet, name: &Name, template: &str) -> Value {
    let shape = shape(set, template);
    let mut pod_labels = pod_labels(set, name, &shape);
    let mut spec = shape.pod.spec.clone().unwrap_or_default();
    spec.hostname = Some(name.to_string());
    spec.subdomain = Some(names::headless_service(&set.metadata.name));
    for claim in &shape.claims {
        let volume = Volume {
            name: claim.metadata.name.clone(),
            persistent_volume_claim: Some(PersistentVolumeClaimVolumeSource {
                claim_name: claim_name(set, claim, name),
                read_only: None,
            }),
            ..Volume::default()
        };
        let volumes = spec.volumes.get_or_insert_default();
        match volumes.iter_mut().find(|found| found.name == volume.name) {
            Some(found) => *found = volume,
            None => volumes.push(volume),
        }
    }
    if let Some(node) = nodes_once(set).remove(&name.to_string()) {
        let selector = spec.node_selector.get_or_insert_default();
        selector.insert("kubernetes.io/hostname".to_owned(), node);
    }
    if let Some(account) = set.metadata.annotation(PROPOSED_ACCOUNT) {
        spec.service_account_name = Some(account.to_owned());
    }
    let (revision, with_proposed_account) = revisions(set, template);
    let revision = with_proposed_account.unwrap_or(revision);
    pod_labels.insert(labels::REVISION.to_owned(), revision);
    let metadata = ObjectMeta {
        name: name.to_string(),
        namespace: set.metadata.namespace.clone(),
        labels: pod_labels,
        annotations: pod_annotations(set, &shape),
        owner_references: vec![controlled_by(set)],
        ..ObjectMeta::default()
    };
    json!({ "apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec })
}

/// The claim as it is created.
pub fn claim(set: &InstanceSet, name: &Name, shape: &Shape<'_>, template: &ClaimTemplate) -> Value {
    let metadata = ObjectMeta {
        name: claim_name(set, template, name),
        namespace: set.metadata.namespace.clone(),
        labels: claim_labels(set, name, shape, template),
        annotations: template.metadata.annotations.clone(),
        owner_references: vec![controlled_by(set)],
        ..ObjectMeta::default()
    };
    let kind = PersistentVolumeClaim::kind();
    json!({
        "apiVersion": kind.api_version(),
        "kind": kind.kind,
        "metadata": metadata,
        "spec": template.spec,
    })
}

pub fn claim_labels(
    set: &InstanceSet,
    name: &Name,
    shape: &Shape<'_>,
    template: &ClaimTemplate,
) -> BTreeMap<String, String> {
    let mut labels = owned_match_labels(&set.metadata.name);
    labels.extend(shape.labels().into_owned());
    labels.extend(template.metadata.labels.clone());
    labels.insert(labels::CLAIM_TEMPLATE_NAME.to_owned(), template.metadata.name.clone());
    labels.insert(labels::POD_NAME.to_owned(), name.to_string());
    if !shape.name.is_empty() {
        labels.insert(labels::INSTANCE_TEMPLATE.to_owned(), shape.name.to_owned());
    }
    labels
}

/// The names of all claims of an instance.
pub fn claim_names(set: &InstanceSet, name: &Name, template: &str) -> Vec<String> {
    let own = set.spec.instances.iter().find(|instance| instance.name == template);
    if own.is_none_or(|own| own.volume_claim_templates.is_empty()) {
        // The usual case, without merging the template.
        let claims = &set.spec.volume_claim_templates;
        return claims.iter().map(|claim| claim_name(set, claim, name)).collect();
    }
    shape(set, template).claims.iter().map(|claim| claim_name(set, claim, name)).collect()
}

/// `data-demo-0`; with a prefix of its own the claim has just the end of the pod's name.
pub fn claim_name(set: &InstanceSet, claim: &ClaimTemplate, name: &Name) -> String {
    let pod = name.to_string();
    match claim.metadata.annotations.get(labels::PVC_NAME_PREFIX) {
        Some(prefix) => {
            let end = pod.strip_prefix(&format!("{}-", set.metadata.name)).unwrap_or(&pod);
            format!("{prefix}-{end}")
        }
        None => format!("{}-{pod}", claim.metadata.name),
    }
}

/// Pods that have to come up on a certain node.
pub fn nodes_once(set: &InstanceSet) -> BTreeMap<String, String> {
    set.metadata
        .annotation(NODE_ONCE)
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default()
}

/// Makes the set the controller of an object that has none.
pub fn adopt(set: &InstanceSet, metadata: &mut ObjectMeta) {
    if metadata.controller().is_none() {
        let owner: OwnerReference = controlled_by(set);
        metadata.owner_references.push(owner);
    }
}
