//! A `ServiceAccount`: the identity of pods.

use k8s_openapi::api::core::v1::LocalObjectReference;
use serde::{Deserialize, Serialize};

use crate::meta::{ObjectMeta, absent};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceAccount {
    pub metadata: ObjectMeta,
    #[serde(skip_serializing_if = "absent")]
    pub image_pull_secrets: Vec<LocalObjectReference>,
}
crate::resource!(ServiceAccount, "", "v1", "ServiceAccount", "serviceaccounts", true);
