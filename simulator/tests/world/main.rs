//! The world, its faults, invariants and searches, with a toy operator in it.

mod basics;
mod choices;
mod explain;
mod explore;
mod faults;
mod invariants;
mod milestone;
mod roles;
mod toy;
