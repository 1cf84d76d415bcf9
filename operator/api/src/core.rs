//! Builtin kinds of the core group, each with just the fields the operator reads.

pub mod config_map;
pub mod event;
pub mod namespace;
pub mod persistent_volume_claim;
pub mod pod;
pub mod secret;
pub mod service;
pub mod service_account;

pub use config_map::ConfigMap;
pub use event::Event;
pub use namespace::Namespace;
pub use persistent_volume_claim::PersistentVolumeClaim;
pub use pod::Pod;
pub use secret::Secret;
pub use service::Service;
pub use service_account::ServiceAccount;
