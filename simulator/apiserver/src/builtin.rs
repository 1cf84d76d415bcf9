//! What the real server knows of builtin kinds beyond their schema.
//!
//! - `defaults`: values that depend on other members, by definition;
//! - `admission`: what the server sets itself, with a look at other objects where it must;
//! - `rules`: every rule an object breaks, in the words of the real server, one file per family of kinds;
//! - `immutable`: what may not change once it is set;
//! - `warnings`: what is accepted, and had better not be asked for.

pub(crate) mod address;
pub(crate) mod admission;
pub(crate) mod check;
mod claims;
pub(crate) mod cluster;
mod config;
mod container;
pub(crate) mod course;
pub(crate) mod defaults;
mod environment;
mod event;
pub(crate) mod gates;
mod immutable;
pub(crate) mod internal;
mod job;
mod job_policy;
mod mounts;
mod names;
mod network;
mod others;
pub(crate) mod parts;
mod platform;
mod pod;
mod policies;
mod quota;
mod rbac;
mod replication;
mod resource;
pub(crate) mod rules;
mod scheduling;
mod service;
mod sources;
mod storage;
mod volume;
pub(crate) mod warnings;
pub(crate) mod webhooks;
mod workload;
