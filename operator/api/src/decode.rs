//! From a stored object to the Rust type of its kind, where only the kind is known.
//!
//! The deserializers of pod specs are a lot of code for each format they read from: so all readers hand JSON values to
//! the one copy that is compiled here.

use std::sync::Arc;

use serde_json::Value;

use crate::meta::{AnyObject, Kind, Resource};

/// An object that can be read in parts. Most revisions of an object leave its spec as it was: a source that remembers
/// what it was decoded to spares the work.
pub trait Source {
    fn whole(&self) -> Value;
    fn without_spec(&self) -> Value;
    /// The spec as `decode` reads it, or as it was read from the same spec before.
    fn spec(&self, kind: &'static Kind, decode: DecodePart)
    -> Result<AnyObject, serde_json::Error>;
}

pub type DecodePart = fn(&Value) -> Result<AnyObject, serde_json::Error>;

impl Source for Value {
    fn whole(&self) -> Value {
        self.clone()
    }

    fn without_spec(&self) -> Value {
        let members = self.as_object().into_iter().flatten();
        let kept = members.filter(|(name, _)| *name != "spec");
        Value::Object(kept.map(|(name, value)| (name.clone(), value.clone())).collect())
    }

    fn spec(&self, _: &'static Kind, decode: DecodePart) -> Result<AnyObject, serde_json::Error> {
        decode(self.get("spec").unwrap_or(&Value::Object(serde_json::Map::new())))
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
