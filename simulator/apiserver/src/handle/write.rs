//! What every write has in common: the body, its place, its shape, the rules it must keep.

use super::Call;
use crate::object::{Object, Tree};
use crate::request::Body;
use crate::status::{FieldError, Status};

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

/// The body as it was sent, for what is not stored.
pub(super) fn raw_body(call: &Call<'_>) -> Result<Tree, Status> {
    match &call.request.body {
        Body::Tree(tree) => Ok(tree.clone()),
        Body::Bytes { bytes, .. } => Tree::from_json(bytes)
            .map_err(|error| Status::bad_request(crate::golang::json_error(bytes, &error))),
        _ => Ok(Tree::empty_map()),
    }
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

/// Known fields only, with what was left out filled in.
pub(super) fn shape(
    _call: &mut Call<'_>,
    tree: &Tree,
    _old: Option<&Object>,
) -> Result<Tree, Status> {
    Ok(tree.clone())
}

/// What the server itself sets when an object of this kind changes.
pub(super) fn prepare_update(_call: &Call<'_>, tree: Tree, _old: &Object) -> Tree {
    tree
}

/// The rules of the kind, beyond those of its metadata.
pub(super) fn validate(
    _call: &Call<'_>,
    _tree: &Tree,
    _old: Option<&Object>,
    _errors: &mut Vec<FieldError>,
) {
}
