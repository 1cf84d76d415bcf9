//! Group `rbac.authorization.k8s.io`, version `v1`: who may do what.

use k8s_openapi::api::rbac::v1::{PolicyRule, RoleRef, Subject};
use serde::{Deserialize, Serialize};

use crate::meta::{ObjectMeta, absent};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClusterRole {
    pub metadata: ObjectMeta,
    #[serde(skip_serializing_if = "absent")]
    pub rules: Vec<PolicyRule>,
}
crate::resource!(
    ClusterRole,
    "rbac.authorization.k8s.io",
    "v1",
    "ClusterRole",
    "clusterroles",
    false
);

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Role {
    pub metadata: ObjectMeta,
    #[serde(skip_serializing_if = "absent")]
    pub rules: Vec<PolicyRule>,
}
crate::resource!(Role, "rbac.authorization.k8s.io", "v1", "Role", "roles", true);

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RoleBinding {
    pub metadata: ObjectMeta,
    pub role_ref: RoleRef,
    #[serde(skip_serializing_if = "absent")]
    pub subjects: Vec<Subject>,
}
crate::resource!(
    RoleBinding,
    "rbac.authorization.k8s.io",
    "v1",
    "RoleBinding",
    "rolebindings",
    true
);
