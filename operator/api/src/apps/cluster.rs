//! Cluster.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{EnvVar, ResourceRequirements, ServiceSpec, Volume};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Shared;
use crate::apps::{
    ClaimRetentionPolicy, ClaimTemplate, ClusterComponentStatus, ComponentPhase, Config,
    InstanceTemplate, InstanceUpdateStrategy, Issuer, Network, Ordinals, PodUpdatePolicy,
    SchedulingPolicy, ServiceRef, ServiceType, SystemAccount, TerminationPolicy,
};
use crate::meta::{Condition, ObjectMeta, absent, one};
use crate::resource;

/// What a user asks for: a database, made of components.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Cluster {
    pub metadata: ObjectMeta,
    pub spec: Shared<ClusterSpec>,
    #[serde(skip_serializing_if = "absent")]
    pub status: ClusterStatus,
}
resource!(Cluster, "apps.kubeblocks.io", "v1", "Cluster", "clusters", true, spec: ClusterSpec);

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["terminationPolicy"], "x-kubernetes-validations" = [{"message": "topology is required once set", "rule": "!has(oldSelf.topology) || has(self.topology)"}]))]
pub struct ClusterSpec {
    #[serde(skip_serializing_if = "absent")]
    pub backup: Option<ClusterBackup>,
    #[serde(skip_serializing_if = "absent")]
    #[schemars(regex(pattern = r"^[a-z]([a-z0-9\.\-]*[a-z0-9])?$"), length(max = 63), extend("x-kubernetes-validations" = [{"message": "clusterDef is immutable", "rule": "self == oldSelf"}]))]
    pub cluster_def: String,
    #[serde(skip_serializing_if = "absent")]
    #[schemars(length(min = 1, max = 128), extend("x-kubernetes-validations" = [{"message": "duplicated component", "rule": "self.all(x, size(self.filter(c, c.name == x.name)) == 1)"}, {"message": "two kinds of definition API can not be used simultaneously", "rule": "self.all(x, size(self.filter(c, has(c.componentDef))) == 0) || self.all(x, size(self.filter(c, has(c.componentDef))) == size(self))"}]))]
    pub component_specs: Vec<ClusterComponentSpec>,
    #[serde(skip_serializing_if = "absent")]
    #[schemars(extend("x-kubernetes-validations" = [{"message": "restore is immutable", "rule": "self == oldSelf"}]))]
    pub restore: Option<Restore>,
    #[serde(skip_serializing_if = "absent")]
    pub runtime_class_name: String,
    #[serde(skip_serializing_if = "absent")]
    pub scheduling_policy: Option<SchedulingPolicy>,
    #[serde(skip_serializing_if = "absent")]
    #[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
    pub services: Vec<ClusterService>,
    #[serde(skip_serializing_if = "absent")]
    #[schemars(length(min = 1, max = 128), extend("x-kubernetes-list-map-keys" = ["name"], "x-kubernetes-list-type" = "map"))]
    pub shardings: Vec<ClusterSharding>,
    #[schemars(extend("default" = null))]
    pub termination_policy: TerminationPolicy,
    #[serde(skip_serializing_if = "absent")]
    #[schemars(length(max = 32), extend("x-kubernetes-validations" = [{"message": "topology is immutable", "rule": "self == oldSelf"}]))]
    pub topology: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["method"]))]
pub struct ClusterBackup {
    #[serde(skip_serializing_if = "absent")]
    pub continuous_method: String,
    #[serde(skip_serializing_if = "absent")]
    pub cron_expression: String,
    #[serde(skip_serializing_if = "absent")]
    #[schemars(extend("default" = false))]
    pub enabled: bool,
    #[serde(skip_serializing_if = "absent")]
    #[schemars(extend("default" = false))]
    pub incremental_backup_enabled: bool,
    #[serde(skip_serializing_if = "absent")]
    pub incremental_cron_expression: String,
    pub method: String,
    #[serde(skip_serializing_if = "absent")]
    #[schemars(extend("default" = false))]
    pub pitr_enabled: bool,
    #[serde(skip_serializing_if = "absent")]
    pub repo_name: String,
    #[serde(skip_serializing_if = "absent")]
    #[schemars(extend("default" = "7d"))]
    pub retention_period: String,
    #[serde(skip_serializing_if = "absent")]
    #[schemars(range(min = 0, max = 1440))]
    pub starting_deadline_minutes: Option<i64>,
}

/// What the Cluster is restored from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["source"], "x-kubernetes-validations" = [{"message": "restore is immutable", "rule": "self == oldSelf"}]))]
pub struct Restore {
    #[serde(skip_serializing_if = "absent")]
    pub parameters: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "absent")]
    pub pitr: String,
    pub source: RestoreSource,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["apiGroup", "kind", "name"]))]
pub struct RestoreSource {
    pub api_group: String,
    pub kind: String,
    pub name: String,
    #[serde(skip_serializing_if = "absent")]
    pub namespace: String,
}

/// A component of a Cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["replicas"]))]
pub struct ClusterComponentSpec {
    #[serde(skip_serializing_if = "absent")]
    pub annotations: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "absent")]
    #[schemars(regex(pattern = r"^[a-z]([a-z0-9\.\-]*[a-z0-9])?$"), length(max = 64))]
    pub component_def: String,
    #[serde(skip_serializing_if = "absent")]
    pub configs: Vec<Config>,
    #[serde(skip_serializing_if = "absent")]
    pub disable_exporter: bool,
    #[serde(rename = "enableInstanceAPI", skip_serializing_if = "absent")]
    pub enable_instance_api: bool,
    #[serde(skip_serializing_if = "absent")]
    pub env: Vec<EnvVar>,
    #[serde(skip_serializing_if = "absent")]
    #[schemars(extend("default" = false))]
    pub flat_instance_ordinal: bool,
    #[serde(skip_serializing_if = "absent")]
    pub instance_update_strategy: Option<InstanceUpdateStrategy>,
    #[serde(skip_serializing_if = "absent")]
    #[schemars(extend("x-kubernetes-list-map-keys" = ["name"], "x-kubernetes-list-type" = "map"))]
    pub instances: Vec<InstanceTemplate>,
    #[serde(skip_serializing_if = "absent")]
    pub issuer: Option<Issuer>,
    #[serde(skip_serializing_if = "absent")]
    pub labels: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "absent")]
    #[schemars(regex(pattern = "^$|^[a-z]([a-z0-9-]*[a-z0-9])?$"), length(max = 22))]
    pub name: String,
    #[serde(skip_serializing_if = "absent")]
    pub network: Option<Network>,
    #[serde(skip_serializing_if = "absent")]
    pub offline_instances: Vec<String>,
    /// Stored even when empty, as the wire form has always been.
    pub ordinals: Ordinals,
    #[serde(skip_serializing_if = "absent")]
    pub parallel_pod_management_concurrency: Option<IntOrString>,
    #[serde(skip_serializing_if = "absent")]
    pub persistent_volume_claim_retention_policy: Option<ClaimRetentionPolicy>,
    #[schemars(extend("default" = "PreferInPlace"))]
    pub pod_update_policy: PodUpdatePolicy,
    #[serde(skip_serializing_if = "absent")]
    pub pod_upgrade_policy: Option<PodUpdatePolicy>,
    #[serde(default = "one")]
    #[schemars(range(min = 0), extend("default" = 1))]
    pub replicas: i32,
    /// Stored even when empty.
    #[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
    pub resources: ResourceRequirements,
    #[serde(skip_serializing_if = "absent")]
    pub scheduling_policy: Option<SchedulingPolicy>,
    #[serde(skip_serializing_if = "absent")]
    pub service_account_name: String,
    #[serde(skip_serializing_if = "absent")]
    pub service_refs: Vec<ServiceRef>,
    #[serde(skip_serializing_if = "absent")]
    #[schemars(length(max = 32))]
    pub service_version: String,
    #[serde(skip_serializing_if = "absent")]
    pub services: Vec<ClusterComponentService>,
    #[serde(skip_serializing_if = "absent")]
    pub stop: bool,
    #[serde(skip_serializing_if = "absent")]
    pub system_accounts: Vec<SystemAccount>,
    #[serde(skip_serializing_if = "absent")]
    pub tls: bool,
    #[serde(skip_serializing_if = "absent")]
    pub volume_claim_templates: Vec<ClaimTemplate>,
    #[serde(skip_serializing_if = "absent")]
    pub volumes: Vec<Volume>,
}

/// What a user says about one Service of the definition.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["name"]))]
pub struct ClusterComponentService {
    #[serde(skip_serializing_if = "absent")]
    pub annotations: BTreeMap<String, String>,
    #[schemars(length(max = 25))]
    pub name: String,
    #[serde(skip_serializing_if = "absent")]
    #[schemars(extend("default" = false))]
    pub pod_service: bool,
    #[schemars(extend("default" = "ClusterIP", "x-kubernetes-preserve-unknown-fields" = true))]
    pub service_type: ServiceType,
}

/// A Service of a Cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["name"]))]
pub struct ClusterService {
    #[serde(skip_serializing_if = "absent")]
    pub annotations: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "absent")]
    pub component_selector: String,
    #[schemars(length(max = 25))]
    pub name: String,
    #[serde(skip_serializing_if = "absent")]
    pub role_selector: String,
    #[serde(skip_serializing_if = "absent")]
    #[schemars(regex(pattern = r"^[a-z]([a-z0-9\-]*[a-z0-9])?$"), length(max = 25))]
    pub service_name: String,
    #[serde(skip_serializing_if = "absent")]
    pub spec: Option<ServiceSpec>,
}

/// Components that are alike but for the data they hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["name", "shards"]))]
pub struct ClusterSharding {
    #[schemars(regex(pattern = r"^[a-z0-9]([a-z0-9\.\-]*[a-z0-9])?$"), length(max = 15), extend("x-kubernetes-validations" = [{"message": "the name is immutable", "rule": "self == oldSelf"}]))]
    pub name: String,
    #[serde(skip_serializing_if = "absent")]
    pub offline: Vec<String>,
    #[serde(skip_serializing_if = "absent")]
    pub shard_templates: Vec<ShardTemplate>,
    #[serde(skip_serializing_if = "absent")]
    #[schemars(length(max = 64))]
    pub sharding_def: String,
    #[schemars(range(min = 0, max = 2048))]
    pub shards: i32,
    #[serde(skip_serializing_if = "absent")]
    pub template: Option<ClusterComponentSpec>,
}

/// Some of the shards, when they differ from the others.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["name"]))]
pub struct ShardTemplate {
    #[serde(skip_serializing_if = "absent")]
    pub annotations: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "absent")]
    #[schemars(length(max = 64))]
    pub comp_def: String,
    #[serde(skip_serializing_if = "absent")]
    pub env: Vec<EnvVar>,
    #[serde(skip_serializing_if = "absent")]
    pub flat_instance_ordinal: bool,
    #[serde(skip_serializing_if = "absent")]
    pub instances: Vec<InstanceTemplate>,
    #[serde(skip_serializing_if = "absent")]
    pub labels: BTreeMap<String, String>,
    #[schemars(regex(pattern = r"^[a-z0-9]([a-z0-9\.\-]*[a-z0-9])?$"), length(max = 15))]
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
    #[serde(rename = "shardIDs", skip_serializing_if = "absent")]
    pub shard_ids: Vec<String>,
    #[serde(skip_serializing_if = "absent")]
    #[schemars(length(max = 64))]
    pub sharding_def: String,
    #[serde(skip_serializing_if = "absent")]
    #[schemars(range(min = 0, max = 2048))]
    pub shards: Option<i32>,
    #[serde(skip_serializing_if = "absent")]
    pub volume_claim_templates: Vec<ClaimTemplate>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ClusterStatus {
    #[serde(skip_serializing_if = "absent")]
    pub components: BTreeMap<String, ClusterComponentStatus>,
    #[serde(skip_serializing_if = "absent")]
    pub conditions: Vec<Condition>,
    #[serde(skip_serializing_if = "absent")]
    pub message: String,
    #[serde(skip_serializing_if = "absent")]
    pub observed_generation: Option<i64>,
    #[serde(skip_serializing_if = "absent")]
    pub phase: Option<ClusterPhase>,
    #[serde(skip_serializing_if = "absent")]
    pub shardings: BTreeMap<String, ShardingStatus>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ShardingStatus {
    #[serde(skip_serializing_if = "absent")]
    pub message: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "absent")]
    pub observed_generation: Option<i64>,
    #[serde(skip_serializing_if = "absent")]
    pub phase: Option<ComponentPhase>,
    #[serde(skip_serializing_if = "absent")]
    pub post_provision: Option<ShardingActionStatus>,
    #[serde(skip_serializing_if = "absent")]
    pub pre_terminate: Option<ShardingActionStatus>,
    #[serde(skip_serializing_if = "absent")]
    pub sharding_def: String,
    #[serde(skip_serializing_if = "absent")]
    pub up_to_date: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ShardingActionStatus {
    #[serde(skip_serializing_if = "absent")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub completion_time: Option<Timestamp>,
    #[serde(skip_serializing_if = "absent")]
    pub message: String,
    #[serde(skip_serializing_if = "absent")]
    pub phase: Option<ShardingActionPhase>,
    #[serde(skip_serializing_if = "absent")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub start_time: Option<Timestamp>,
}

#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum ClusterPhase {
    #[default]
    Creating,
    Running,
    Updating,
    Stopping,
    Stopped,
    Deleting,
    Failed,
    Abnormal,
}

#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum ShardingActionPhase {
    #[default]
    Pending,
    Running,
    Succeeded,
    Failed,
    Skipped,
}
