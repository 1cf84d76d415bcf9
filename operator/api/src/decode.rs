//! From a stored object to the Rust type of its kind, where only the kind is known.
//!
//! Decoding is generic over what holds the object (a tree of the simulated server, JSON of a real one), so each user of
//! this crate compiles it once for its own source. Type-erased deserializers would do the same at run time, at four times
//! the code.

use std::sync::Arc;


use crate::meta::{AnyObject, Kind, Resource};

/// Something that holds one object.
pub trait Source {
    type Error;

    fn decode<T: Resource>(&self) -> Result<T, Self::Error>;
}

impl Source for serde_json::Value {
    type Error = serde_json::Error;

    fn decode<T: Resource>(&self) -> Result<T, Self::Error> {
        T::deserialize(self)
    }
}

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
        pub fn decode<S: Source>(kind: &Kind, source: &S) -> Result<AnyObject, S::Error> {
            $(if kind == <$type>::kind() {
                return Ok(Arc::new(source.decode::<$type>()?));
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
