//! ComponentDefinition.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::PodSpec;
use k8s_openapi::api::rbac::v1::PolicyRule;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Shared;
use crate::apps::{
    Action, ComponentService, DefinitionStatus, PasswordConfig, Probe, UpdateStrategy, Var,
};
use crate::meta::{ObjectMeta, absent};
use crate::resource;

mod availability;

pub use availability::{
    Assertion, Availability, AvailabilityCondition, AvailabilityProbe, AvailabilityTerm,
    OutputAssertion, OutputMatcher,
};

/// How components of one kind are run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ComponentDefinition {
    pub metadata: ObjectMeta,
    pub spec: Shared<ComponentDefinitionSpec>,
    #[serde(skip_serializing_if = "absent")]
    pub status: DefinitionStatus,
}
resource!(
    ComponentDefinition,
    "apps.kubeblocks.io",
    "v1",
    "ComponentDefinition",
    "componentdefinitions",
    false, spec: ComponentDefinitionSpec
);

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["runtime"]))]
pub struct ComponentDefinitionSpec {
    #[serde(skip_serializing_if = "absent")]
    pub annotations: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "absent")]
    pub available: Option<Availability>,
    #[serde(skip_serializing_if = "absent")]
    pub configs: Vec<FileTemplate>,
    #[serde(skip_serializing_if = "absent")]
    #[schemars(length(max = 256))]
    pub description: String,
    #[serde(skip_serializing_if = "absent")]
    #[schemars(extend("default" = false))]
    pub disable_default_headless_service: bool,
    #[serde(skip_serializing_if = "absent")]
    pub exporter: Option<Exporter>,
    #[serde(skip_serializing_if = "absent")]
    pub host_network: Option<HostNetwork>,
    #[serde(skip_serializing_if = "absent")]
    pub labels: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "absent")]
    pub lifecycle_actions: Option<LifecycleActions>,
    #[serde(skip_serializing_if = "absent")]
    #[schemars(extend("x-kubernetes-list-map-keys" = ["name"], "x-kubernetes-list-type" = "map"))]
    pub log_configs: Vec<LogConfig>,
    #[serde(skip_serializing_if = "absent")]
    #[schemars(range(min = 0), extend("default" = 0))]
    pub min_ready_seconds: i32,
    #[serde(skip_serializing_if = "absent")]
    #[schemars(extend("default" = "OrderedReady"))]
    pub pod_management_policy: String,
    #[schemars(extend("default" = "PreferInPlace"))]
    pub pod_update_policy: DefinitionPodUpdatePolicy,
    #[serde(skip_serializing_if = "absent")]
    pub pod_upgrade_policy: Option<DefinitionPodUpdatePolicy>,
    #[serde(skip_serializing_if = "absent")]
    pub policy_rules: Vec<PolicyRule>,
    #[serde(skip_serializing_if = "absent")]
    #[schemars(length(max = 32))]
    pub provider: String,
    #[serde(skip_serializing_if = "absent")]
    #[schemars(extend("x-kubernetes-validations" = [{"message": "the minimum and maximum limit of replicas should be in the range of [0, 16384]", "rule": "self.minReplicas >= 0 && self.maxReplicas <= 16384"}, {"message": "the minimum replicas limit should be no greater than the maximum", "rule": "self.minReplicas <= self.maxReplicas"}]))]
    pub replicas_limit: Option<ReplicasLimit>,
    #[serde(skip_serializing_if = "absent")]
    #[schemars(length(max = 128))]
    pub roles: Vec<ReplicaRole>,
    #[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
    pub runtime: PodSpec,
    #[serde(skip_serializing_if = "absent")]
    pub scripts: Vec<FileTemplate>,
    #[serde(skip_serializing_if = "absent")]
    #[schemars(length(max = 32))]
    pub service_kind: String,
    #[serde(skip_serializing_if = "absent")]
    pub service_ref_declarations: Vec<ServiceRefDeclaration>,
    #[serde(skip_serializing_if = "absent")]
    #[schemars(length(max = 32))]
    pub service_version: String,
    #[serde(skip_serializing_if = "absent")]
    pub services: Vec<ComponentService>,
    #[serde(skip_serializing_if = "absent")]
    pub system_accounts: Vec<DefinitionAccount>,
    #[serde(skip_serializing_if = "absent")]
    pub tls: Option<DefinitionTls>,
    #[schemars(extend("default" = "Serial"))]
    pub update_strategy: UpdateStrategy,
    #[serde(skip_serializing_if = "absent")]
    pub vars: Vec<Var>,
    #[serde(skip_serializing_if = "absent")]
    pub volumes: Vec<DefinitionVolume>,
}

/// A config or script: a ConfigMap whose values are templates.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["name"]))]
pub struct FileTemplate {
    #[serde(skip_serializing_if = "absent")]
    pub default_mode: Option<i32>,
    #[serde(skip_serializing_if = "absent")]
    pub external_managed: bool,
    #[schemars(regex(pattern = r"^[a-z0-9]([a-z0-9\.\-]*[a-z0-9])?$"), length(max = 63))]
    pub name: String,
    #[serde(skip_serializing_if = "absent")]
    #[schemars(regex(pattern = r"^[a-z0-9]([a-z0-9\-]*[a-z0-9])?$"), length(max = 63), extend("default" = "default"))]
    pub namespace: String,
    #[serde(skip_serializing_if = "absent")]
    pub reconfigure: Option<Action>,
    #[serde(skip_serializing_if = "absent")]
    pub restart_on_file_change: bool,
    #[serde(skip_serializing_if = "absent")]
    #[schemars(regex(pattern = r"^[a-z0-9]([a-z0-9\.\-]*[a-z0-9])?$"), length(max = 63))]
    pub template: String,
    #[serde(skip_serializing_if = "absent")]
    pub variables: Vec<FileVariable>,
    #[serde(skip_serializing_if = "absent")]
    #[schemars(regex(pattern = r"^[a-z]([a-z0-9\-]*[a-z0-9])?$"), length(max = 63))]
    pub volume_name: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["name"]))]
pub struct FileVariable {
    #[serde(skip_serializing_if = "absent")]
    pub default_value: String,
    #[serde(skip_serializing_if = "absent")]
    pub description: String,
    pub name: String,
}

/// Where metrics are scraped.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Exporter {
    #[serde(skip_serializing_if = "absent")]
    pub container_name: String,
    #[serde(skip_serializing_if = "absent")]
    pub scrape_path: String,
    #[serde(skip_serializing_if = "absent")]
    pub scrape_port: String,
    #[serde(skip_serializing_if = "absent")]
    #[schemars(extend("enum" = ["http", "https"]))]
    pub scrape_scheme: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct HostNetwork {
    #[serde(skip_serializing_if = "absent")]
    pub container_ports: Vec<HostNetworkPorts>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["container", "ports"]))]
pub struct HostNetworkPorts {
    pub container: String,
    #[schemars(length(min = 1))]
    pub ports: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct LifecycleActions {
    #[serde(skip_serializing_if = "absent")]
    pub account_provision: Option<Action>,
    #[serde(skip_serializing_if = "absent")]
    pub available_probe: Option<Probe>,
    #[serde(skip_serializing_if = "absent")]
    pub data_dump: Option<Action>,
    #[serde(skip_serializing_if = "absent")]
    pub data_load: Option<Action>,
    #[serde(skip_serializing_if = "absent")]
    pub member_join: Option<Action>,
    #[serde(skip_serializing_if = "absent")]
    pub member_leave: Option<Action>,
    #[serde(skip_serializing_if = "absent")]
    pub post_provision: Option<Action>,
    #[serde(skip_serializing_if = "absent")]
    pub pre_terminate: Option<Action>,
    #[serde(skip_serializing_if = "absent")]
    pub readonly: Option<Action>,
    #[serde(skip_serializing_if = "absent")]
    pub readwrite: Option<Action>,
    #[serde(skip_serializing_if = "absent")]
    pub reconfigure: Option<Action>,
    #[serde(skip_serializing_if = "absent")]
    pub role_probe: Option<Probe>,
    #[serde(skip_serializing_if = "absent")]
    pub switchover: Option<Action>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["filePathPattern", "name"]))]
pub struct LogConfig {
    #[schemars(length(max = 4096))]
    pub file_path_pattern: String,
    #[schemars(length(max = 128))]
    pub name: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["maxReplicas", "minReplicas"], "x-kubernetes-validations" = [{"message": "the minimum and maximum limit of replicas should be in the range of [0, 16384]", "rule": "self.minReplicas >= 0 && self.maxReplicas <= 16384"}, {"message": "the minimum replicas limit should be no greater than the maximum", "rule": "self.minReplicas <= self.maxReplicas"}]))]
pub struct ReplicasLimit {
    pub max_replicas: i32,
    pub min_replicas: i32,
}

/// A role that an instance may have.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["name"]))]
pub struct ReplicaRole {
    #[serde(skip_serializing_if = "absent")]
    #[schemars(extend("default" = false))]
    pub is_exclusive: bool,
    #[schemars(regex(pattern = r"^.*[^\s]+.*$"), length(max = 32))]
    pub name: String,
    #[serde(skip_serializing_if = "absent")]
    #[schemars(extend("default" = false))]
    pub participates_in_quorum: bool,
    #[serde(skip_serializing_if = "absent")]
    #[schemars(extend("default" = 0, "format" = null))]
    pub update_priority: i32,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["name", "serviceRefDeclarationSpecs"]))]
pub struct ServiceRefDeclaration {
    pub name: String,
    #[serde(skip_serializing_if = "absent")]
    pub optional: bool,
    pub service_ref_declaration_specs: Vec<ServiceRefDeclarationSpec>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["serviceKind", "serviceVersion"]))]
pub struct ServiceRefDeclarationSpec {
    pub service_kind: String,
    pub service_version: String,
}

/// An account that each component of this definition has.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["name"]))]
pub struct DefinitionAccount {
    #[serde(skip_serializing_if = "absent")]
    #[schemars(extend("default" = false))]
    pub init_account: bool,
    pub name: String,
    #[serde(skip_serializing_if = "absent")]
    pub password_config: Option<PasswordConfig>,
    #[serde(skip_serializing_if = "absent")]
    pub statement: Option<AccountStatement>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct AccountStatement {
    #[serde(skip_serializing_if = "absent")]
    pub create: String,
    #[serde(skip_serializing_if = "absent")]
    pub delete: String,
    #[serde(skip_serializing_if = "absent")]
    pub update: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["mountPath", "volumeName"]))]
pub struct DefinitionTls {
    #[serde(skip_serializing_if = "absent")]
    pub ca_file: String,
    #[serde(skip_serializing_if = "absent")]
    pub cert_file: String,
    #[serde(skip_serializing_if = "absent")]
    pub default_mode: Option<i32>,
    #[serde(skip_serializing_if = "absent")]
    pub key_file: String,
    pub mount_path: String,
    pub volume_name: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["name"]))]
pub struct DefinitionVolume {
    #[serde(skip_serializing_if = "absent")]
    #[schemars(range(min = 0, max = 100), extend("default" = 0, "format" = null))]
    pub high_watermark: i32,
    pub name: String,
    #[serde(skip_serializing_if = "absent")]
    #[schemars(extend("default" = false))]
    pub need_snapshot: bool,
}

#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum DefinitionPodUpdatePolicy {
    #[default]
    PreferInPlace,
    ReCreate,
}
