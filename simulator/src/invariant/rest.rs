//! A world at rest stays at rest: the operator writes nothing but Events, and marks on them.

use std::collections::BTreeMap;

use drydock_apiserver::LogEntry;
use drydock_operator_core::labels;
use jiff::SignedDuration;

use super::{Invariant, Violation, When};
use crate::trace::Level;
use crate::world::World;

/// Longer than any period of an agent's repeated reports.
const LOOK: SignedDuration = SignedDuration::from_mins(10);

pub const NO_WRITES_AT_REST: Invariant = Invariant {
    name: "no-writes-at-rest",
    about: "once nothing moves, the operator writes nothing but Events",
    when: When::Settled,
    check,
};

/// A role that is reported again is no news, but its time is kept: an older report that comes late
/// must not be believed.
const ROLE_MARK: &[&str] = &["metadata", "annotations", labels::ROLE_SNAPSHOT_VERSION];

/// Whether a change of a pod keeps the time of a role report, and nothing else.
pub(crate) fn is_role_mark(entry: &LogEntry) -> bool {
    let ours = entry.object.tree();
    ours.at(ROLE_MARK).is_some()
        && entry.before.as_ref().is_some_and(|before| {
            ours.equal_but(before.tree(), &[ROLE_MARK, &["metadata", "resourceVersion"]])
        })
}

fn role_marks(world: &World, later: &World) -> u64 {
    let server = later.server(0);
    let pods = server.kind("", "Pod");
    let changes = server.log_since(world.server(0).log_end());
    changes.filter(|entry| Some(entry.kind) == pods && is_role_mark(entry)).count() as u64
}

fn check(world: &World) -> Vec<Violation> {
    let (writes, marks) = looked_ahead(world);
    writes
        .into_iter()
        .filter_map(|(resource, count)| {
            let marks = if resource == "pods" { marks } else { 0 };
            let more = count.saturating_sub(marks);
            (more > 0).then(|| {
                Violation::at_once(
                    resource.clone(),
                    format!(
                        "within {LOOK:#} at rest, the operator wrote {more} times to {resource}"
                    ),
                )
            })
        })
        .collect()
}

/// The operator's writes by resource within [`LOOK`] of rest, and how many of those to pods were marks.
///
/// A world that has rested for so long has shown what it does.
fn looked_ahead(world: &World) -> (BTreeMap<String, u64>, u64) {
    let mut writes = world.writes_since.clone();
    let left = LOOK.saturating_sub(world.now().duration_since(world.moved_at()));
    if !left.is_positive() {
        return (writes, 0);
    }
    // A world is a value: what it would do is found out by letting a copy do it.
    let mut later = world.clone();
    later.set_trace_level(Level::Off);
    later.config = std::sync::Arc::new(crate::world::WorldConfig {
        invariants: Vec::new(),
        ..world.config().clone()
    });
    if let Ok(until) = world.now().checked_add(left) {
        later.run_until(until);
    }
    let before = &world.counts().writes;
    for (resource, count) in later.counts().writes.iter().filter(|(name, _)| *name != "events") {
        let more = count - before.get(resource).copied().unwrap_or(0);
        *writes.entry(resource.clone()).or_default() += more;
    }
    (writes, role_marks(world, &later))
}
