//! Looking again and again at what does not move helps nobody.

use super::{Invariant, Violation, When};
use crate::operator::HOT;
use crate::world::World;

pub const NO_HOT_LOOP: Invariant = Invariant {
    name: "no-hot-loop",
    about: "no key is reconciled a hundred times within a minute in which nothing moves",
    when: When::Always,
    check,
};

fn check(world: &World) -> Vec<Violation> {
    let mut violations = Vec::new();
    for process in world.operators() {
        for state in process.keys().iter().filter(|state| state.spins >= HOT) {
            let name = process.reference(state);
            let controller = process.controller_name(state);
            violations.push(Violation::at_once(
                format!("{} {controller} {name}", process.name),
                format!("{controller} has looked at {name} {} times within a minute while nothing moved", state.spins),
            ));
        }
    }
    violations
}
