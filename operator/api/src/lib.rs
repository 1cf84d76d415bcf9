//! Wire types: the KubeBlocks kinds, and of the builtin kinds just the fields the operator uses.
//! No behaviour lives here.

#[doc(hidden)]
pub use erased_serde;

pub mod apps;
pub mod core;
pub mod meta;
pub mod rbac;
pub mod workloads;

pub use meta::{AnyObject, Condition, Kind, ObjectMeta, OwnerReference, Resource};
