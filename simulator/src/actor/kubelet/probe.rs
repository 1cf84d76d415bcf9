//! Startup, readiness and liveness probes, with their own periods and thresholds.

use jiff::SignedDuration;
use serde_json::Value;

use super::super::Ctx;
use super::super::objects::{Container, Probe};
use super::{About, Kubelet, Mark, Process, State};

/// A process that has not become ready in this time is not worth waiting for: the world may rest.
const PATIENCE: SignedDuration = SignedDuration::from_secs(300);

impl Kubelet {
    /// What is due at the start of a process, or when its startup probe has succeeded.
    pub(super) fn begin_probes(&mut self, ctx: &mut Ctx<'_>, mark: Mark) {
        let Some(run) = self.runs.get(mark.slot).cloned() else { return };
        let place = usize::from(mark.place);
        let (Some(container), Some(process)) = (run.container(place), run.processes.get(place))
        else {
            return;
        };
        let due: &[About] =
            if process.started { &[About::Readiness, About::Liveness] } else { &[About::Startup] };
        for about in due {
            if let Some(probe) = probe_of(container, *about) {
                let mark = Mark { about: *about, ..mark };
                // Whether it is alive later on is nothing that anybody waits for.
                let awaited = !process.ready && *about != About::Liveness;
                Self::next_probe(ctx, mark, first_after(probe), awaited);
            }
        }
    }

    fn next_probe(ctx: &mut Ctx<'_>, mark: Mark, after: SignedDuration, awaited: bool) {
        if awaited {
            ctx.timer_after(after, mark.pack());
        } else {
            ctx.background_after(after, mark.pack());
        }
    }

    pub(super) fn probe(&mut self, ctx: &mut Ctx<'_>, mark: Mark) {
        let place = usize::from(mark.place);
        let Some(run) = self.runs.get(mark.slot) else { return };
        let Some(process) = run.processes.get(place).filter(|process| process.life == mark.life)
        else {
            return;
        };
        let State::Running { since } = process.state else { return };
        let Some(container) = run.container(place) else { return };
        let Some(probe) = probe_of(container, mark.about) else { return };
        let good = process.is_up() && is_open(process, container, probe);
        let period = period(probe);
        let successes =
            i32::try_from(probe.success_threshold.unwrap_or(1)).unwrap_or(i32::MAX).max(1);
        let failures =
            i32::try_from(probe.failure_threshold.unwrap_or(3)).unwrap_or(i32::MAX).max(1);
        let before = process.streaks[streak_of(mark.about)];
        let streak =
            if good { before.max(0).saturating_add(1) } else { before.min(0).saturating_sub(1) };
        let (passed, failed) = (streak >= successes, streak <= -failures);
        let awaited = !process.ready
            && mark.about != About::Liveness
            && ctx.now().duration_since(since) < PATIENCE;
        let ready = if passed {
            true
        } else if failed {
            false
        } else {
            process.ready
        };
        // The common case: all is as it was. Nothing is written, so nothing is copied.
        let settled = before.abs() > successes.max(failures) && (before > 0) == good;
        if !settled && let Some(process) = self.process_mut(mark) {
            process.streaks[streak_of(mark.about)] = streak;
        }
        match mark.about {
            About::Startup if passed => {
                self.startup_passed(ctx, mark);
                return;
            }
            About::Startup | About::Liveness if failed => {
                self.kill(ctx, mark, 137);
                return;
            }
            About::Readiness => self.set_ready(mark, ready),
            _ => {}
        }
        Self::next_probe(ctx, mark, period, awaited);
    }

    fn startup_passed(&mut self, ctx: &mut Ctx<'_>, mark: Mark) {
        let place = usize::from(mark.place);
        let Some(run) = self.run_mut(mark.slot) else { return };
        let has_readiness = run.container(place).is_some_and(|one| one.readiness_probe.is_some());
        let process = &mut run.processes[place];
        process.started = true;
        process.ready = !has_readiness;
        self.touch(mark.slot);
        self.begin_probes(ctx, mark);
    }

    fn set_ready(&mut self, mark: Mark, ready: bool) {
        let Some(run) = self.runs.get(mark.slot) else { return };
        if run.processes[usize::from(mark.place)].ready != ready {
            if let Some(process) = self.process_mut(mark) {
                process.ready = ready;
            }
            self.touch(mark.slot);
        }
    }
}

fn probe_of(container: &Container, about: About) -> Option<&Probe> {
    match about {
        About::Startup => container.startup_probe.as_ref(),
        About::Readiness => container.readiness_probe.as_ref(),
        About::Liveness => container.liveness_probe.as_ref(),
        _ => None,
    }
}

fn streak_of(about: About) -> usize {
    match about {
        About::Startup => 0,
        About::Readiness => 1,
        _ => 2,
    }
}

fn period(probe: &Probe) -> SignedDuration {
    SignedDuration::from_secs(probe.period_seconds.unwrap_or(10).max(1))
}

/// The prober ticks from the start of the container on, and skips the ticks within the initial delay.
fn first_after(probe: &Probe) -> SignedDuration {
    let period = period(probe).as_secs();
    let ticks = (probe.initial_delay_seconds.max(0) + period - 1) / period;
    SignedDuration::from_secs(ticks * period)
}

/// Whether something listens where the probe looks. A model that names no ports listens everywhere.
fn is_open(process: &Process, container: &Container, probe: &Probe) -> bool {
    let Some(target) = probe.tcp_socket.as_ref().or(probe.http_get.as_ref()) else { return true };
    if process.model.listen.is_empty() {
        return true;
    }
    let port = match &target.port {
        Value::Number(number) => number.as_u64().and_then(|port| u16::try_from(port).ok()),
        Value::String(name) => {
            let named = container.ports.iter().find(|port| port.name == *name);
            named.map(|port| port.container_port).or_else(|| name.parse().ok())
        }
        _ => None,
    };
    port.is_some_and(|port| process.model.listen.contains(&port))
}
