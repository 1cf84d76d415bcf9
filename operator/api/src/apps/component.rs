//! Component.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{EnvVar, ResourceRequirements, Volume};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Shared;
use crate::apps::{
    Action, ClaimRetentionPolicy, ClaimTemplate, ComponentPhase, ComponentService, Config,
    InstanceTemplate, InstanceUpdateStrategy, Issuer, Network, Ordinals, PodUpdatePolicy,
    SchedulingPolicy, ServiceRef, SystemAccount, TerminationPolicy,
};
use crate::meta::{Condition, ObjectMeta, absent, one};
use crate::resource;

/// One part of a Cluster: pods that are alike, with all they need.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Component {
    pub metadata: ObjectMeta,
    pub spec: Shared<ComponentSpec>,
    #[serde(skip_serializing_if = "absent")]
    pub status: ComponentStatus,
}
resource!(Component, "apps.kubeblocks.io", "v1", "Component", "components", true, spec: ComponentSpec);

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["compDef", "replicas"]))]
pub struct ComponentSpec {
    #[serde(skip_serializing_if = "absent")]
    pub annotations: BTreeMap<String, String>,
    #[schemars(length(max = 64))]
    pub comp_def: String,
    #[serde(skip_serializing_if = "absent")]
    pub configs: Vec<Config>,
    #[serde(skip_serializing_if = "absent")]
    pub custom_actions: Vec<CustomAction>,
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
    pub instances: Vec<InstanceTemplate>,
    #[serde(skip_serializing_if = "absent")]
    pub labels: BTreeMap<String, String>,
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
    pub runtime_class_name: String,
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
    pub services: Vec<ComponentService>,
    #[serde(skip_serializing_if = "absent")]
    pub sidecars: Vec<Sidecar>,
    #[serde(skip_serializing_if = "absent")]
    pub stop: bool,
    #[serde(skip_serializing_if = "absent")]
    pub system_accounts: Vec<SystemAccount>,
    #[schemars(extend("default" = "Delete"))]
    pub termination_policy: TerminationPolicy,
    #[serde(skip_serializing_if = "absent")]
    pub tls_config: Option<TlsConfig>,
    #[serde(skip_serializing_if = "absent")]
    pub volume_claim_templates: Vec<ClaimTemplate>,
    #[serde(skip_serializing_if = "absent")]
    pub volumes: Vec<Volume>,
}

/// An action that a sharding definition brings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["action", "name"]))]
pub struct CustomAction {
    pub action: Action,
    pub name: String,
}

/// A sidecar that a component of the same Cluster asks for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["name", "owner", "sidecarDef"]))]
pub struct Sidecar {
    pub name: String,
    pub owner: String,
    pub sidecar_def: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct TlsConfig {
    #[serde(skip_serializing_if = "absent")]
    #[schemars(extend("default" = false))]
    pub enable: bool,
    #[serde(skip_serializing_if = "absent")]
    pub issuer: Option<Issuer>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ComponentStatus {
    #[serde(skip_serializing_if = "absent")]
    pub conditions: Vec<Condition>,
    #[serde(skip_serializing_if = "absent")]
    pub message: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "absent")]
    pub observed_generation: Option<i64>,
    #[serde(skip_serializing_if = "absent")]
    pub phase: Option<ComponentPhase>,
}
