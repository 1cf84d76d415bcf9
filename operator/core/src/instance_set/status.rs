//! What the set tells of its pods.

use std::collections::{BTreeMap, BTreeSet};

use drydock_operator_api::core::Pod;
use drydock_operator_api::workloads::InstanceSet;
use drydock_operator_api::workloads::instance_set::{
    CurrentState, DesiredState, InstanceConfig, InstanceStatus, Status, TemplateStatus,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::naming::Name;
use super::pod::{available_at, failed_since, is_available, is_created, is_failed, is_ready};
use super::update::decision;
use super::{Tree, revision, wait};
use crate::condition::{self, Wanted};
use crate::draft::{Draft, Flow, Pass};
use crate::labels;

/// Counts are of the generation that the last pass looked at: see `revision`.
pub(super) fn status(tree: &Tree, draft: &mut Draft<InstanceSet>, pass: &Pass<'_>) -> Flow {
    let set = &*tree.set;
    let Ok(names) = &tree.names else { return Flow::Continue };
    // With flat ordinals a shortage passes; what it would make of the status is not true.
    if set.status.observed_generation != set.metadata.generation || names.shortage.is_some() {
        return Flow::Continue;
    }
    let up_to_date = decision::up_to_date(tree, &draft.root.status);
    count(tree, &up_to_date, &mut draft.root.status);
    draft.root.status.ready_replicas = number(created(tree).filter(|(_, pod)| is_ready(pod)));
    let available = |pod: &Pod| is_available(pod, set.spec.min_ready_seconds, pass.now);
    draft.root.status.available_replicas = number(created(tree).filter(|(_, pod)| available(pod)));
    draft.root.status.instance_status = instances(tree, &up_to_date, &draft.root.status, pass.now);
    draft.root.status.templates_status = templates(tree, &up_to_date, pass.now);
    conditions(tree, &mut draft.root.status, pass.now);
    if let Some(at) = next_failure(tree, pass.now) {
        draft.requeue_after(pass.now.duration_until(at));
    }

    // Nothing is made or taken while pods that are ready still have to prove it.
    if draft.root.status.available_replicas != draft.root.status.ready_replicas {
        let proven = tree
            .pods
            .values()
            .filter(|pod| is_ready(pod) && !available(pod))
            .filter_map(|pod| available_at(pod, set.spec.min_ready_seconds))
            .min();
        wait::wait(tree, draft, pass);
        let delay = proven.map_or(SignedDuration::from_secs(1), |at| pass.now.duration_until(at));
        return Flow::RetryAfter(delay);
    }
    Flow::Continue
}

fn created(tree: &Tree) -> impl Iterator<Item = (&Name, &Pod)> {
    tree.pods.iter().map(|(name, pod)| (name, &**pod)).filter(|(_, pod)| is_created(pod))
}

fn number<T>(of: impl Iterator<Item = T>) -> i32 {
    i32::try_from(of.count()).unwrap_or(i32::MAX)
}

fn count(tree: &Tree, up_to_date: &BTreeSet<&Name>, status: &mut Status) {
    status.replicas = number(created(tree));
    status.updated_replicas = decision::updated(tree, up_to_date);
    let staying = number(created(tree).filter(|(_, pod)| !pod.metadata.is_deleting()));
    status.current_replicas = staying - status.updated_replicas;
    status.current_revisions = tree
        .pods
        .iter()
        .map(|(name, pod)| (name.to_string(), revision::of(pod).to_owned()))
        .collect();
    let wanted = tree.set.spec.replicas.unwrap_or(1);
    if status.replicas == wanted && status.updated_replicas == wanted {
        status.current_replicas = wanted;
        status.current_revision.clone_from(&status.update_revision);
    }
}

/// One entry per name that is wanted, set aside or there.
fn instances(
    tree: &Tree,
    up_to_date: &BTreeSet<&Name>,
    status: &Status,
    now: Timestamp,
) -> Vec<InstanceStatus> {
    let set = &*tree.set;
    let offline: BTreeSet<Name> =
        set.spec.offline_instances.iter().map(|name| Name::parse(name)).collect();
    let names: BTreeSet<&Name> =
        tree.desired().keys().chain(&offline).chain(tree.pods.keys()).collect();
    let before: BTreeMap<&str, &InstanceStatus> =
        set.status.instance_status.iter().map(|entry| (&*entry.pod_name, entry)).collect();
    names
        .into_iter()
        .map(|name| {
            let template = tree.desired().get(name);
            let desired = match template {
                Some(_) if set.spec.stop == Some(true) => DesiredState::Offline,
                Some(_) => DesiredState::Active,
                None if offline.contains(name) => DesiredState::Offline,
                None => DesiredState::Released,
            };
            let pod = tree.pods.get(name);
            let current = match pod {
                None => CurrentState::Absent,
                Some(pod) if pod.metadata.is_deleting() => CurrentState::Terminating,
                Some(_) => CurrentState::Present,
            };
            let pod_name = name.to_string();
            let template_name = template.cloned().or_else(|| {
                let before = before.get(&*pod_name).map(|entry| entry.template_name.clone());
                before.or_else(|| pod?.metadata.label(labels::INSTANCE_TEMPLATE).map(str::to_owned))
            });
            let mut entry = InstanceStatus {
                template_name: template_name.unwrap_or_default(),
                desired_state: Some(desired),
                current_state: Some(current),
                current_revision: pod.map_or("", |pod| revision::of(pod)).to_owned(),
                ..InstanceStatus::default()
            };
            if desired == DesiredState::Active {
                let wanted = status.update_revisions.get(&pod_name);
                entry.update_revision = wanted.cloned().unwrap_or_default();
            }
            if let Some(pod) = pod.filter(|_| current == CurrentState::Present) {
                entry.up_to_date = desired == DesiredState::Active && up_to_date.contains(name);
                entry.ready = is_ready(pod);
                entry.available = is_available(pod, set.spec.min_ready_seconds, now);
                entry.failed = is_failed(pod, now);
                entry.role = if entry.ready { role(set, pod) } else { String::new() };
                entry.configs = configs(pod);
                entry.volume_expansion = expands(tree, &pod_name);
            }
            entry.pod_name = pod_name;
            entry
        })
        .collect()
}

/// The role on the pod's label, as the set spells it; empty for one that the set does not know.
pub(super) fn role(set: &InstanceSet, pod: &Pod) -> String {
    let label = pod.metadata.label(labels::ROLE).unwrap_or_default();
    let defined = set.spec.roles.iter().find(|role| role.name.eq_ignore_ascii_case(label));
    defined.map(|role| role.name.clone()).unwrap_or_default()
}

fn configs(pod: &Pod) -> Vec<InstanceConfig> {
    decision::config_hashes(pod)
        .into_iter()
        .map(|(name, hash)| InstanceConfig {
            name,
            config_hash: Some(hash).filter(|hash| !hash.is_empty()),
        })
        .collect()
}

/// Does a claim of the pod still wait for more room?
fn expands(tree: &Tree, pod: &str) -> bool {
    tree.claims_of(pod).any(|claim| {
        let storage = |amounts: Option<&BTreeMap<_, _>>| {
            let amount: Option<&k8s_openapi::apimachinery::pkg::api::resource::Quantity> =
                amounts.and_then(|amounts| amounts.get("storage"));
            amount.and_then(|quantity| crate::quantity::nanos(&quantity.0))
        };
        let request = storage(claim.spec.resources.requests.as_ref());
        let capacity = storage(claim.status.capacity.as_ref());
        capacity.is_some_and(|capacity| request.is_some_and(|request| capacity < request))
    })
}

fn templates(tree: &Tree, up_to_date: &BTreeSet<&Name>, now: Timestamp) -> Vec<TemplateStatus> {
    let mut names: Vec<&str> = tree.set.spec.instances.iter().map(|it| &*it.name).collect();
    names.sort_unstable();
    names
        .into_iter()
        .map(|template| {
            let all = || {
                created(tree).filter(move |(name, _)| {
                    tree.desired().get(name).is_some_and(|it| it == template)
                })
            };
            let staying = || all().filter(|(_, pod)| !pod.metadata.is_deleting());
            let updated = number(staying().filter(|(name, _)| up_to_date.contains(name)));
            let replicas = number(all());
            let current = if replicas == updated { updated } else { number(staying()) - updated };
            TemplateStatus {
                name: template.to_owned(),
                replicas,
                ready_replicas: number(all().filter(|(_, pod)| is_ready(pod))),
                available_replicas: number(
                    all()
                        .filter(|(_, pod)| is_available(pod, tree.set.spec.min_ready_seconds, now)),
                ),
                current_replicas: current,
                updated_replicas: updated,
            }
        })
        .collect()
}

fn conditions(tree: &Tree, status: &mut Status, now: Timestamp) {
    let set = &*tree.set;
    let missing = |good: &dyn Fn(&Pod) -> bool| -> Vec<String> {
        created(tree).filter(|(_, pod)| !good(pod)).map(|(name, _)| name.to_string()).collect()
    };
    let not_ready = missing(&is_ready);
    let not_available = missing(&|pod| is_available(pod, set.spec.min_ready_seconds, now));
    let failed = missing(&|pod| !is_failed(pod, now));
    let pairs = [
        ("InstanceReady", not_ready, ["NotReady", "Ready"]),
        ("InstanceAvailable", not_available, ["NotAvailable", "Available"]),
    ];
    for (kind, missing, [no, yes]) in pairs {
        let wanted = if missing.is_empty() {
            Wanted::new(kind, true, yes, "")
        } else {
            Wanted::new(kind, false, no, json!(missing).to_string())
        };
        let wanted = wanted.at_generation(set.metadata.generation);
        condition::set(&mut status.conditions, wanted, now);
    }
    if failed.is_empty() {
        condition::remove(&mut status.conditions, "InstanceFailure");
    } else {
        let message = json!(failed).to_string();
        let wanted = Wanted::new("InstanceFailure", true, "InstanceFailure", message)
            .at_generation(set.metadata.generation);
        condition::set(&mut status.conditions, wanted, now);
    }
}

/// When the next container that cannot run becomes a failure: no event will tell.
fn next_failure(tree: &Tree, now: Timestamp) -> Option<Timestamp> {
    tree.pods
        .values()
        .filter(|pod| !pod.metadata.is_deleting())
        .filter_map(|pod| failed_since(pod))
        .filter(|since| *since > now)
        .min()
}
