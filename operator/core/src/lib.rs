//! What the operator decides. `load` reads a view, `reconcile` is pure, an [`execution`] says what
//! to ask and is told the answer. No IO, no clock, no randomness, no `async`.

pub mod base64;
pub mod cluster;
pub mod cluster_definition;
pub mod component;
pub mod component_definition;
pub mod component_version;
pub mod condition;
pub mod controllers;
pub mod definition;
pub mod diff;
pub mod draft;
pub mod event;
pub mod execution;
#[cfg(test)]
mod fixture;
pub mod generate;
pub mod hash;
pub mod instance_set;
pub mod labels;
pub mod matching;
pub mod names;
pub mod plain_definition;
pub mod plan;
pub mod quantity;
pub mod queue;
pub mod recorder;
pub mod settings;
pub mod sprig;
pub mod template;
pub mod version;
pub mod view;
