//! Trees to test with, that read aloud: `instance_set("demo").replicas(3).with(pod(0).ready())`.

mod event;
mod instance_set;
mod objects;

pub use event::{ReportFixture, report};
pub use instance_set::{InstanceSetFixture, instance_set, pod, template};
pub use objects::Objects;

use jiff::Timestamp;

/// So many seconds after the epoch.
pub fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("tests stay near the epoch")
}
