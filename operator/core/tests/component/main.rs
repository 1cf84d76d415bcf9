//! The Component controller in a world that only stores objects: nothing fills in defaults, and the
//! pods are pretended.
#![expect(
    clippy::disallowed_methods,
    reason = "charts lie in files, and what comes of them is written to one"
)]

mod charts;
mod members;
mod rules;
mod store;
