//! What the operator reads of a claim: who it is for, what it asks and what it got.

use k8s_openapi::api::core::v1::{PersistentVolumeClaimStatus, VolumeResourceRequirements};
use serde::{Deserialize, Serialize};

use crate::ObjectMeta;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PersistentVolumeClaim {
    pub metadata: ObjectMeta,
    pub spec: ClaimSpec,
    pub status: PersistentVolumeClaimStatus,
}

crate::resource!(
    PersistentVolumeClaim,
    "",
    "v1",
    "PersistentVolumeClaim",
    "persistentvolumeclaims",
    true
);

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClaimSpec {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub access_modes: Vec<String>,
    pub resources: VolumeResourceRequirements,
}
