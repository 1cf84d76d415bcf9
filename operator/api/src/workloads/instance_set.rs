//! `InstanceSet` v1: a set of pods with an identity each, roles among them, and claims of their own.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    EnvVar, ObjectReference, PersistentVolumeClaimSpec, PersistentVolumeClaimStatus,
    PodTemplateSpec, ResourceRequirements,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Shared;
use crate::apps::{
    Action, ClaimRetentionPolicy, InstanceUpdateStrategy, Ordinals, ReplicaRole, SchedulingPolicy,
    UpdateStrategy,
};
use crate::meta::{Condition, ObjectMeta, absent};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct InstanceSet {
    pub metadata: ObjectMeta,
    pub spec: Shared<Spec>,
    #[serde(skip_serializing_if = "absent")]
    pub status: Status,
}

crate::resource!(InstanceSet, "workloads.kubeblocks.io", "v1", "InstanceSet", "instancesets", true, spec: Spec);

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["selector", "template"]))]
pub struct Spec {
    /// The API server defaults it to 1.
    #[schemars(range(min = 0), extend("default" = 1))]
    #[serde(skip_serializing_if = "absent")]
    pub replicas: Option<i32>,
    /// Stored even when empty, as the wire form has always been.
    pub ordinals: Ordinals,
    #[serde(skip_serializing_if = "absent")]
    #[schemars(range(min = 0), extend("default" = 0))]
    pub min_ready_seconds: i32,
    pub selector: LabelSelector,
    pub template: PodTemplateSpec,
    #[serde(skip_serializing_if = "absent")]
    #[schemars(extend("x-kubernetes-list-map-keys" = ["name"], "x-kubernetes-list-type" = "map"))]
    pub instances: Vec<InstanceTemplate>,
    #[serde(skip_serializing_if = "absent")]
    #[schemars(extend("default" = false))]
    pub flat_instance_ordinal: bool,
    #[serde(skip_serializing_if = "absent")]
    pub offline_instances: Vec<String>,
    #[serde(skip_serializing_if = "absent")]
    pub volume_claim_templates: Vec<ClaimTemplate>,
    #[serde(skip_serializing_if = "absent")]
    pub persistent_volume_claim_retention_policy: Option<ClaimRetentionPolicy>,
    /// `OrderedReady`, the default, or `Parallel`.
    #[serde(skip_serializing_if = "absent")]
    pub pod_management_policy: Option<String>,
    #[serde(skip_serializing_if = "absent")]
    pub parallel_pod_management_concurrency: Option<IntOrString>,
    /// `StrictInPlace`, `PreferInPlace` or `ReCreate`.
    #[serde(skip_serializing_if = "absent")]
    pub pod_update_policy: Option<String>,
    #[serde(skip_serializing_if = "absent")]
    pub pod_upgrade_policy: Option<String>,
    #[serde(skip_serializing_if = "absent")]
    pub instance_update_strategy: Option<InstanceUpdateStrategy>,
    #[serde(skip_serializing_if = "absent")]
    pub member_update_strategy: Option<UpdateStrategy>,
    #[serde(skip_serializing_if = "absent")]
    pub roles: Vec<ReplicaRole>,
    #[serde(skip_serializing_if = "absent")]
    pub lifecycle_actions: Option<LifecycleActions>,
    #[serde(skip_serializing_if = "absent")]
    pub configs: Vec<ConfigTemplate>,
    #[serde(skip_serializing_if = "absent")]
    pub paused: Option<bool>,
    #[serde(skip_serializing_if = "absent")]
    pub stop: Option<bool>,
    #[serde(skip_serializing_if = "absent")]
    #[schemars(extend("default" = false))]
    pub disable_default_headless_service: bool,
    #[serde(rename = "enableInstanceAPI", skip_serializing_if = "absent")]
    pub enable_instance_api: Option<bool>,
    #[serde(skip_serializing_if = "absent")]
    pub instance_assistant_objects: Vec<ObjectReference>,
}

/// What some of the instances have different from the others.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["name"]))]
pub struct InstanceTemplate {
    #[schemars(regex(pattern = r"^[a-z0-9]([a-z0-9\.\-]*[a-z0-9])?$"), length(max = 54))]
    pub name: String,
    #[serde(skip_serializing_if = "absent")]
    #[schemars(range(min = 0), extend("default" = 1))]
    pub replicas: Option<i32>,
    pub ordinals: Ordinals,
    #[serde(skip_serializing_if = "absent")]
    pub annotations: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "absent")]
    pub labels: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "absent")]
    pub scheduling_policy: Option<SchedulingPolicy>,
    #[serde(skip_serializing_if = "absent")]
    pub resources: Option<ResourceRequirements>,
    #[serde(skip_serializing_if = "absent")]
    pub env: Vec<EnvVar>,
    #[serde(skip_serializing_if = "absent")]
    pub volume_claim_templates: Vec<ClaimTemplate>,
    /// Container name to image.
    #[serde(skip_serializing_if = "absent")]
    pub images: BTreeMap<String, String>,
}

/// A `PersistentVolumeClaim` inside a spec. It is stored without kind, and with an empty status.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ClaimTemplate {
    pub metadata: ClaimTemplateMeta,
    pub spec: PersistentVolumeClaimSpec,
    pub status: PersistentVolumeClaimStatus,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ClaimTemplateMeta {
    pub name: String,
    #[serde(skip_serializing_if = "absent")]
    pub labels: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "absent")]
    pub annotations: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct LifecycleActions {
    #[serde(skip_serializing_if = "absent")]
    pub template_vars: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "absent")]
    pub switchover: Option<Action>,
    #[serde(skip_serializing_if = "absent")]
    pub reconfigure: Option<Action>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["name"]))]
pub struct ConfigTemplate {
    pub name: String,
    #[serde(skip_serializing_if = "absent")]
    pub config_hash: Option<String>,
    #[serde(skip_serializing_if = "absent")]
    pub restart: Option<bool>,
    #[serde(skip_serializing_if = "absent")]
    pub reconfigure: Option<Action>,
    #[serde(skip_serializing_if = "absent")]
    pub reconfigure_action_name: String,
    #[serde(skip_serializing_if = "absent")]
    pub parameters: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "absent")]
    pub reconfigure_args: Vec<Vec<String>>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["replicas"]))]
pub struct Status {
    #[serde(skip_serializing_if = "absent")]
    pub observed_generation: i64,
    pub replicas: i32,
    #[serde(skip_serializing_if = "absent")]
    pub ready_replicas: i32,
    #[serde(skip_serializing_if = "absent")]
    pub available_replicas: i32,
    #[serde(skip_serializing_if = "absent")]
    pub current_replicas: i32,
    #[serde(skip_serializing_if = "absent")]
    pub updated_replicas: i32,
    /// Nobody ever counts these two; the first is stored all the same.
    #[schemars(extend("default" = null))]
    pub init_replicas: i32,
    #[serde(skip_serializing_if = "absent")]
    pub ready_init_replicas: i32,
    #[serde(skip_serializing_if = "absent")]
    pub current_revision: String,
    #[serde(skip_serializing_if = "absent")]
    pub update_revision: String,
    #[serde(skip_serializing_if = "absent")]
    pub current_revisions: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "absent")]
    pub update_revisions: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "absent")]
    pub deferred_updated_revisions: BTreeMap<String, String>,
    /// Template to the ordinals it has; only with flat ordinals.
    #[serde(skip_serializing_if = "absent")]
    pub assigned_ordinals: BTreeMap<String, Ordinals>,
    #[serde(skip_serializing_if = "absent")]
    #[schemars(extend("x-kubernetes-list-map-keys" = ["type"], "x-kubernetes-list-type" = "map"))]
    pub conditions: Vec<Condition>,
    #[serde(skip_serializing_if = "absent")]
    pub instance_status: Vec<InstanceStatus>,
    #[serde(skip_serializing_if = "absent")]
    pub templates_status: Vec<TemplateStatus>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["podName"]))]
pub struct InstanceStatus {
    #[schemars(extend("default" = "Unknown"))]
    pub pod_name: String,
    /// Empty for the default template.
    pub template_name: String,
    #[serde(skip_serializing_if = "absent")]
    pub desired_state: Option<DesiredState>,
    #[serde(skip_serializing_if = "absent")]
    pub current_state: Option<CurrentState>,
    #[serde(skip_serializing_if = "absent")]
    pub current_revision: String,
    #[serde(skip_serializing_if = "absent")]
    pub update_revision: String,
    #[serde(skip_serializing_if = "absent")]
    pub up_to_date: bool,
    #[serde(skip_serializing_if = "absent")]
    pub ready: bool,
    #[serde(skip_serializing_if = "absent")]
    pub available: bool,
    #[serde(skip_serializing_if = "absent")]
    pub failed: bool,
    #[serde(skip_serializing_if = "absent")]
    pub role: String,
    #[serde(skip_serializing_if = "absent")]
    pub configs: Vec<InstanceConfig>,
    #[serde(skip_serializing_if = "absent")]
    pub volume_expansion: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DesiredState {
    Active,
    Offline,
    Released,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum CurrentState {
    Present,
    Terminating,
    Absent,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["name"]))]
pub struct InstanceConfig {
    pub name: String,
    #[serde(skip_serializing_if = "absent")]
    pub config_hash: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["name"]))]
pub struct TemplateStatus {
    pub name: String,
    #[serde(skip_serializing_if = "absent")]
    pub replicas: i32,
    #[serde(skip_serializing_if = "absent")]
    pub ready_replicas: i32,
    #[serde(skip_serializing_if = "absent")]
    pub available_replicas: i32,
    #[serde(skip_serializing_if = "absent")]
    pub current_replicas: i32,
    #[serde(skip_serializing_if = "absent")]
    pub updated_replicas: i32,
}
