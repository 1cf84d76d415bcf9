//! Wire types: the KubeBlocks kinds, and of the builtin kinds just the fields the operator uses.
//! No behaviour lives here.

#[doc(hidden)]
pub use erased_serde;

pub mod meta;

pub use meta::{AnyObject, Kind, ObjectMeta, OwnerReference, Resource};
