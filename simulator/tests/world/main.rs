//! The world, its faults, invariants and searches, with a toy operator in it.

mod basics;
mod explore;
mod faults;
mod toy;
