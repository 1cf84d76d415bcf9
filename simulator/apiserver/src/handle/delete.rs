//! Deleting: at once, or by marking what somebody still holds.

use super::{Answered, Call, read};
use crate::object::{Object, Operation, Tree};
use crate::request::{Answer, Body, DeleteOptions, Propagation, Response};
use crate::status::Status;

pub(super) fn delete(call: &mut Call<'_>) -> Answered {
    let object = call.stored()?;
    let options = options(call);
    let info = call.info();
    let (name, wanted) = (object.name(), &options.preconditions);
    if let Some(uid) = wanted.uid.as_deref().filter(|uid| *uid != object.uid()) {
        let why = format!(
            "the UID in the precondition ({uid}) does not match the UID in record ({}). The object might have been deleted and then recreated",
            object.uid()
        );
        return Err(Status::delete_conflict(info, name, &why));
    }
    let revision = object.revision().to_string();
    if let Some(other) = wanted.resource_version.as_deref().filter(|other| *other != revision) {
        let why = format!(
            "the ResourceVersion in the precondition ({other}) does not match the ResourceVersion in record ({revision}). The object might have been modified"
        );
        return Err(Status::delete_conflict(info, name, &why));
    }
    let (object, removed, changed) = carry_out(call, &object, &options);
    let info = call.info();
    if removed && !returns_object(&info.group, &info.kind) {
        let status = Status::deleted(info, object.name(), object.uid());
        return Ok(Response { changed, ..status.into() });
    }
    Ok(call.answer(200, object, changed))
}

pub(super) fn delete_collection(call: &mut Call<'_>) -> Answered {
    let selected = read::selected(call)?;
    let options = options(call);
    let mut changed = false;
    let mut items = Vec::with_capacity(selected.len());
    for object in &selected {
        let (object, _, one_changed) = carry_out(call, object, &options);
        changed |= one_changed;
        items.push(object);
    }
    let body = Answer::Objects {
        kind: call.kind.info.clone(),
        items,
        revision: call.server.revision(),
        continue_token: None,
        remaining: None,
    };
    Ok(Response { code: 200, body, warnings: Vec::new(), changed })
}

fn options(call: &Call<'_>) -> DeleteOptions {
    match &call.request.body {
        Body::Delete(options) => options.clone(),
        _ => DeleteOptions::default(),
    }
}

/// The object after the deletion, whether it is gone, and whether anything changed.
fn carry_out(
    call: &mut Call<'_>,
    object: &Object,
    options: &DeleteOptions,
) -> (Object, bool, bool) {
    let mut tree = object.tree().clone();
    let finalizers: Vec<&str> = object.finalizers().collect();
    let mut wanted: Vec<&str> = finalizers
        .iter()
        .copied()
        .filter(|name| options.propagation.is_none() || !matches!(*name, FOREGROUND | ORPHAN))
        .collect();
    match options.propagation {
        Some(Propagation::Foreground) => wanted.push(FOREGROUND),
        Some(Propagation::Orphan) => wanted.push(ORPHAN),
        _ => {}
    }
    if wanted != finalizers {
        tree = tree
            .with(&["metadata", "finalizers"], Tree::list(wanted.iter().map(|f| Tree::from(*f))));
    }
    let is_pod = call.info().group.is_empty() && &*call.info().kind == "Pod";
    let grace = if is_pod { pod_grace(object.tree(), options.grace) } else { 0 };
    let note = call.write_note(Operation::Update);
    if wanted.is_empty() && grace == 0 && !holds_content(call, object.tree()) {
        return (call.server.remove(object, &tree, note), true, true);
    }
    let old_grace = object.tree().int_at(&["metadata", "deletionGracePeriodSeconds"]);
    if !object.is_deleting() || old_grace.is_some_and(|old| grace < old) {
        let until = call.now + jiff::SignedDuration::from_secs(grace);
        tree = tree
            .with(&["metadata", "deletionTimestamp"], until)
            .with(&["metadata", "deletionGracePeriodSeconds"], grace);
        if !object.is_deleting() && call.info().tracks_generation {
            tree = tree.with(&["metadata", "generation"], object.generation() + 1);
        }
        if &*call.info().kind == "Namespace" {
            tree = tree.with(&["status", "phase"], "Terminating");
        }
    }
    if tree == *object.tree() {
        return (object.clone(), false, false);
    }
    (call.server.commit(call.kind.id, &tree, Some(object), note), false, true)
}

const FOREGROUND: &str = "foregroundDeletion";
const ORPHAN: &str = "orphan";

/// A namespace goes only when its controller has emptied it.
fn holds_content(call: &Call<'_>, tree: &Tree) -> bool {
    &*call.info().kind == "Namespace"
        && tree.at(&["spec", "finalizers"]).is_some_and(|finalizers| !finalizers.is_empty())
}

/// Seconds until a pod is gone. One that nobody runs, or that has ended, needs none.
fn pod_grace(pod: &Tree, asked: Option<i64>) -> i64 {
    let unscheduled = pod.str_at(&["spec", "nodeName"]).is_none_or(str::is_empty);
    let ended = matches!(pod.str_at(&["status", "phase"]), Some("Succeeded" | "Failed"));
    if unscheduled || ended {
        return 0;
    }
    let grace =
        asked.or_else(|| pod.int_at(&["spec", "terminationGracePeriodSeconds"])).unwrap_or(30);
    if grace < 0 { 1 } else { grace }
}

/// Kinds whose deletion answers with the object rather than a Status.
fn returns_object(group: &str, kind: &str) -> bool {
    matches!(
        (group, kind),
        (
            "",
            "Pod"
                | "Service"
                | "Namespace"
                | "PersistentVolume"
                | "PersistentVolumeClaim"
                | "ServiceAccount"
                | "PodTemplate"
                | "ResourceQuota"
        ) | ("storage.k8s.io", "StorageClass" | "CSIDriver" | "CSINode" | "VolumeAttachment")
    )
}
