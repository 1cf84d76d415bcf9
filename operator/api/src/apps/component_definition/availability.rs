//! When a component counts as available.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::meta::absent;

/// When a component is available: the first of the three that is set decides.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Availability {
    #[serde(skip_serializing_if = "absent")]
    pub with_phases: String,
    #[serde(skip_serializing_if = "absent")]
    pub with_probe: Option<AvailabilityProbe>,
    #[serde(skip_serializing_if = "absent")]
    pub with_role: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct AvailabilityProbe {
    #[serde(skip_serializing_if = "absent")]
    pub condition: Option<AvailabilityCondition>,
    #[serde(skip_serializing_if = "absent")]
    pub description: String,
    #[serde(skip_serializing_if = "absent")]
    pub time_window_seconds: Option<i32>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct AvailabilityCondition {
    #[serde(skip_serializing_if = "absent")]
    pub all: Option<Assertion>,
    #[serde(skip_serializing_if = "absent")]
    pub and: Vec<AvailabilityTerm>,
    #[serde(skip_serializing_if = "absent")]
    pub any: Option<Assertion>,
    #[serde(skip_serializing_if = "absent")]
    pub majority: Option<Assertion>,
    #[serde(skip_serializing_if = "absent")]
    pub none: Option<Assertion>,
    #[serde(skip_serializing_if = "absent")]
    pub not: Option<AvailabilityTerm>,
    #[serde(skip_serializing_if = "absent")]
    pub or: Vec<AvailabilityTerm>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct AvailabilityTerm {
    #[serde(skip_serializing_if = "absent")]
    pub all: Option<Assertion>,
    #[serde(skip_serializing_if = "absent")]
    pub any: Option<Assertion>,
    #[serde(skip_serializing_if = "absent")]
    pub majority: Option<Assertion>,
    #[serde(skip_serializing_if = "absent")]
    pub none: Option<Assertion>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Assertion {
    #[serde(skip_serializing_if = "absent")]
    pub and: Vec<OutputAssertion>,
    #[serde(skip_serializing_if = "absent")]
    pub not: Option<OutputAssertion>,
    #[serde(skip_serializing_if = "absent")]
    pub or: Vec<OutputAssertion>,
    #[serde(skip_serializing_if = "absent")]
    pub stderr: Option<OutputMatcher>,
    #[serde(skip_serializing_if = "absent")]
    pub stdout: Option<OutputMatcher>,
    #[serde(skip_serializing_if = "absent")]
    pub strict: bool,
    #[serde(skip_serializing_if = "absent")]
    pub succeed: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct OutputAssertion {
    #[serde(skip_serializing_if = "absent")]
    pub stderr: Option<OutputMatcher>,
    #[serde(skip_serializing_if = "absent")]
    pub stdout: Option<OutputMatcher>,
    #[serde(skip_serializing_if = "absent")]
    pub succeed: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct OutputMatcher {
    #[serde(skip_serializing_if = "absent")]
    pub contains: String,
    #[serde(skip_serializing_if = "absent")]
    pub equal_to: String,
}
