//! Variables and where their values come from.

use k8s_openapi::api::core::v1::{ConfigMapKeySelector, SecretKeySelector};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::meta::absent;

/// A variable of templates, actions and containers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["name"]))]
pub struct Var {
    #[serde(skip_serializing_if = "absent")]
    pub expression: String,
    pub name: String,
    #[serde(skip_serializing_if = "absent")]
    pub value: String,
    #[serde(skip_serializing_if = "absent")]
    pub value_from: Option<VarSource>,
}

/// Where a variable gets its value: exactly one is set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct VarSource {
    #[serde(skip_serializing_if = "absent")]
    pub cluster_var_ref: Option<ClusterVar>,
    #[serde(skip_serializing_if = "absent")]
    pub component_var_ref: Option<ComponentVar>,
    #[serde(skip_serializing_if = "absent")]
    pub config_map_key_ref: Option<ConfigMapKeySelector>,
    #[serde(skip_serializing_if = "absent")]
    pub credential_var_ref: Option<CredentialVar>,
    #[serde(skip_serializing_if = "absent")]
    pub host_network_var_ref: Option<HostNetworkVar>,
    #[serde(skip_serializing_if = "absent")]
    pub resource_var_ref: Option<ResourceVar>,
    #[serde(skip_serializing_if = "absent")]
    pub secret_key_ref: Option<SecretKeySelector>,
    #[serde(skip_serializing_if = "absent")]
    pub service_ref_var_ref: Option<ServiceRefVar>,
    #[serde(skip_serializing_if = "absent")]
    pub service_var_ref: Option<ServiceVar>,
    #[serde(skip_serializing_if = "absent")]
    pub tls_var_ref: Option<TlsVar>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ClusterVar {
    #[serde(skip_serializing_if = "absent")]
    pub cluster_name: Option<VarOption>,
    #[serde(rename = "clusterUID", skip_serializing_if = "absent")]
    pub cluster_uid: Option<VarOption>,
    #[serde(skip_serializing_if = "absent")]
    pub namespace: Option<VarOption>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ComponentVar {
    #[serde(flatten)]
    pub object: ObjectSelector,
    #[serde(skip_serializing_if = "absent")]
    pub component_name: Option<VarOption>,
    #[serde(rename = "podFQDNs", skip_serializing_if = "absent")]
    pub pod_fqdns: Option<VarOption>,
    #[serde(rename = "podFQDNsForRole", skip_serializing_if = "absent")]
    pub pod_fqdns_for_role: Option<RoledOption>,
    #[serde(skip_serializing_if = "absent")]
    pub pod_names: Option<VarOption>,
    #[serde(skip_serializing_if = "absent")]
    pub pod_names_for_role: Option<RoledOption>,
    #[serde(skip_serializing_if = "absent")]
    pub replicas: Option<VarOption>,
    #[serde(skip_serializing_if = "absent")]
    pub service_version: Option<VarOption>,
    #[serde(skip_serializing_if = "absent")]
    pub short_name: Option<VarOption>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct CredentialVar {
    #[serde(flatten)]
    pub object: ObjectSelector,
    #[serde(skip_serializing_if = "absent")]
    pub password: Option<VarOption>,
    #[serde(skip_serializing_if = "absent")]
    pub username: Option<VarOption>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct HostNetworkVar {
    #[serde(flatten)]
    pub object: ObjectSelector,
    #[serde(skip_serializing_if = "absent")]
    pub container: Option<HostNetworkContainer>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ResourceVar {
    #[serde(flatten)]
    pub object: ObjectSelector,
    #[serde(skip_serializing_if = "absent")]
    pub cpu: Option<VarOption>,
    #[serde(skip_serializing_if = "absent")]
    pub cpu_limit: Option<VarOption>,
    #[serde(skip_serializing_if = "absent")]
    pub memory: Option<VarOption>,
    #[serde(skip_serializing_if = "absent")]
    pub memory_limit: Option<VarOption>,
    #[serde(skip_serializing_if = "absent")]
    pub storage: Option<NamedOption>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceRefVar {
    #[serde(flatten)]
    pub object: ObjectSelector,
    #[serde(skip_serializing_if = "absent")]
    pub endpoint: Option<VarOption>,
    #[serde(skip_serializing_if = "absent")]
    pub host: Option<VarOption>,
    #[serde(skip_serializing_if = "absent")]
    pub password: Option<VarOption>,
    #[serde(rename = "podFQDNs", skip_serializing_if = "absent")]
    pub pod_fqdns: Option<VarOption>,
    #[serde(skip_serializing_if = "absent")]
    pub port: Option<VarOption>,
    #[serde(skip_serializing_if = "absent")]
    pub username: Option<VarOption>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceVar {
    #[serde(flatten)]
    pub object: ObjectSelector,
    #[serde(skip_serializing_if = "absent")]
    pub host: Option<VarOption>,
    #[serde(skip_serializing_if = "absent")]
    pub load_balancer: Option<VarOption>,
    #[serde(skip_serializing_if = "absent")]
    pub port: Option<NamedOption>,
    #[serde(skip_serializing_if = "absent")]
    pub service_type: Option<VarOption>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct TlsVar {
    #[serde(flatten)]
    pub object: ObjectSelector,
    #[serde(skip_serializing_if = "absent")]
    pub enabled: Option<VarOption>,
}

/// What happens when more than one object fits.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["strategy"]))]
pub struct MultipleObjectOption {
    #[serde(skip_serializing_if = "absent")]
    pub combined_option: Option<CombinedOption>,
    #[serde(skip_serializing_if = "absent")]
    pub require_all_component_objects: bool,
    #[schemars(extend("default" = null))]
    pub strategy: ObjectStrategy,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct CombinedOption {
    #[serde(skip_serializing_if = "absent")]
    pub flatten_format: Option<FlattenFormat>,
    #[serde(skip_serializing_if = "absent")]
    pub new_var_suffix: String,
    #[serde(skip_serializing_if = "absent")]
    #[schemars(extend("default" = "Flatten"))]
    pub value_format: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["delimiter", "keyValueDelimiter"]))]
pub struct FlattenFormat {
    #[serde(skip_serializing_if = "absent")]
    #[schemars(extend("default" = ","))]
    pub delimiter: String,
    #[serde(skip_serializing_if = "absent")]
    #[schemars(extend("default" = ":"))]
    pub key_value_delimiter: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct NamedOption {
    #[serde(skip_serializing_if = "absent")]
    pub name: String,
    #[serde(skip_serializing_if = "absent")]
    pub option: Option<VarOption>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct RoledOption {
    #[serde(skip_serializing_if = "absent")]
    pub option: Option<VarOption>,
    #[serde(skip_serializing_if = "absent")]
    pub role: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["name"]))]
pub struct HostNetworkContainer {
    pub name: String,
    #[serde(skip_serializing_if = "absent")]
    pub port: Option<NamedOption>,
}

#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum ObjectStrategy {
    #[default]
    Individual,
    Combined,
}

/// What happens when the value is not there.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum VarOption {
    #[default]
    Required,
    Optional,
}

/// The component (and one thing of it) that a variable is about.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ObjectSelector {
    /// A name, prefix or regular expression of component definitions; empty means the component itself.
    #[serde(skip_serializing_if = "absent")]
    pub comp_def: String,
    #[serde(skip_serializing_if = "absent")]
    pub multiple_cluster_object_option: Option<MultipleObjectOption>,
    #[serde(skip_serializing_if = "absent")]
    pub name: String,
    #[serde(skip_serializing_if = "absent")]
    pub optional: Option<bool>,
}
