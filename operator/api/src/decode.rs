//! From a stored object to the Rust type of its kind, where only the kind is known.
//!
//! The deserializers of pod specs are a lot of code for each format they read from: so all readers hand JSON values to
//! the one copy that is compiled here.

use std::sync::Arc;

use crate::meta::{AnyObject, Kind};
use crate::resource::{Resource, Source};

macro_rules! every_kind {
    ($($type:ty,)*) => {
        /// Every kind with a Rust type.
        pub fn kinds() -> Vec<&'static Kind> {
            vec![$(<$type>::kind()),*]
        }

        /// The object as the Rust type of `kind`.
        ///
        /// # Panics
        /// If `kind` is missing in the list below: a test holds it against all that a controller reads.
        pub fn decode(kind: &Kind, object: &dyn Source) -> Result<AnyObject, serde_json::Error> {
            $(if kind == <$type>::kind() {
                return Ok(Arc::new(<$type>::read(object)?));
            })*
            panic!("{kind:?} is not in the list of kinds in operator/api/src/decode.rs")
        }
    };
}

every_kind! {
    crate::apps::Cluster,
    crate::apps::ClusterDefinition,
    crate::apps::Component,
    crate::apps::ComponentDefinition,
    crate::apps::ComponentVersion,
    crate::apps::ServiceDescriptor,
    crate::apps::ShardingDefinition,
    crate::apps::SidecarDefinition,
    crate::core::ConfigMap,
    crate::core::Event,
    crate::core::Namespace,
    crate::core::PersistentVolumeClaim,
    crate::core::Pod,
    crate::core::Secret,
    crate::core::Service,
    crate::core::ServiceAccount,
    crate::rbac::ClusterRole,
    crate::rbac::Role,
    crate::rbac::RoleBinding,
    crate::workloads::InstanceSet,
}
