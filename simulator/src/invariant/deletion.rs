//! A deletion ends, or somebody outside is shown to hold it up.

use drydock_operator_core::plan::Whose;

use super::{Invariant, Violation, When};
use crate::explain::{self, Ending};
use crate::world::World;

pub const DELETION_ENDS: Invariant = Invariant {
    name: "deletion-ends",
    about: "a deleted object goes, or its chain of waits ends at the user",
    when: When::Settled,
    check,
};

fn check(world: &World) -> Vec<Violation> {
    let server = world.server(0);
    let mut violations = Vec::new();
    for info in server.kinds().filter(|info| info.storage) {
        let Some(kind) = server.kind(&info.group, &info.kind) else { continue };
        for object in server.table(kind).iter().filter(|object| object.is_deleting()) {
            let chain = explain::chain(world, &explain::reference(info, object));
            if chain.ending == Ending::Open(Whose::User) {
                continue;
            }
            let name = format!("{}/{}", info.singular, object.name());
            let why =
                chain.links.last().map_or_else(String::new, |link| format!(": {}", link.text));
            violations.push(Violation::at_once(
                name.clone(),
                format!("the deletion of {name} does not end{why}"),
            ));
        }
    }
    violations
}
