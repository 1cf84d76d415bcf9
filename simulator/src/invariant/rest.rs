//! A world at rest stays at rest: the operator writes nothing but Events, and marks on them.

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

fn check(world: &World) -> Vec<Violation> {
    // A world is a value: what it would do is found out by letting a copy do it.
    let mut later = world.clone();
    later.set_trace_level(Level::Off);
    later.config = std::sync::Arc::new(crate::world::WorldConfig { invariants: Vec::new(), ..world.config().clone() });
    if let Ok(until) = world.now().checked_add(LOOK) {
        later.run_until(until);
    }
    let before = &world.counts().writes;
    later
        .counts()
        .writes
        .iter()
        .filter(|(resource, _)| *resource != "events")
        .filter_map(|(resource, count)| {
            let more = count - before.get(resource).copied().unwrap_or(0);
            (more > 0).then(|| {
                Violation::at_once(
                    resource.clone(),
                    format!("within {LOOK:#} at rest, the operator wrote {more} times to {resource}"),
                )
            })
        })
        .collect()
}
