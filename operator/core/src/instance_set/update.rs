//! Pods of an old template become pods of the new one, a few at a time and the most important last.

pub mod decision;
mod order;

use drydock_operator_api::Resource;
use drydock_operator_api::apps::UpdateType;
use drydock_operator_api::core::Pod;
use drydock_operator_api::workloads::InstanceSet;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::alignment::{Round, is_aligned, scaled, whose};
use super::naming::Name;
use super::pod::{available_at, is_available, is_failed, is_ready};
use super::status::role;
use super::template::shape;
use super::{Tree, object};
use crate::condition::{self, Wanted};
use crate::draft::{Draft, Flow, Pass, key};
use crate::labels;
use crate::names;
use crate::plan::{AgentCall, Call, OnFailure, Reference, Whose};

use self::decision::{Change, Decision, decide};

/// After a reconfiguration that did not succeed.
const RECONFIGURE_RETRY: SignedDuration = SignedDuration::from_secs(1);
const RESTRICTED: &str = "InstanceUpdateRestricted";

/// A wanted pod that exists, and what is to be done with it.
struct Member<'a> {
    name: &'a Name,
    pod: &'a Pod,
    template: &'a str,
    decision: Decision,
}

pub(super) fn update(tree: &Tree, draft: &mut Draft<InstanceSet>, pass: &Pass<'_>) -> Flow {
    let set = &*tree.set;
    // Where pods are missing or too many, alignment says what it waits for.
    if set.spec.stop == Some(true) || !is_aligned(tree) {
        return Flow::Continue;
    }
    let members = members(tree, draft);
    let strategy = set.spec.instance_update_strategy.as_ref();
    let on_delete = strategy.and_then(|it| it.r#type) == Some(UpdateType::OnDelete);
    if tree.is_paused() || on_delete {
        hold(draft, set, &members);
        return Flow::Continue;
    }
    let restricted = roll(tree, draft, pass, &members);
    let conditions = &mut draft.root.status.conditions;
    match restricted {
        Some(message) => {
            let wanted = Wanted::new(RESTRICTED, true, RESTRICTED, message.clone())
                .at_generation(set.metadata.generation);
            condition::set(conditions, wanted, pass.now);
            draft.warn("StrictInPlace", message);
        }
        None => condition::remove(conditions, RESTRICTED),
    }
    Flow::Continue
}

/// In the order in which they are visited.
fn members<'a>(tree: &'a Tree, draft: &Draft<InstanceSet>) -> Vec<Member<'a>> {
    let status = &draft.root.status;
    let mut members: Vec<Member<'_>> = tree
        .running()
        .filter_map(|(name, template)| {
            let pod = &**tree.pods.get(name)?;
            let decision = decide(&tree.set, status, name, template, pod);
            Some(Member { name, pod, template, decision })
        })
        .collect();
    // The names are in order, and the sort is stable: of one priority the last name comes first.
    members.reverse();
    members.sort_by_key(|member| order::priority(&tree.set, member.pod));
    members
}

/// Nothing is updated for now: say for whom.
fn hold(draft: &mut Draft<InstanceSet>, set: &InstanceSet, members: &[Member<'_>]) {
    let Some(member) = members.iter().find(|member| member.decision.change != Change::None) else {
        return;
    };
    let (on, until, because) = if set.spec.paused == Some(true) {
        (Reference::of(set), "not to be paused", "a paused set updates no pods")
    } else {
        (Reference::of(member.pod), "to be deleted", "the update strategy is OnDelete")
    };
    draft.wait(on, until, because, Whose::User);
}

/// Updates as many as may be now. Gives the reason if a policy forbids what an update needs.
fn roll(
    tree: &Tree,
    draft: &mut Draft<InstanceSet>,
    pass: &Pass<'_>,
    members: &[Member<'_>],
) -> Option<String> {
    let set = &*tree.set;
    if members.iter().all(|member| member.decision.change == Change::None) {
        return None;
    }
    let quota = quota(set, members, pass);
    let (visited, beyond) = members.split_at(quota.window);
    if let Some(member) = beyond.iter().find(|member| member.decision.change != Change::None) {
        let until = "to allow more instances to be updated";
        let because = format!(
            "{} is outside spec.instanceUpdateStrategy.rollingUpdate.replicas",
            member.name
        );
        draft.wait(Reference::of(set), until, because, Whose::User);
    }
    // A pod that does not run as it is has nothing to lose: the way back from a bad template must not
    // lead through the readiness of a pod that was made from it.
    let broken = visited.iter().find(|member| is_broken(member, pass));
    if let Some(member) = broken {
        recreate(draft, member);
        return None;
    }
    let mut acted = 0;
    for member in visited {
        if acted >= quota.unavailable || acted >= quota.members {
            break;
        }
        if !is_settled(tree, draft, pass, member) {
            break;
        }
        if let Some(problem) = &member.decision.restricted {
            return Some(problem.clone());
        }
        match &member.decision.change {
            Change::None => continue,
            Change::InPlace { restarts } => in_place(tree, draft, pass, member, *restarts),
            Change::Recreate => {
                switchover(tree, draft, pass, member, false);
                recreate(draft, member);
            }
        }
        acted += 1;
    }
    None
}

struct Quota {
    /// How many pods, from the first in order, may be updated at all.
    window: usize,
    /// How many may be made unavailable now.
    unavailable: usize,
    /// How many the members' own order releases now.
    members: usize,
}

fn quota(set: &InstanceSet, members: &[Member<'_>], pass: &Pass<'_>) -> Quota {
    let rolling =
        set.spec.instance_update_strategy.as_ref().and_then(|it| it.rolling_update.as_ref());
    let window = rolling.and_then(|rolling| rolling.replicas.as_ref());
    let unavailable = rolling.and_then(|rolling| rolling.max_unavailable.as_ref());
    let max = unavailable.map_or(1, |value| scaled(value, members.len(), Round::Down).max(1));
    let min_ready = set.spec.min_ready_seconds;
    let now = members.iter().filter(|it| !is_available(it.pod, min_ready, pass.now)).count();
    Quota {
        window: window
            .map_or(members.len(), |value| scaled(value, members.len(), Round::Up))
            .min(members.len()),
        unavailable: max.saturating_sub(now),
        members: if set.spec.roles.is_empty() {
            members.len()
        } else {
            let pods = members.iter().map(|it| (it.pod, it.decision.change != Change::None));
            order::released(set, &pods.collect::<Vec<_>>())
        },
    }
}

/// It never ran, or it cannot go on, and a new one would be made differently.
fn is_broken(member: &Member<'_>, pass: &Pass<'_>) -> bool {
    let pod = member.pod;
    let decision = &member.decision;
    let pending = pod.status.phase == "Pending" && decision.change != Change::None;
    let failed = is_failed(pod, pass.now) && decision.change == Change::Recreate;
    !pod.metadata.is_deleting() && (pending || failed && decision.restricted.is_none())
}

/// Is it well? Else nothing more is touched, and the plan says what it waits for.
fn is_settled(
    tree: &Tree,
    draft: &mut Draft<InstanceSet>,
    pass: &Pass<'_>,
    member: &Member<'_>,
) -> bool {
    let set = &*tree.set;
    let pod = member.pod;
    let because = "the update goes on when it is well";
    let on = Reference::of(pod);
    if pod.metadata.is_deleting() {
        draft.wait(on, "to be gone", "it is made anew from the new template", Whose::Kubernetes);
    } else if !is_ready(pod) {
        draft.wait(on, "to be ready", because, whose(pod));
    } else if !is_available(pod, set.spec.min_ready_seconds, pass.now) {
        if let Some(at) = available_at(pod, set.spec.min_ready_seconds) {
            draft.requeue_after(pass.now.duration_until(at));
        }
        draft.wait(on, "to be available", because, Whose::Kubernetes);
    } else if !set.spec.roles.is_empty() && pod.metadata.label(labels::ROLE).is_none() {
        draft.wait(on, "to have a role", because, Whose::Engine);
    } else {
        return true;
    }
    false
}

fn recreate(draft: &mut Draft<InstanceSet>, member: &Member<'_>) {
    draft.delete(member.pod);
    draft.event("SuccessfulDelete", format!("delete Pod {} successful", member.name));
}

/// What changes in the running pod. Made last: a reconfiguration may fail for long.
fn in_place(
    tree: &Tree,
    draft: &mut Draft<InstanceSet>,
    pass: &Pass<'_>,
    member: &Member<'_>,
    restarts: bool,
) {
    let set = &*tree.set;
    let shape = shape(set, member.template);
    for config in decision::changed_configs(set, member.pod) {
        if config.reconfigure.is_some() || !config.reconfigure_action_name.is_empty() {
            let call = reconfigure(tree, member.pod, config);
            draft.call_last(Call::Agent(call));
        }
    }
    let mut pod = member.pod.clone();
    pod.metadata.labels.extend(object::pod_labels(set, member.name, &shape));
    pod.metadata.annotations.extend(object::pod_annotations(set, &shape));
    draft.patch_last(member.pod, &pod);
    let changes = decision::spec_changes(member.pod, &shape);
    if !changes.is_empty() {
        if restarts {
            switchover(tree, draft, pass, member, true);
        }
        // A list can be changed in part only by a JSON patch; the uid in it is refused if it is another.
        let mut patch = vec![json!({
            "op": "replace", "path": "/metadata/uid", "value": member.pod.metadata.uid,
        })];
        patch.extend(changes);
        draft.call_last(Call::Patch {
            kind: Pod::kind(),
            key: key(member.pod),
            subresource: None,
            patch: Value::Array(patch),
        });
    }
    draft.event("SuccessfulUpdate", format!("update Pod {} successful", member.name));
}

/// Asks the pod to give its role away before it is taken down. It may refuse: the update goes on.
fn switchover(
    tree: &Tree,
    draft: &mut Draft<InstanceSet>,
    pass: &Pass<'_>,
    member: &Member<'_>,
    last: bool,
) {
    let set = &*tree.set;
    let action = set.spec.lifecycle_actions.as_ref().and_then(|it| it.switchover.as_ref());
    let Some(action) = action.filter(|_| has_agent(member.pod)) else { return };
    let pod = &member.pod.metadata.name;
    let service = names::headless_service(&set.metadata.name);
    let domain = &pass.settings.cluster_domain;
    let fqdn = format!("{pod}.{service}.{}.svc.{domain}", set.metadata.namespace);
    let own = [
        ("KB_SWITCHOVER_CURRENT_NAME", pod.clone()),
        ("KB_SWITCHOVER_CURRENT_FQDN", fqdn),
        ("KB_SWITCHOVER_ROLE", role(set, member.pod)),
    ];
    let call = Call::Agent(AgentCall {
        action: "switchover".to_owned(),
        on_failure: OnFailure::Ignore,
        ..agent_call(set, member.pod, own, action.timeout_seconds)
    });
    if last { draft.call_last(call) } else { draft.call(call) }
}

fn reconfigure(
    tree: &Tree,
    pod: &Pod,
    config: &drydock_operator_api::workloads::instance_set::ConfigTemplate,
) -> AgentCall {
    let timeout = config.reconfigure.as_ref().map_or(0, |action| action.timeout_seconds);
    let action = match config.reconfigure_action_name.as_str() {
        "" => "reconfigure".to_owned(),
        name => format!("udf-{name}"),
    };
    let own = config.parameters.iter().map(|(key, value)| (key.as_str(), value.clone()));
    let call = agent_call(&tree.set, pod, own, timeout);
    AgentCall { action, on_failure: OnFailure::Retry(RECONFIGURE_RETRY), ..call }
}

/// Variables of the component win over an action's own; each is also there under a name that a shell
/// can use.
fn agent_call<'a>(
    set: &InstanceSet,
    pod: &Pod,
    own: impl IntoIterator<Item = (&'a str, String)>,
    timeout_seconds: i32,
) -> AgentCall {
    let mut parameters: std::collections::BTreeMap<String, String> =
        own.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    if let Some(actions) = &set.spec.lifecycle_actions {
        parameters.extend(actions.template_vars.clone());
    }
    for (key, value) in parameters.clone() {
        parameters.entry(shell_name(&key)).or_insert(value);
    }
    AgentCall {
        pod: key(pod),
        pod_uid: pod.metadata.uid.clone(),
        action: String::new(),
        parameters,
        timeout: (timeout_seconds > 0)
            .then(|| SignedDuration::from_secs(i64::from(timeout_seconds))),
        on_failure: OnFailure::Ignore,
    }
}

fn shell_name(key: &str) -> String {
    let safe = |it: char| if it.is_ascii_alphanumeric() { it.to_ascii_uppercase() } else { '_' };
    key.chars().map(safe).collect()
}

/// A pod without the agent's port takes no calls.
fn has_agent(pod: &Pod) -> bool {
    let is_agent =
        |container: &&drydock_operator_api::core::pod::Container| container.name == "kbagent";
    let agent = pod.spec.containers.iter().find(is_agent);
    agent.is_some_and(|agent| agent.ports.iter().any(|port| port.name == "http"))
}
