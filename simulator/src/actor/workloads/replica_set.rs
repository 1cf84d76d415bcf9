//! As many pods as are wanted.

use drydock_apiserver::{Object, Request, Tree};

use super::super::Ctx;
use super::super::objects::PODS;
use super::{REPLICA_SETS, owned, owner_of, status_due};

/// So many pods are made or deleted at once.
const BATCH: usize = 500;

pub(super) fn due(ctx: &Ctx<'_>, set: &Object) -> Vec<Request> {
    let wanted = set.tree().int_at(&["spec", "replicas"]).unwrap_or(1);
    let wanted = usize::try_from(wanted).unwrap_or(0);
    let pods: Vec<Object> = owned(ctx, "", "Pod", set).into_iter().filter(counts).collect();
    let mut requests: Vec<Request> = Vec::new();
    requests.extend(status_due(REPLICA_SETS, set, status(set, &pods)));
    for _ in pods.len()..wanted.min(pods.len() + BATCH) {
        requests.push(Request::create(PODS, set.namespace(), pod(set)));
    }
    if pods.len() > wanted {
        let mut surplus = pods;
        // Those that are not ready are missed least, then the youngest.
        surplus.sort_by_key(|pod| (is_ready(pod), std::cmp::Reverse(pod.revision())));
        surplus.truncate((surplus.len() - wanted).min(BATCH));
        let delete = |pod: &Object| Request::delete(PODS, pod.namespace(), pod.name());
        requests.extend(surplus.iter().map(delete));
    }
    requests
}

fn counts(pod: &Object) -> bool {
    let phase = pod.tree().str_at(&["status", "phase"]);
    !pod.is_deleting() && !matches!(phase, Some("Succeeded" | "Failed"))
}

fn is_ready(pod: &Object) -> bool {
    let conditions = pod.tree().at(&["status", "conditions"]).map_or(&[][..], Tree::items);
    conditions.iter().any(|condition| {
        condition.str_at(&["type"]) == Some("Ready")
            && condition.str_at(&["status"]) == Some("True")
    })
}

fn pod(set: &Object) -> Tree {
    let template = set.tree().at(&["spec", "template"]);
    let part = |path: &[&str]| template.and_then(|template| template.at(path)).cloned();
    let mut metadata = Tree::empty_map()
        .with(&["generateName"], format!("{}-", set.name()))
        .with(&["ownerReferences"], owner_of(set, "ReplicaSet"));
    for key in ["labels", "annotations"] {
        if let Some(value) = part(&["metadata", key]) {
            metadata = metadata.with(&[key], value);
        }
    }
    let spec = part(&["spec"]).unwrap_or_else(Tree::empty_map);
    Tree::empty_map().with(&["metadata"], metadata).with(&["spec"], spec)
}

fn status(set: &Object, pods: &[Object]) -> Tree {
    let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let ready = number(pods.iter().filter(|pod| is_ready(pod)).count());
    let all = number(pods.len());
    let mut status = Tree::empty_map().with(&["replicas"], all);
    if all > 0 {
        status = status.with(&["fullyLabeledReplicas"], all);
    }
    if ready > 0 {
        status = status.with(&["readyReplicas"], ready).with(&["availableReplicas"], ready);
    }
    status.with(&["observedGeneration"], set.generation())
}
