//! In the making.

pub mod engine;
