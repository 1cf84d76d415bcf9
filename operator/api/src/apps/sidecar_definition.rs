//! SidecarDefinition.

use k8s_openapi::api::core::v1::Container;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Shared;
use crate::apps::{DefinitionPhase, FileTemplate, Var};
use crate::meta::{ObjectMeta, absent};
use crate::resource;

/// Containers that one component brings to the pods of others.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SidecarDefinition {
    pub metadata: ObjectMeta,
    pub spec: Shared<SidecarDefinitionSpec>,
    #[serde(skip_serializing_if = "absent")]
    pub status: SidecarDefinitionStatus,
}
resource!(
    SidecarDefinition,
    "apps.kubeblocks.io",
    "v1",
    "SidecarDefinition",
    "sidecardefinitions",
    false, spec: SidecarDefinitionSpec
);

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["containers", "name", "owner", "selectors"]))]
pub struct SidecarDefinitionSpec {
    #[serde(skip_serializing_if = "absent")]
    pub configs: Vec<FileTemplate>,
    #[schemars(length(min = 1))]
    pub containers: Vec<Container>,
    pub name: String,
    pub owner: String,
    #[serde(skip_serializing_if = "absent")]
    pub scripts: Vec<FileTemplate>,
    #[schemars(length(min = 1))]
    pub selectors: Vec<String>,
    #[serde(skip_serializing_if = "absent")]
    pub vars: Vec<Var>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SidecarDefinitionStatus {
    #[serde(skip_serializing_if = "absent")]
    pub message: String,
    #[serde(skip_serializing_if = "absent")]
    pub observed_generation: Option<i64>,
    #[serde(skip_serializing_if = "absent")]
    pub owners: String,
    #[serde(skip_serializing_if = "absent")]
    pub phase: Option<DefinitionPhase>,
    #[serde(skip_serializing_if = "absent")]
    pub selectors: String,
}
