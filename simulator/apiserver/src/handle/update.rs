//! Changing an object, by giving it whole or by a patch.

use super::{Answered, Call, write};
use crate::object::{Object, Operation, Tree};
use crate::patch;
use crate::request::{Body, PatchKind};
use crate::status::Status;

pub(super) fn update(call: &mut Call<'_>) -> Answered {
    let tree = write::body_object(call)?;
    let tree = write::place(call, &tree)?;
    let name = tree.str_at(&["metadata", "name"]).unwrap_or_default();
    if name != call.request.name {
        return Err(Status::bad_request(format!(
            "the name of the object ({name}) does not match the name on the URL ({})",
            call.request.name
        )));
    }
    let old = call.stored()?;
    let tree = write::shape(call, &tree.sharing(old.tree()))?;
    replace(call, &old, tree)
}

pub(super) fn patch(call: &mut Call<'_>) -> Answered {
    let old = call.stored()?;
    let patched = match &call.request.body {
        Body::Patch(PatchKind::Merge, patch) => patch::merge(old.tree(), patch),
        Body::Patch(PatchKind::Json, patch) => patch::json(old.tree(), patch)?,
        _ => return Err(Status::unsupported_media_type("415: Unsupported Media Type")),
    };
    let tree = write::shape(call, &patched)?;
    replace(call, &old, tree)
}

fn replace(call: &mut Call<'_>, old: &Object, tree: Tree) -> Answered {
    let info = call.info();
    let revision = tree.str_at(&["metadata", "resourceVersion"]).unwrap_or_default();
    if !revision.is_empty() && revision != old.revision().to_string() {
        return Err(Status::modified(info, old.name()));
    }
    let was = old.tree();
    let tree = match call.request.subresource.as_deref() {
        Some("status") => match tree.get("status") {
            Some(status) => was.with(&["status"], status.clone()),
            None => was.without(&["status"]),
        },
        _ => keep(call, was, &tree),
    };
    write::validate(call, &tree, Some(old))?;
    if tree == *was {
        return Ok(call.answer(200, old.clone(), false));
    }
    let spec_changed = call.info().tracks_generation
        && call.request.subresource.is_none()
        && tree
            .entries()
            .map(|(key, _)| key)
            .chain(was.entries().map(|(key, _)| key))
            .any(|key| !matches!(key, "metadata" | "status") && tree.get(key) != was.get(key));
    let tree = if spec_changed {
        tree.with(&["metadata", "generation"], old.generation() + 1)
    } else {
        tree
    };
    let note = call.write_note(Operation::Update);
    let ends = old.is_deleting()
        && tree.at(&["metadata", "finalizers"]).is_none_or(Tree::is_empty)
        && tree.int_at(&["metadata", "deletionGracePeriodSeconds"]).unwrap_or(0) == 0;
    let object = if ends {
        call.server.remove(old, &tree, note)
    } else {
        call.server.commit(call.kind.id, &tree, Some(old), note)
    };
    Ok(call.answer(200, object, true))
}

/// What a client cannot change stays as it was.
fn keep(call: &Call<'_>, old: &Tree, new: &Tree) -> Tree {
    let mut tree = new.clone();
    for key in [
        "resourceVersion",
        "uid",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "generation",
        "selfLink",
    ] {
        tree = match old.at(&["metadata", key]) {
            Some(value) => tree.with(&["metadata", key], value),
            None => tree.without(&["metadata", key]),
        };
    }
    if call.info().has_subresource("status") {
        tree = match old.get("status") {
            Some(status) => tree.with(&["status"], status),
            None => tree.without(&["status"]),
        };
    }
    tree
}
