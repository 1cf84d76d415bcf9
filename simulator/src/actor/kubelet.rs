//! The node agents of all machines: pods become processes here, and what processes do becomes pod
//! status. The agents in the pods ([`super::agent`]) and the engines' network live here too, since
//! they share the processes.
//!
//! ```text
//! scheduled ─► sandbox ─► init containers, one after the other ─► containers ─► probes ─► Ready
//!                             deleted ─► preStop, TERM ─► last status ─► DELETE with grace 0
//! ```
//!
//! **Invariant:** a timer carries the life of the process it was set for; what an earlier process
//! was to do never happens to a later one.

mod container;
mod environment;
mod lifecycle;
mod machine;
mod network;
mod probe;
mod run;
mod slots;
mod status;

use std::collections::BTreeMap;
use std::sync::Arc;

use drydock_apiserver::{Change, LogEntry};
use drydock_operator_core::plan::AgentCall;
use imbl::OrdMap;
use jiff::SignedDuration;

use self::machine::Machine;
pub(super) use self::machine::micro_time;
use self::network::Mail;
pub(super) use self::run::{Process, Run, Stage, State};
use self::slots::Slots;
use super::agent::PendingCall;
use super::objects::Pod;
use super::{Actor, Ctx, Held, Stimulus, Tag};
use crate::engine::generic::Group;
use crate::engine::model::Catalogue;
use crate::engine::{Effect, Member, Store};
use crate::hash::StateHasher;
use crate::inflight::{Reply, RequestId};
use crate::preset::Preset;
use crate::world::WorldConfig;

/// As the recorded nodes: everything of a pod happens this long after its cause.
pub const RECORDED_STEP: SignedDuration = SignedDuration::from_millis(400);
/// A Job's pod succeeds after this time on the recorded nodes.
pub const RECORDED_JOB: SignedDuration = SignedDuration::from_secs(1);

pub fn make(config: &WorldConfig) -> Vec<Box<dyn Actor>> {
    vec![Box::new(Kubelet::new(config.nodes))]
}

#[derive(Clone)]
pub struct Kubelet {
    pub(super) machines: Vec<Arc<Machine>>,
    pub(super) runs: Slots<Run>,
    pub(super) by_key: OrdMap<Member, u32>,
    slots: u32,
    pub(super) groups: OrdMap<Arc<str>, Arc<Group>>,
    mail: Mail,
    catalogue: Catalogue,
    /// What engines left in volumes, by claim uid.
    stores: OrdMap<Arc<str>, Store>,
    pub(super) calls: BTreeMap<u64, PendingCall>,
    pub(super) called: u64,
    /// Runs whose status may have changed in this reaction.
    touched: Vec<u32>,
    effects: Vec<Effect>,
}

/// What a timer or an answer is about, packed into a [`Tag`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum About {
    /// The sandbox of a pod stands.
    Sandbox = 1,
    /// A container may be tried.
    Start,
    /// A step of a process' boot is done.
    Boot,
    /// An init container, or a container of a Job, ends.
    Exit,
    Tick,
    Startup,
    Readiness,
    Liveness,
    /// `preStop` and TERM have done their work.
    Stopped,
    /// On recorded nodes: what a pod is to become, it is now.
    AtOnce,
    Mail,
    Election,
    Heartbeat,
    Status,
    Remove,
    NodeMade,
    LeaseMade,
    AgentProbe,
    AgentReport,
    AgentFile,
    AgentFound,
    AgentWritten,
    AgentRetry,
    CallEnds,
    Ignore,
}

const ALL_ABOUT: [About; 25] = [
    About::Sandbox,
    About::Start,
    About::Boot,
    About::Exit,
    About::Tick,
    About::Startup,
    About::Readiness,
    About::Liveness,
    About::Stopped,
    About::AtOnce,
    About::Mail,
    About::Election,
    About::Heartbeat,
    About::Status,
    About::Remove,
    About::NodeMade,
    About::LeaseMade,
    About::AgentProbe,
    About::AgentReport,
    About::AgentFile,
    About::AgentFound,
    About::AgentWritten,
    About::AgentRetry,
    About::CallEnds,
    About::Ignore,
];

/// A pod's slot (or machine, or letter), the place of a container or probe in it, and a life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub about: About,
    pub slot: u32,
    pub place: u8,
    pub life: u16,
}

impl Mark {
    pub fn new(about: About, slot: u32) -> Self {
        Self { about, slot, place: 0, life: 0 }
    }

    pub fn of(about: About, slot: u32, place: usize, life: u16) -> Self {
        Self { about, slot, place: u8::try_from(place).unwrap_or(u8::MAX), life }
    }

    pub fn pack(self) -> Tag {
        let head = (self.about as u64) << 56 | u64::from(self.place) << 48;
        head | u64::from(self.life) << 32 | u64::from(self.slot)
    }

    fn unpack(tag: Tag) -> Option<Self> {
        let byte = usize::try_from(tag >> 56).ok()?;
        let about = *ALL_ABOUT.get(byte.checked_sub(1)?)?;
        let [_, place, life_high, life_low, slot @ ..] = tag.to_be_bytes();
        let life = u16::from_be_bytes([life_high, life_low]);
        Some(Self { about, slot: u32::from_be_bytes(slot), place, life })
    }
}

impl Actor for Kubelet {
    fn name(&self) -> &'static str {
        "kubelet"
    }

    fn watches(&self) -> &[(&'static str, &'static str)] {
        &[("", "Pod")]
    }

    fn react(&mut self, ctx: &mut Ctx<'_>, stimulus: Stimulus<'_>) {
        match stimulus {
            Stimulus::Start => self.register(ctx),
            Stimulus::Timer(tag) => {
                if let Some(mark) = Mark::unpack(tag) {
                    self.timer(ctx, mark);
                }
            }
            Stimulus::Changed(entry) => self.changed(ctx, entry),
            Stimulus::Answered(tag, reply) => {
                if let Some(mark) = Mark::unpack(tag) {
                    self.answered(ctx, mark, reply);
                }
            }
            Stimulus::Told { .. } => {}
            Stimulus::Agent { call, what } => self.agent_called(ctx, call, what),
            Stimulus::Node { name, up } => self.machine_changed(ctx, name, up),
        }
        self.flush(ctx);
    }

    fn clone_box(&self) -> Box<dyn Actor> {
        Box::new(self.clone())
    }

    fn digest(&self, hasher: &mut StateHasher) {
        for machine in &self.machines {
            hasher.flag(machine.up);
        }
        for run in self.runs.values() {
            run.digest(hasher);
        }
        for (name, group) in &self.groups {
            hasher.text(name);
            hasher.text(group.leader().map_or("", |leader| leader));
        }
    }

    fn waits(&self) -> Vec<Held> {
        let up = |run: &Run| self.machines[run.machine].up;
        self.runs
            .values()
            .filter_map(|run| run.held(up(run), &self.machines[run.machine].name))
            .collect()
    }

    fn takes_agent_calls(&self) -> bool {
        true
    }
}

impl Kubelet {
    pub fn new(nodes: u32) -> Self {
        Self {
            machines: (1..=nodes).map(|place| Arc::new(Machine::new(place))).collect(),
            runs: Slots::default(),
            by_key: OrdMap::new(),
            slots: 0,
            groups: OrdMap::new(),
            mail: Mail::default(),
            catalogue: Catalogue::bundled(),
            stores: OrdMap::new(),
            calls: BTreeMap::new(),
            called: 0,
            touched: Vec::new(),
            effects: Vec::new(),
        }
    }

    fn timer(&mut self, ctx: &mut Ctx<'_>, mark: Mark) {
        match mark.about {
            About::Mail => self.deliver(ctx, mark.slot),
            About::Tick => self.tick(ctx, mark),
            About::Startup | About::Readiness | About::Liveness => self.probe(ctx, mark),
            About::Heartbeat => self.heartbeat(ctx, mark),
            About::Sandbox => self.sandbox_stands(ctx, mark),
            About::Start => self.start_container(ctx, mark),
            About::Boot => self.boot(ctx, mark),
            About::Exit => self.container_exits(ctx, mark, 0),
            About::Stopped => self.stopped(ctx, mark),
            About::AtOnce => self.at_once(ctx, mark),
            About::Election => self.elect(ctx, mark.slot),
            About::Status => self.touch(mark.slot),
            About::AgentProbe => self.agent_probe(ctx, mark, false),
            About::AgentFile => self.agent_probe(ctx, mark, true),
            About::AgentReport => self.agent_report_again(ctx, mark),
            About::AgentRetry => self.agent_send(ctx, mark),
            About::CallEnds => self.call_ends(ctx, mark),
            About::Remove => self.remove_object(ctx, mark.slot),
            About::NodeMade
            | About::LeaseMade
            | About::AgentFound
            | About::AgentWritten
            | About::Ignore => {}
        }
    }

    fn answered(&mut self, ctx: &mut Ctx<'_>, mark: Mark, reply: &Reply) {
        match mark.about {
            About::Status => self.status_written(ctx, mark, reply),
            About::Remove => Self::object_removed(ctx, mark.slot, reply),
            About::NodeMade => self.node_made(ctx, mark.slot, reply),
            About::LeaseMade => self.lease_made(ctx, mark.slot, reply),
            About::AgentFound => self.agent_event_found(ctx, mark, reply),
            About::AgentWritten => self.agent_event_written(ctx, mark, reply),
            _ => {}
        }
    }

    fn changed(&mut self, ctx: &mut Ctx<'_>, entry: &LogEntry) {
        let object = &entry.object;
        let key: Member = format!("{}/{}", object.namespace(), object.name()).into();
        let slot = self.by_key.get(&key).copied();
        if entry.change == Change::Deleted {
            if let Some(slot) = slot.filter(|slot| &*self.runs[*slot].uid == object.uid()) {
                self.forget(ctx, slot);
            }
            return;
        }
        let Some(node) = object.tree().str_at(&["spec", "nodeName"]) else { return };
        let Some(machine) = self.machines.iter().position(|one| &*one.name == node) else { return };
        if !self.machines[machine].up {
            return;
        }
        // Its own status writes come back here, too, and mean nothing.
        if let Some(before) = entry.before.as_ref().filter(|_| slot.is_some()) {
            let same = |path: &[&str]| match (before.tree().at(path), object.tree().at(path)) {
                (Some(old), Some(new)) => old.same(new),
                (old, new) => old.is_none() && new.is_none(),
            };
            let deletion = ["metadata", "deletionTimestamp"];
            if same(&["spec"]) && same(&["metadata", "labels"]) && same(&deletion) {
                return;
            }
        }
        let Ok(pod) = object.decode::<Pod>() else { return };
        match slot {
            Some(slot) if &*self.runs[slot].uid == object.uid() => {
                self.pod_changed(ctx, slot, pod);
            }
            other => {
                if let Some(slot) = other {
                    self.forget(ctx, slot);
                }
                self.admit(ctx, object, pod, machine);
            }
        }
    }

    fn agent_called(&mut self, ctx: &mut Ctx<'_>, call: RequestId, what: &Arc<AgentCall>) {
        self.call_agent(ctx, call, what);
    }

    pub(super) fn touch(&mut self, slot: u32) {
        if !self.touched.contains(&slot) {
            self.touched.push(slot);
        }
    }

    pub(super) fn run_mut(&mut self, slot: u32) -> Option<&mut Run> {
        self.runs.get_mut(slot).map(Arc::make_mut)
    }

    /// The process that a mark is about, if it still lives the life that the mark was set in.
    pub(super) fn process_mut(&mut self, mark: Mark) -> Option<&mut Process> {
        let run = self.run_mut(mark.slot)?;
        run.processes.get_mut(usize::from(mark.place)).filter(|process| process.life == mark.life)
    }

    pub(super) fn is_recorded(ctx: &Ctx<'_>) -> bool {
        ctx.preset() == Preset::Recorded
    }
}
