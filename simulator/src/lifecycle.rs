//! What the lifecycle actions of addons were asked: how often, how long they took, and whether one
//! that was repeated went as well as before.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use drydock_operator_core::plan::AgentCall;
use serde::Serialize;

use crate::random;
use crate::world::World;

/// By the name of the action.
pub type Lifecycle = BTreeMap<Arc<str>, Calls>;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Calls {
    pub calls: u64,
    pub failed: u64,
    /// From when the agent was asked to its answer, whatever that was.
    pub longest_us: i64,
    pub repeated: Repeated,
    /// Hashes of what succeeded: the pod and the parameters.
    #[serde(skip)]
    done: BTreeSet<u64>,
}

/// Whether what had succeeded was asked again of the same pod.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Repeated {
    #[default]
    Never,
    /// It succeeded again.
    Safely,
    Failed,
}

impl World {
    /// What actions were called so far: by the operator, and probes by the agents themselves.
    pub fn lifecycle(&self) -> &Lifecycle {
        &self.lifecycle
    }

    pub(crate) fn note_action(&mut self, call: &AgentCall, took_us: i64, succeeded: bool) {
        let what = random::fnv_of(&format!("{} {:?}", call.pod_uid, call.parameters));
        self.calls_of(&call.action).note(what, took_us, succeeded);
    }

    /// A probe tells of an engine that is down: that it fails after it succeeded says nothing of the probe.
    pub(crate) fn note_probe(&mut self, action: &str, pod_uid: &str, succeeded: bool) {
        let calls = self.calls_of(action);
        if succeeded {
            calls.note(random::fnv_of(pod_uid), 0, true);
        } else {
            calls.calls += 1;
            calls.failed += 1;
        }
    }

    fn calls_of(&mut self, action: &str) -> &mut Calls {
        let lifecycle = Arc::make_mut(&mut self.lifecycle);
        if !lifecycle.contains_key(action) {
            lifecycle.insert(action.into(), Calls::default());
        }
        lifecycle.get_mut(action).expect("it was just put in")
    }
}

impl Calls {
    fn note(&mut self, what: u64, took_us: i64, succeeded: bool) {
        self.calls += 1;
        self.longest_us = self.longest_us.max(took_us);
        let again = self.done.contains(&what);
        match (again, succeeded) {
            (true, true) => self.repeated = self.repeated.max(Repeated::Safely),
            (true, false) => self.repeated = Repeated::Failed,
            (false, true) => drop(self.done.insert(what)),
            (false, false) => {}
        }
        self.failed += u64::from(!succeeded);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_succeeded_and_then_fails_was_not_repeated_safely() {
        let noted = |answers: &[(u64, bool)]| {
            let mut calls = Calls::default();
            for (what, succeeded) in answers {
                calls.note(*what, 10, *succeeded);
            }
            calls.repeated
        };

        assert_eq!(noted(&[(1, true), (2, true)]), Repeated::Never);
        assert_eq!(noted(&[(1, false), (1, true)]), Repeated::Never);
        assert_eq!(noted(&[(1, true), (1, true)]), Repeated::Safely);
        assert_eq!(noted(&[(1, true), (1, false), (1, true)]), Repeated::Failed);
    }
}
