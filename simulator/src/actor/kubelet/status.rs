//! Pod status, in the shape in which a kubelet writes it.

use drydock_apiserver::{Request, Tree};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::super::Ctx;
use super::super::objects::{PODS, tree};
use super::run::Ended;
use super::{About, Kubelet, Mark, Process, Run, Stage, State};
use crate::inflight::Reply;

impl Kubelet {
    /// Writes what has changed in this reaction; one write per pod is on its way at a time.
    pub(super) fn flush(&mut self, ctx: &mut Ctx<'_>) {
        while let Some(slot) = self.touched.pop() {
            let Some(run) = self.runs.get(slot) else { continue };
            if !self.machines[run.machine].up {
                continue;
            }
            let ready = run.is_ready();
            if ready != run.was_ready {
                if let Some(run) = self.run_mut(slot) {
                    run.was_ready = ready;
                }
                if ready {
                    self.became_ready(ctx, slot);
                }
            }
            self.write_status(ctx, slot);
        }
    }

    fn write_status(&mut self, ctx: &mut Ctx<'_>, slot: u32) {
        let host = match self.runs.get(slot) {
            Some(run) => self.machines[run.machine].ip(),
            None => return,
        };
        let has_sandbox_condition = ctx.server().profile().minor >= 29;
        let now = ctx.now();
        let Some(run) = self.run_mut(slot) else { return };
        if run.is_sending {
            run.is_stale = true;
            return;
        }
        let status = tree(status(run, &host, has_sandbox_condition, now));
        if run.reported.as_ref() == Some(&status) {
            return;
        }
        let patch = Tree::map([
            ("metadata", Tree::map([("uid", Tree::from(&*run.uid))])),
            ("status", status.clone()),
        ]);
        run.reported = Some(status);
        run.is_sending = true;
        run.is_stale = false;
        let request = Request::merge_patch(PODS, &run.namespace, &run.name, patch);
        let mark = Mark::of(About::Status, slot, 0, 0);
        ctx.send(request.subresource("status").by("kubelet"), mark.pack());
    }

    pub(super) fn status_written(&mut self, ctx: &mut Ctx<'_>, mark: Mark, reply: &Reply) {
        let Some(run) = self.run_mut(mark.slot) else { return };
        run.is_sending = false;
        let is_gone = reply.response().is_some_and(|response| matches!(response.code, 404 | 409));
        if !reply.is_ok() && !is_gone {
            run.reported = None;
            ctx.timer_after(SignedDuration::from_secs(1), mark.pack());
        } else if run.is_stale {
            self.touch(mark.slot);
        }
    }
}

/// Type and value of a condition; reason and message if it is false.
type Wanted<'a> = (&'static str, bool, Option<&'a (String, String)>);

fn status(run: &mut Run, host: &str, has_sandbox_condition: bool, now: Timestamp) -> Value {
    let done = |process: &Process| matches!(process.state, State::Ended(Ended { exit: 0, .. }));
    let initialized = run.processes[..run.inits].iter().all(done);
    let ready = run.is_ready();
    let finished = run.stage == Stage::Finished;
    let unready: Vec<&str> = run
        .containers()
        .iter()
        .filter(|process| !process.ready)
        .map(|process| &*process.name)
        .collect();
    let why_not = if finished {
        ("PodCompleted".to_owned(), String::new())
    } else {
        (
            "ContainersNotReady".to_owned(),
            format!("containers with unready status: [{}]", unready.join(" ")),
        )
    };
    let uninitialized: Vec<&str> = run.processes[..run.inits]
        .iter()
        .filter(|process| !done(process))
        .map(|process| &*process.name)
        .collect();
    let not_initialized = (
        "ContainersNotInitialized".to_owned(),
        format!("containers with incomplete status: [{}]", uninitialized.join(" ")),
    );
    let has_sandbox = run.ip.is_some() && !matches!(run.stage, Stage::Finished | Stage::Removing);
    let mut wanted: Vec<Wanted<'_>> = Vec::new();
    if has_sandbox_condition {
        wanted.push(("PodReadyToStartContainers", has_sandbox, None));
    }
    wanted.push(("Initialized", initialized, Some(&not_initialized)));
    wanted.push(("Ready", ready, Some(&why_not)));
    wanted.push(("ContainersReady", ready, Some(&why_not)));
    wanted.push(("PodScheduled", true, None));
    let mut conditions = Vec::new();
    for (kind, value, why) in wanted {
        let since = match run.conditions.iter_mut().find(|one| one.0 == kind) {
            Some(known) if known.1 == value => known.2,
            Some(known) => {
                (known.1, known.2) = (value, now);
                now
            }
            None => {
                run.conditions.push((kind, value, now));
                now
            }
        };
        let mut condition = json!({
            "type": kind, "status": if value { "True" } else { "False" },
            "lastProbeTime": null, "lastTransitionTime": seconds(since),
        });
        if let Some((reason, message)) = why.filter(|_| !value) {
            condition["reason"] = json!(reason);
            if !message.is_empty() {
                condition["message"] = json!(message);
            }
        }
        conditions.push(condition);
    }
    let mut status = json!({
        "phase": phase(run),
        "conditions": conditions,
        "hostIP": host,
        "hostIPs": [{ "ip": host }],
        "startTime": seconds(run.started_at),
        "containerStatuses": statuses(run, run.inits, run.processes.len()),
    });
    if run.inits > 0 {
        status["initContainerStatuses"] = statuses(run, 0, run.inits);
    }
    if let Some(ip) = &run.ip {
        status["podIP"] = json!(&**ip);
        status["podIPs"] = json!([{ "ip": &**ip }]);
    }
    status
}

fn phase(run: &Run) -> &'static str {
    let all_ended = run.containers().iter().all(|process| matches!(process.state, State::Ended(_)));
    let clean = run
        .containers()
        .iter()
        .all(|process| matches!(process.state, State::Ended(Ended { exit: 0, .. })));
    match run.stage {
        Stage::Finished | Stage::Removing if all_ended => {
            if clean {
                "Succeeded"
            } else {
                "Failed"
            }
        }
        Stage::Admitted if run.sandboxes == 0 => "Pending",
        Stage::Init(_) => "Pending",
        _ if run.containers().iter().any(|process| process.boots > 0) => "Running",
        _ => "Pending",
    }
}

fn statuses(run: &Run, from: usize, to: usize) -> Value {
    let is_init = from < run.inits;
    let mut all: Vec<(&str, Value)> = run.processes[from..to]
        .iter()
        .map(|process| (&*process.name, container_status(run, process, is_init)))
        .collect();
    if !is_init {
        // A kubelet sorts them by name.
        all.sort_by(|a, b| a.0.cmp(b.0));
    }
    Value::Array(all.into_iter().map(|(_, status)| status).collect())
}

fn container_status(run: &Run, process: &Process, is_init: bool) -> Value {
    let id =
        |process: &Process| format!("containerd://{}-{}-{}", run.uid, process.name, process.boots);
    let mut status = Map::new();
    let clean = matches!(process.state, State::Ended(Ended { exit: 0, .. }));
    let ready = if is_init { clean } else { process.ready };
    let image_id = if process.boots > 0 { process.image.to_string() } else { String::new() };
    status.insert("name".into(), json!(&*process.name));
    status.insert("image".into(), json!(&*process.image));
    status.insert("imageID".into(), json!(image_id));
    status.insert("ready".into(), json!(ready));
    status.insert("restartCount".into(), json!(process.restarts));
    status.insert("started".into(), json!(if is_init { false } else { process.started }));
    if process.boots > 0 {
        status.insert("containerID".into(), json!(id(process)));
    }
    let state = match &process.state {
        State::Waiting { reason, message } if message.is_empty() => {
            json!({ "waiting": { "reason": reason } })
        }
        State::Waiting { reason, message } => {
            json!({ "waiting": { "reason": reason, "message": message } })
        }
        State::Running { since } => json!({ "running": { "startedAt": seconds(*since) } }),
        State::Ended(ended) => json!({ "terminated": terminated(ended, &id(process)) }),
    };
    status.insert("state".into(), state);
    let last = match &process.last {
        Some(last) => json!({ "terminated": terminated(last, &id(process)) }),
        None => json!({}),
    };
    status.insert("lastState".into(), last);
    Value::Object(status)
}

fn terminated(ended: &Ended, id: &str) -> Value {
    json!({
        "exitCode": ended.exit, "reason": ended.reason, "containerID": id,
        "startedAt": seconds(ended.started_at), "finishedAt": seconds(ended.over_at),
    })
}

fn seconds(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
