//! Deleting: at once, or by marking what somebody still holds.

use jiff::{SignedDuration, Timestamp};

use super::options::dry_run;
use super::policy::{self, Change};
use super::{Answered, Call, read, spelling};
use crate::object::{Object, Operation, Tree};
use crate::request::{Answer, Body, DeleteOptions, Preconditions, Propagation, Response};
use crate::schema::Schema;
use crate::status::{FieldError, Status};
use crate::watch::in_version;

const FOREGROUND: &str = "foregroundDeletion";
const ORPHAN: &str = "orphan";

pub(super) fn delete(call: &mut Call<'_>) -> Answered {
    let options = options(call)?;
    if call.kind.info.is("batch", "Job")
        && has_no_policy(&options)
        && &*call.info().version == "v1"
        && call.server.profile().minor >= 23
    {
        call.warnings.push("child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress this warning".to_owned());
    }
    let object = call.stored()?;
    check_preconditions(call, &object, &options.preconditions)?;
    let name = object.name();
    let is_builtin_namespace = matches!(name, "default" | "kube-system" | "kube-public");
    if call.kind.info.is("", "Namespace") && is_builtin_namespace {
        let why = "this namespace may not be deleted";
        return Err(Status::forbidden(call.info(), name, why));
    }
    let old = Some(object.tree());
    policy::ask(call, &Change { operation: "DELETE", name: object.name(), object: None, old })?;
    match carry_out(call, &object, &options) {
        Deleted::Gone(_) if !returns_object(call) => {
            let status = Status::deleted(call.info(), object.name(), object.uid());
            Ok(Response { changed: true, ..status.into() })
        }
        // Older servers show what they had, not the revision of its end.
        Deleted::Gone(gone) if call.server.profile().minor < 23 && !was_marked(&gone, &object) => {
            let tree =
                gone.tree().with(&["metadata", "resourceVersion"], object.revision().to_string());
            Ok(call.answer(200, gone.shown_as(tree), true))
        }
        Deleted::Gone(object) | Deleted::Marked(object) => Ok(call.answer(200, object, true)),
        Deleted::Unchanged => Ok(call.answer(200, object, false)),
    }
}

/// Whether an object that is gone was first marked to go.
fn was_marked(gone: &Object, before: &Object) -> bool {
    gone.is_deleting() && !before.is_deleting()
}

/// Answers with the objects as they were.
pub(super) fn delete_collection(call: &mut Call<'_>) -> Answered {
    let options = options(call)?;
    let items = read::selected(call)?;
    let revision = call.server.revision();
    let mut changed = false;
    for object in &items {
        // A deletion may have taken another object with it.
        if call.server.table(call.kind.id).get(object.namespace(), object.name()).is_some() {
            check_preconditions(call, object, &options.preconditions)?;
            let (name, old) = (object.name(), Some(object.tree()));
            policy::ask(call, &Change { operation: "DELETE", name, object: None, old })?;
            changed |= !matches!(carry_out(call, object, &options), Deleted::Unchanged);
        }
    }
    let shown = items.into_iter().map(|object| in_version(object, call.info()));
    let body = Answer::Objects {
        kind: call.kind.info.clone(),
        items: shown.collect(),
        revision,
        continue_token: None,
        remaining: None,
    };
    Ok(Response { code: 200, body, warnings: Vec::new(), changed })
}

/// Options of which something is wrong.
fn misread(call: &Call<'_>, bytes: &[u8]) -> Result<DeleteOptions, Status> {
    let profile = call.server.profile();
    let schema = Schema::builtin(profile.table(), "meta.v1.DeleteOptions");
    let old = schema.filter(|_| profile.minor < 23).and_then(|schema| schema.misread(bytes));
    match (old, Tree::from_json(bytes)) {
        (Some(why), _) => Err(Status::plain(500, why)),
        (None, Ok(tree)) => crate::wire::delete_options_of(&tree),
        (None, Err(error)) => Err(Status::plain(500, crate::golang::json_error(bytes, &error))),
    }
}

fn options(call: &Call<'_>) -> Result<DeleteOptions, Status> {
    let options = match &call.request.body {
        Body::Delete(options) => options,
        Body::Bytes { bytes, .. } => return misread(call, bytes),
        _ => return Ok(DeleteOptions::default()),
    };
    let field = "propagationPolicy";
    let mut errors = Vec::new();
    let policy = options.propagation.as_ref();
    if let (Some(policy), Some(_)) = (policy, options.orphan_dependents) {
        let why = "orphanDependents and deletionPropagation cannot be both set";
        errors.push(FieldError::invalid(field, &policy.as_str().into(), why));
    }
    if let Some(Propagation::Unknown(policy)) = policy {
        let supported = ["Foreground", "Background", "Orphan", "nil"];
        errors.push(FieldError::not_supported(field, &policy.into(), &supported));
    }
    let parts = [&options.dry_run, &call.request.options.dry_run];
    errors.extend(parts.into_iter().find_map(|parts| dry_run(parts)));
    if errors.is_empty() {
        // What has no dependents that a collector knows of is not held for them.
        if &*call.info().kind == "Event" {
            return Ok(DeleteOptions {
                propagation: None,
                orphan_dependents: None,
                ..options.clone()
            });
        }
        return Ok(options.clone());
    }
    Err(Status::invalid_options("DeleteOptions", &errors))
}

pub(super) fn check_preconditions(
    call: &Call<'_>,
    object: &Object,
    wanted: &Preconditions,
) -> Result<(), Status> {
    // These two are deleted by code of their own.
    let is_apart = call.info().ends_by_itself();
    if let Some(uid) = wanted.uid.as_deref().filter(|uid| *uid != object.uid())
        && is_apart
    {
        let why = format!(
            "Precondition failed: UID in precondition: {uid}, UID in object meta: {}",
            object.uid()
        );
        return Err(Status::delete_conflict(call.info(), object.name(), &why));
    }
    if let Some(uid) = wanted.uid.as_deref().filter(|uid| *uid != object.uid()) {
        let why = format!(
            "the UID in the precondition ({uid}) does not match the UID in record ({}). The object might have been deleted and then recreated",
            object.uid()
        );
        return Err(Status::delete_conflict(call.info(), object.name(), &why));
    }
    let revision = object.revision().to_string();
    if let Some(other) = wanted.resource_version.as_deref().filter(|other| *other != revision) {
        let why = if is_apart {
            format!(
                "Precondition failed: ResourceVersion in precondition: {other}, ResourceVersion in object meta: {revision}"
            )
        } else {
            format!(
                "the ResourceVersion in the precondition ({other}) does not match the ResourceVersion in record ({revision}). The object might have been modified"
            )
        };
        return Err(Status::delete_conflict(call.info(), object.name(), &why));
    }
    Ok(())
}

pub(super) enum Deleted {
    /// Its last state.
    Gone(Object),
    /// Somebody still holds it.
    Marked(Object),
    /// It was marked before.
    Unchanged,
}

pub(super) fn carry_out(call: &mut Call<'_>, object: &Object, options: &DeleteOptions) -> Deleted {
    let old = object.tree();
    let note = call.write_note(Operation::Update);
    if call.kind.info.is("apiextensions.k8s.io", "CustomResourceDefinition") {
        return match call.server.end_definition(object, &note, call.now) {
            Some(object) => Deleted::Marked(object),
            None => Deleted::Unchanged,
        };
    }
    let grace = if call.kind.info.is("", "Pod") {
        match pod_grace(object, options.grace, call.now) {
            Grace::Pending => return Deleted::Unchanged,
            grace => grace,
        }
    } else {
        Grace::Without
    };
    let mut tree = with_finalizers_of(call, object, options);
    let is_held = tree.at(&["metadata", "finalizers"]).is_some_and(|held| !held.is_empty())
        || holds_content(call, old);
    let mark = match grace {
        Grace::Until(end, seconds) => Some((end, seconds)),
        _ if is_held && !object.is_deleting() => Some((call.now, 0)),
        _ => None,
    };
    if let Some((end, seconds)) = mark {
        tree = tree.with(&["metadata", "deletionTimestamp"], end);
        if !call.kind.info.is("", "Namespace") {
            tree = tree.with(&["metadata", "deletionGracePeriodSeconds"], seconds);
        }
        // What is wanted of it changes: to be gone.
        if !object.is_deleting() && object.generation() > 0 {
            tree = tree.with(&["metadata", "generation"], object.generation() + 1);
        }
    }
    if call.kind.info.is("", "Namespace") && is_held {
        tree = tree.with(&["status", "phase"], "Terminating");
    }
    let runs_on = mark.is_some_and(|(_, seconds)| seconds > 0);
    if !is_held && !runs_on {
        // A pod that goes at once is seen marked first.
        let last = match mark {
            Some(_) => call.server.commit(call.kind.id, &tree, Some(object), note.clone()),
            None => object.clone(),
        };
        // One that was not marked goes as it was stored, with finalizers that nobody waited for.
        let object = call.server.remove(&last, if mark.is_some() { &tree } else { old }, note);
        call.server.settle(&object, Some(&last), true);
        spelling::forget(call, &object);
        return Deleted::Gone(object);
    }
    if tree == *old {
        return Deleted::Unchanged;
    }
    Deleted::Marked(call.server.commit(call.kind.id, &tree, Some(object), note))
}

/// The object with the finalizers that the policy asks the garbage collector to honour.
fn with_finalizers_of(call: &Call<'_>, object: &Object, options: &DeleteOptions) -> Tree {
    let known: Vec<&str> = object.finalizers().collect();
    let is_namespace = call.info().is("", "Namespace");
    if is_namespace && object.is_deleting() && holds_content(call, object.tree()) {
        return object.tree().clone();
    }
    let policy = match (&options.propagation, options.orphan_dependents) {
        (None, Some(true)) => Some(&Propagation::Orphan),
        // A namespace that starts to end reads it as no other kind does.
        (None, Some(false)) if is_namespace && !object.is_deleting() => {
            Some(&Propagation::Foreground)
        }
        (None, Some(false)) => Some(&Propagation::Background),
        (None, None) if known.contains(&ORPHAN) || known.contains(&FOREGROUND) => None,
        (None, None) if orphans_by_default(call) => Some(&Propagation::Orphan),
        (policy, _) => policy.as_ref(),
    };
    let Some(policy) = policy else { return object.tree().clone() };
    let wanted = match policy {
        Propagation::Foreground => Some(FOREGROUND),
        Propagation::Orphan => Some(ORPHAN),
        _ => None,
    };
    let mut names = known.clone();
    names.retain(|name| !matches!(*name, FOREGROUND | ORPHAN) || Some(*name) == wanted);
    if let Some(wanted) = wanted.filter(|wanted| !names.contains(wanted)) {
        names.push(wanted);
    }
    if names == known {
        return object.tree().clone();
    }
    let path = ["metadata", "finalizers"];
    if names.is_empty() {
        return object.tree().without(&path);
    }
    object.tree().with(&path, Tree::list(names.into_iter().map(Tree::from)))
}

fn has_no_policy(options: &DeleteOptions) -> bool {
    options.propagation.is_none() && options.orphan_dependents.is_none()
}

fn orphans_by_default(call: &Call<'_>) -> bool {
    let info = call.info();
    matches!(
        (&*info.group, &*info.kind, &*info.version),
        ("", "ReplicationController", _) | ("batch", "Job", "v1") | ("batch", "CronJob", "v1beta1")
    )
}

/// A namespace goes only when its controller has emptied it.
fn holds_content(call: &Call<'_>, tree: &Tree) -> bool {
    call.kind.info.is("", "Namespace")
        && tree.at(&["spec", "finalizers"]).is_some_and(|finalizers| !finalizers.is_empty())
}

#[derive(Clone, Copy)]
enum Grace {
    /// The kind knows no grace.
    Without,
    /// The pod is being deleted, and nothing new was asked.
    Pending,
    Until(Timestamp, i64),
}

/// How long a pod may still run. One that nobody runs, or that has ended, needs no time.
fn pod_grace(pod: &Object, asked: Option<i64>, now: Timestamp) -> Grace {
    let tree = pod.tree();
    let after = |start: Timestamp, seconds: i64| {
        Grace::Until(start + SignedDuration::from_secs(seconds), seconds)
    };
    let asked = asked.map(|seconds| if seconds < 0 { 1 } else { seconds });
    if let Some(end) = tree.str_at(&["metadata", "deletionTimestamp"]) {
        let current = tree.int_at(&["metadata", "deletionGracePeriodSeconds"]).unwrap_or(0);
        if current == 0 {
            return Grace::Without;
        }
        let start = end.parse().unwrap_or(now) - SignedDuration::from_secs(current);
        return match asked {
            // Its time is over: what is left is the least there is.
            Some(seconds)
                if seconds < current && start + SignedDuration::from_secs(seconds) < now =>
            {
                Grace::Until(now, seconds.min(1))
            }
            Some(seconds) if seconds < current => after(start, seconds),
            _ => Grace::Pending,
        };
    }
    let unscheduled = tree.str_at(&["spec", "nodeName"]).is_none_or(str::is_empty);
    let ended = matches!(tree.str_at(&["status", "phase"]), Some("Succeeded" | "Failed"));
    if unscheduled || ended {
        return after(now, 0);
    }
    let own = tree.int_at(&["spec", "terminationGracePeriodSeconds"]);
    after(now, asked.or(own).unwrap_or(30).clamp(0, i64::from(i32::MAX)))
}

/// Kinds whose deletion answers with the object rather than a Status.
fn returns_object(call: &Call<'_>) -> bool {
    let info = call.info();
    match (&*info.group, &*info.kind) {
        ("", "Service") => call.server.profile().minor >= 23,
        ("", kind) => matches!(
            kind,
            "Pod"
                | "Namespace"
                | "PersistentVolume"
                | "PersistentVolumeClaim"
                | "ServiceAccount"
                | "PodTemplate"
                | "ResourceQuota"
        ),
        ("storage.k8s.io", kind) => {
            matches!(
                kind,
                "StorageClass"
                    | "CSIDriver"
                    | "CSINode"
                    | "VolumeAttachment"
                    | "VolumeAttributesClass"
            )
        }
        ("resource.k8s.io", _) => true,
        _ => false,
    }
}
