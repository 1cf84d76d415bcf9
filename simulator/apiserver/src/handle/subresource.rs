//! What can be asked of an object besides the object: its node.

use super::{Answered, Call, body};
use crate::object::{Operation, Tree};
use crate::request::{Gvr, Response};
use crate::status::{Details, Status};

/// The same, where the body says which pod.
pub(super) fn bind_any(call: &mut Call<'_>) -> Answered {
    let binding = body::raw(call)?;
    let name = binding.str_at(&["metadata", "name"]).unwrap_or_default();
    let pods = Gvr::new("", "v1", "pods");
    let mut request = call.request.clone();
    (request.resource, request.name, request.subresource) =
        (pods, name.to_owned(), Some("binding".into()));
    let Ok(kind) = call.server.kinds.find(&request.resource).cloned() else {
        return Err(Status::unknown_resource());
    };
    let (server, now) = (&mut *call.server, call.now);
    bind(&mut Call::new(server, &request, kind, now))
}

/// Puts a pod on a node.
pub(super) fn bind(call: &mut Call<'_>) -> Answered {
    let binding = body::raw(call)?;
    if binding.str_at(&["metadata", "name"]).unwrap_or_default() != call.request.name {
        return Err(Status::bad_request("name in URL does not match name in Binding object"));
    }
    let node = binding.str_at(&["target", "name"]).unwrap_or_default();
    if let Some(kind) =
        binding.str_at(&["target", "kind"]).filter(|kind| !matches!(*kind, "" | "Node"))
    {
        return Err(Status::plain(
            500,
            format!(
                "target.kind: Unsupported value: {kind:?}: supported values: \"Node\", \"<empty>\""
            ),
        ));
    }
    if node.is_empty() {
        return Err(Status::plain(500, "target.name: Required value"));
    }
    let pod = call.stored()?;
    let name = pod.name();
    let refused = |why: String| {
        let message = format!("Operation cannot be fulfilled on pods/binding {name:?}: {why}");
        let details =
            Details { name: name.to_owned(), kind: "pods/binding".into(), ..Details::default() };
        Err(Status::conflict_with(message, details))
    };
    if pod.is_deleting() {
        return refused(format!("pod {name} is being deleted, cannot be assigned to a host"));
    }
    if let Some(known) = pod.tree().str_at(&["spec", "nodeName"]).filter(|known| !known.is_empty())
    {
        return refused(format!("pod {name} is already assigned to node {known:?}"));
    }
    if pod.tree().at(&["spec", "schedulingGates"]).is_some_and(|gates| !gates.is_empty()) {
        return refused(format!("pod {name} has non-empty .spec.schedulingGates"));
    }
    let mut tree = pod.tree().with(&["spec", "nodeName"], node);
    for what in ["annotations", "labels"] {
        let added = binding.at(&["metadata", what]).cloned().unwrap_or_default();
        for (key, value) in added.entries() {
            tree = tree.with(&["metadata", what, key], value);
        }
    }
    tree = scheduled(&tree, call.now);
    let note = call.write_note(Operation::Update);
    call.server.commit(call.kind.id, &tree, Some(&pod), note);
    Ok(Response { changed: true, ..Status::created().into() })
}

/// The pod with the condition that it has a node.
fn scheduled(pod: &Tree, now: jiff::Timestamp) -> Tree {
    let condition = Tree::map([
        ("type", Tree::from("PodScheduled")),
        ("status", "True".into()),
        ("lastProbeTime", Tree::null()),
        ("lastTransitionTime", now.into()),
    ]);
    let conditions = pod.at(&["status", "conditions"]).map_or(&[][..], Tree::items);
    let others = conditions.iter().filter(|known| known.str_at(&["type"]) != Some("PodScheduled"));
    let conditions = Tree::list(others.cloned().chain([condition]));
    pod.with(&["status", "conditions"], conditions)
}
