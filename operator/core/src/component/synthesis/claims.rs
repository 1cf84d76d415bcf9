//! Claim templates: from a Component's to an `InstanceSet`'s.

use std::collections::BTreeMap;

use drydock_operator_api::apps::ClaimTemplate as Given;
use drydock_operator_api::workloads::instance_set::{ClaimTemplate, ClaimTemplateMeta};
use k8s_openapi::api::core::v1::PersistentVolumeClaimStatus;

use super::Parts;
use crate::labels;

pub(super) fn templates(parts: &Parts<'_>, given: &[Given]) -> Vec<ClaimTemplate> {
    given.iter().map(|claim| template(parts, claim)).collect()
}

fn template(parts: &Parts<'_>, claim: &Given) -> ClaimTemplate {
    let definition = &parts.tree.definition().spec;
    let component = &parts.tree.component.spec;
    let mut annotations =
        merged([&claim.annotations, &definition.annotations, &component.annotations]);
    if !claim.persistent_volume_claim_name.is_empty() {
        annotations
            .insert(labels::PVC_NAME_PREFIX.to_owned(), claim.persistent_volume_claim_name.clone());
    }
    let mut spec = claim.spec.clone().unwrap_or_default();
    if spec.storage_class_name.as_deref().unwrap_or("").is_empty() {
        spec.storage_class_name.clone_from(&parts.settings.default_storage_class);
    }
    ClaimTemplate {
        metadata: ClaimTemplateMeta {
            name: claim.name.clone(),
            labels: merged([&claim.labels, &definition.labels, &component.labels]),
            annotations,
        },
        spec,
        status: PersistentVolumeClaimStatus::default(),
    }
}

/// A later map wins.
fn merged(maps: [&BTreeMap<String, String>; 3]) -> BTreeMap<String, String> {
    maps.into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect()
}
