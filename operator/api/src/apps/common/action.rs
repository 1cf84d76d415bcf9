//! Lifecycle actions, as definitions and users write them.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::EnvVar;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::meta::absent;

/// What a lifecycle action runs: exactly one of `exec`, `http` and `grpc`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Action {
    #[serde(skip_serializing_if = "absent")]
    pub exec: Option<ExecAction>,
    #[serde(skip_serializing_if = "absent")]
    pub grpc: Option<GrpcAction>,
    #[serde(skip_serializing_if = "absent")]
    pub http: Option<HttpAction>,
    #[serde(skip_serializing_if = "absent")]
    pub matching_key: String,
    #[serde(skip_serializing_if = "absent")]
    #[schemars(extend("default" = false))]
    pub non_blocking: bool,
    #[serde(skip_serializing_if = "absent")]
    pub pre_condition: String,
    #[serde(skip_serializing_if = "absent")]
    pub retry_policy: Option<RetryPolicy>,
    #[serde(skip_serializing_if = "absent")]
    pub target_pod_selector: Option<TargetPods>,
    #[serde(skip_serializing_if = "absent")]
    #[schemars(extend("default" = 0))]
    pub timeout_seconds: i32,
}

/// A command in a container of the pod, or in a container of its own from `image`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ExecAction {
    #[serde(skip_serializing_if = "absent")]
    pub args: Vec<String>,
    #[serde(skip_serializing_if = "absent")]
    pub command: Vec<String>,
    #[serde(skip_serializing_if = "absent")]
    pub container: String,
    #[serde(skip_serializing_if = "absent")]
    pub env: Vec<EnvVar>,
    #[serde(skip_serializing_if = "absent")]
    pub image: String,
    #[serde(skip_serializing_if = "absent")]
    pub matching_key: String,
    #[serde(skip_serializing_if = "absent")]
    pub target_pod_selector: Option<TargetPods>,
}

/// A request to a port of the pod.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["port"]))]
pub struct HttpAction {
    #[serde(skip_serializing_if = "absent")]
    pub body: String,
    #[serde(skip_serializing_if = "absent")]
    pub headers: Vec<HttpHeader>,
    #[serde(skip_serializing_if = "absent")]
    pub host: String,
    #[serde(skip_serializing_if = "absent")]
    #[schemars(extend("default" = "GET", "enum" = ["GET", "POST", "PUT", "DELETE", "HEAD", "PATCH"]))]
    pub method: String,
    #[serde(skip_serializing_if = "absent")]
    #[schemars(regex(pattern = "^/.*"), extend("default" = "/"))]
    pub path: String,
    pub port: String,
    #[serde(skip_serializing_if = "absent")]
    #[schemars(extend("default" = "HTTP", "enum" = ["HTTP", "HTTPS"]))]
    pub scheme: String,
}

/// A header of an [`HttpAction`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["name", "value"]))]
pub struct HttpHeader {
    pub name: String,
    pub value: String,
}

/// A call to a service in the pod.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["method", "port", "service"]))]
pub struct GrpcAction {
    #[serde(skip_serializing_if = "absent")]
    pub host: String,
    pub method: String,
    pub port: String,
    #[serde(skip_serializing_if = "absent")]
    pub request: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "absent")]
    pub response: Option<GrpcResponse>,
    pub service: String,
}

/// Which fields of the answer say how it went.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct GrpcResponse {
    #[serde(skip_serializing_if = "absent")]
    pub message: String,
    #[serde(skip_serializing_if = "absent")]
    pub status: String,
}

/// How often a failed action is repeated, and after how long.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct RetryPolicy {
    #[serde(skip_serializing_if = "absent")]
    #[schemars(extend("default" = 0, "format" = null))]
    pub max_retries: i32,
    #[serde(skip_serializing_if = "absent")]
    #[schemars(extend("default" = 0))]
    pub retry_interval: i64,
    #[serde(skip_serializing_if = "absent")]
    #[schemars(range(min = 0))]
    pub retry_interval_seconds: Option<i64>,
}

/// An action that is repeated.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Probe {
    #[serde(flatten)]
    pub action: Action,
    #[serde(skip_serializing_if = "absent")]
    pub failure_threshold: Option<i32>,
    #[serde(skip_serializing_if = "absent")]
    pub initial_delay_seconds: Option<i32>,
    #[serde(skip_serializing_if = "absent")]
    pub period_seconds: Option<i32>,
    #[serde(skip_serializing_if = "absent")]
    pub success_threshold: Option<i32>,
}

#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum TargetPods {
    #[default]
    Any,
    All,
    Role,
    Ordinal,
}
