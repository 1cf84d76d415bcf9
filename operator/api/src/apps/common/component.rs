//! What several kinds say about components.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ConfigMapVolumeSource, ServiceSpec};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::apps::Action;
use crate::meta::absent;

/// What a user says about one config template.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Config {
    #[serde(skip_serializing_if = "absent")]
    pub config_hash: String,
    #[serde(skip_serializing_if = "absent")]
    pub config_map: Option<ConfigMapVolumeSource>,
    #[serde(skip_serializing_if = "absent")]
    pub external_managed: bool,
    #[serde(skip_serializing_if = "absent")]
    #[schemars(regex(pattern = r"^[a-z0-9]([a-z0-9\.\-]*[a-z0-9])?$"), length(max = 63))]
    pub name: String,
    #[serde(skip_serializing_if = "absent")]
    pub reconfigure: Option<bool>,
    #[serde(skip_serializing_if = "absent")]
    pub reconfigure_action: Option<Action>,
    #[serde(skip_serializing_if = "absent")]
    pub reconfigure_args: Vec<Vec<String>>,
    #[serde(skip_serializing_if = "absent")]
    pub restart: bool,
    #[serde(skip_serializing_if = "absent")]
    pub variables: BTreeMap<String, String>,
}

/// What a user says about one account of the definition.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["name"], "x-kubernetes-validations" = [{"message": "secretRef must be specified when secretRefRevision is non-empty", "rule": "!has(self.secretRefRevision) || size(self.secretRefRevision) == 0 || has(self.secretRef)"}]))]
pub struct SystemAccount {
    #[serde(skip_serializing_if = "absent")]
    #[schemars(extend("default" = false))]
    pub disabled: bool,
    pub name: String,
    #[serde(skip_serializing_if = "absent")]
    pub password_config: Option<PasswordConfig>,
    #[serde(skip_serializing_if = "absent")]
    pub secret_ref: Option<AccountSecretRef>,
    #[serde(skip_serializing_if = "absent")]
    pub secret_ref_revision: String,
}

/// How a password is made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct PasswordConfig {
    #[schemars(range(min = 8, max = 32), extend("default" = 16))]
    pub length: i32,
    #[schemars(extend("default" = "MixedCases"))]
    pub letter_case: LetterCase,
    #[schemars(range(min = 0, max = 8), extend("default" = 4))]
    pub num_digits: i32,
    #[serde(skip_serializing_if = "absent")]
    #[schemars(range(min = 0, max = 8), extend("default" = 0))]
    pub num_symbols: i32,
    #[serde(skip_serializing_if = "absent")]
    pub seed: String,
    #[serde(skip_serializing_if = "absent")]
    pub symbol_characters: String,
}

impl Default for PasswordConfig {
    fn default() -> Self {
        Self {
            length: 16,
            letter_case: LetterCase::default(),
            num_digits: 4,
            num_symbols: i32::default(),
            seed: String::new(),
            symbol_characters: String::new(),
        }
    }
}

/// A Secret of the user that holds a password.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["name"]))]
pub struct AccountSecretRef {
    pub name: String,
    #[serde(skip_serializing_if = "absent")]
    pub namespace: String,
    #[serde(skip_serializing_if = "absent")]
    #[schemars(extend("default" = "password"))]
    pub password: String,
}

/// Who makes the certificates.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["name"]))]
pub struct Issuer {
    #[schemars(extend("default" = "KubeBlocks"))]
    pub name: IssuerName,
    #[serde(skip_serializing_if = "absent")]
    pub secret_ref: Option<TlsSecretRef>,
}

/// A Secret of the user that holds certificates.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["ca", "cert", "key", "name"]))]
pub struct TlsSecretRef {
    pub ca: String,
    pub cert: String,
    pub key: String,
    pub name: String,
    #[serde(skip_serializing_if = "absent")]
    pub namespace: String,
}

/// What a declared service reference is bound to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["name"]))]
pub struct ServiceRef {
    #[serde(skip_serializing_if = "absent")]
    pub cluster_service_selector: Option<ClusterServiceSelector>,
    pub name: String,
    #[serde(skip_serializing_if = "absent")]
    pub namespace: String,
    #[serde(skip_serializing_if = "absent")]
    pub service_descriptor: String,
}

/// A service of another Cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["cluster"]))]
pub struct ClusterServiceSelector {
    pub cluster: String,
    #[serde(skip_serializing_if = "absent")]
    pub credential: Option<ServiceRefCredential>,
    #[serde(rename = "podFQDNs", skip_serializing_if = "absent")]
    pub pod_fqdns: Option<ServiceRefPods>,
    #[serde(skip_serializing_if = "absent")]
    pub service: Option<ServiceRefService>,
}

/// An account of another Cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["component", "name"]))]
pub struct ServiceRefCredential {
    pub component: String,
    pub name: String,
}

/// The pods of a component of another Cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["component"]))]
pub struct ServiceRefPods {
    pub component: String,
    #[serde(skip_serializing_if = "absent")]
    pub role: String,
}

/// A Service of another Cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["service"]))]
pub struct ServiceRefService {
    #[serde(skip_serializing_if = "absent")]
    pub component: String,
    #[serde(skip_serializing_if = "absent")]
    pub port: String,
    pub service: String,
}

/// A Service of a component.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["name"]))]
pub struct ComponentService {
    #[serde(skip_serializing_if = "absent")]
    pub annotations: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "absent")]
    pub disable_auto_provision: bool,
    #[schemars(length(max = 25))]
    pub name: String,
    #[serde(skip_serializing_if = "absent")]
    #[schemars(extend("default" = false))]
    pub pod_service: bool,
    #[serde(skip_serializing_if = "absent")]
    pub role_selector: String,
    #[serde(skip_serializing_if = "absent")]
    #[schemars(regex(pattern = r"^[a-z]([a-z0-9\-]*[a-z0-9])?$"), length(max = 25))]
    pub service_name: String,
    #[serde(skip_serializing_if = "absent")]
    pub spec: Option<ServiceSpec>,
}

/// What a Cluster knows of one of its components.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ClusterComponentStatus {
    #[serde(skip_serializing_if = "absent")]
    pub message: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "absent")]
    pub observed_generation: Option<i64>,
    #[serde(skip_serializing_if = "absent")]
    pub phase: Option<ComponentPhase>,
    #[serde(skip_serializing_if = "absent")]
    pub up_to_date: bool,
}

/// The status of a definition.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct DefinitionStatus {
    #[serde(skip_serializing_if = "absent")]
    pub message: String,
    #[serde(skip_serializing_if = "absent")]
    pub observed_generation: Option<i64>,
    #[serde(skip_serializing_if = "absent")]
    pub phase: Option<DefinitionPhase>,
}

#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum ComponentPhase {
    #[default]
    Creating,
    Deleting,
    Updating,
    Stopping,
    Starting,
    Running,
    Stopped,
    Failed,
}

#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum DefinitionPhase {
    #[default]
    Available,
    Unavailable,
}

#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum IssuerName {
    #[default]
    KubeBlocks,
    UserProvided,
}

#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum LetterCase {
    LowerCases,
    UpperCases,
    #[default]
    MixedCases,
}

#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum ServiceType {
    #[default]
    ClusterIP,
    NodePort,
    LoadBalancer,
}

impl ServiceType {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ClusterIP => "ClusterIP",
            Self::NodePort => "NodePort",
            Self::LoadBalancer => "LoadBalancer",
        }
    }
}

/// What is left when a Cluster is deleted.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum TerminationPolicy {
    DoNotTerminate,
    #[default]
    Delete,
    WipeOut,
}
