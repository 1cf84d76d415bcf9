//! A pod on its machine, and the processes in it.

use std::sync::Arc;

use drydock_apiserver::Tree;
use drydock_operator_core::plan::{Reference, Wait, Whose};
use drydock_operator_core::view::Key;
use jiff::Timestamp;

use super::super::Held;
use super::super::agent::Agent;
use super::super::objects::{Container, Pod};
use crate::engine::model::{EngineModel, Protocol};
use crate::engine::{Engine, Facts, Member};
use crate::hash::StateHasher;

#[derive(Clone)]
pub struct Run {
    pub key: Member,
    pub namespace: Arc<str>,
    pub name: Arc<str>,
    pub uid: Arc<str>,
    /// Its place among the machines.
    pub machine: usize,
    pub pod: Arc<Pod>,
    /// The `InstanceSet` it belongs to: `default/demo-redis`.
    pub group: Arc<str>,
    /// What a leader and what the others print, if nobody models its engine.
    pub roles: Option<(Arc<str>, Arc<str>)>,
    pub stage: Stage,
    pub ip: Option<Arc<str>>,
    /// How often a sandbox was made.
    pub sandboxes: u32,
    pub started_at: Timestamp,
    /// Init containers first, then the others.
    pub processes: Vec<Process>,
    pub inits: usize,
    /// The process that the pod is there for.
    pub main: usize,
    pub agent: Option<Arc<Agent>>,
    /// Type, status and since when, of each condition.
    pub conditions: Vec<(&'static str, bool, Timestamp)>,
    pub reported: Option<Tree>,
    pub is_sending: bool,
    pub is_stale: bool,
    /// Messages sent, and facts as last said.
    pub sent: u64,
    /// Where the draws of their latencies begin.
    pub draws: Option<u64>,
    pub facts: Option<Facts>,
    pub role: Arc<str>,
    /// Something of the pod itself is missing: a volume, a `ConfigMap`.
    pub hold: Option<String>,
    pub was_ready: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// No sandbox yet.
    Admitted,
    /// The init container of this place is due or runs.
    Init(usize),
    Running,
    Stopping,
    /// All processes have ended for good.
    Finished,
    /// The last DELETE is on its way.
    Removing,
}

#[derive(Clone)]
pub struct Process {
    pub name: Arc<str>,
    pub image: Arc<str>,
    pub model: Arc<EngineModel>,
    pub state: State,
    /// Grows whenever a process begins or ends.
    pub life: u16,
    pub restarts: u32,
    /// It passed its startup probe, or has none.
    pub started: bool,
    pub ready: bool,
    pub last: Option<Ended>,
    /// Seconds to wait before the next restart; 0: none is due.
    pub back_off_secs: i64,
    pub booted: bool,
    pub boot_step: usize,
    pub engine: Option<Arc<Engine>>,
    /// Consecutive results of startup, readiness and liveness probes: right ones, or wrong ones below zero.
    pub streaks: [i32; 3],
    /// Which boot this is: each has other random times.
    pub boots: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    Waiting { reason: &'static str, message: String },
    Running { since: Timestamp },
    Ended(Ended),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    pub exit: i32,
    pub reason: &'static str,
    pub started_at: Timestamp,
    pub over_at: Timestamp,
}

impl Process {
    pub fn new(container: &Container, model: &Arc<EngineModel>, is_init: bool) -> Self {
        let reason = if is_init { "PodInitializing" } else { "ContainerCreating" };
        Self {
            name: container.name.clone(),
            image: container.image.clone(),
            model: model.clone(),
            state: State::Waiting { reason, message: String::new() },
            life: 0,
            restarts: 0,
            started: false,
            ready: false,
            last: None,
            back_off_secs: 0,
            booted: false,
            boot_step: 0,
            engine: None,
            streaks: [0; 3],
            boots: 0,
        }
    }

    pub fn is_running(&self) -> bool {
        matches!(self.state, State::Running { .. })
    }

    /// It answers its clients.
    pub fn is_up(&self) -> bool {
        self.is_running()
            && self.booted
            && self.engine.as_ref().is_none_or(|engine| engine.facts().up)
    }

    /// The process is no more. What was to happen to it will not.
    pub fn end(&mut self, exit: i32, now: Timestamp) {
        if let State::Running { since } = self.state {
            let reason = if exit == 0 { "Completed" } else { "Error" };
            let ended = Ended { exit, reason, started_at: since, over_at: now };
            self.state = State::Ended(ended);
        }
        self.life = self.life.wrapping_add(1);
        self.started = false;
        self.ready = false;
        self.booted = false;
        self.boot_step = 0;
        self.engine = None;
        self.streaks = [0; 3];
    }
}

impl Run {
    pub fn main(&self) -> &Process {
        &self.processes[self.main]
    }

    pub fn container(&self, place: usize) -> Option<&Container> {
        let spec = &self.pod.spec;
        match place.checked_sub(self.inits) {
            None => spec.init_containers.get(place),
            Some(place) => spec.containers.get(place),
        }
    }

    pub fn containers(&self) -> &[Process] {
        &self.processes[self.inits..]
    }

    pub fn is_ready(&self) -> bool {
        self.stage == Stage::Running && self.containers().iter().all(|process| process.ready)
    }

    pub fn runs_to_an_end(&self) -> bool {
        matches!(self.pod.spec.restart_policy.as_deref(), Some("Never" | "OnFailure"))
    }

    pub fn is_generic(&self) -> bool {
        matches!(self.main().model.protocol, Protocol::Generic)
    }

    pub fn digest(&self, hasher: &mut StateHasher) {
        hasher.text(&self.key);
        hasher.number(self.machine as u64);
        hasher.flag(self.stage == Stage::Running);
        hasher.flag(self.stage == Stage::Stopping);
        hasher.text(&self.role);
        for process in &self.processes {
            hasher.flag(process.is_running());
            hasher.flag(process.is_up());
            hasher.flag(process.ready);
            hasher.number(process.back_off_secs.unsigned_abs());
        }
    }

    /// What keeps the pod from being ready, or from going.
    pub fn held(&self, machine_is_up: bool, machine: &str) -> Option<Held> {
        let (until, because, whose) = if !machine_is_up {
            let pod = if self.pod.metadata.deletion_timestamp.is_some() {
                "to be gone"
            } else {
                "to be ready"
            };
            (
                pod,
                format!("{machine} is down, and nobody else may end its processes"),
                Whose::Kubernetes,
            )
        } else if let Some(hold) = &self.hold {
            ("to be ready", hold.clone(), Whose::Addon)
        } else if self.stage == Stage::Stopping {
            ("to be gone", "its processes are told to end".to_owned(), Whose::Engine)
        } else if self.stage == Stage::Finished || self.is_ready() {
            return None;
        } else {
            let process = self
                .processes
                .iter()
                .find(|process| !process.ready && !self.is_done_init(process))?;
            let (because, whose) = process.trouble();
            ("to be ready", because, whose)
        };
        let on = self.reference();
        let wait = Wait { on: on.clone(), until: until.into(), because: because.into(), whose };
        Some(Held { who: on, wait, assumed: self.main().model.assumed })
    }

    fn is_done_init(&self, process: &Process) -> bool {
        self.processes[..self.inits].iter().any(|init| std::ptr::eq(init, process))
            && matches!(process.state, State::Ended(Ended { exit: 0, .. }))
    }

    pub fn reference(&self) -> Reference {
        Reference {
            kind: "Pod".into(),
            api_version: "v1".into(),
            key: Key::new(&*self.namespace, &*self.name),
            uid: self.uid.to_string(),
        }
    }
}

impl Process {
    fn trouble(&self) -> (String, Whose) {
        let name = &self.name;
        match &self.state {
            State::Waiting { reason: "ContainerCreating" | "PodInitializing", .. } => {
                (format!("container {name} is being created"), Whose::Kubernetes)
            }
            State::Waiting { reason, message } => {
                let ended = self.last.as_ref().map_or(String::new(), |last| {
                    format!(
                        "; it last ended with exit code {}, {} times so far",
                        last.exit, self.restarts
                    )
                });
                let whose = if self.last.is_some() { Whose::Engine } else { Whose::Addon };
                (format!("container {name} waits ({reason}): {message}{ended}"), whose)
            }
            State::Ended(ended) => {
                (format!("container {name} ended with exit code {}", ended.exit), Whose::Engine)
            }
            State::Running { .. } if !self.is_up() => {
                (format!("container {name} runs, and does not answer yet"), Whose::Engine)
            }
            State::Running { .. } if !self.started => {
                (format!("container {name} has not passed its startup probe"), Whose::Engine)
            }
            State::Running { .. } => {
                (format!("container {name} has not passed its readiness probe"), Whose::Engine)
            }
        }
    }
}
