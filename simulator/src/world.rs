//! Everything in one run, as one value.
//!
//! ```text
//!            ┌───────────────── heap ─────────────────┐
//!            ▼                                        │
//!  step(): pop ─► Send ─► Apply ─► server.handle ─► log ─► Notify readers
//!                         Answer ─► operator, actor or user
//!                         Timer, Tell ─► actor      Reconcile ─► operator
//! ```
//!
//! **Invariant:** nothing happens but in `step`, and what happens follows from the value alone.

mod base;
mod deliver;
mod requests;
mod rest;

pub use rest::Settled;

use std::sync::Arc;

use drydock_apiserver::{LogPosition, Server};
use imbl::{OrdMap, OrdSet, Vector};
use jiff::Timestamp;

use crate::actor::{self, Actor, ActorId};
use crate::choice::Choice;
use crate::clock::Clock;
use crate::counts::Counts;
use crate::facts::{EngineFacts, PodFacts};
use crate::fault::Installed;
use crate::heap::{Event, Heap};
use crate::inflight::{self, Reply, RequestId};
use crate::invariant::{Broken, Invariant, Suspicion};
use crate::lifecycle::Lifecycle;
use crate::operator::{OperatorConfig, OperatorProcess};
use crate::preset::Preset;
use crate::trace::{Level, Line, Trace, Who};
use drydock_operator_core::view::Key;

/// What a world is made of.
#[derive(Clone, Debug)]
pub struct WorldConfig {
    /// "1.34"
    pub kubernetes: String,
    pub nodes: u32,
    pub seed: u64,
    pub preset: Preset,
    pub epoch: Timestamp,
    pub operators: Vec<OperatorConfig>,
    pub trace: Level,
    /// Names of [`crate::quirk::ALL`], for every operator.
    pub quirks: Vec<String>,
    pub choices: Vec<Choice>,
    /// The invariants to hold; all of them unless a story says otherwise.
    pub invariants: Vec<&'static Invariant>,
    /// Whether the kinds of the operator are there from the start.
    pub definitions: bool,
    /// What clients of its API trust, as PEM. If it is known, it is put back in every namespace that loses it, and so
    /// is the account that pods go by.
    pub authority: Option<String>,
    /// How many of [`actor::example`].
    pub examples: u32,
}

impl Default for WorldConfig {
    fn default() -> Self {
        Self {
            kubernetes: "1.34".to_owned(),
            nodes: 3,
            seed: 1,
            preset: Preset::default(),
            epoch: "2026-01-01T00:00:00Z".parse().expect("a time"),
            operators: vec![OperatorConfig::default()],
            trace: Level::Story,
            quirks: Vec::new(),
            choices: Vec::new(),
            invariants: crate::invariant::ALL.iter().collect(),
            definitions: true,
            authority: None,
            examples: 0,
        }
    }
}

#[derive(Clone)]
pub struct World {
    pub(crate) config: Arc<WorldConfig>,
    pub(crate) clock: Clock,
    pub(crate) heap: Heap,
    pub(crate) servers: Vec<ServerSlot>,
    pub(crate) inflight: inflight::Table,
    pub(crate) operators: Vec<Arc<OperatorProcess>>,
    pub(crate) actors: Vec<ActorSlot>,
    pub(crate) facts: EngineFacts,
    pub(crate) faults: Vec<Installed>,
    pub(crate) nodes_down: OrdSet<Arc<str>>,
    pub(crate) choices: Vec<Choice>,
    /// Some choice has taken effect.
    pub(crate) deviated: bool,
    /// How often a sender has issued a request with an identity.
    pub(crate) issued: OrdMap<(u64, u64), u32>,
    /// Answers that a user has not fetched yet.
    pub(crate) answers: OrdMap<RequestId, Reply>,
    pub(crate) trace: Trace,
    pub(crate) counts: Arc<Counts>,
    pub(crate) lifecycle: Arc<Lifecycle>,
    pub(crate) suspicions: Vec<Suspicion>,
    pub(crate) broken: Vector<Broken>,
    /// Claims that went although their member is wanted.
    pub(crate) lost_claims: Vector<String>,
    /// What the invariants have last been checked against.
    pub(crate) checked: (u64, u64),
    /// Somebody outside may have written to a server.
    opened: bool,
    /// When something last changed that is not mere background.
    pub(crate) moved_us: i64,
    /// How often something has.
    pub(crate) moves: u64,
    /// The operators' writes by resource, and what they were then: neither Events nor marks, nor what was refused because
    /// the object had changed.
    pub(crate) writes: OrdMap<String, u64>,
    pub(crate) writes_at_move: OrdMap<String, u64>,
}

#[derive(Clone)]
pub(crate) struct ServerSlot {
    pub server: Server,
    /// Up to where the log has been made known.
    pub published: LogPosition,
    pub watchers: Arc<deliver::Watchers>,
}

#[derive(Clone)]
pub(crate) struct ActorSlot {
    pub name: Arc<str>,
    pub server: u16,
    /// None while it reacts.
    pub actor: Option<Arc<dyn Actor>>,
    /// When the last notification to it is due: a watch never overtakes itself.
    pub due_us: i64,
}

/// What a step did, for those who drive the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Happened {
    pub at: Timestamp,
    /// An object or engine fact changed (background apart).
    pub moved: bool,
    /// An invariant broke.
    pub broke: bool,
}

impl World {
    pub fn new(config: WorldConfig) -> Self {
        let server = base::server(&config);
        let mut world = Self {
            clock: Clock::new(config.epoch),
            heap: Heap::default(),
            servers: vec![ServerSlot {
                published: server.log_end(),
                server,
                watchers: Arc::default(),
            }],
            inflight: inflight::Table::default(),
            operators: Vec::new(),
            actors: Vec::new(),
            facts: EngineFacts::default(),
            faults: Vec::new(),
            nodes_down: OrdSet::new(),
            choices: config.choices.clone(),
            deviated: false,
            issued: OrdMap::new(),
            answers: OrdMap::new(),
            trace: Trace::new(config.trace),
            counts: Arc::default(),
            lifecycle: Arc::default(),
            suspicions: Vec::new(),
            broken: Vector::new(),
            lost_claims: Vector::new(),
            checked: (0, 0),
            opened: true,
            moved_us: config.epoch.as_microsecond(),
            moves: 0,
            writes: OrdMap::new(),
            writes_at_move: OrdMap::new(),
            config: Arc::new(config),
        };
        let config = Arc::clone(&world.config);
        for operator in &config.operators {
            world.add_operator(operator);
        }
        for actor in actor::ALL.iter().flat_map(|make| make(&config)) {
            world.add_actor(actor, 0);
        }
        world
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// When the story began.
    pub fn epoch(&self) -> Timestamp {
        self.clock.epoch()
    }

    pub fn seed(&self) -> u64 {
        self.config.seed
    }

    pub fn preset(&self) -> Preset {
        self.config.preset
    }

    pub fn config(&self) -> &WorldConfig {
        &self.config
    }

    pub fn server(&self, index: u16) -> &Server {
        &self.servers[usize::from(index)].server
    }

    /// For those who set a world up, or break it on purpose. What it changes is made known with the next step.
    pub fn server_mut(&mut self, index: u16) -> &mut Server {
        self.opened = true;
        &mut self.servers[usize::from(index)].server
    }

    pub fn facts(&self) -> &EngineFacts {
        &self.facts
    }

    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    pub fn set_trace_level(&mut self, level: Level) {
        self.trace.set_level(level);
    }

    /// Over every event so far: the same for the same seed, whether the trace is kept or not.
    pub fn trace_hash(&self) -> blake3::Hash {
        self.trace.hash()
    }

    pub fn operators(&self) -> &[Arc<OperatorProcess>] {
        &self.operators
    }

    /// Invariants that did not hold, in the order in which they broke.
    pub fn broken(&self) -> &Vector<Broken> {
        &self.broken
    }

    /// Whether there is a next event, and not after that time.
    pub(crate) fn is_due(&self, by: Option<Timestamp>) -> bool {
        let by_us = by.map(Timestamp::as_microsecond);
        self.heap.peek().is_some_and(|entry| by_us.is_none_or(|by_us| entry.at_us <= by_us))
    }

    /// When the next event is due.
    pub fn next_at(&self) -> Option<Timestamp> {
        self.heap.peek().map(|entry| crate::clock::at(entry.at_us))
    }

    /// Handles one event. `None`: nothing will ever happen again.
    pub fn step(&mut self) -> Option<Happened> {
        if std::mem::take(&mut self.opened) {
            self.publish_all();
        }
        let entry = self.heap.pop()?;
        self.clock.advance(entry.at_us);
        let moved_before = (self.moved_us, self.facts.version());
        self.counts_mut().events += 1;
        self.record(&entry.event, entry.at_us);
        match entry.event {
            Event::Send(id) => self.sent(id),
            Event::Apply(id) => self.apply(id),
            Event::Answer(id) => self.answered(id),
            Event::Timer { actor, tag, .. } => self.stimulate(actor, actor::Stimulus::Timer(tag)),
            Event::Tell { from, to, tag, body } => {
                self.stimulate(to, actor::Stimulus::Told { from, tag, body: body.as_ref() });
            }
            Event::Notify { reader, position } => self.notify(reader, position),
            Event::Reconcile { operator, life, key } => self.reconcile(operator, life, key),
            Event::OperatorStart { operator, life } => self.start_operator(operator, life),
            Event::CatchUp { operator, life } => self.catch_up(operator, life),
            Event::Recheck => self.checked = (u64::MAX, u64::MAX),
        }
        let wrote = self.publish_all();
        let broke = self.check_invariants();
        let moved = wrote || moved_before != (self.moved_us, self.facts.version());
        Some(Happened { at: self.now(), moved, broke })
    }

    /// Handles all events up to and including that time, and goes on to it.
    pub fn run_until(&mut self, until: Timestamp) {
        if std::mem::take(&mut self.opened) {
            self.publish_all();
        }
        let until_us = until.as_microsecond();
        while self.heap.peek().is_some_and(|entry| entry.at_us <= until_us) {
            self.step();
        }
        self.clock.advance(until_us);
    }

    pub(crate) fn counts_mut(&mut self) -> &mut Counts {
        Arc::make_mut(&mut self.counts)
    }

    pub(crate) fn push_at(&mut self, at: Timestamp, event: Event) {
        self.heap.push(at.as_microsecond().max(self.clock.now_us()), event);
    }

    pub(crate) fn push_after(&mut self, after_us: i64, event: Event) {
        self.heap.push(self.clock.now_us() + after_us.max(0), event);
    }

    pub(crate) fn say(
        &mut self,
        level: Level,
        who: Who,
        verb: &'static str,
        text: impl FnOnce() -> String,
    ) {
        if self.trace.wants(level) {
            let line = Line { at: self.now(), level, who, verb, text: text().into() };
            self.trace.push(line);
        }
    }

    /// For actors that run engines, and for those who break a world on purpose.
    pub fn set_facts(&mut self, namespace: &str, pod: &str, facts: Option<PodFacts>) {
        if self.facts.set(Key::new(namespace, pod), facts) {
            self.moved();
        }
    }

    /// Something has changed that is not mere background.
    pub(crate) fn moved(&mut self) {
        self.moves += 1;
        self.moved_us = self.clock.now_us();
        self.writes_at_move = self.writes.clone();
    }

    pub(crate) fn add_actor(&mut self, actor: Box<dyn Actor>, server: u16) -> ActorId {
        let id = ActorId(u16::try_from(self.actors.len()).expect("fewer actors than 65536"));
        let name: Arc<str> = actor.name().into();
        self.actors.push(ActorSlot { name, server, actor: Some(Arc::from(actor)), due_us: 0 });
        self.servers[usize::from(server)].watchers = Arc::default();
        self.stimulate(id, actor::Stimulus::Start);
        id
    }

    pub(crate) fn actor(&self, name: &str) -> Option<ActorId> {
        let index = self.actors.iter().position(|slot| &*slot.name == name)?;
        Some(ActorId(u16::try_from(index).expect("fewer actors than 65536")))
    }

    /// Tells an actor something. Its state is copied first if another world shares it.
    pub(crate) fn stimulate(&mut self, id: ActorId, stimulus: actor::Stimulus<'_>) {
        let slot = &mut self.actors[usize::from(id.0)];
        let Some(mut shared) = slot.actor.take() else { return };
        let server = slot.server;
        if Arc::strong_count(&shared) > 1 {
            shared = Arc::from(shared.clone_box());
        }
        let actor = Arc::get_mut(&mut shared).expect("nobody else has this copy");
        actor.react(&mut actor::Ctx { world: self, me: id, server }, stimulus);
        self.actors[usize::from(id.0)].actor = Some(shared);
    }

    fn record(&mut self, event: &Event, at_us: i64) {
        let words = event.words();
        self.trace.record(&[at_us.unsigned_abs(), words[0], words[1], words[2]]);
    }
}
