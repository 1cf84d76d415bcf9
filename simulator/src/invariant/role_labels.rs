//! The label of a pod says what its engine is, within the time that a probe and a report may take.

use drydock_apiserver::Object;
use jiff::SignedDuration;

use super::{Invariant, Violation, When};
use crate::world::World;

/// An Event, a pass, and a restart of the operator in between.
const BOUND: SignedDuration = SignedDuration::from_secs(30);
/// What the agent takes where the definition names no period.
const DEFAULT_PERIOD_SECS: i64 = 60;

pub const ROLE_LABELS_AGREE_WITH_ENGINES: Invariant = Invariant {
    name: "role-labels-agree-with-engines",
    about: "the role label of a pod is the role of the engine in it, a probe period and 30 s after it changed at the latest",
    when: When::Always,
    check,
};

/// How often the agent looks, by the definition of the pod's component.
fn period(world: &World, pod: &Object) -> SignedDuration {
    let server = world.server(0);
    let definition = pod.label("app.kubernetes.io/component").and_then(|name| {
        let kind = server.kind("apps.kubeblocks.io", "ComponentDefinition")?;
        server.table(kind).get("", name)
    });
    let Some(definition) = definition else { return SignedDuration::ZERO };
    let seconds =
        definition.tree().int_at(&["spec", "lifecycleActions", "roleProbe", "periodSeconds"]);
    SignedDuration::from_secs(seconds.filter(|seconds| *seconds > 0).unwrap_or(DEFAULT_PERIOD_SECS))
}

fn check(world: &World) -> Vec<Violation> {
    let server = world.server(0);
    let Some(pods) = server.kind("", "Pod").map(|kind| server.table(kind)) else {
        return Vec::new();
    };
    let mut violations = Vec::new();
    for (key, facts) in world.facts().iter() {
        let Some(pod) = pods.get(&key.namespace, &key.name) else { continue };
        // An engine that is down, or has no role, says nothing; a pod on its way out needs no label.
        if !facts.up || facts.role.is_empty() || pod.is_deleting() || pod.uid() != &*facts.pod_uid {
            continue;
        }
        let label = pod.label("kubeblocks.io/role").unwrap_or_default();
        if !label.eq_ignore_ascii_case(&facts.role) {
            let labelled = if label.is_empty() {
                "not labelled".to_owned()
            } else {
                format!("labelled {label}")
            };
            violations.push(Violation::after(
                BOUND + period(world, pod),
                format!("{key} {}", facts.role),
                format!("pod/{} is {labelled}, its engine is {}", key.name, facts.role),
            ));
        }
    }
    violations
}
