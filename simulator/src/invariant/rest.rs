//! A world at rest stays at rest: the operator writes nothing but Events, and marks.

use std::sync::Arc;

use imbl::OrdMap;
use jiff::SignedDuration;

use super::{Invariant, Violation, When};
use crate::trace::Level;
use crate::world::{World, WorldConfig};

/// Longer than any period of an agent's repeated reports.
const LOOK: SignedDuration = SignedDuration::from_mins(10);

pub const NO_WRITES_AT_REST: Invariant = Invariant {
    name: "no-writes-at-rest",
    about: "once nothing moves, the operator writes nothing but Events",
    when: When::Settled,
    check,
};

fn check(world: &World) -> Vec<Violation> {
    let at_rest = &world.writes_at_move;
    looked_ahead(world)
        .into_iter()
        .filter_map(|(resource, count)| {
            let more = count - at_rest.get(&resource).copied().unwrap_or(0);
            (more > 0).then(|| {
                let what = format!(
                    "within {LOOK:#} at rest, the operator wrote {more} times to {resource}"
                );
                Violation::at_once(resource, what)
            })
        })
        .collect()
}

/// The operator's writes by resource once the world has rested for [`LOOK`].
fn looked_ahead(world: &World) -> OrdMap<String, u64> {
    let left = LOOK.saturating_sub(world.now().duration_since(world.moved_at()));
    let until = world.now().checked_add(left);
    let (true, Ok(until)) = (left.is_positive(), until) else { return world.writes.clone() };
    // A world is a value: what it would do is found out by letting a copy do it.
    let mut later = world.clone();
    later.set_trace_level(Level::Off);
    later.config = Arc::new(WorldConfig { invariants: Vec::new(), ..world.config().clone() });
    later.run_until(until);
    later.writes
}
