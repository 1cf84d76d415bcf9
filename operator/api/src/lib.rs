//! Wire types: the KubeBlocks kinds, and of the builtin kinds just the fields the operator uses.
//! No behaviour lives here.

pub mod apps;
pub mod core;
pub mod crd;
pub mod decode;
pub mod json;
pub mod meta;
pub mod rbac;
pub mod resource;
mod shared;
pub mod workloads;

pub use crd::Crd;
pub use decode::{decode, kinds};
pub use json::Json;
pub use meta::{AnyObject, Condition, Kind, ObjectMeta, OwnerReference};
pub use resource::{DecodePart, Resource, Source};
pub use shared::Shared;

/// The definitions of the KubeBlocks kinds, sorted by name.
pub const fn crds() -> &'static [Crd] {
    crd::ALL
}

/// The wire form of a pod template.
pub fn template_value(template: &k8s_openapi::api::core::v1::PodTemplateSpec) -> serde_json::Value {
    serde_json::to_value(template).expect("a pod template is plain data")
}
