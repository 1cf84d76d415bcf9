//! The operator inside the world: the controllers of `drydock-operator-core`, the seeded work queue
//! that drives them, and the executions on their way.
//!
//! The queue is that of controller-runtime: a key stands in it once; a key that is at work and is
//! woken again is done again afterwards; failures back off from 5 ms, doubling to 1000 s; 32
//! workers per controller. One thing it does not leave to chance: a key is not looked at again
//! before the view shows what its last pass wrote, or it would write the same once more.
//!
//! **Invariant:** a process that is killed loses all that is in here but its name and its counts.

mod calls;
mod process;
mod queue;
mod recorder;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use drydock_operator_core::controllers::{self, Controller};
use drydock_operator_core::execution::Execution;
use drydock_operator_core::plan::{Plan, Reference};
use drydock_operator_core::queue::{OwnWrites, WORKERS};
use drydock_operator_core::recorder::Recorder;
use drydock_operator_core::settings::Settings;
use drydock_operator_core::view::Key;
use imbl::OrdMap;
use jiff::Timestamp;

use crate::view::Tables;

pub use process::StartView;
pub use queue::{HOT, Pass};

/// A key of one controller, in one life of one operator process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub u32);

#[derive(Clone, Debug)]
pub struct OperatorConfig {
    /// `operator-0`
    pub name: String,
    pub server: u16,
    pub settings: Settings,
    pub workers: u32,
    /// Which controllers run in it.
    pub controllers: fn() -> Vec<Controller>,
}

impl Default for OperatorConfig {
    fn default() -> Self {
        Self {
            name: "operator-0".to_owned(),
            server: 0,
            settings: Settings::default(),
            workers: WORKERS,
            controllers: controllers::all,
        }
    }
}

#[derive(Clone)]
pub struct OperatorProcess {
    pub name: Arc<str>,
    pub server: u16,
    pub(crate) settings: Arc<Settings>,
    pub(crate) workers: u32,
    pub(crate) controllers: Arc<Vec<Controller>>,
    /// Grows with each start: what an earlier life began does not reach this one.
    pub life: u32,
    pub alive: bool,
    pub(crate) tables: Tables,
    /// When the last change of a kind is due here: one kind's changes do not overtake each other.
    pub(crate) due_us: OrdMap<drydock_apiserver::KindId, i64>,
    /// While it reads an older view it hears of nothing.
    pub(crate) stalled: bool,
    pub(crate) ids: BTreeMap<(u16, Key), KeyId>,
    pub(crate) keys: Vec<KeyState>,
    pub(crate) running: Vec<u32>,
    pub(crate) waiting: Vec<VecDeque<KeyId>>,
    /// Keys that are due and wait for the view to show what they wrote.
    pub(crate) blind: BTreeSet<KeyId>,
    pub(crate) recorder: Recorder,
}

/// What a process knows of one key.
#[derive(Clone, Debug)]
pub struct KeyState {
    pub controller: u16,
    pub key: Arc<Key>,
    /// When it is due; only the event of that time counts.
    pub queued_us: Option<i64>,
    pub(crate) execution: Option<Execution>,
    pub(crate) running: bool,
    /// What its passes wrote and the view does not show yet.
    pub(crate) own: OwnWrites<(drydock_apiserver::KindId, u64)>,
    /// Woken while at work.
    pub(crate) dirty: bool,
    /// In a row; decides the back-off.
    pub(crate) failures: u32,
    /// Passes in a row that changed nothing.
    pub(crate) idle_passes: u32,
    pub(crate) changed: bool,
    pub trouble: Option<Trouble>,
    /// Of the last pass: what it waits for, and what is wrong with the input.
    pub plan: Option<Arc<Plan>>,
    /// Passes within a minute in which nothing moved in the world.
    pub spins: u32,
    pub(crate) spins_since_us: i64,
}

/// Why passes of a key fail, while they do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Of the present message.
    pub first: Timestamp,
    pub last: Timestamp,
    pub count: u32,
    pub reason: Arc<str>,
    pub message: Arc<str>,
    /// The call that failed, in words: `list poddisruptionbudgets`.
    pub call: Option<Arc<str>>,
}

impl OperatorProcess {
    pub fn new(config: &OperatorConfig, quirks: &[String]) -> Self {
        let mut controllers = (config.controllers)();
        for quirk in quirks.iter().filter_map(|name| crate::quirk::by_name(name)) {
            (quirk.install)(&mut controllers);
        }
        let count = controllers.len();
        Self {
            name: config.name.as_str().into(),
            server: config.server,
            settings: Arc::new(config.settings.clone()),
            workers: config.workers,
            controllers: Arc::new(controllers),
            life: 0,
            alive: false,
            tables: Tables::default(),
            due_us: OrdMap::new(),
            stalled: false,
            ids: BTreeMap::new(),
            keys: Vec::new(),
            running: vec![0; count],
            waiting: vec![VecDeque::new(); count],
            blind: BTreeSet::new(),
            recorder: Recorder::default(),
        }
    }

    pub fn keys(&self) -> &[KeyState] {
        &self.keys
    }

    pub fn controller_name(&self, key: &KeyState) -> &'static str {
        self.controllers[usize::from(key.controller)].name
    }

    /// What the key stands for: `component/demo-redis`.
    pub fn reference(&self, key: &KeyState) -> Reference {
        let root = (self.controllers[usize::from(key.controller)].root)();
        Reference::new(root, (*key.key).clone())
    }

    pub(crate) fn id(&mut self, controller: u16, key: &Key) -> KeyId {
        if let Some(id) = self.ids.get(&(controller, key.clone())) {
            return *id;
        }
        let id = KeyId(u32::try_from(self.keys.len()).expect("fewer keys than 2^32"));
        self.ids.insert((controller, key.clone()), id);
        self.keys.push(KeyState {
            controller,
            key: Arc::new(key.clone()),
            queued_us: None,
            execution: None,
            running: false,
            own: OwnWrites::default(),
            dirty: false,
            failures: 0,
            idle_passes: 0,
            changed: false,
            trouble: None,
            plan: None,
            spins: 0,
            spins_since_us: 0,
        });
        id
    }

    pub(crate) fn key(&self, id: KeyId) -> &KeyState {
        &self.keys[id.0 as usize]
    }

    pub(crate) fn key_mut(&mut self, id: KeyId) -> &mut KeyState {
        &mut self.keys[id.0 as usize]
    }

    /// Whether the view shows all that passes of the key wrote.
    pub(crate) fn sees_own(&mut self, id: KeyId) -> bool {
        let tables = &self.tables;
        let state = &mut self.keys[id.0 as usize];
        state.own.are_seen(|(kind, revision)| tables.seen(*kind) >= *revision)
    }

    /// None: the key may be looked at. Otherwise when it may be at the latest.
    pub(crate) fn hold(&mut self, id: KeyId, now: Timestamp) -> Option<Timestamp> {
        let tables = &self.tables;
        let own = &mut self.keys[id.0 as usize].own;
        own.hold(now, |(kind, revision)| tables.seen(*kind) >= *revision)
    }

    /// Forgets all that lived in memory.
    pub(crate) fn die(&mut self) {
        self.alive = false;
        self.stalled = false;
        self.ids.clear();
        self.keys.clear();
        self.running.iter_mut().for_each(|running| *running = 0);
        self.waiting.iter_mut().for_each(VecDeque::clear);
        self.blind.clear();
        self.recorder = Recorder::default();
    }
}
