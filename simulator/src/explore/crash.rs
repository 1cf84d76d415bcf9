//! The crash sweep: the operator is killed before and after every one of its writes, and each
//! write's answer is lost, once each. On request each write is slow, and the view stale after it.
//!
//! ```text
//!  default course ──●──────●───────────●──────► end        ●: the next event is a write
//!                   ├ before           │
//!                   ├ after     ...    └ ...
//!                   └ answer lost ───► joins the default course again, or ends by itself
//! ```
//!
//! The default course is stepped once; each branch begins as a copy of it, and nothing is replayed.

use std::collections::{BTreeMap, BTreeSet};

use super::{Course, Failure, Finding, Known, Pauses, Report, shrink};
use crate::choice::{Choice, Crash, Restart, Write};
use crate::inflight::Subject;
use crate::trace::Level;
use crate::world::World;

/// For how long changes do not reach the operator in time, once a write was sent.
const STALE_FOR_MS: u32 = 1_000;

#[derive(Clone, Debug)]
pub struct Options {
    /// The operator dies around each write, or hears no answer.
    pub crashes: bool,
    /// Each write takes this much longer, so that others overtake it.
    pub slow_by_ms: Option<u32>,
    /// From each write on, changes of the kind that it writes reach the operator this much later.
    pub stale_by_ms: Option<u32>,
    pub restart_after_ms: u32,
    /// What a killed operator sees when it starts again; one branch each.
    pub views: Vec<Restart>,
    /// Only writes of this number or later of each hundred: `--shard i/n` takes every n-th.
    pub shard: Option<(usize, usize)>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            crashes: true,
            slow_by_ms: None,
            stale_by_ms: None,
            restart_after_ms: 1_000,
            views: vec![Restart::Later],
            shard: None,
        }
    }
}

/// How far the sweep is, for who waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    pub done: usize,
    pub branches: usize,
    pub broken: usize,
    pub stepped_events: u64,
}

/// Sweeps the story. `watch` is told after each branch; it ends the sweep by saying false.
pub fn sweep<S: Course>(
    start: &S,
    options: &Options,
    mut watch: impl FnMut(Progress) -> bool,
) -> Report {
    let mut report = Report::default();
    let mut known = Known::default();
    let mut run = start.clone();
    run.world_mut().set_trace_level(Level::Off);
    let mut forks = Vec::new();
    let mut seen = Vec::new();
    let mut pauses = Pauses::new();
    let before = run.world().counts().events;
    loop {
        if let Some((operator, write)) = run.world().next_write() {
            let operator = run.world().operators()[usize::from(operator)].name.to_string();
            let write = Write { request: write.identity.to_string(), nth: write.nth };
            forks.push((run.clone(), operator, write));
        }
        if !run.step() {
            break;
        }
        seen.extend(pauses.look(&run));
    }
    report.story_events = run.world().counts().events - before;
    report.stepped_events = report.story_events;
    if let Some(failure) = run.failure() {
        report.default_failure = Some(failure);
        return report;
    }
    let default_end = run.world().end_hash();
    known.ends.extend(seen.into_iter().map(|state| (state, default_end)));
    let mut ends = BTreeSet::from([default_end]);

    let branches: Vec<(S, Choice)> = forks
        .into_iter()
        .flat_map(|(fork, operator, write)| {
            choices(fork.world(), &operator, &write, options)
                .into_iter()
                .map(move |choice| (fork.clone(), choice))
        })
        .enumerate()
        .filter(|(index, _)| options.shard.is_none_or(|(shard, of)| index % of == shard))
        .map(|(_, branch)| branch)
        .collect();
    let total = branches.len();
    let mut ways: BTreeMap<String, Finding> = BTreeMap::new();
    for (branch, choice) in branches {
        let outcome = follow(branch, &choice, &mut known);
        report.branches += 1;
        report.stepped_events += outcome.events;
        report.joined += usize::from(outcome.joined);
        match outcome.end {
            Ok(end) => drop(ends.insert(end)),
            Err(failure) => {
                report.broken += 1;
                let way = ways.entry(failure.what.clone()).or_insert_with(|| Finding {
                    failure: *failure,
                    choices: vec![choice],
                    branches: 0,
                });
                way.branches += 1;
            }
        }
        let (done, broken, stepped_events) =
            (report.branches, report.broken, report.stepped_events);
        if !watch(Progress { done, branches: total, broken, stepped_events }) {
            break;
        }
    }
    report.distinct_ends = ends.len();
    report.findings = ways.into_values().map(|finding| shrink::finding(start, finding)).collect();
    report
}

fn choices(world: &World, operator: &str, write: &Write, options: &Options) -> Vec<Choice> {
    let (operator, write) = (operator.to_owned(), write.clone());
    let mut choices = Vec::new();
    if options.crashes {
        for crash in [Crash::Before, Crash::After] {
            choices.extend(options.views.iter().map(|view| Choice::KillOperator {
                operator: operator.clone(),
                crash,
                write: write.clone(),
                restart_after_ms: options.restart_after_ms,
                view: *view,
            }));
        }
        choices.push(Choice::LoseAnswer { operator: operator.clone(), write: write.clone() });
    }
    if let (Some(by_ms), Some(kind)) = (options.stale_by_ms, written_kind(world)) {
        choices.push(Choice::DelayView {
            operator: operator.clone(),
            kind,
            by_ms,
            from_ms: world.now().duration_since(world.epoch()).as_millis().try_into().unwrap_or(0),
            for_ms: STALE_FOR_MS,
        });
    }
    choices.extend(options.slow_by_ms.map(|by_ms| Choice::SlowRequest { operator, write, by_ms }));
    choices
}

/// Of the write that is sent next; none for a call to an agent.
fn written_kind(world: &World) -> Option<String> {
    let (_, write) = world.next_write()?;
    let Subject::Api(request) = &write.subject else { return None };
    let server = world.server(write.server);
    let info = server.kind_info(server.kind_of(&request.resource)?)?;
    Some(info.kind.to_string())
}

struct Outcome {
    /// The hash of the end, its own or that of the run it joined.
    end: Result<u128, Box<Failure>>,
    joined: bool,
    events: u64,
}

fn follow<S: Course>(mut branch: S, choice: &Choice, known: &mut Known) -> Outcome {
    branch.world_mut().choose(choice.clone());
    let before = branch.world().counts().events;
    let mut pauses = Pauses::new();
    let mut seen = Vec::new();
    let mut joined = None;
    loop {
        let goes_on = branch.step();
        if branch.failure().is_some() || !goes_on {
            break;
        }
        if let Some(state) = pauses.look(&branch) {
            // The state before the choice took effect is that of the default course, and says nothing.
            joined = known.ends.get(&state).copied().filter(|_| branch.world().has_deviated());
            if joined.is_some() {
                break;
            }
            seen.push(state);
        }
    }
    let events = branch.world().counts().events - before;
    let end = match (branch.failure(), joined) {
        (Some(failure), _) => {
            return Outcome { end: Err(Box::new(failure)), joined: false, events };
        }
        (None, Some(end)) => end,
        (None, None) => branch.world().end_hash(),
    };
    known.ends.extend(seen.into_iter().map(|state| (state, end)));
    Outcome { end: Ok(end), joined: joined.is_some(), events }
}
