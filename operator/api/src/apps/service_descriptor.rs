//! ServiceDescriptor.

use k8s_openapi::api::core::v1::EnvVarSource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Shared;
use crate::apps::DefinitionStatus;
use crate::meta::{ObjectMeta, absent};
use crate::resource;

/// A service outside, for components that need one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceDescriptor {
    pub metadata: ObjectMeta,
    pub spec: Shared<ServiceDescriptorSpec>,
    #[serde(skip_serializing_if = "absent")]
    pub status: DefinitionStatus,
}
resource!(
    ServiceDescriptor,
    "apps.kubeblocks.io",
    "v1",
    "ServiceDescriptor",
    "servicedescriptors",
    true, spec: ServiceDescriptorSpec
);

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["serviceKind", "serviceVersion"]))]
pub struct ServiceDescriptorSpec {
    #[serde(skip_serializing_if = "absent")]
    pub auth: Option<ServiceAuth>,
    #[serde(skip_serializing_if = "absent")]
    pub endpoint: Option<CredentialValue>,
    #[serde(skip_serializing_if = "absent")]
    pub host: Option<CredentialValue>,
    #[serde(rename = "podFQDNs", skip_serializing_if = "absent")]
    pub pod_fqdns: Option<CredentialValue>,
    #[serde(skip_serializing_if = "absent")]
    pub port: Option<CredentialValue>,
    pub service_kind: String,
    pub service_version: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct CredentialValue {
    #[serde(skip_serializing_if = "absent")]
    pub value: String,
    #[serde(skip_serializing_if = "absent")]
    pub value_from: Option<EnvVarSource>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceAuth {
    #[serde(skip_serializing_if = "absent")]
    pub password: Option<CredentialValue>,
    #[serde(skip_serializing_if = "absent")]
    pub username: Option<CredentialValue>,
}
