//! The world: clock, actors, engines, faults and invariants around a fake Kubernetes API.

pub mod actor;
pub mod choice;
pub mod clock;
pub mod counts;
pub mod dump;
pub mod engine;
pub mod explain;
pub mod explore;
pub mod facts;
pub mod fault;
pub mod hash;
pub mod heap;
pub mod inflight;
pub mod invariant;
pub mod lifecycle;
pub mod load;
pub mod operator;
pub mod preset;
pub mod quirk;
pub mod random;
pub mod repro;
pub mod run;
pub mod trace;
pub mod view;
pub mod world;

pub use run::{Failure, Options, Outcome, Run, Story};
pub use world::{Happened, World, WorldConfig};
