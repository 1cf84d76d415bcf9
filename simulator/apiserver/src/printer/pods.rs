//! What is said of a pod in a row, from the states of its containers.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::object::Tree;

use super::text::{age, at, int, items, text};

/// The cells that follow from all containers together.
pub(super) struct Pod {
    pub ready: String,
    pub status: String,
    restarts: i64,
    /// When the last container ended that was started again.
    last_restart: Option<Tree>,
}

impl Pod {
    pub fn of(pod: &Tree) -> Self {
        let restartable = |name: &str| {
            items(pod, "spec.initContainers").iter().any(|container| {
                text(container, "name") == name && text(container, "restartPolicy") == "Always"
            })
        };
        let inits = items(pod, "spec.initContainers");
        let sidecars = inits.iter().filter(|init| restartable(&text(init, "name"))).count();
        let total = items(pod, "spec.containers").len() + sidecars;
        let mut found = Found { status: first_word(pod), ..Found::default() };
        let mut of_sidecars = Found::default();
        let mut initializing = false;
        for (index, init) in items(pod, "status.initContainerStatuses").iter().enumerate() {
            found.restarted(init);
            let sidecar = restartable(&text(init, "name"));
            if sidecar {
                of_sidecars.restarted(init);
            }
            let ended = at(init, "state.terminated");
            if ended.is_some_and(|ended| int(ended, "exitCode") == 0) {
                continue;
            }
            if sidecar && init.bool_at(&["started"]) == Some(true) {
                found.ready += usize::from(init.bool_at(&["ready"]) == Some(true));
                continue;
            }
            let waits = text(init, "state.waiting.reason");
            found.status = match ended {
                Some(ended) => format!("Init:{}", end(ended)),
                None if !waits.is_empty() && waits != "PodInitializing" => format!("Init:{waits}"),
                None => format!("Init:{index}/{}", inits.len()),
            };
            initializing = true;
            break;
        }
        if !initializing || condition(pod, "Initialized") {
            (found.restarts, found.last) = (of_sidecars.restarts, of_sidecars.last);
            found.containers(pod);
        }
        let phase = text(pod, "status.phase");
        if at(pod, "metadata.deletionTimestamp").is_some() {
            if text(pod, "status.reason") == "NodeLost" {
                "Unknown".clone_into(&mut found.status);
            } else if phase != "Succeeded" && phase != "Failed" {
                "Terminating".clone_into(&mut found.status);
            }
        }
        Self {
            ready: format!("{}/{total}", found.ready),
            status: found.status,
            restarts: found.restarts,
            last_restart: found.last,
        }
    }

    /// `2 (5m ago)`; older servers say the number alone.
    pub fn restarts(&self, as_number: bool, now: Timestamp) -> Value {
        match &self.last_restart {
            _ if as_number => json!(self.restarts),
            Some(last) if self.restarts != 0 => {
                json!(format!("{} ({} ago)", self.restarts, age(Some(last), now)))
            }
            _ => json!(self.restarts.to_string()),
        }
    }
}

#[derive(Default)]
struct Found {
    ready: usize,
    status: String,
    restarts: i64,
    last: Option<Tree>,
}

impl Found {
    fn restarted(&mut self, container: &Tree) {
        self.restarts += int(container, "restartCount");
        let ended = at(container, "lastState.terminated.finishedAt");
        if let Some(ended) = ended
            && self.last.as_ref().is_none_or(|last| last.as_str() < ended.as_str())
        {
            self.last = Some(ended.clone());
        }
    }

    fn containers(&mut self, pod: &Tree) {
        let mut running = false;
        for container in items(pod, "status.containerStatuses").iter().rev() {
            self.restarted(container);
            let waits = text(container, "state.waiting.reason");
            if !waits.is_empty() {
                self.status = waits;
            } else if let Some(ended) = at(container, "state.terminated") {
                self.status = end(ended);
            } else if container.bool_at(&["ready"]) == Some(true)
                && at(container, "state.running").is_some()
            {
                running = true;
                self.ready += 1;
            }
        }
        if self.status == "Completed" && running {
            let shown = if condition(pod, "Ready") { "Running" } else { "NotReady" };
            shown.clone_into(&mut self.status);
        }
    }
}

/// What is said of the pod before its containers are looked at.
fn first_word(pod: &Tree) -> String {
    let gated = |condition: &Tree| {
        text(condition, "type") == "PodScheduled" && text(condition, "reason") == "SchedulingGated"
    };
    if items(pod, "status.conditions").iter().any(gated) {
        return "SchedulingGated".to_owned();
    }
    let reason = text(pod, "status.reason");
    if reason.is_empty() { text(pod, "status.phase") } else { reason }
}

fn condition(pod: &Tree, name: &str) -> bool {
    items(pod, "status.conditions")
        .iter()
        .any(|condition| text(condition, "type") == name && text(condition, "status") == "True")
}

fn end(terminated: &Tree) -> String {
    let reason = text(terminated, "reason");
    match int(terminated, "signal") {
        _ if !reason.is_empty() => reason,
        0 => format!("ExitCode:{}", int(terminated, "exitCode")),
        signal => format!("Signal:{signal}"),
    }
}

/// `1/2`: how many gates are open.
pub(super) fn gates(pod: &Tree) -> String {
    let gates = items(pod, "spec.readinessGates");
    if gates.is_empty() {
        return "<none>".to_owned();
    }
    let open = gates.iter().filter(|gate| condition(pod, &text(gate, "conditionType"))).count();
    format!("{open}/{}", gates.len())
}

/// What a row says beside its cells: that the pod has run to its end.
pub(super) fn conditions(pod: &Tree) -> Option<Tree> {
    let (reason, message) = match pod.str_at(&["status", "phase"])? {
        "Succeeded" => ("Succeeded", "The pod has completed successfully."),
        "Failed" => ("Failed", "The pod failed."),
        _ => return None,
    };
    Some(Tree::list([Tree::map([
        ("type", Tree::from("Completed")),
        ("status", "True".into()),
        ("reason", reason.into()),
        ("message", message.into()),
    ])]))
}
