//! A Service, as the operator writes and reads it.

use k8s_openapi::api::core::v1::{LoadBalancerStatus, ServiceSpec};
use serde::{Deserialize, Serialize};

use crate::meta::{ObjectMeta, absent};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Service {
    pub metadata: ObjectMeta,
    pub spec: ServiceSpec,
    #[serde(skip_serializing_if = "absent")]
    pub status: ServiceStatus,
}
crate::resource!(Service, "", "v1", "Service", "services", true);

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceStatus {
    #[serde(skip_serializing_if = "absent")]
    pub load_balancer: LoadBalancerStatus,
}
