//! As many pods as are wanted, each under its name, each with its claims.

use std::collections::BTreeMap;
use std::sync::Arc;

use drydock_operator_api::Resource;
use drydock_operator_api::apps::Retention;
use drydock_operator_api::core::{PersistentVolumeClaim, Pod};
use drydock_operator_api::workloads::InstanceSet;
use drydock_operator_api::workloads::instance_set::{ClaimTemplate, DesiredState};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::naming::Name;
use super::pod::{is_available, is_ready};
use super::template::{Shape, shape};
use super::{Tree, object};
use crate::draft::{Draft, Flow, Pass};
use crate::plan::{Call, Reference, Whose};
use crate::quantity;

pub(super) fn alignment(tree: &Tree, draft: &mut Draft<InstanceSet>, pass: &Pass<'_>) -> Flow {
    let set = &*tree.set;
    if tree.is_paused() {
        if !is_aligned(tree) {
            let because = "a paused set makes and deletes no pods";
            draft.wait(Reference::of(set), "not to be paused", because, Whose::User);
        }
        return Flow::Continue;
    }
    if let Some(shortage) = tree.names.as_ref().ok().and_then(|names| names.shortage.as_ref()) {
        draft.warn("OrdinalsNotEnough", shortage.clone());
    }
    let shapes = shapes(tree);
    let (creates, mut deletes) = match set.spec.pod_management_policy.as_deref() {
        Some("Parallel") => parallel(tree, draft, pass),
        _ => (ordered_create(tree, draft, pass), ordered_delete(tree)),
    };
    let creates: Vec<(&Name, &String)> = creates
        .into_iter()
        .filter(|(name, template)| has_room(tree, draft, name, &shapes[&***template]))
        .collect();

    deletes.retain(|pod| is_told(tree, pod));
    // Somebody else may have been faster to delete a pod that has to go; its claims go all the same.
    let going = surplus(tree).filter(|pod| pod.metadata.is_deleting() && is_told(tree, pod));
    for pod in going.chain(deletes.iter().copied()) {
        delete_claims(tree, draft, pod);
    }
    let present = tree.running().filter(|(name, _)| tree.pods.contains_key(name));
    for (name, template) in present.chain(creates.iter().copied()) {
        claims(tree, draft, name, &shapes[&**template]);
    }
    for pod in deletes {
        if !is_ready(pod) {
            draft.warn(
                "FailedReconcile",
                format!("pod {} is deleted before it was ready", pod.metadata.name),
            );
        }
        draft.delete(pod);
        draft.event("SuccessfulDelete", format!("delete Pod {} successful", pod.metadata.name));
    }
    for (name, template) in creates {
        let object = object::pod(set, name, template);
        draft.call(Call::Create { kind: Pod::kind(), object, generate: Vec::new() });
        draft.event("SuccessfulCreate", format!("create Pod {name} successful"));
    }
    consume_nodes(tree, draft);
    Flow::Continue
}

/// Is there a pod for each wanted name, and no other?
pub(super) fn is_aligned(tree: &Tree) -> bool {
    tree.running().map(|(name, _)| name).eq(tree.pods.keys())
}

fn shapes(tree: &Tree) -> BTreeMap<&str, Shape<'_>> {
    tree.desired().values().map(|template| (&**template, shape(&tree.set, template))).collect()
}

/// The first that is missing, once the one before it in line is available.
fn ordered_create<'a>(
    tree: &'a Tree,
    draft: &mut Draft<InstanceSet>,
    pass: &Pass<'_>,
) -> Vec<(&'a Name, &'a String)> {
    let mut before: Option<&Arc<Pod>> = None;
    for (name, template) in tree.running() {
        let Some(pod) = tree.pods.get(name) else {
            return match before {
                Some(pod) if !is_available(pod, tree.set.spec.min_ready_seconds, pass.now) => {
                    let because = format!("{name} is made after it");
                    draft.wait(Reference::of(&**pod), "to be available", because, whose(pod));
                    Vec::new()
                }
                _ => vec![(name, template)],
            };
        };
        before = Some(pod);
    }
    Vec::new()
}

/// Whose it is that a pod does not become ready: of Kubernetes, until it has a node.
pub(super) fn whose(pod: &Pod) -> Whose {
    if pod.spec.node_name.is_empty() { Whose::Kubernetes } else { Whose::Engine }
}

/// The last one, and only when the last one to go is gone.
fn ordered_delete(tree: &Tree) -> Vec<&Pod> {
    let last = surplus(tree).next();
    last.into_iter().filter(|pod| !pod.metadata.is_deleting()).collect()
}

/// Pods that are not wanted, the last one first.
fn surplus(tree: &Tree) -> impl Iterator<Item = &Pod> {
    let stop = tree.set.spec.stop == Some(true);
    tree.pods
        .iter()
        .rev()
        .filter(move |(name, _)| stop || !tree.desired().contains_key(name))
        .map(|(_, pod)| &**pod)
}

type Aligned<'a> = (Vec<(&'a Name, &'a String)>, Vec<&'a Pod>);

/// As many at a time as may be unavailable at a time. Deleting one that is unavailable costs nothing:
/// otherwise a set of broken pods could never shrink.
fn parallel<'a>(tree: &'a Tree, draft: &mut Draft<InstanceSet>, pass: &Pass<'_>) -> Aligned<'a> {
    let spec = &tree.set.spec;
    let available = |pod: &Pod| is_available(pod, spec.min_ready_seconds, pass.now);
    let replicas = usize::try_from(spec.replicas.unwrap_or(1)).unwrap_or_default().max(1);
    let concurrency = spec
        .parallel_pod_management_concurrency
        .as_ref()
        .map_or(replicas, |value| scaled(value, replicas, Round::Up))
        .max(1);
    let unavailable: Vec<&Arc<Pod>> = tree.pods.values().filter(|pod| !available(pod)).collect();
    let mut budget = concurrency.saturating_sub(unavailable.len());

    let missing: Vec<_> =
        tree.running().filter(|(name, _)| !tree.pods.contains_key(name)).collect();
    let held = missing.len().saturating_sub(budget);
    if held > 0 {
        for pod in unavailable {
            let because =
                format!("{held} more are made when it is: no more than {concurrency} at a time");
            draft.wait(Reference::of(&**pod), "to be available", because, whose(pod));
        }
    }
    let creates: Vec<_> = missing.into_iter().take(budget).collect();
    budget -= creates.len();
    let deletes = surplus(tree)
        .filter(|pod| !pod.metadata.is_deleting())
        .filter(|pod| {
            if !available(pod) {
                return true;
            }
            let may = budget > 0;
            budget = budget.saturating_sub(1);
            may
        })
        .collect();
    (creates, deletes)
}

/// A pod that found its claim going away would never start: it waits until the name is free.
fn has_room(tree: &Tree, draft: &mut Draft<InstanceSet>, name: &Name, shape: &Shape<'_>) -> bool {
    let mut room = true;
    for template in &shape.claims {
        let claim = tree.claims.get(&object::claim_name(&tree.set, template, name));
        if let Some(claim) = claim.filter(|claim| claim.metadata.is_deleting()) {
            let because = format!("{name} gets a new one of that name");
            draft.wait(Reference::of(&**claim), "to be gone", because, Whose::Kubernetes);
            room = false;
        }
    }
    room
}

/// Of an instance that is to run: what is missing is made, what is there is kept up to date.
fn claims(tree: &Tree, draft: &mut Draft<InstanceSet>, name: &Name, shape: &Shape<'_>) {
    let set = &*tree.set;
    for template in &shape.claims {
        let claim_name = object::claim_name(set, template, name);
        match tree.claims.get(&claim_name) {
            None => {
                let object = object::claim(set, name, shape, template);
                let kind = PersistentVolumeClaim::kind();
                draft.call(Call::Create { kind, object, generate: Vec::new() });
                let message = format!("create PersistentVolumeClaim {claim_name} successful");
                draft.event("SuccessfulCreate", message);
            }
            Some(stored) if stored.metadata.is_deleting() => {}
            // Somebody else's under the name we want: not ours to change.
            Some(stored)
                if stored.metadata.controller().is_some() && !tree.owns(&stored.metadata) => {}
            Some(stored) => {
                let mut claim = PersistentVolumeClaim::clone(stored);
                claim.metadata.labels.extend(object::claim_labels(set, name, shape, template));
                claim.metadata.annotations.extend(template.metadata.annotations.clone());
                object::adopt(set, &mut claim.metadata);
                draft.patch(&**stored, &claim);
                if let Some(resized) = resized(&claim, template) {
                    // A driver may refuse to expand, for ever: nothing else shall wait for it.
                    draft.patch_last(&claim, &resized);
                }
            }
        }
    }
}

/// The claim with another size, if it is to have one: a request is only ever raised, unless the access modes change with
/// it.
fn resized(
    claim: &PersistentVolumeClaim,
    template: &ClaimTemplate,
) -> Option<PersistentVolumeClaim> {
    let wanted_modes = template.spec.access_modes.clone().unwrap_or_default();
    let storage = |requests: Option<&BTreeMap<String, Quantity>>| {
        requests.and_then(|requests| requests.get("storage")).cloned()
    };
    let requests = template.spec.resources.as_ref().and_then(|it| it.requests.as_ref());
    let wanted = storage(requests)?;
    let stored = storage(claim.spec.resources.requests.as_ref());
    let value = |quantity: &Quantity| quantity::nanos(&quantity.0);
    let enough = stored.as_ref().and_then(value) >= value(&wanted);
    if claim.spec.access_modes == wanted_modes && enough {
        return None;
    }
    let mut claim = claim.clone();
    claim.spec.access_modes = wanted_modes;
    let requests = claim.spec.resources.requests.get_or_insert_default();
    requests.insert("storage".to_owned(), wanted);
    Some(claim)
}

/// The claims go while their pod is still there: should we be interrupted here, the pod is what
/// tells the next pass that they have to go too. A volume in use outlives its claim's deletion
/// until the pod is gone.
fn delete_claims(tree: &Tree, draft: &mut Draft<InstanceSet>, pod: &Pod) {
    if keeps_claims(&tree.set) {
        return;
    }
    for claim in tree.claims_of(&pod.metadata.name).filter(|claim| !claim.metadata.is_deleting()) {
        draft.delete(&**claim);
        let message = format!("delete PersistentVolumeClaim {} successful", claim.metadata.name);
        draft.event("SuccessfulDelete", message);
    }
}

/// A stopped set keeps its data, and so does one that says so.
fn keeps_claims(set: &InstanceSet) -> bool {
    let policy = set.spec.persistent_volume_claim_retention_policy.as_ref();
    let retain = policy.and_then(|policy| policy.when_scaled) == Some(Retention::Retain);
    retain || set.spec.stop == Some(true)
}

/// Does the stored status say that this pod is not wanted? What is written there was written to the
/// set as it is now, so data is never deleted on the word of an old copy of the set.
fn is_told(tree: &Tree, pod: &Pod) -> bool {
    let data = !keeps_claims(&tree.set) && tree.claims_of(&pod.metadata.name).next().is_some();
    let told = tree.set.status.instance_status.iter().any(|entry| {
        entry.pod_name == pod.metadata.name && entry.desired_state != Some(DesiredState::Active)
    });
    !data || told
}

/// A node that was asked for once is forgotten when the pod runs there.
fn consume_nodes(tree: &Tree, draft: &mut Draft<InstanceSet>) {
    let mut nodes = object::nodes_once(&tree.set);
    let before = nodes.len();
    nodes.retain(|pod, node| {
        let pod = tree.pods.get(&Name::parse(pod));
        pod.is_none_or(|pod| pod.spec.node_name != *node || pod.status.phase != "Running")
    });
    let annotations = &mut draft.root.metadata.annotations;
    if nodes.is_empty() && before > 0 {
        annotations.remove(object::NODE_ONCE);
    } else if nodes.len() != before {
        annotations.insert(object::NODE_ONCE.to_owned(), serde_json::json!(nodes).to_string());
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Round {
    Up,
    Down,
}

/// A number, or a part of `of`. What is neither counts as nothing.
pub(super) fn scaled(value: &IntOrString, of: usize, round: Round) -> usize {
    match value {
        IntOrString::Int(number) => usize::try_from(*number).unwrap_or_default(),
        IntOrString::String(text) => {
            let percent = text.strip_suffix('%').and_then(|it| it.parse::<usize>().ok());
            let hundredfold = of.saturating_mul(percent.unwrap_or_default());
            match round {
                Round::Up => hundredfold.div_ceil(100),
                Round::Down => hundredfold / 100,
            }
        }
    }
}
