//! A Namespace: that it is there, and whether it is going.

use serde::{Deserialize, Serialize};

use crate::ObjectMeta;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Namespace {
    pub metadata: ObjectMeta,
}
crate::resource!(Namespace, "", "v1", "Namespace", "namespaces", false);
