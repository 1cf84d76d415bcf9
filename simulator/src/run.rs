//! A story told to a world: steps, claims, budgets, and how it ended.
//!
//! ```text
//! story position ──► user requests, faults, waits ──► World ──► claims, invariants, deadlines
//! ```
//!
//! **Invariant:** a run is a value, like its world: a clone goes on alike, and what it does follows
//! from the value alone.

mod apply;
mod claim;
mod course;
mod story;

use std::sync::Arc;

use drydock_apiserver::{Request, Tree};
use drydock_scenarios::{Advance, Mistake, Operator, Verb};
use imbl::Vector;
use jiff::{SignedDuration, Timestamp};

use self::apply::Sending;
pub use self::apply::{Dropped, ordered};
pub use self::claim::Held;
use self::claim::Open;
pub use self::story::{Options, Story, check_manifests, check_quirks};
use crate::invariant::Broken;
use crate::trace::{Level, Who};
use crate::world::World;

/// How long the world may go on after the last step until it is at rest.
const SETTLE: SignedDuration = SignedDuration::from_mins(5);
/// A story in which time stands still has gone wrong; real ones have a few thousand events per second of it.
const MAX_EVENTS: u64 = 200_000_000;

#[derive(Clone)]
pub struct Run {
    pub world: World,
    story: Arc<Story>,
    position: Position,
    /// Claims that must still come to hold.
    open: Vec<Open>,
    held: Vector<Held>,
    /// Fields of the manifests that the schemas do not know.
    dropped: Vector<Dropped>,
    outcome: Option<Outcome>,
}

#[derive(Clone, Debug)]
enum Position {
    /// About to begin this step.
    Step(usize),
    /// Requests of this step are on their way.
    Sending {
        step: usize,
        sending: Box<Sending>,
    },
    Waiting {
        step: usize,
    },
    Sleeping {
        step: usize,
        until: Timestamp,
    },
    /// Until the world is at rest.
    Settling {
        step: usize,
        until: Timestamp,
    },
    /// The last step is done: open claims, then rest.
    Ending {
        until: Timestamp,
    },
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    Passed,
    Failed(Vec<Failure>),
    /// The API server refused what the story applies.
    Refused(Mistake),
}

#[derive(Clone, Debug, PartialEq)]
pub enum Failure {
    Claim {
        sentence: String,
        within: SignedDuration,
        found: String,
        about: Option<About>,
    },
    Invariant(Broken),
    Budget {
        what: &'static str,
        allowed: u64,
        spent: u64,
    },
    /// The operator had nothing to do with it.
    NoWrites,
    /// A step could not be carried out.
    Step(String),
}

/// The object that a failed claim is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    pub group: String,
    pub kind: String,
    pub namespace: String,
    pub name: String,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Failure::Claim { sentence, found, .. } => write!(f, "{sentence}: {found}"),
            Failure::Invariant(broken) => write!(f, "{}: {}", broken.invariant, broken.message),
            Failure::Budget { what, allowed, spent } => {
                write!(f, "{spent} {what}, of {allowed} allowed")
            }
            Failure::NoWrites => {
                f.write_str("the operator wrote nothing: the story shows nothing of it")
            }
            Failure::Step(why) => f.write_str(why),
        }
    }
}

impl Run {
    /// A new world for the story, at its first step. Refuses what no world could do.
    pub fn new(story: Arc<Story>) -> Result<Self, Mistake> {
        let mut world = World::new(story.world_config());
        story.check(&world)?;
        crate::load::load(&mut world, &story.scenario.given.dump)?;
        let position = if story.scenario.given.objects.is_empty() {
            Position::Step(0)
        } else {
            let objects = &story.scenario.given.objects;
            Position::Sending {
                step: usize::MAX,
                sending: Box::new(Sending::apply(&world, objects, &story.scenario.given.namespace)),
            }
        };
        let mut run = Self {
            world,
            story,
            position,
            open: Vec::new(),
            held: Vector::new(),
            dropped: Vector::new(),
            outcome: None,
        };
        if let Position::Sending { sending, .. } = &run.position {
            let text = sending.summary();
            run.world.say(Level::Story, Who::User, "apply", || text);
        }
        Ok(run)
    }

    pub fn story(&self) -> &Arc<Story> {
        &self.story
    }

    /// What is given is still being applied.
    pub fn is_setting_up(&self) -> bool {
        matches!(self.position, Position::Sending { step: usize::MAX, .. })
    }

    /// None while it goes on.
    pub fn outcome(&self) -> Option<&Outcome> {
        self.outcome.as_ref()
    }

    /// The claims that came to hold, in the order in which they did.
    pub fn held(&self) -> &Vector<Held> {
        &self.held
    }

    pub fn dropped(&self) -> &Vector<Dropped> {
        &self.dropped
    }

    /// Since the story began.
    pub fn elapsed(&self) -> SignedDuration {
        self.world.now().duration_since(self.world.epoch())
    }

    /// Goes on by one event, or to the next deadline of the story. False: it has ended.
    pub fn step(&mut self) -> bool {
        while self.outcome.is_none() && self.proceed() {}
        if self.outcome.is_some() {
            return false;
        }
        let deadline = self.deadline();
        match (self.world.is_due(deadline), deadline) {
            (true, _) => {
                let happened = self.world.step();
                if happened.is_some_and(|happened| happened.broke) {
                    self.invariant_broke();
                } else if happened.is_some_and(|happened| happened.moved) {
                    self.look();
                }
            }
            (false, Some(deadline)) => {
                self.world.run_until(deadline);
                self.look();
            }
            (false, None) => self.fail(Failure::Step(
                "nothing will ever happen again, and the story has not ended".to_owned(),
            )),
        }
        if self.world.counts().events > MAX_EVENTS {
            self.fail(Failure::Step(format!(
                "more than {MAX_EVENTS} events: the world does not come to rest"
            )));
        }
        self.outcome.is_none()
    }

    /// How many steps of the story are done.
    pub fn steps_done(&self) -> usize {
        match &self.position {
            Position::Sending { step, .. } if *step == usize::MAX => 0,
            Position::Step(step)
            | Position::Sending { step, .. }
            | Position::Waiting { step }
            | Position::Sleeping { step, .. }
            | Position::Settling { step, .. } => *step,
            Position::Ending { .. } => self.story.scenario.steps.len(),
        }
    }

    /// To the end of the story.
    pub fn finish(&mut self) -> &Outcome {
        while self.step() {}
        self.outcome.as_ref().expect("a run that steps no more has ended")
    }

    /// To that time of the story, or to its end if that comes first.
    pub fn run_until(&mut self, until: Timestamp) {
        while self.outcome.is_none() {
            let next = self.world.next_at().into_iter().chain(self.deadline()).min();
            if next.is_none_or(|next| next > until) {
                break;
            }
            self.step();
        }
        if self.outcome.is_none() && self.world.now() < until {
            self.world.run_until(until);
        }
    }

    /// Does what the story wants done at this instant. True: there may be more.
    fn proceed(&mut self) -> bool {
        // Most of a story's time is slept through.
        if let Position::Sleeping { until, .. } = self.position
            && self.world.now() < until
        {
            return false;
        }
        match std::mem::replace(&mut self.position, Position::Step(0)) {
            Position::Step(step) if step < self.story.scenario.steps.len() => self.begin(step),
            Position::Step(_) => {
                let until = self.world.now() + SETTLE;
                self.position = Position::Ending { until };
                true
            }
            Position::Sending { step, mut sending } => {
                let progress = sending.proceed(&mut self.world, &mut self.dropped);
                match progress {
                    apply::Progress::Waiting => {
                        self.position = Position::Sending { step, sending };
                        false
                    }
                    apply::Progress::Done => {
                        self.position = Position::Step(step.wrapping_add(1));
                        true
                    }
                    apply::Progress::Refused(Some(mistake)) => {
                        self.outcome = Some(Outcome::Refused(mistake));
                        false
                    }
                    apply::Progress::Refused(None) => {
                        let why = sending.refusal().to_owned();
                        self.fail(Failure::Step(why));
                        false
                    }
                }
            }
            Position::Waiting { step } => {
                let waits = self.open.iter().any(|open| open.blocks);
                self.position =
                    if waits { Position::Waiting { step } } else { Position::Step(step + 1) };
                !waits
            }
            Position::Sleeping { step, .. } => {
                self.position = Position::Step(step + 1);
                true
            }
            Position::Settling { step, until } => self.settle(step, until),
            Position::Ending { until } => {
                self.position = Position::Ending { until };
                if self.open.is_empty() && (self.world.is_at_rest() || self.world.now() >= until) {
                    self.world.check_settled();
                    if self.world.broken().is_empty() { self.end() } else { self.invariant_broke() }
                }
                false
            }
        }
    }

    fn begin(&mut self, step: usize) -> bool {
        let story = Arc::clone(&self.story);
        let namespace = &story.scenario.given.namespace;
        self.position = Position::Step(step + 1);
        match &story.scenario.steps[step].verb {
            Verb::Apply(manifests) => {
                let sending = Box::new(Sending::apply(&self.world, manifests, namespace));
                let text = sending.summary();
                self.world.say(Level::Story, Who::User, "apply", || text);
                self.position = Position::Sending { step, sending };
            }
            Verb::Patch { object, to } => {
                let Some((resource, namespace)) = claim::resource(&self.world, object) else {
                    return self.unknown(&object.kind);
                };
                self.world.say(Level::Story, Who::User, "patch", || format!("{object} to {to}"));
                let patch = Tree::from_value(to.clone());
                let request =
                    Request::merge_patch(resource, &namespace, &object.name, patch).by("user");
                self.position =
                    Position::Sending { step, sending: Box::new(Sending::one(request)) };
            }
            Verb::Delete(object) => {
                let Some((resource, namespace)) = claim::resource(&self.world, object) else {
                    return self.unknown(&object.kind);
                };
                self.world.say(Level::Story, Who::User, "delete", || object.to_string());
                let request = Request::delete(resource, &namespace, &object.name).by("user");
                self.position =
                    Position::Sending { step, sending: Box::new(Sending::one(request)) };
            }
            Verb::Fault(fault) => {
                if let Err(why) = self.world.inject(fault) {
                    self.fail(Failure::Step(why));
                }
            }
            Verb::Heal(name) => {
                if self.world.heal(name.as_deref()) == 0 {
                    let name = name.as_deref().unwrap_or("a fault");
                    self.fail(Failure::Step(format!("there is no {name} to heal")));
                }
            }
            Verb::Wait(claim) => {
                self.open.push(Open::new(&self.world, claim.clone(), true));
                self.position = Position::Waiting { step };
                self.look();
            }
            Verb::Expect(claim) => {
                self.open.push(Open::new(&self.world, claim.clone(), false));
                self.look();
            }
            Verb::Advance(advance) => {
                let until = match advance {
                    Advance::By(by) => self.world.now() + *by,
                    Advance::To(to) => self.world.epoch() + *to,
                };
                self.position = Position::Sleeping { step, until };
            }
            Verb::Settle { within } => {
                self.position = Position::Settling { step, until: self.world.now() + *within };
            }
        }
        true
    }

    /// Nothing moves any more: what is still expected will never come.
    fn settle(&mut self, step: usize, until: Timestamp) -> bool {
        self.position = Position::Settling { step, until };
        let at_rest = self.world.is_at_rest();
        if !at_rest && self.world.now() < until {
            return false;
        }
        if let Some(open) = self.open.first().cloned() {
            let found = open.found().to_owned();
            let found =
                if at_rest { format!("{found}, and nothing moves any more") } else { found };
            self.fail_claim(&open, found);
            return false;
        }
        if !at_rest {
            self.fail(Failure::Step("the world does not come to rest".to_owned()));
            return false;
        }
        self.position = Position::Step(step + 1);
        true
    }

    fn unknown(&mut self, kind: &str) -> bool {
        self.fail(Failure::Step(format!("nothing of kind {kind} is served any more")));
        false
    }

    /// When the story wants to be asked again, whatever happens in the world.
    fn deadline(&self) -> Option<Timestamp> {
        let claims = self.open.iter().map(|open| open.deadline);
        let position = match &self.position {
            Position::Sleeping { until, .. } => Some(*until),
            // The end is looked for now and then: rest is the absence of events.
            Position::Settling { until, .. } | Position::Ending { until } => {
                Some((self.world.now() + SignedDuration::from_secs(1)).min(*until))
            }
            _ => None,
        };
        claims.chain(position).min()
    }

    /// Closes the open claims that hold now, and fails with those whose time is over.
    fn look(&mut self) {
        let now = self.world.now();
        let mut late = None;
        let mut open = std::mem::take(&mut self.open);
        open.retain_mut(|open| {
            let Some(found) = open.look(&self.world) else {
                let held = open.held(&self.world);
                self.world.say(Level::Story, Who::Claim, "held", || held.line());
                self.held.push_back(held);
                return false;
            };
            if now >= open.deadline && late.is_none() {
                late = Some((open.clone(), found));
            }
            true
        });
        self.open = open;
        if let Some((open, found)) = late {
            self.fail_claim(&open, found);
        }
    }

    fn fail_claim(&mut self, open: &Open, found: String) {
        let line = open.line();
        self.world.say(Level::Story, Who::Claim, "failed", || line);
        let sentence = open.claim.sentence();
        let about = open.about(&self.world);
        self.fail(Failure::Claim { sentence, within: open.claim.within, found, about });
    }

    fn invariant_broke(&mut self) {
        let broken: Vec<_> = self.world.broken().iter().cloned().map(Failure::Invariant).collect();
        self.outcome = Some(Outcome::Failed(broken));
    }

    fn end(&mut self) {
        let counts = self.world.counts();
        let budgets = self.story.scenario.budgets;
        let spent = [
            ("reconciles", budgets.reconciles, counts.total_reconciles()),
            ("writes", budgets.writes, counts.total_writes()),
            ("writes that changed nothing", budgets.idle_writes, counts.idle_writes),
        ];
        let mut failures: Vec<_> = spent
            .into_iter()
            .filter_map(|(what, allowed, spent)| {
                Some(Failure::Budget { what, allowed: allowed.filter(|a| spent > *a)?, spent })
            })
            .collect();
        let wrote = counts.writes.values().sum::<u64>() > 0;
        if !wrote && self.story.scenario.given.operator == Operator::Ours {
            failures.push(Failure::NoWrites);
        }
        self.outcome =
            Some(if failures.is_empty() { Outcome::Passed } else { Outcome::Failed(failures) });
    }

    fn fail(&mut self, failure: Failure) {
        if self.outcome.is_none() {
            self.outcome = Some(Outcome::Failed(vec![failure]));
        }
    }
}

#[cfg(test)]
mod tests;
