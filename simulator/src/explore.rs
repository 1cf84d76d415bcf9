//! Looking for a course of events that breaks a claim: fork the run where something could go
//! otherwise, step the forks, and stop those that meet a state that is known already.

pub mod crash;
pub mod shrink;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use crate::choice::Choice;
use crate::explain::Chain;
use crate::world::World;

/// A run that can be forked: a world, the position in its story, the claims still open.
pub trait Course: Clone {
    fn world(&self) -> &World;
    fn world_mut(&mut self) -> &mut World;
    /// Handles one event, or goes on in the story. False: the story has ended, well or badly.
    fn step(&mut self) -> bool;
    /// Which steps are done; runs in the same state at the same position go the same way.
    fn position(&self) -> u64;
    /// The first claim or invariant that does not hold.
    fn failure(&self) -> Option<Failure>;
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// The claim or invariant: failures of one name are one way to break.
    pub what: String,
    pub message: String,
    pub at: Timestamp,
    /// Why, outermost first.
    pub chains: Vec<Chain>,
}

/// A run that broke, and what it takes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    pub failure: Failure,
    /// As few as break it.
    pub choices: Vec<Choice>,
    /// How many branches broke in this way.
    pub branches: usize,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Report {
    /// Apart from the default course.
    pub branches: usize,
    /// Branches that met a known state before their end.
    pub joined: usize,
    /// By objects and engine facts.
    pub distinct_ends: usize,
    pub broken: usize,
    /// Of the default course.
    pub story_events: u64,
    /// Of all, the default course among them.
    pub stepped_events: u64,
    pub findings: Vec<Finding>,
    /// What went wrong on the default course: nothing was explored then.
    pub default_failure: Option<Failure>,
}

/// States that were met at a position of the story, and how it ended from there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    ends: BTreeMap<(u64, u128), u128>,
}

/// Follows one run and says when its state is worth a look.
///
/// While things move, no two runs are in the same state: latencies differ. So a state is taken once things have
/// not moved for a moment, once per such pause and position.
#[derive(Clone, Copy, Debug)]
struct Pauses {
    taken: Option<(Timestamp, u64)>,
}

/// Longer than the latencies of a request and its watchers.
const PAUSE_MS: i64 = 1_500;

impl Pauses {
    fn new() -> Self {
        Self { taken: None }
    }

    /// The state, if this is the moment to look.
    fn look<S: Course>(&mut self, story: &S) -> Option<(u64, u128)> {
        let world = story.world();
        let moved = world.moved_at();
        if world.now().as_millisecond() - moved.as_millisecond() < PAUSE_MS {
            return None;
        }
        let here = (moved, story.position());
        if self.taken == Some(here) {
            return None;
        }
        self.taken = Some(here);
        Some((story.position(), world.state_hash()))
    }
}
