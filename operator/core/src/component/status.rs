//! What a Component tells of itself: its phase, and the conditions that say why.

use drydock_operator_api::apps::{Availability, Component, ComponentPhase};
use drydock_operator_api::workloads::InstanceSet;
use drydock_operator_api::workloads::instance_set::{CurrentState, DesiredState};
use jiff::{SignedDuration, Timestamp};

use super::replicas::Replicas;
use super::{Tree, post_provision};
use crate::condition::{self, Wanted};
use crate::draft::{Draft, Flow, Pass};
use crate::labels;
use crate::plan::{Reference, Whose};

/// Pods that are ready this long must have told their roles. It counts from when they became ready,
/// not from when a role went missing: where an old leader has lost its label and cannot report another,
/// the component is Failed at once. Upstream is recorded to do so: Updating 40 s after a pod became
/// ready, Failed a minute after.
const ROLE_PROBE_TIMEOUT: SignedDuration = SignedDuration::from_secs(60);

pub(super) fn step(tree: &Tree, draft: &mut Draft<Component>, pass: &Pass<'_>) -> Flow {
    if tree.component.metadata.is_deleting() {
        return Flow::Continue;
    }
    tell_checks(tree, draft, pass.now);
    match &tree.workload {
        Some(workload) if !is_older(tree, workload) => tell_workload(tree, draft, workload, pass),
        Some(_) => {}
        None => {
            if tree.component.status.phase.is_some() {
                set(
                    draft,
                    tree,
                    pass.now,
                    Wanted::new(HEALTHY, false, "WorkloadNotExist", "the workload does not exist"),
                );
            }
        }
    }
    announce(tree, draft);
    Flow::Continue
}

const PROVISIONING_STARTED: &str = "ProvisioningStarted";
const AVAILABLE: &str = "Available";
const PROGRESSING: &str = "Progressing";
const HEALTHY: &str = "Healthy";

fn set(draft: &mut Draft<Component>, tree: &Tree, now: Timestamp, wanted: Wanted) {
    let wanted = wanted.at_generation(tree.component.metadata.generation);
    condition::set(&mut draft.root.status.conditions, wanted, now);
}

/// Whether the input can be honoured; if not, the first thing that is wrong with it.
fn tell_checks(tree: &Tree, draft: &mut Draft<Component>, now: Timestamp) {
    let finding = draft.findings().first().map(|finding| finding.problem.to_string());
    let wanted = match finding {
        Some(problem) => Wanted::new(PROVISIONING_STARTED, false, "PreCheckFailed", problem),
        // It is told with the rest once there is a workload: until then nothing is new.
        None if tree.workload.is_none() && tree.component.status.conditions.is_empty() => return,
        None if draft.is_held() => return,
        None => {
            let message =
                format!("The operator has started the provisioning of Cluster: {}", tree.name());
            Wanted::new(PROVISIONING_STARTED, true, "PreCheckSucceed", message)
        }
    };
    set(draft, tree, now, wanted);
}

/// The workload carries an older state than one that was told of already.
fn is_older(tree: &Tree, workload: &InstanceSet) -> bool {
    carried_generation(workload) < tree.component.status.observed_generation.unwrap_or_default()
}

/// The generation of the Component that the workload was made from.
fn carried_generation(workload: &InstanceSet) -> i64 {
    workload
        .metadata
        .annotation(labels::GENERATION)
        .and_then(|generation| generation.parse().ok())
        .unwrap_or_default()
}

/// All instances there are, are as they should be, and ready.
pub(super) fn instances_ready(workload: &InstanceSet) -> bool {
    let status = &workload.status;
    is_rolled_out(workload)
        && status.init_replicas == status.ready_init_replicas
        && status.ready_replicas == wanted_replicas(workload)
        && (workload.spec.min_ready_seconds == 0
            || status.available_replicas == wanted_replicas(workload))
}

fn wanted_replicas(workload: &InstanceSet) -> i32 {
    workload.spec.replicas.unwrap_or(1)
}

fn is_rolled_out(workload: &InstanceSet) -> bool {
    let status = &workload.status;
    status.observed_generation == workload.metadata.generation
        && status.replicas == status.updated_replicas
        && status.replicas == wanted_replicas(workload)
}

/// Each instance has a role, where there are roles.
fn roles_told(workload: &InstanceSet) -> bool {
    let told = workload.status.instance_status.iter().filter(|instance| {
        instance.desired_state.is_none_or(|state| state == DesiredState::Active)
            && instance.current_state.is_none_or(|state| state == CurrentState::Present)
            && !instance.role.is_empty()
    });
    workload.spec.roles.is_empty() || i32::try_from(told.count()) == Ok(wanted_replicas(workload))
}

fn tell_workload(
    tree: &Tree,
    draft: &mut Draft<Component>,
    workload: &InstanceSet,
    pass: &Pass<'_>,
) {
    let replicas = Replicas::of(workload);
    let carries_ours = carried_generation(workload) == tree.component.metadata.generation;
    let updated = carries_ours && is_rolled_out(workload);
    let ready = instances_ready(workload);
    let expanding =
        workload.status.instance_status.iter().any(|instance| instance.volume_expansion);
    let scaling_out = replicas.loading().next().is_some() || replicas.joining().next().is_some();

    draft.root.status.observed_generation = Some(carried_generation(workload));
    let phase = phase(
        tree,
        workload,
        updated && ready && roles_told(workload) && !expanding && !scaling_out,
        pass.now,
    );
    draft.root.status.phase = Some(phase);
    if phase == ComponentPhase::Failed {
        let messages = failure_messages(workload);
        draft.root.status.message.extend(messages);
    }
    if ready && !roles_told(workload) {
        // The timer of the failure: nothing else would wake us when it ends.
        if let Some(since) = ready_since(workload) {
            let left = since + ROLE_PROBE_TIMEOUT;
            if left > pass.now {
                draft.requeue_after(left.duration_since(pass.now));
            }
        }
    }

    available(tree, draft, workload, phase, pass.now);
    let progressing = if !updated {
        Wanted::new(
            PROGRESSING,
            true,
            "WorkloadNotUpdated",
            "observed workload's generation not matching component's",
        )
    } else if scaling_out {
        Wanted::new(PROGRESSING, true, "ScaleOut", "component scale out is running")
    } else if expanding {
        Wanted::new(PROGRESSING, true, "VolumeExpansion", "component volume expansion is running")
    } else if !post_provision::is_done(tree) {
        Wanted::new(
            PROGRESSING,
            true,
            "PostProvision",
            "component is running post-provision action",
        )
    } else {
        Wanted::new(PROGRESSING, false, "Completed", "")
    };
    set(draft, tree, pass.now, progressing);
    let healthy = if !ready {
        Wanted::new(HEALTHY, false, "WorkloadNotReady", "some instances are not ready")
    } else if !roles_told(workload) {
        Wanted::new(HEALTHY, false, "RoleProbeNotDone", "some instances do not have roles")
    } else {
        Wanted::new(HEALTHY, true, "Healthy", "component is healthy")
    };
    set(draft, tree, pass.now, healthy);

    if phase != ComponentPhase::Running && phase != ComponentPhase::Stopped {
        let until = if !updated || !ready {
            "to have all instances updated and ready"
        } else if !roles_told(workload) {
            "to have a role for each instance"
        } else {
            "to be settled"
        };
        draft.wait(
            Reference::of(workload),
            until,
            format!("the component is {phase:?}"),
            Whose::Operator,
        );
    }
}

fn phase(tree: &Tree, workload: &InstanceSet, settled: bool, now: Timestamp) -> ComponentPhase {
    use ComponentPhase::{
        Creating, Deleting, Failed, Running, Starting, Stopped, Stopping, Updating,
    };
    let before = tree.component.status.phase;
    if workload.metadata.is_deleting() {
        Deleting
    } else if tree.component.spec.stop {
        if workload.status.replicas > 0 || !tree.pods.is_empty() || !post_provision::is_done(tree) {
            Stopping
        } else {
            Stopped
        }
    } else if settled {
        Running
    } else if has_failed(workload, now) {
        Failed
    } else {
        match before {
            None | Some(Creating) => Creating,
            Some(Stopped | Stopping | Starting) => Starting,
            _ => Updating,
        }
    }
}

const INSTANCE_READY: &str = "InstanceReady";
const INSTANCE_FAILURE: &str = "InstanceFailure";

/// Since when all instances are ready, as their workload tells.
fn ready_since(workload: &InstanceSet) -> Option<Timestamp> {
    let ready = condition::find(&workload.status.conditions, INSTANCE_READY)?;
    (ready.status == "True").then_some(ready.last_transition_time)
}

fn has_failed(workload: &InstanceSet, now: Timestamp) -> bool {
    condition::is_true(&workload.status.conditions, INSTANCE_FAILURE)
        || !roles_told(workload)
            && ready_since(workload).is_some_and(|since| since + ROLE_PROBE_TIMEOUT <= now)
}

fn failure_messages(workload: &InstanceSet) -> Vec<(String, String)> {
    let key = format!("InstanceSet/{}", workload.metadata.name);
    match condition::find(&workload.status.conditions, INSTANCE_FAILURE) {
        Some(failure) if failure.status == "True" => vec![(key, failure.message.clone())],
        _ => {
            vec![(key, "Role probe timeout, check whether the application is available".to_owned())]
        }
    }
}

/// By the definition's policy. A policy of probes is told by the Events of the probe.
fn available(
    tree: &Tree,
    draft: &mut Draft<Component>,
    workload: &InstanceSet,
    phase: ComponentPhase,
    now: Timestamp,
) {
    let Some(definition) = &tree.definition else { return };
    let actions = definition.spec.lifecycle_actions.as_ref();
    let policy = match &definition.spec.available {
        Some(policy) => policy.clone(),
        None if actions.is_some_and(|actions| actions.available_probe.is_some()) => {
            return await_probe(tree, draft, now);
        }
        None => Availability { with_phases: "Running".to_owned(), ..Availability::default() },
    };
    if policy.with_probe.is_some() {
        return await_probe(tree, draft, now);
    }
    let mut told = String::new();
    if !policy.with_phases.is_empty() {
        let text = format!("the component phase is {phase:?}");
        if !policy
            .with_phases
            .split(',')
            .any(|wanted| wanted.trim().eq_ignore_ascii_case(&format!("{phase:?}")))
        {
            return set(draft, tree, now, Wanted::new(AVAILABLE, false, "PhaseCheckFail", text));
        }
        told = format!("{text}; ");
    }
    if !policy.with_role.is_empty() {
        let role = &policy.with_role;
        let present = workload.status.instance_status.iter().any(|instance| {
            instance.role.eq_ignore_ascii_case(role)
                && instance.current_state.is_none_or(|state| state == CurrentState::Present)
        });
        if !present {
            let text = format!("the role {role} is not present");
            return set(draft, tree, now, Wanted::new(AVAILABLE, false, "RoleCheckFail", text));
        }
        told = format!("{told}the role {role} is present; ");
    }
    set(draft, tree, now, Wanted::new(AVAILABLE, true, "Available", told));
}

/// Only the Events of the probe tell; before the first one it is not known to be available.
fn await_probe(tree: &Tree, draft: &mut Draft<Component>, now: Timestamp) {
    if condition::find(&draft.root.status.conditions, AVAILABLE).is_none() {
        let text = "no probe has told yet";
        set(draft, tree, now, Wanted::new(AVAILABLE, false, "ProbeCheckFail", text));
    }
}

/// One Event for each turn, sent with the write that makes it.
fn announce(tree: &Tree, draft: &mut Draft<Component>) {
    let before = &tree.component.status;
    let after = draft.root.status.clone();
    if let Some(phase) = after.phase.filter(|phase| before.phase != Some(*phase)) {
        draft.event("ComponentPhaseTransition", format!("component is {phase:?}"));
    }
    for turned in condition::turned(&before.conditions, &after.conditions) {
        match (turned.kind.as_str(), turned.status.as_str()) {
            (PROVISIONING_STARTED, "False") => {
                draft.warn(turned.reason.clone(), turned.message.clone());
            }
            (AVAILABLE | PROGRESSING | HEALTHY, _) => {
                draft.event(turned.reason.clone(), turned.message.clone());
            }
            _ => {}
        }
    }
}
