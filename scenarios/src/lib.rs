//! The scenario format and the bundled corpus: text in, types out, and mistakes shown where they stand.

pub mod corpus;
mod fields;
mod load;
pub mod manifest;
pub mod matcher;
pub mod mistake;
pub mod step;
pub mod yaml;

pub use fields::parse_duration;
pub use load::{KUBERNETES, PRESETS, Read, beside, load};
pub use manifest::Manifest;
pub use mistake::{Mistake, Place, Source};
pub use step::{
    Advance, Arm, Budgets, Claim, Condition, Fault, Given, Named, NodeChoice, ObjectRef, Operator,
    Requests, Scenario, Step, Subject, Verb,
};
