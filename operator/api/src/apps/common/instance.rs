//! What several kinds say about instances.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Affinity, EnvVar, HostAlias, PersistentVolumeClaimSpec, PodDNSConfig, ResourceRequirements,
    Toleration, TopologySpreadConstraint,
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::meta::{absent, one};

/// Where pods may run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SchedulingPolicy {
    #[serde(skip_serializing_if = "absent")]
    pub affinity: Option<Affinity>,
    #[serde(skip_serializing_if = "absent")]
    pub node_name: String,
    #[serde(skip_serializing_if = "absent")]
    #[schemars(extend("x-kubernetes-map-type" = "atomic"))]
    pub node_selector: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "absent")]
    pub scheduler_name: String,
    #[serde(skip_serializing_if = "absent")]
    pub tolerations: Vec<Toleration>,
    #[serde(skip_serializing_if = "absent")]
    pub topology_spread_constraints: Vec<TopologySpreadConstraint>,
}

/// Some of the instances of a component, when they differ from the others.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["name"]))]
pub struct InstanceTemplate {
    #[serde(skip_serializing_if = "absent")]
    pub annotations: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "absent")]
    pub canary: bool,
    #[serde(skip_serializing_if = "absent")]
    #[schemars(length(max = 64))]
    pub comp_def: String,
    #[serde(skip_serializing_if = "absent")]
    pub env: Vec<EnvVar>,
    #[serde(skip_serializing_if = "absent")]
    pub labels: BTreeMap<String, String>,
    #[schemars(regex(pattern = r"^[a-z0-9]([a-z0-9\.\-]*[a-z0-9])?$"), length(max = 54))]
    pub name: String,
    #[serde(skip_serializing_if = "absent")]
    pub ordinals: Option<Ordinals>,
    #[serde(default = "one")]
    #[schemars(range(min = 0), extend("default" = 1))]
    pub replicas: i32,
    #[serde(skip_serializing_if = "absent")]
    pub resources: Option<ResourceRequirements>,
    #[serde(skip_serializing_if = "absent")]
    pub scheduling_policy: Option<SchedulingPolicy>,
    #[serde(skip_serializing_if = "absent")]
    #[schemars(length(max = 32))]
    pub service_version: String,
    #[serde(skip_serializing_if = "absent")]
    pub volume_claim_templates: Vec<ClaimTemplate>,
}

/// The ordinals that instances may have.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Ordinals {
    #[serde(skip_serializing_if = "absent")]
    pub discrete: Vec<i32>,
    #[serde(skip_serializing_if = "absent")]
    pub ranges: Vec<Range>,
}

/// Both ends belong to it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["end", "start"]))]
pub struct Range {
    pub end: i32,
    pub start: i32,
}

/// The volume that each instance gets.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["name"]))]
pub struct ClaimTemplate {
    #[serde(skip_serializing_if = "absent")]
    pub annotations: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "absent")]
    pub labels: BTreeMap<String, String>,
    pub name: String,
    #[serde(skip_serializing_if = "absent")]
    pub persistent_volume_claim_name: String,
    #[serde(skip_serializing_if = "absent")]
    pub spec: Option<PersistentVolumeClaimSpec>,
}

/// What happens to volumes; absent means they are deleted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ClaimRetentionPolicy {
    #[serde(skip_serializing_if = "absent")]
    pub when_deleted: Option<Retention>,
    #[serde(skip_serializing_if = "absent")]
    pub when_scaled: Option<Retention>,
}

/// How instances are updated.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct InstanceUpdateStrategy {
    #[serde(skip_serializing_if = "absent")]
    pub rolling_update: Option<RollingUpdate>,
    #[serde(skip_serializing_if = "absent")]
    pub r#type: Option<UpdateType>,
}

/// How many instances a rolling update may touch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct RollingUpdate {
    #[serde(skip_serializing_if = "absent")]
    pub max_unavailable: Option<IntOrString>,
    #[serde(skip_serializing_if = "absent")]
    pub replicas: Option<IntOrString>,
}

/// The network of the pods.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Network {
    #[serde(skip_serializing_if = "absent")]
    pub dns_config: Option<PodDNSConfig>,
    #[serde(skip_serializing_if = "absent")]
    pub dns_policy: String,
    #[serde(skip_serializing_if = "absent")]
    pub host_aliases: Vec<HostAlias>,
    #[serde(skip_serializing_if = "absent")]
    #[schemars(extend("default" = false))]
    pub host_network: bool,
    #[serde(skip_serializing_if = "absent")]
    pub host_ports: Vec<HostPort>,
}

/// A host port that was chosen for a named container port.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["name", "port"]))]
pub struct HostPort {
    pub name: String,
    #[schemars(range(min = 1, max = 65535))]
    pub port: i32,
}

#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum PodUpdatePolicy {
    StrictInPlace,
    #[default]
    PreferInPlace,
}

#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum Retention {
    #[default]
    Retain,
    Delete,
}

#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum UpdateStrategy {
    #[default]
    Serial,
    BestEffortParallel,
    Parallel,
}

#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum UpdateType {
    #[default]
    RollingUpdate,
    OnDelete,
}
