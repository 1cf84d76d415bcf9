//! One container: its start, the boot of its process, its end, and how long it waits to start again.

use std::sync::Arc;

use jiff::SignedDuration;

use super::super::Ctx;
use super::lifecycle::{RETRY, members, millis};
use super::{About, Kubelet, Mark, Stage, State, environment};
use crate::engine::model::{Needs, Otherwise, Protocol};
use crate::engine::{Boot, Effect, Engine, Turn};

/// The first pull of an image on a machine.
const PULL_MS: (i64, i64) = (1_000, 4_000);
const INIT_MS: (i64, i64) = (50, 400);
/// A container that ended once is started again nearly at once; only the next end waits.
const FIRST_RESTART: SignedDuration = SignedDuration::from_millis(500);
const FIRST_BACK_OFF_SECS: i64 = 10;
const LONGEST_BACK_OFF_SECS: i64 = 300;
/// Whoever ran this long begins anew.
const FORGIVEN_SECS: i64 = 600;
/// So many restarts are part of coming up; more of them go on for ever.
const HOPEFUL_RESTARTS: u32 = 5;

impl Kubelet {
    pub(super) fn start_container(&mut self, ctx: &mut Ctx<'_>, mark: Mark) {
        let place = usize::from(mark.place);
        let Some(run) = self.runs.get(mark.slot).cloned() else { return };
        let due = match run.stage {
            Stage::Init(current) => place == current,
            Stage::Running => place >= run.inits,
            _ => false,
        };
        let Some(process) = run.processes.get(place) else { return };
        if !due
            || process.life != mark.life
            || process.is_running()
            || !self.machines[run.machine].up
        {
            return;
        }
        let Some(container) = run.container(place) else { return };
        let now = ctx.now();
        let missing = environment::missing(ctx, &run, container);
        let arrives = self.image_arrives(ctx, run.machine, &process.image);
        let Some(process) = self.process_mut(mark) else { return };
        if let Some(message) = missing {
            let reason = "CreateContainerConfigError";
            process.state = State::Waiting { reason, message };
            ctx.background_after(RETRY, mark.pack());
            self.touch(mark.slot);
            return;
        }
        if arrives > now {
            ctx.timer(arrives, mark.pack());
            return;
        }
        if let State::Ended(ended) = &process.state {
            process.last = Some(ended.clone());
        }
        process.life = process.life.wrapping_add(1);
        process.boots += 1;
        process.state = State::Running { since: now };
        process.started = container.startup_probe.is_none();
        process.ready = process.started && container.readiness_probe.is_none();
        let mark = Mark { life: process.life, ..mark };
        let purpose = format!("run {} {}", run.uid, process.name);
        let boots = process.boots;
        self.touch(mark.slot);
        if place < run.inits {
            let (low, high) = millis(INIT_MS);
            let after = ctx.between(low, high, &purpose, boots);
            ctx.timer_after(after, Mark { about: About::Exit, ..mark }.pack());
        } else {
            if run.runs_to_an_end() {
                let after = SignedDuration::from_secs(1);
                ctx.timer_after(after, Mark { about: About::Exit, ..mark }.pack());
            }
            self.begin_probes(ctx, mark);
            self.boot(ctx, mark);
        }
    }

    /// When the image is on the machine; asks for it if nobody has.
    fn image_arrives(
        &mut self,
        ctx: &Ctx<'_>,
        machine: usize,
        image: &Arc<str>,
    ) -> jiff::Timestamp {
        if let Some(at) = self.machines[machine].images.get(image) {
            return *at;
        }
        let (low, high) = millis(PULL_MS);
        let at = ctx.now() + ctx.between(low, high, &format!("pull {image}"), machine as u64);
        self.machine_mut(machine).images.insert(image.clone(), at);
        at
    }

    /// The next step of a boot, or the end of it.
    pub(super) fn boot(&mut self, ctx: &mut Ctx<'_>, mark: Mark) {
        let mark = Mark { about: About::Boot, ..mark };
        let place = usize::from(mark.place);
        let Some(run) = self.runs.get(mark.slot).cloned() else { return };
        let Some(process) = run.processes.get(place).filter(|process| process.life == mark.life)
        else {
            return;
        };
        let Some(container) = run.container(place) else { return };
        for (number, step) in process.model.boot.iter().enumerate().skip(process.boot_step) {
            let met = match &step.needs {
                None => true,
                Some(Needs::Env(names)) => names
                    .iter()
                    .all(|name| environment::value_of(ctx, &run, container, name).is_some()),
            };
            if !met {
                match step.otherwise {
                    Otherwise::Wait => {
                        ctx.background_after(SignedDuration::from_secs(1), mark.pack());
                    }
                    Otherwise::Exit(exit) => self.container_exits(ctx, mark, exit),
                }
                return;
            }
            if step.takes.high > SignedDuration::ZERO {
                let purpose = format!("boot {} {} {}", run.uid, process.name, step.step);
                let after = ctx.between(step.takes.low, step.takes.high, &purpose, process.boots);
                if let Some(process) = self.process_mut(mark) {
                    process.boot_step = number + 1;
                }
                ctx.timer_after(after, mark.pack());
                return;
            }
        }
        self.booted(ctx, mark);
    }

    fn booted(&mut self, ctx: &mut Ctx<'_>, mark: Mark) {
        let place = usize::from(mark.place);
        let run = self.runs[mark.slot].clone();
        let (process, now) = (&run.processes[place], ctx.now());
        let boot = run.container(place).map(|container| {
            let first_of = |names: &[String]| {
                names.iter().find_map(|name| environment::value_of(ctx, &run, container, name))
            };
            let hosts =
                |names: &[String]| members(&run.namespace, &first_of(names).unwrap_or_default());
            let group = run.group.rsplit('/').next().unwrap_or(&run.group);
            let claim = environment::claim_of(ctx, &run, place);
            Boot {
                me: run.key.clone(),
                group: group.into(),
                peers: hosts(&process.model.peers),
                watchers: hosts(&process.model.watchers),
                seed: ctx.random(&run.key, process.boots + (u64::from(run.sandboxes) << 32)),
                store: claim.and_then(|claim| self.stores.get(&*claim).cloned()),
            }
        });
        let speaks = !matches!(process.model.protocol, Protocol::None | Protocol::Generic);
        let mut effects: Vec<Effect> = Vec::new();
        let engine = boot.filter(|_| speaks).map(|boot| {
            Engine::start(&process.model.protocol, &boot, &mut Turn { now, effects: &mut effects })
        });
        if let Some(process) = self.process_mut(mark) {
            process.booted = true;
            process.engine = engine.map(Arc::new);
        }
        self.carry_out(ctx, mark, effects);
        if &*process.name == "kbagent" {
            self.start_agent(ctx, mark.slot);
        }
        if place == run.main {
            self.became_up(ctx, mark.slot);
        }
    }

    /// Ends a process from outside; it starts again.
    pub(super) fn kill(&mut self, ctx: &mut Ctx<'_>, mark: Mark, exit: i32) {
        self.container_exits(ctx, mark, exit);
    }

    pub(super) fn container_exits(&mut self, ctx: &mut Ctx<'_>, mark: Mark, exit: i32) {
        let (place, now) = (usize::from(mark.place), ctx.now());
        if self.process_mut(mark).is_none() {
            return;
        }
        self.keep_store(ctx, mark.slot, place);
        if let Some(process) = self.process_mut(mark) {
            process.end(exit, now);
        }
        self.touch(mark.slot);
        let Some(run) = self.run_mut(mark.slot) else { return };
        let is_agent = &*run.processes[place].name == "kbagent";
        if is_agent {
            run.agent = None;
        }
        if place < run.inits {
            if exit == 0 {
                let next = place + 1;
                run.stage = if next < run.inits { Stage::Init(next) } else { Stage::Running };
                self.start_due(ctx, mark.slot);
            } else {
                self.restart(ctx, mark.slot, place);
            }
            return;
        }
        if run.runs_to_an_end()
            && (exit == 0 || run.pod.spec.restart_policy.as_deref() == Some("Never"))
        {
            let over =
                run.containers().iter().all(|process| matches!(process.state, State::Ended(_)));
            if over {
                run.stage = Stage::Finished;
            }
            return;
        }
        if place == run.main {
            self.became_down(ctx, mark.slot, true);
        }
        self.restart(ctx, mark.slot, place);
    }

    fn restart(&mut self, ctx: &mut Ctx<'_>, slot: u32, place: usize) {
        let Some(run) = self.run_mut(slot) else { return };
        let pod = format!("{}_{}({})", run.name, run.namespace, run.uid);
        let process = &mut run.processes[place];
        let State::Ended(ended) = process.state.clone() else { return };
        let ran = ended.over_at.duration_since(ended.started_at).as_secs();
        if ran >= FORGIVEN_SECS {
            process.back_off_secs = 0;
        }
        let wait_secs = process.back_off_secs;
        process.back_off_secs = (wait_secs * 2).clamp(FIRST_BACK_OFF_SECS, LONGEST_BACK_OFF_SECS);
        process.restarts += 1;
        let mark = Mark::of(About::Start, slot, place, process.life);
        let after = if wait_secs == 0 {
            FIRST_RESTART
        } else {
            let name = &process.name;
            let message = format!(
                "back-off {} restarting failed container={name} pod={pod}",
                go_duration(wait_secs)
            );
            process.last = Some(ended);
            process.state = State::Waiting { reason: "CrashLoopBackOff", message };
            SignedDuration::from_secs(wait_secs)
        };
        if process.restarts > HOPEFUL_RESTARTS {
            ctx.background_after(after, mark.pack());
        } else {
            ctx.timer_after(after, mark.pack());
        }
        self.touch(slot);
    }

    /// What the process has in its volume outlives it.
    pub(super) fn keep_store(&mut self, ctx: &Ctx<'_>, slot: u32, place: usize) {
        let Some(run) = self.runs.get(slot) else { return };
        let store = run.processes[place].engine.as_ref().and_then(|engine| engine.store());
        if let (Some(store), Some(claim)) = (store, environment::claim_of(ctx, run, place)) {
            self.stores.insert(claim, store);
        }
    }
}

/// `10s`, `1m20s`, `5m0s`: as Go prints durations.
fn go_duration(secs: i64) -> String {
    if secs < 60 { format!("{secs}s") } else { format!("{}m{}s", secs / 60, secs % 60) }
}
