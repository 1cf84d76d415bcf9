//! The label of a pod says what its engine is, within the time that a probe and a report may take.

use jiff::SignedDuration;

use super::{Invariant, Violation, When};
use crate::world::World;

/// A probe period, an Event, a pass, and a restart of the operator in between.
const BOUND: SignedDuration = SignedDuration::from_secs(30);

pub const ROLE_LABELS_AGREE_WITH_ENGINES: Invariant = Invariant {
    name: "role-labels-agree-with-engines",
    about: "the role label of a pod is the role of the engine in it, 30 s after it changed at the latest",
    when: When::Always,
    check,
};

fn check(world: &World) -> Vec<Violation> {
    let server = world.server(0);
    let Some(pods) = server.kind("", "Pod").map(|kind| server.table(kind)) else { return Vec::new() };
    let mut violations = Vec::new();
    for (key, facts) in world.facts().iter() {
        let Some(pod) = pods.get(&key.namespace, &key.name) else { continue };
        // An engine that is down, or has no role, says nothing; a pod on its way out needs no label.
        if !facts.up || facts.role.is_empty() || pod.is_deleting() || pod.uid() != &*facts.pod_uid {
            continue;
        }
        let label = pod.label("kubeblocks.io/role").unwrap_or_default();
        if !label.eq_ignore_ascii_case(&facts.role) {
            let labelled = if label.is_empty() { "not labelled".to_owned() } else { format!("labelled {label}") };
            violations.push(Violation::after(
                BOUND,
                format!("{key} {}", facts.role),
                format!("pod/{} is {labelled}, its engine is {}", key.name, facts.role),
            ));
        }
    }
    violations
}
