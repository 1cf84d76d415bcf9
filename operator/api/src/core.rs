//! Builtin kinds of the core group, each with just the fields the operator reads.

pub mod event;
pub mod persistent_volume_claim;
pub mod pod;

pub use event::Event;
pub use persistent_volume_claim::PersistentVolumeClaim;
pub use pod::Pod;
