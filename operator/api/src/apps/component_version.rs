//! ComponentVersion.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Shared;
use crate::apps::DefinitionPhase;
use crate::meta::{ObjectMeta, absent};
use crate::resource;

/// The versions of a service, and the images of each.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ComponentVersion {
    pub metadata: ObjectMeta,
    pub spec: Shared<ComponentVersionSpec>,
    #[serde(skip_serializing_if = "absent")]
    pub status: ComponentVersionStatus,
}
resource!(
    ComponentVersion,
    "apps.kubeblocks.io",
    "v1",
    "ComponentVersion",
    "componentversions",
    false, spec: ComponentVersionSpec
);

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["compatibilityRules", "releases"]))]
pub struct ComponentVersionSpec {
    #[schemars(length(min = 1, max = 128))]
    pub compatibility_rules: Vec<CompatibilityRule>,
    #[schemars(length(min = 1, max = 128))]
    pub releases: Vec<Release>,
}

/// These releases fit these definitions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["compDefs", "releases"]))]
pub struct CompatibilityRule {
    #[schemars(length(min = 1, max = 128))]
    pub comp_defs: Vec<String>,
    #[schemars(length(min = 1, max = 128))]
    pub releases: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["images", "name", "serviceVersion"]))]
pub struct Release {
    #[serde(skip_serializing_if = "absent")]
    #[schemars(length(max = 256))]
    pub changes: String,
    #[schemars(extend("minProperties" = 1, "maxProperties" = 128, "x-kubernetes-validations" = [{"message": "Container, action or external application name may not exceed maximum length of 32 characters", "rule": "self.all(key, size(key) <= 32)"}, {"message": "Image name may not exceed maximum length of 256 characters", "rule": "self.all(key, size(self[key]) <= 256)"}]))]
    pub images: BTreeMap<String, String>,
    #[schemars(length(max = 32))]
    pub name: String,
    #[schemars(length(max = 32))]
    pub service_version: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ComponentVersionStatus {
    #[serde(skip_serializing_if = "absent")]
    pub message: String,
    #[serde(skip_serializing_if = "absent")]
    pub observed_generation: Option<i64>,
    #[serde(skip_serializing_if = "absent")]
    pub phase: Option<DefinitionPhase>,
    #[serde(skip_serializing_if = "absent")]
    pub service_versions: String,
}
