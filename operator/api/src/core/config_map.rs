//! A `ConfigMap`: text by key.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::meta::{ObjectMeta, absent};

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConfigMap {
    pub metadata: ObjectMeta,
    #[serde(skip_serializing_if = "absent")]
    pub data: BTreeMap<String, String>,
}
crate::resource!(ConfigMap, "", "v1", "ConfigMap", "configmaps", true);
