//! From a scheduled pod to its processes, and back to nothing.

use std::sync::Arc;

use drydock_apiserver::{Object, Request};
use jiff::SignedDuration;

use super::super::Ctx;
use super::super::objects::{PODS, Pod};
use super::{
    About, Kubelet, Mark, Process, RECORDED_JOB, RECORDED_STEP, Run, Stage, State, environment,
};
use crate::engine::Member;
use crate::engine::model::EngineModel;
use crate::inflight::Reply;

/// How often something that is missing is looked for again.
pub const RETRY: SignedDuration = SignedDuration::from_secs(2);
const GRACE_SECS: i64 = 30;

/// Milliseconds, from and to, of what ordinary machines do.
const SANDBOX_MS: (i64, i64) = (300, 900);
const PRE_STOP_MS: (i64, i64) = (50, 300);
const TERM_MS: (i64, i64) = (50, 400);

pub fn millis(range: (i64, i64)) -> (SignedDuration, SignedDuration) {
    (SignedDuration::from_millis(range.0), SignedDuration::from_millis(range.1))
}

impl Kubelet {
    pub(super) fn admit(
        &mut self,
        ctx: &mut Ctx<'_>,
        object: &Object,
        pod: Arc<Pod>,
        machine: usize,
    ) {
        let is_deleting = pod.metadata.deletion_timestamp.is_some();
        if pod.is_finished() && !is_deleting {
            return;
        }
        self.slots += 1;
        let slot = self.slots;
        let run = self.new_run(ctx, object, pod, machine);
        self.by_key.insert(run.key.clone(), slot);
        if let Some(group) = run.roles.as_ref().map(|_| run.group.clone()) {
            Arc::make_mut(self.groups.entry(group).or_default()).appeared(&run.key);
        }
        let recorded = Self::is_recorded(ctx);
        if is_deleting {
            self.runs.insert(slot, Arc::new(Run { stage: Stage::Stopping, ..run }));
            ctx.timer_after(RECORDED_STEP, Mark::new(About::Stopped, slot).pack());
        } else if recorded {
            self.runs.insert(slot, Arc::new(run));
            ctx.timer_after(RECORDED_STEP, Mark::new(About::AtOnce, slot).pack());
        } else {
            let (low, high) = millis(SANDBOX_MS);
            let after = ctx.between(low, high, &format!("sandbox {}", run.uid), 0);
            self.runs.insert(slot, Arc::new(run));
            ctx.timer_after(after, Mark::new(About::Sandbox, slot).pack());
            self.touch(slot);
        }
    }

    fn new_run(&self, ctx: &Ctx<'_>, object: &Object, pod: Arc<Pod>, machine: usize) -> Run {
        let (namespace, name) = (object.namespace(), object.name());
        let source = pod.clone();
        let label = |key: &str| source.metadata.labels.get(key).map_or("", String::as_str);
        let definition = label("app.kubernetes.io/component");
        let set = Some(label("workloads.kubeblocks.io/instance")).filter(|set| !set.is_empty());
        let model = |container: &str| -> &Arc<EngineModel> {
            if Self::is_recorded(ctx) {
                self.catalogue.generic()
            } else {
                self.catalogue.find(definition, container)
            }
        };
        let spec = &pod.spec;
        let first =
            spec.init_containers.iter().map(|one| Process::new(one, model(&one.name), true));
        let rest = spec.containers.iter().map(|one| Process::new(one, model(&one.name), false));
        let processes: Vec<Process> = first.chain(rest).collect();
        let inits = spec.init_containers.len();
        let is_main = |process: &Process| !process.model.assumed && &*process.name != "kbagent";
        let main = processes[inits..].iter().position(is_main).unwrap_or(0) + inits;
        let now = ctx.now();
        let mut run = Run {
            key: format!("{namespace}/{name}").into(),
            namespace: namespace.into(),
            name: name.into(),
            uid: object.uid().into(),
            machine,
            group: format!("{namespace}/{}", set.unwrap_or(name)).into(),
            roles: None,
            stage: Stage::Admitted,
            ip: None,
            sandboxes: 0,
            started_at: now,
            processes,
            inits,
            main,
            agent: None,
            conditions: Vec::new(),
            reported: None,
            is_sending: false,
            is_stale: false,
            sent: 0,
            draws: None,
            facts: None,
            role: "".into(),
            hold: None,
            was_ready: false,
            pod,
        };
        if let Some(set) = set.filter(|_| run.is_generic()) {
            run.roles = roles(ctx, namespace, set);
        }
        run
    }

    pub(super) fn pod_changed(&mut self, ctx: &mut Ctx<'_>, slot: u32, pod: Arc<Pod>) {
        let Some(run) = self.run_mut(slot) else { return };
        let label = |pod: &Pod| pod.metadata.labels.get("kubeblocks.io/role").cloned();
        let relabelled = label(&run.pod) != label(&pod);
        run.pod = pod;
        if run.pod.metadata.deletion_timestamp.is_some() {
            if !matches!(run.stage, Stage::Stopping | Stage::Removing) {
                self.begin_to_stop(ctx, slot);
            }
            return;
        }
        if relabelled {
            self.agent_file_changed(ctx, slot);
        }
        if Self::is_recorded(ctx) {
            ctx.timer_after(RECORDED_STEP, Mark::new(About::AtOnce, slot).pack());
        } else {
            self.replace_images(ctx, slot);
        }
    }

    fn replace_images(&mut self, ctx: &mut Ctx<'_>, slot: u32) {
        let Some(run) = self.run_mut(slot) else { return };
        let mut changed = Vec::new();
        for place in 0..run.processes.len() {
            let Some(image) = run.container(place).map(|container| container.image.clone()) else {
                continue;
            };
            let process = &mut run.processes[place];
            if process.image != image {
                process.image = image;
                changed.push((place, process.life, process.is_running()));
            }
        }
        for (place, life, running) in changed {
            if running {
                self.kill(ctx, Mark::of(About::Exit, slot, place, life), 0);
            }
        }
    }

    /// Volumes are there, and the pod has its address.
    pub(super) fn sandbox_stands(&mut self, ctx: &mut Ctx<'_>, mark: Mark) {
        let slot = mark.slot;
        let Some(run) = self.runs.get(slot).cloned() else { return };
        if run.stage != Stage::Admitted || !self.machines[run.machine].up {
            return;
        }
        let hold = environment::missing_volume(ctx, &run);
        let ip = self.machine_mut(run.machine).next_pod_ip();
        let Some(run) = self.run_mut(slot) else { return };
        if hold.is_some() {
            run.hold = hold;
            ctx.background_after(RETRY, mark.pack());
            self.touch(slot);
            return;
        }
        run.hold = None;
        run.ip = Some(ip);
        run.sandboxes += 1;
        // A pod that had run before runs its init containers again.
        for process in &mut run.processes {
            if process.boots > 0 {
                process.restarts += 1;
                process.back_off_secs = 0;
                if let State::Ended(ended) = &process.state {
                    process.last = Some(ended.clone());
                }
            }
        }
        run.stage = if run.inits > 0 { Stage::Init(0) } else { Stage::Running };
        self.touch(slot);
        self.start_due(ctx, slot);
    }

    /// Starts what the stage allows: the next init container, or all others.
    pub(super) fn start_due(&mut self, ctx: &mut Ctx<'_>, slot: u32) {
        let Some(run) = self.runs.get(slot) else { return };
        let places = match run.stage {
            Stage::Init(place) => place..place + 1,
            Stage::Running => run.inits..run.processes.len(),
            _ => return,
        };
        for place in places {
            let life = self.runs[slot].processes[place].life;
            self.start_container(ctx, Mark::of(About::Start, slot, place, life));
        }
    }

    /// As the recorded nodes do it: what is to be, is.
    pub(super) fn at_once(&mut self, ctx: &mut Ctx<'_>, mark: Mark) {
        let slot = mark.slot;
        let now = ctx.now();
        let Some(run) = self.runs.get(slot).cloned() else { return };
        if !self.machines[run.machine].up || !matches!(run.stage, Stage::Admitted | Stage::Running)
        {
            return;
        }
        let fresh = run.stage == Stage::Admitted;
        let ip = fresh.then(|| self.machine_mut(run.machine).next_pod_ip());
        let Some(run) = self.run_mut(slot) else { return };
        if let Some(ip) = ip {
            run.ip = Some(ip);
            run.sandboxes += 1;
            run.stage = Stage::Running;
        }
        for place in 0..run.processes.len() {
            let image = run.container(place).map(|container| container.image.clone());
            let (is_init, process) = (place < run.inits, &mut run.processes[place]);
            let replaced = image.as_ref().is_some_and(|image| *image != process.image);
            if !fresh && !replaced {
                continue;
            }
            process.restarts += u32::from(process.boots > 0);
            process.boots += 1;
            process.image = image.unwrap_or_else(|| process.image.clone());
            process.life = process.life.wrapping_add(1);
            process.state = State::Running { since: now };
            process.booted = true;
            process.started = true;
            process.ready = true;
            if is_init {
                process.end(0, now);
            }
        }
        self.touch(slot);
        if fresh {
            let run = &self.runs[slot];
            if run.runs_to_an_end() {
                for place in run.inits..run.processes.len() {
                    let mark = Mark::of(About::Exit, slot, place, run.processes[place].life);
                    ctx.timer_after(RECORDED_JOB, mark.pack());
                }
            }
            self.start_agent(ctx, slot);
            self.became_up(ctx, slot);
        }
    }

    fn begin_to_stop(&mut self, ctx: &mut Ctx<'_>, slot: u32) {
        let recorded = Self::is_recorded(ctx);
        let Some(run) = self.run_mut(slot) else { return };
        run.stage = Stage::Stopping;
        let grace = run.pod.metadata.deletion_grace_period_seconds;
        let grace = grace.or(run.pod.spec.termination_grace_period_seconds).unwrap_or(GRACE_SECS);
        let purpose = format!("stop {}", run.uid);
        let hooks = run.pod.spec.containers.iter().any(|container| {
            container.lifecycle.as_ref().is_some_and(|lifecycle| lifecycle.pre_stop.is_some())
        });
        let after = if recorded {
            RECORDED_STEP
        } else {
            let ((low, high), (hook_low, hook_high)) = (millis(TERM_MS), millis(PRE_STOP_MS));
            let term = ctx.between(low, high, &purpose, 0);
            let hook = ctx.between(hook_low, hook_high, &purpose, 1);
            let total = if hooks { term + hook } else { term };
            // What has not ended by then is killed.
            total.min(SignedDuration::from_secs(grace.max(0)))
        };
        ctx.timer_after(after, Mark::new(About::Stopped, slot).pack());
    }

    pub(super) fn stopped(&mut self, ctx: &mut Ctx<'_>, mark: Mark) {
        let slot = mark.slot;
        let Some(run) = self.runs.get(slot) else { return };
        if run.stage != Stage::Stopping || !self.machines[run.machine].up {
            return;
        }
        let had_run = run.sandboxes > 0;
        self.end_all(ctx, slot, 0, false);
        if let Some(run) = self.run_mut(slot) {
            run.stage = Stage::Removing;
        }
        if Self::is_recorded(ctx) || !had_run {
            self.remove_object(ctx, slot);
        } else {
            self.touch(slot);
            ctx.timer_after(SignedDuration::from_millis(20), Mark::new(About::Remove, slot).pack());
        }
    }

    pub(super) fn remove_object(&mut self, ctx: &mut Ctx<'_>, slot: u32) {
        let Some(run) = self.runs.get(slot) else { return };
        if run.stage != Stage::Removing {
            return;
        }
        let request = Request::delete(PODS, &run.namespace, &run.name)
            .grace(0)
            .if_uid(&run.uid)
            .by("kubelet");
        ctx.send(request, Mark::new(About::Remove, slot).pack());
    }

    pub(super) fn object_removed(ctx: &mut Ctx<'_>, slot: u32, reply: &Reply) {
        let gone = reply.response().is_some_and(|response| matches!(response.code, 404 | 409));
        if !reply.is_ok() && !gone {
            ctx.timer_after(SignedDuration::from_secs(1), Mark::new(About::Remove, slot).pack());
        }
    }

    /// Ends every process; `exists`: the pod may come back.
    fn end_all(&mut self, ctx: &mut Ctx<'_>, slot: u32, exit: i32, exists: bool) {
        let places = self.runs.get(slot).map_or(0, |run| run.processes.len());
        for place in 0..places {
            self.keep_store(ctx, slot, place);
        }
        let now = ctx.now();
        let Some(run) = self.run_mut(slot) else { return };
        for process in &mut run.processes {
            process.end(exit, now);
        }
        run.agent = None;
        run.was_ready = false;
        self.became_down(ctx, slot, exists);
    }

    /// The object is gone: whatever ran is killed.
    pub(super) fn forget(&mut self, ctx: &mut Ctx<'_>, slot: u32) {
        self.end_all(ctx, slot, 137, false);
        self.drop_calls_of(ctx, slot);
        if let Some(run) = self.runs.remove(slot) {
            if self.by_key.get(&run.key) == Some(&slot) {
                self.by_key.remove(&run.key);
            }
            ctx.drop_facts(&run.namespace, &run.name);
        }
    }

    /// The machine stopped. Nothing can be written from there.
    pub(super) fn power_lost(&mut self, ctx: &mut Ctx<'_>, slot: u32) {
        self.end_all(ctx, slot, 255, true);
    }

    pub(super) fn machine_mut(&mut self, place: usize) -> &mut super::Machine {
        Arc::make_mut(&mut self.machines[place])
    }
}

/// What the leader and the others of a workload print: the roles of the two highest priorities.
fn roles(ctx: &Ctx<'_>, namespace: &str, set: &str) -> Option<(Arc<str>, Arc<str>)> {
    let set = ctx.get("workloads.kubeblocks.io", "InstanceSet", namespace, set)?;
    let roles = set.tree().at(&["spec", "roles"])?;
    let mut sorted: Vec<(i64, &str)> = roles
        .items()
        .iter()
        .filter_map(|role| {
            Some((role.int_at(&["updatePriority"]).unwrap_or(0), role.str_at(&["name"])?))
        })
        .collect();
    sorted.sort_by_key(|role| std::cmp::Reverse(role.0));
    let leader = sorted.first()?.1;
    Some((leader.into(), sorted.get(1).map_or("", |role| role.1).into()))
}

/// `namespace/name` of a pod that a list of host names names by its first label.
pub fn members(namespace: &str, hosts: &str) -> Vec<Member> {
    let hosts = hosts.split(',').map(str::trim).filter(|host| !host.is_empty());
    hosts
        .map(|host| {
            let pod = host.split(['.', ':']).next().unwrap_or(host);
            Member::from(format!("{namespace}/{pod}"))
        })
        .collect()
}
