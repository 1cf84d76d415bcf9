//! Kinds of the group `workloads.kubeblocks.io`.

pub mod instance_set;

pub use instance_set::InstanceSet;
