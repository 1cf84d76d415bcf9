//! ClusterDefinition.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Shared;
use crate::apps::DefinitionPhase;
use crate::meta::{ObjectMeta, absent};
use crate::resource;

/// The shapes a Cluster of one kind may have.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClusterDefinition {
    pub metadata: ObjectMeta,
    pub spec: Shared<ClusterDefinitionSpec>,
    #[serde(skip_serializing_if = "absent")]
    pub status: ClusterDefinitionStatus,
}
resource!(
    ClusterDefinition,
    "apps.kubeblocks.io",
    "v1",
    "ClusterDefinition",
    "clusterdefinitions",
    false, spec: ClusterDefinitionSpec
);

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ClusterDefinitionSpec {
    #[serde(skip_serializing_if = "absent")]
    #[schemars(length(min = 1, max = 128))]
    pub topologies: Vec<Topology>,
}

/// Components that make up one shape of a Cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["name"]))]
pub struct Topology {
    #[serde(skip_serializing_if = "absent")]
    #[schemars(length(max = 128))]
    pub components: Vec<TopologyComponent>,
    #[serde(skip_serializing_if = "absent")]
    pub default: bool,
    #[schemars(length(max = 32))]
    pub name: String,
    #[serde(skip_serializing_if = "absent")]
    pub orders: Option<TopologyOrders>,
    #[serde(skip_serializing_if = "absent")]
    #[schemars(length(max = 128))]
    pub shardings: Vec<TopologySharding>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["compDef", "name"]))]
pub struct TopologyComponent {
    #[schemars(length(max = 64))]
    pub comp_def: String,
    #[schemars(regex(pattern = r"^[a-z]([a-z0-9\-]*[a-z0-9])?$"), length(max = 16))]
    pub name: String,
    #[serde(skip_serializing_if = "absent")]
    pub template: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["name", "shardingDef"]))]
pub struct TopologySharding {
    #[schemars(regex(pattern = r"^[a-z]([a-z0-9\-]*[a-z0-9])?$"), length(max = 16))]
    pub name: String,
    #[schemars(length(max = 64))]
    pub sharding_def: String,
}

/// Each entry is a step; a step may name several entities, separated by commas.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct TopologyOrders {
    #[serde(skip_serializing_if = "absent")]
    pub provision: Vec<String>,
    #[serde(skip_serializing_if = "absent")]
    pub terminate: Vec<String>,
    #[serde(skip_serializing_if = "absent")]
    pub update: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ClusterDefinitionStatus {
    #[serde(skip_serializing_if = "absent")]
    pub message: String,
    #[serde(skip_serializing_if = "absent")]
    pub observed_generation: Option<i64>,
    #[serde(skip_serializing_if = "absent")]
    pub phase: Option<DefinitionPhase>,
    #[serde(skip_serializing_if = "absent")]
    pub topologies: String,
}
