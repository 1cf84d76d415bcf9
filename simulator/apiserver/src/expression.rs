//! CEL expressions that clients write into objects.
//!
//! ```text
//! text ── schema::program ──> program ──> values, by cel-go's functions and Kubernetes' own   library
//!                                └─ check ──> its types, or all faults, in cel-go's words     check, shown
//!                                               └─ cost ──> the most that it may cost         cost
//! ```
//!
//! Both `check` and `cost` look at the `tree` of an expression, and at one table of `functions`.

mod check;
mod cost;
mod functions;
mod kind;
mod library;
#[cfg(test)]
mod sample;
mod shown;
mod tree;

use std::collections::BTreeMap;

pub(crate) use check::check;
pub(crate) use cost::cost;
pub(crate) use functions::{AUTHORIZER, QUANTITY, RESOURCE_CHECK};
pub(crate) use kind::Kind;
pub(crate) use library::{IN_ORDER, PAIRS, extension as library};
pub(crate) use shown::shown;

/// The names that an expression may use, and what they stand for.
pub(crate) type Scope = BTreeMap<String, Kind>;

/// Stands in the scope of expressions that may name their parts.
pub(crate) const BIND: &str = "cel.bind";
