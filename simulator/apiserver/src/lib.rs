//! A Kubernetes API server as a value.
//!
//! [`Server::handle`] takes a request and the time and gives an answer, for anything that is asked. A server is a
//! handful of persistent structures, so cloning it is cheap however much it holds, and two clones go on
//! independently. Nothing in here reads a clock, draws randomness of its own, or knows of `KubeBlocks`.
//!
//! **Invariants:** a stored object is valid for its schema; the watch log has every change in order; what a table
//! holds is what the log says.

#[cfg(feature = "client")]
pub mod client;
#[cfg(feature = "http")]
pub mod http;
pub mod kinds;
mod metadata;
pub mod object;
pub mod partial;
pub mod quantity;
pub mod request;
pub mod schema;
pub mod selector;
pub mod status;
pub mod store;
pub mod table;
pub mod watch;
pub mod wire;

mod accept;
mod addresses;
mod authentication;
mod authorization;
mod availability;
mod bootstrap;
mod builtin;
mod consequences;
mod convert;
mod crd;
mod definitions;
mod discovery;
mod document;
mod expression;
mod flows;
mod golang;
mod handle;
mod names;
mod openapi;
mod ownership;
mod patch;
mod printer;
mod protobuf;
mod registry;
mod yaml;

pub use accept::{Form, Media};
pub use authentication::Shown;
pub use authorization::{Decision, Deed};
pub use document::Document;
pub use kinds::{KindId, KindInfo, Profile};
pub use object::{DecodeError, Object, Owner, Tree};
pub use partial::Partial;
pub use printer::Rows;
pub use request::{
    Answer, Body, DeleteOptions, Gvr, Options, Outcome, PatchKind, Preconditions, Propagation,
    Request, Response, User, Verb,
};
pub use schema::Schema;
pub use selector::{FieldSelector, LabelSelector};
pub use status::{FieldError, FieldErrorKind, Status};
pub use store::{Change, LogEntry, LogPosition, Server};
pub use table::Table;
pub use watch::{Cursor, WatchEvent};
