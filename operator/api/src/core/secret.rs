//! A Secret: values by key, as they stand on the wire.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::meta::{ObjectMeta, absent};

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Secret {
    pub metadata: ObjectMeta,
    /// Base64.
    #[serde(skip_serializing_if = "absent")]
    pub data: BTreeMap<String, String>,
    #[serde(rename = "type", skip_serializing_if = "absent")]
    pub kind: String,
}
crate::resource!(Secret, "", "v1", "Secret", "secrets", true);
