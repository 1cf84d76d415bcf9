//! What must hold whatever happens. `Always` is safety: it is looked at whenever an object or an
//! engine fact has changed. `Settled` is liveness: faults healed, nothing left to do.
//!
//! Some rules may be broken for a moment (two labels while the second is on its way out): their
//! violation names how long. Each invariant is one file, and one line in [`ALL`].

pub mod at_most_one_primary;
pub mod claims;
pub mod deletion;
pub mod hot_loop;
pub mod nothing_left;
pub mod rest;
pub mod role_labels;

use drydock_apiserver::Object;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::clock::micros;
use crate::heap::Event;
use crate::trace::{Level, Who};
use crate::world::World;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// After every event.
    Always,
    /// Faults healed, the heap quiet.
    Settled,
}

#[derive(Clone, Copy, Debug)]
pub struct Invariant {
    pub name: &'static str,
    pub about: &'static str,
    pub when: When,
    /// All that is wrong now. Empty: it holds.
    pub check: fn(&World) -> Vec<Violation>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// What it is about; the same as long as it is the same violation.
    pub subject: String,
    pub message: String,
    /// It counts only if it lasts longer.
    pub tolerated: SignedDuration,
}

impl Violation {
    pub fn at_once(subject: impl Into<String>, message: impl Into<String>) -> Self {
        Self { subject: subject.into(), message: message.into(), tolerated: SignedDuration::ZERO }
    }

    pub fn after(
        tolerated: SignedDuration,
        subject: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self { subject: subject.into(), message: message.into(), tolerated }
    }
}

/// An invariant that did not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Broken {
    pub invariant: &'static str,
    pub subject: String,
    pub message: String,
    pub since: Timestamp,
    pub at: Timestamp,
}

/// A violation that is still tolerated, or was reported.
#[derive(Clone, Debug)]
pub(crate) struct Suspicion {
    invariant: &'static str,
    subject: String,
    since_us: i64,
    reported: bool,
}

pub const ALL: &[Invariant] = &[
    at_most_one_primary::AT_MOST_ONE_PRIMARY,
    role_labels::ROLE_LABELS_AGREE_WITH_ENGINES,
    claims::CLAIMS_KEEP_THEIR_VOLUMES,
    hot_loop::NO_HOT_LOOP,
    nothing_left::NOTHING_IS_LEFT,
    deletion::DELETION_ENDS,
    rest::NO_WRITES_AT_REST,
];

pub fn by_name(name: &str) -> Option<&'static Invariant> {
    ALL.iter().find(|invariant| invariant.name == name)
}

impl World {
    /// The objects of a kind on the first server.
    pub fn objects(&self, group: &str, kind: &str) -> impl Iterator<Item = &Object> {
        let server = self.server(0);
        server.kind(group, kind).into_iter().flat_map(|kind| server.table(kind).iter())
    }

    /// Looks at the invariants of `Always`, if something that they look at has changed since the last time. Whether
    /// one broke.
    pub(crate) fn check_invariants(&mut self) -> bool {
        let state = (self.moves, self.facts.version());
        if self.checked == state {
            return false;
        }
        self.checked = state;
        let before = self.broken.len();
        for invariant in self.invariants(When::Always) {
            let violations = (invariant.check)(self);
            self.judge(invariant, violations);
        }
        self.broken.len() > before
    }

    /// Looks at the invariants of `Settled`. To be called when nothing moves any more.
    pub fn check_settled(&mut self) {
        for invariant in self.invariants(When::Settled) {
            let violations = (invariant.check)(self);
            self.judge(invariant, violations);
        }
    }

    fn invariants(&self, when: When) -> Vec<&'static Invariant> {
        self.config.invariants.iter().copied().filter(|invariant| invariant.when == when).collect()
    }

    fn judge(&mut self, invariant: &'static Invariant, violations: Vec<Violation>) {
        let now_us = self.clock.now_us();
        self.suspicions.retain(|suspicion| {
            suspicion.invariant != invariant.name
                || violations.iter().any(|violation| violation.subject == suspicion.subject)
        });
        for violation in violations {
            let tolerated_us = micros(violation.tolerated);
            let known = self.suspicions.iter_mut().find(|suspicion| {
                suspicion.invariant == invariant.name && suspicion.subject == violation.subject
            });
            let since_us = match known {
                Some(suspicion) if suspicion.reported => continue,
                Some(suspicion) => {
                    suspicion.reported = now_us - suspicion.since_us >= tolerated_us;
                    suspicion.since_us
                }
                None => {
                    let subject = violation.subject.clone();
                    let reported = tolerated_us == 0;
                    self.suspicions.push(Suspicion {
                        invariant: invariant.name,
                        subject,
                        since_us: now_us,
                        reported,
                    });
                    if !reported {
                        self.push_after(tolerated_us, Event::Recheck);
                    }
                    now_us
                }
            };
            if now_us - since_us >= tolerated_us {
                let broken = Broken {
                    invariant: invariant.name,
                    subject: violation.subject,
                    message: violation.message,
                    since: crate::clock::at(since_us),
                    at: self.now(),
                };
                self.say(Level::Story, Who::Claim, "broken", || {
                    format!("{}: {}", broken.invariant, broken.message)
                });
                self.broken.push_back(broken);
            }
        }
    }
}
