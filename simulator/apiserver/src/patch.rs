//! Patches, applied to trees directly: what a patch does not touch is shared with what was there.

mod json;
mod strategic;

use crate::object::Tree;

pub(crate) use json::{json, pointer};
pub(crate) use strategic::strategic;

/// RFC 7386.
pub(crate) fn merge(target: &Tree, patch: &Tree) -> Tree {
    if !patch.is_map() {
        return pruned(patch);
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

/// A value as a merge takes it in: what is null in its maps is not there, however deep in lists they are.
fn pruned(value: &Tree) -> Tree {
    if value.is_list() {
        return Tree::list(value.items().iter().map(pruned)).sharing(value);
    }
    drop_nulls(value)
}

/// What a patch adds where nothing was: without what only speaks to the patching.
fn without_directives(patch: &Tree) -> Tree {
    if patch.is_map() {
        let kept = patch.entries().filter(|(key, _)| !key.starts_with('$'));
        return Tree::map(kept.map(|(key, value)| (key, without_directives(value)))).sharing(patch);
    }
    if patch.is_list() {
        let kept = patch.items().iter().filter(|item| {
            item.get("$patch").is_none_or(|directive| directive.as_str() != Some("delete"))
        });
        return Tree::list(kept.map(without_directives)).sharing(patch);
    }
    patch.clone()
}

/// Maps without the members that are null.
fn drop_nulls(tree: &Tree) -> Tree {
    if !tree.is_map() {
        return tree.clone();
    }
    let kept = tree.entries().filter(|(_, value)| !value.is_null());
    Tree::map(kept.map(|(key, value)| (key, drop_nulls(value)))).sharing(tree)
}
