//! What every write has in common: the body, its place, its shape, the rules it must keep.

use super::Call;
use crate::object::{Object, Tree};
use crate::request::Body;
use crate::status::Status;

/// The object in the body, with the kind it must have.
pub(super) fn body_object(call: &Call<'_>) -> Result<Tree, Status> {
    let info = call.info();
    let tree = match &call.request.body {
        Body::Tree(tree) => tree.clone(),
        Body::Bytes { bytes, .. } => Tree::from_json(bytes).map_err(|error| {
            Status::bad_request(format!(
                "the object provided is unrecognized (must be of type {}): {error}",
                info.kind
            ))
        })?,
        _ => Tree::empty_map(),
    };
    let api_version = info.api_version();
    Ok(tree.with(&["apiVersion"], api_version).with(&["kind"], &*info.kind))
}

/// The namespace of the URL is that of the object.
pub(super) fn place(call: &Call<'_>, tree: &Tree) -> Result<Tree, Status> {
    let namespace = &*call.request.namespace;
    let own = tree.str_at(&["metadata", "namespace"]).unwrap_or_default();
    if !own.is_empty() && own != namespace {
        return Err(Status::bad_request(
            "the namespace of the provided object does not match the namespace sent on the request",
        ));
    }
    Ok(if namespace.is_empty() {
        tree.without(&["metadata", "namespace"])
    } else {
        tree.with(&["metadata", "namespace"], namespace)
    })
}

pub(super) fn shape(_call: &mut Call<'_>, tree: &Tree) -> Result<Tree, Status> {
    Ok(tree.clone())
}

pub(super) fn validate(
    _call: &mut Call<'_>,
    _tree: &Tree,
    _old: Option<&Object>,
) -> Result<(), Status> {
    Ok(())
}
