//! What the real server knows of builtin kinds beyond their schema.
//!
//! - `conversion`: what the server's own types make of an object, by definition;
//! - `defaults`: values that depend on other members, by definition;
//! - `admission`: what the server sets itself, with a look at other objects where it must;
//! - `rules`: every rule an object breaks, in the words of the real server; what they consist of stands in a folder per
//!   family of kinds: `pod`, `workload`, `network`, `storage`, `devices`, and `cluster` for the rest;
//! - `limits`, `usage`: what a namespace leaves room for;
//! - `immutable`: what may not change once it is set;
//! - `warnings`: what is accepted, and had better not be asked for.

pub(crate) mod admission;
pub(crate) mod check;
pub(crate) mod cluster;
pub(crate) mod conversion;
pub(crate) mod course;
pub(crate) mod defaults;
pub(crate) mod devices;
pub(crate) mod gates;
pub(crate) mod immutable;
pub(crate) mod internal;
pub(crate) mod limits;
mod names;
pub(crate) mod network;
mod pem;
pub(crate) mod pod;
mod resource;
pub(crate) mod rules;
mod storage;
pub(crate) mod usage;
pub(crate) mod warnings;
mod workload;
