//! From a stored object to the Rust type of its kind, where only the kind is known.

use std::sync::Arc;

use serde::de::value::Error;

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
        pub fn decode(kind: &Kind, object: &dyn Source) -> Result<AnyObject, Error> {
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::rbac::ClusterRole;

    #[test]
    fn a_list_that_go_wrote_as_null_is_as_if_it_were_not_there() {
        let role = json!({ "metadata": { "name": "admin" }, "rules": null });

        let read = decode(ClusterRole::kind(), &role).expect("a role of a real server");

        let role = read.downcast_ref::<ClusterRole>().expect("the type of the kind");
        assert_eq!((role.metadata.name.as_str(), role.rules.len()), ("admin", 0));
        assert!(decode(ClusterRole::kind(), &json!({ "rules": 7 })).is_err());
    }
}
