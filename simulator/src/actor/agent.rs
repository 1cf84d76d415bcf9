//! The agent in a pod (kbagent): it probes the engine for its role, reports what it finds as Events,
//! and runs the actions that the operator calls.

use std::collections::BTreeMap;
use std::sync::Arc;

use drydock_apiserver::Request;
use drydock_operator_core::base64;
use drydock_operator_core::plan::AgentCall;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Ctx;
use super::kubelet::{About, Kubelet, Mark, Run, Stage, micro_time};
use super::objects::{Container, EVENTS, tree};
use crate::engine::model::{Range, Verb};
use crate::engine::{Call, Input, Member};
use crate::inflight::{Reply, RequestId};
use crate::random;
use crate::trace::Who;

/// How long the recorded agent takes from ready to its first report, and with an initial delay.
const RECORDED_REPORT: SignedDuration = SignedDuration::from_millis(300);
const RECORDED_DELAY: SignedDuration = SignedDuration::from_secs(1);
/// From a change of the role label to the file in the pod, and to the report that it forces.
const FILE_CHANGE: SignedDuration = SignedDuration::from_secs(1);
const UNSET_PERIOD_SECS: i64 = 60;
const SHORTEST_REPORT_SECS: i64 = 15;
const SEND_TRIES: u32 = 3;
const SEND_PAUSE: SignedDuration = SignedDuration::from_millis(200);
/// After its tries are used up an event is tried again at this pace.
const UNSENT_PAUSE: SignedDuration = SignedDuration::from_secs(60);
const LONGEST_MESSAGE: usize = 1024;
const CONNECT_TIMEOUT: SignedDuration = SignedDuration::from_secs(5);
const DEFAULT_BUDGET: SignedDuration = SignedDuration::from_secs(30);
const LONGEST_BUDGET: SignedDuration = SignedDuration::from_secs(60);
/// Roles that have not shown in this time are not worth waiting for.
const PATIENCE: SignedDuration = SignedDuration::from_secs(300);

#[derive(Clone, Debug)]
pub struct Agent {
    /// Grows with each start, so that timers of an earlier one are known as such.
    life: u16,
    started_at: Timestamp,
    probes: Vec<Probing>,
    /// What each is granted if a call asks for nothing else, in seconds; 0 if it does not say.
    actions: BTreeMap<String, i64>,
}

#[derive(Clone, Debug)]
struct Probing {
    spec: Arc<ProbeSpec>,
    successes: u32,
    failures: u32,
    /// The last good output that was reported.
    good: Option<Arc<str>>,
    /// What is to be sent, or was sent last; the queue holds only the latest.
    report: Option<Report>,
    is_sending: bool,
    is_sent: bool,
    tries: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Report {
    code: i32,
    output: Arc<str>,
    message: Arc<str>,
}

/// An entry of `KB_AGENT_PROBE`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ProbeSpec {
    instance: String,
    action: String,
    initial_delay_seconds: i64,
    period_seconds: i64,
    success_threshold: u32,
    failure_threshold: u32,
    report_period_seconds: i64,
    report_on_file_change: Vec<String>,
}

/// An entry of `KB_AGENT_ACTION`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ActionSpec {
    name: String,
    timeout_seconds: i64,
}

/// A call of the operator that runs in a pod.
#[derive(Clone, Debug)]
pub struct PendingCall {
    request: RequestId,
    slot: u32,
    action: String,
    /// What the engine said, if it is only the time that is still to pass.
    result: Option<Result<String, String>>,
}

impl ProbeSpec {
    fn period(&self) -> SignedDuration {
        let period = self.period_seconds;
        SignedDuration::from_secs(if period > 0 { period } else { UNSET_PERIOD_SECS })
    }

    fn report_period(&self) -> Option<SignedDuration> {
        let secs = if self.period_seconds > 0 {
            self.period_seconds.max(SHORTEST_REPORT_SECS)
        } else {
            UNSET_PERIOD_SECS
        };
        (self.report_period_seconds > 0).then(|| SignedDuration::from_secs(secs))
    }
}

impl Kubelet {
    /// The container of the agent serves.
    pub(super) fn start_agent(&mut self, ctx: &mut Ctx<'_>, slot: u32) {
        let recorded = Self::is_recorded(ctx);
        let now = ctx.now();
        let Some(run) = self.run_mut(slot) else { return };
        let Some(container) = run.pod.spec.containers.iter().find(|one| &*one.name == "kbagent")
        else {
            return;
        };
        let life = run.processes.iter().map(|process| process.life).fold(0, u16::wrapping_add);
        let specs: Vec<ProbeSpec> = from_env(container, "KB_AGENT_PROBE");
        let actions: Vec<ActionSpec> = from_env(container, "KB_AGENT_ACTION");
        let probes: Vec<Probing> = specs.into_iter().map(Probing::new).collect();
        let delays: Vec<SignedDuration> = probes
            .iter()
            .map(|probe| SignedDuration::from_secs(probe.spec.initial_delay_seconds.max(0)))
            .collect();
        let actions =
            actions.into_iter().map(|action| (action.name, action.timeout_seconds)).collect();
        run.agent = Some(Arc::new(Agent { life, started_at: now, probes, actions }));
        for (place, delay) in delays.into_iter().enumerate() {
            if !recorded {
                ctx.timer_after(delay, Mark::of(About::AgentProbe, slot, place, life).pack());
            }
        }
    }

    /// On recorded nodes the first report follows readiness, not the agent's own loop.
    pub(super) fn became_ready(&mut self, ctx: &mut Ctx<'_>, slot: u32) {
        if !Self::is_recorded(ctx) {
            return;
        }
        let Some(agent) = self.runs.get(slot).and_then(|run| run.agent.clone()) else { return };
        for (place, probe) in agent.probes.iter().enumerate() {
            let delay = if probe.spec.initial_delay_seconds > 0 {
                RECORDED_DELAY
            } else {
                SignedDuration::ZERO
            };
            ctx.timer_after(
                RECORDED_REPORT + delay,
                Mark::of(About::AgentProbe, slot, place, agent.life).pack(),
            );
        }
    }

    /// The engine has another role. A recorded agent reports that at once; a real one finds it out.
    pub(super) fn agent_role_changed(&mut self, ctx: &mut Ctx<'_>, slot: u32) {
        if !Self::is_recorded(ctx) {
            return;
        }
        let Some(agent) = self.runs.get(slot).and_then(|run| run.agent.clone()) else { return };
        for (place, probe) in agent.probes.iter().enumerate() {
            if probe.report.is_some() {
                let mark = Mark::of(About::AgentProbe, slot, place, agent.life);
                ctx.timer_after(SignedDuration::ZERO, mark.pack());
            }
        }
    }

    pub(super) fn agent_file_changed(&mut self, ctx: &mut Ctx<'_>, slot: u32) {
        let Some(agent) = self.runs.get(slot).and_then(|run| run.agent.clone()) else { return };
        for (place, probe) in agent.probes.iter().enumerate() {
            if !probe.spec.report_on_file_change.is_empty() && probe.report.is_some() {
                ctx.timer_after(
                    FILE_CHANGE,
                    Mark::of(About::AgentFile, slot, place, agent.life).pack(),
                );
            }
        }
    }

    fn probing(&self, mark: Mark) -> Option<(&Run, &Probing)> {
        let run = &**self.runs.get(mark.slot)?;
        let agent = run.agent.as_ref().filter(|agent| agent.life == mark.life)?;
        Some((run, agent.probes.get(usize::from(mark.place))?))
    }

    fn probing_mut(&mut self, mark: Mark) -> Option<&mut Probing> {
        let agent =
            self.run_mut(mark.slot)?.agent.as_mut().filter(|agent| agent.life == mark.life)?;
        Arc::make_mut(agent).probes.get_mut(usize::from(mark.place))
    }

    /// One run of a probe's command.
    pub(super) fn agent_probe(&mut self, ctx: &mut Ctx<'_>, mark: Mark, forced: bool) {
        let recorded = Self::is_recorded(ctx);
        let Some((run, probe)) = self.probing(mark) else { return };
        if run.stage == Stage::Removing {
            return;
        }
        let since = run.agent.as_ref().map_or(Timestamp::MIN, |agent| agent.started_at);
        let spec = probe.spec.clone();
        let up = run.main().is_up();
        ctx.probed(&spec.action, &run.uid, up);
        let output: Arc<str> =
            if spec.action == "roleProbe" { run.role.clone() } else { "".into() };
        let (successes, failures) = (spec.success_threshold.max(1), spec.failure_threshold.max(1));
        let known = probe.good.as_ref() == Some(&output);
        let report = if up {
            let reached = probe.successes + 1;
            let due = forced || reached == successes || (reached > successes && !known) || recorded;
            due.then(|| Report { code: 0, output: output.clone(), message: "".into() })
        } else {
            let due = probe.failures + 1 >= failures;
            due.then(|| Report {
                code: -1,
                output: probe.good.clone().unwrap_or_else(|| "".into()),
                message: "exit code: 1, stderr: could not connect: connection refused: failed"
                    .into(),
            })
        };
        let settled = up && probe.successes > successes && probe.failures == 0 && report.is_none();
        let awaited = probe.good.is_none() && ctx.now().duration_since(since) < PATIENCE;
        if !settled && let Some(probe) = self.probing_mut(mark) {
            if up {
                probe.successes = probe.successes.saturating_add(1);
                probe.failures = 0;
            } else {
                probe.failures = probe.failures.saturating_add(1);
                probe.successes = 0;
            }
        }
        let mark = Mark { about: About::AgentProbe, ..mark };
        if !recorded && !forced {
            if awaited {
                ctx.timer_after(spec.period(), mark.pack());
            } else {
                ctx.background_after(spec.period(), mark.pack());
            }
        }
        if let Some(report) = report {
            self.agent_report(ctx, mark, report);
        }
    }

    fn agent_report(&mut self, ctx: &mut Ctx<'_>, mark: Mark, report: Report) {
        let recorded = Self::is_recorded(ctx);
        let Some((run, probe)) = self.probing(mark) else { return };
        let changed = report.code == 0 && probe.good.as_ref() != Some(&report.output);
        let first = probe.report.is_none();
        if changed && probe.spec.action == "roleProbe" {
            let name = run.name.clone();
            let output = report.output.clone();
            ctx.say(Who::Agent, "role", || format!("{name} {output}"));
        }
        let again = probe.spec.report_period().filter(|_| first && !recorded);
        let Some(probe) = self.probing_mut(mark) else { return };
        if report.code == 0 {
            probe.good = Some(report.output.clone());
        }
        probe.report = Some(report);
        probe.is_sent = false;
        probe.tries = 0;
        if let Some(period) = again {
            ctx.background_after(period, Mark { about: About::AgentReport, ..mark }.pack());
        }
        self.agent_send(ctx, mark);
    }

    /// Nothing is new, and it is said again.
    pub(super) fn agent_report_again(&mut self, ctx: &mut Ctx<'_>, mark: Mark) {
        let Some((_, probe)) = self.probing(mark) else { return };
        let Some(period) = probe.spec.report_period() else { return };
        ctx.background_after(period, mark.pack());
        self.agent_send(ctx, mark);
    }

    /// An agent looks for its event first: it exists if the same was said before.
    pub(super) fn agent_send(&mut self, ctx: &mut Ctx<'_>, mark: Mark) {
        let Some((run, probe)) = self.probing(mark) else { return };
        if probe.is_sending {
            return;
        }
        let Some(event) = event_name(run, probe) else { return };
        let request = Request::get(EVENTS, &run.namespace, &event);
        ctx.send(request.by("kbagent"), Mark { about: About::AgentFound, ..mark }.pack());
        if let Some(probe) = self.probing_mut(mark) {
            probe.is_sending = true;
            probe.is_sent = true;
        }
    }

    pub(super) fn agent_event_found(&mut self, ctx: &mut Ctx<'_>, mark: Mark, reply: &Reply) {
        let Some((run, probe)) = self.probing(mark) else { return };
        let (Some(name), Some(report)) = (event_name(run, probe), &probe.report) else { return };
        let now = ctx.now();
        let node = run.pod.spec.node_name.clone().unwrap_or_default();
        let time = micro_time(now);
        let request = match reply.response() {
            Some(response) if response.code == 404 => {
                let event = json!({
                    "apiVersion": "v1", "kind": "Event",
                    "metadata": { "name": name, "namespace": &*run.namespace },
                    "involvedObject": {
                        "kind": "Pod", "namespace": &*run.namespace, "name": &*run.name, "uid": &*run.uid,
                        "fieldPath": "spec.containers{kbagent}",
                    },
                    "reason": probe.spec.action, "action": probe.spec.action,
                    "message": message(&probe.spec, report),
                    "source": { "component": "kbagent", "host": node },
                    "reportingComponent": "kbagent", "reportingInstance": &*run.name,
                    "type": "Normal", "count": 1, "eventTime": time,
                    "firstTimestamp": now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
                    "lastTimestamp": now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
                });
                Request::create(EVENTS, &run.namespace, tree(event))
            }
            Some(response) if response.is_success() => {
                let count = response
                    .object()
                    .and_then(|event| event.tree().int_at(&["count"]))
                    .unwrap_or(0)
                    + 1;
                let patch = json!({ "count": count, "eventTime": time });
                Request::merge_patch(EVENTS, &run.namespace, &name, tree(patch))
            }
            _ => {
                self.agent_event_written(ctx, mark, reply);
                return;
            }
        };
        ctx.send(request.by("kbagent"), Mark { about: About::AgentWritten, ..mark }.pack());
    }

    pub(super) fn agent_event_written(&mut self, ctx: &mut Ctx<'_>, mark: Mark, reply: &Reply) {
        let good = reply.is_ok();
        let Some(probe) = self.probing_mut(mark) else { return };
        probe.is_sending = false;
        if good {
            probe.tries = 0;
            // Something newer came in meanwhile.
            if !probe.is_sent {
                self.agent_send(ctx, mark);
            }
            return;
        }
        probe.is_sent = false;
        probe.tries += 1;
        let pause = if probe.tries < SEND_TRIES { SEND_PAUSE } else { UNSENT_PAUSE };
        ctx.timer_after(pause, Mark { about: About::AgentRetry, ..mark }.pack());
    }

    /// The operator calls an action.
    pub(super) fn call_agent(
        &mut self,
        ctx: &mut Ctx<'_>,
        request: RequestId,
        call: &Arc<AgentCall>,
    ) {
        let key = format!("{}/{}", call.pod.namespace, call.pod.name);
        let slot = self.by_key.get(&*key).copied();
        let run = slot.and_then(|slot| self.runs.get(slot)).filter(|run| *run.uid == *call.pod_uid);
        let (Some(slot), Some(run)) = (slot, run.cloned()) else {
            let error = format!("no such host: {}", call.pod.name);
            ctx.answer_agent(request, Err(error), SignedDuration::ZERO);
            return;
        };
        let address = run.ip.clone().unwrap_or_else(|| "".into());
        if !self.machines[run.machine].up {
            ctx.answer_agent(
                request,
                Err(format!("dial tcp {address}:3501: i/o timeout")),
                CONNECT_TIMEOUT,
            );
            return;
        }
        let Some(agent) = run.agent.as_ref() else {
            let error = format!("dial tcp {address}:3501: connect: connection refused");
            ctx.answer_agent(request, Err(error), SignedDuration::ZERO);
            return;
        };
        if !agent.actions.contains_key(&call.action) {
            let error = format!("{} is not defined: notDefined", call.action);
            ctx.answer_agent(request, Err(error), SignedDuration::ZERO);
            return;
        }
        self.begin_call(ctx, request, call, slot, &run);
    }

    fn begin_call(
        &mut self,
        ctx: &mut Ctx<'_>,
        request: RequestId,
        call: &AgentCall,
        slot: u32,
        run: &Run,
    ) {
        let recorded = Self::is_recorded(ctx);
        let model = &run.main().model;
        let action = model.actions.get(&call.action);
        let verb = action.map_or(Verb::Succeed, |action| action.verb.clone());
        let takes = action.map_or(Range::between(20, 120), |action| action.takes);
        let namespace = &run.namespace;
        let named = |key: &str| call.parameters.get(key).filter(|name| !name.is_empty());
        let about =
            named("KB_SWITCHOVER_CANDIDATE_NAME").or_else(|| named("KB_LEAVE_MEMBER_POD_NAME"));
        let about: Option<Member> = about.map(|pod| format!("{namespace}/{pod}").into());
        ctx.say_detail(Who::Agent, "action", || format!("{} on {}", call.action, run.name));
        if call.action == "switchover" && run.roles.is_some() {
            let now = ctx.now();
            self.change_group(ctx, &run.group, |group| {
                group.switchover(&run.key, about.as_ref(), now)
            });
        }
        if recorded {
            ctx.answer_agent(request, Ok(String::new()), SignedDuration::ZERO);
            return;
        }
        self.called += 1;
        let id = self.called;
        let own = run.agent.as_ref().and_then(|agent| agent.actions.get(&call.action));
        let own = own.filter(|own| **own > 0).map(|own| SignedDuration::from_secs(*own));
        let budget = match call.timeout.or(own) {
            Some(timeout) if timeout > SignedDuration::ZERO => timeout.min(LONGEST_BUDGET),
            _ => DEFAULT_BUDGET,
        };
        let letter = u32::try_from(id).expect("fewer calls than 2^32");
        let purpose = format!("action {} {}", call.action, run.uid);
        let length = ctx.between(takes.low, takes.high, &purpose, id);
        let speaks = run.main().engine.is_some();
        let result = (!speaks).then(|| match verb {
            Verb::Fail(exit) => Err(failed(exit)),
            _ => Ok(String::new()),
        });
        let pending = PendingCall { request, slot, action: call.action.clone(), result };
        self.calls.insert(id, pending);
        if speaks {
            // While somebody waits for the answer the world is not at rest anyway.
            ctx.background_after(budget, Mark::new(About::CallEnds, letter).pack());
            let mark = Mark::of(About::Tick, slot, run.main, run.main().life);
            self.engine(ctx, mark, Input::Call(Call { id, verb, about }), false);
        } else {
            ctx.timer_after(length.min(budget), Mark::new(About::CallEnds, letter).pack());
        }
    }

    /// The engine has done what an action asked of it.
    pub(super) fn call_done(&mut self, ctx: &mut Ctx<'_>, id: u64, exit: i32, output: String) {
        let Some(pending) = self.calls.remove(&id) else { return };
        let result = if exit == 0 { Ok(output) } else { Err(failed(exit)) };
        let after = SignedDuration::from_millis(50);
        ctx.answer_agent(pending.request, result, after);
    }

    /// The time of a call is over: it has its result, or is killed.
    pub(super) fn call_ends(&mut self, ctx: &mut Ctx<'_>, mark: Mark) {
        let Some(pending) = self.calls.remove(&u64::from(mark.slot)) else { return };
        let killed = format!("{}: signal: killed: timedOut", pending.action);
        ctx.answer_agent(
            pending.request,
            pending.result.unwrap_or(Err(killed)),
            SignedDuration::ZERO,
        );
    }

    /// A pod that is gone answers nothing: who called finds the connection cut.
    pub(super) fn drop_calls_of(&mut self, ctx: &mut Ctx<'_>, slot: u32) {
        let lost: Vec<u64> =
            self.calls.iter().filter(|(_, call)| call.slot == slot).map(|(id, _)| *id).collect();
        for id in lost {
            if let Some(pending) = self.calls.remove(&id) {
                let cut = "read: connection reset by peer".to_owned();
                ctx.answer_agent(pending.request, Err(cut), SignedDuration::ZERO);
            }
        }
    }
}

impl Probing {
    fn new(spec: ProbeSpec) -> Self {
        Self {
            spec: Arc::new(spec),
            successes: 0,
            failures: 0,
            good: None,
            report: None,
            is_sending: false,
            is_sent: false,
            tries: 0,
        }
    }
}

fn failed(exit: i32) -> String {
    format!("exit code: {exit}, stderr: : failed")
}

/// The operator writes the agent's settings as literal JSON.
fn from_env<T: for<'de> Deserialize<'de>>(container: &Container, name: &str) -> Vec<T> {
    let var = container.env.iter().find(|var| var.name == name);
    let text = var.and_then(|var| var.value.as_deref()).unwrap_or("[]");
    serde_json::from_str(text).unwrap_or_default()
}

/// The pod's name, and the FNV-1a of uid, reason and message: who says the same again, counts.
fn event_name(run: &Run, probe: &Probing) -> Option<String> {
    let report = probe.report.as_ref()?;
    let text = format!("{}.{}.{}", run.uid, probe.spec.action, message(&probe.spec, report));
    Some(format!("{}.{:x}", run.name, random::fnv32(text.as_bytes())))
}

/// In the order in which the agent's own type has them.
#[derive(Serialize)]
struct Said<'a> {
    instance: &'a str,
    probe: &'a str,
    code: i32,
    output: &'a str,
    message: &'a str,
}

fn message(spec: &ProbeSpec, report: &Report) -> String {
    const CUT: &str = "...(truncated)";
    let render = |output: &str, message: &str| {
        let said = Said {
            instance: &spec.instance,
            probe: &spec.action,
            code: report.code,
            output: &base64::encode(output.as_bytes()),
            message,
        };
        serde_json::to_string(&said).expect("plain data is written as JSON")
    };
    let shorten = |text: &str, by: usize| {
        let keep = text.len().saturating_sub(by + CUT.len());
        let keep = (0..=keep).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        format!("{}{CUT}", &text[..keep])
    };
    let text = render(&report.output, &report.message);
    if text.len() <= LONGEST_MESSAGE {
        return text;
    }
    let cut = shorten(&report.message, text.len() - LONGEST_MESSAGE);
    let text = render(&report.output, &cut);
    if text.len() <= LONGEST_MESSAGE {
        return text;
    }
    render(&shorten(&report.output, text.len() - LONGEST_MESSAGE), &cut)
}
