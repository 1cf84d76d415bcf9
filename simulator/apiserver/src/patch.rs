//! Patches, applied to trees directly: what a patch does not touch is shared with what was there.

mod json;
mod lazy;
mod strategic;

use crate::object::Tree;

pub(crate) use json::{json, json_text};
pub(crate) use strategic::{remains, strategic};

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
            None => pruned(value),
        };
        target.with(&[key], merged)
    })
}

/// A value as a merge takes it in: what is null in its maps is not there, however deep in lists they are.
fn pruned(value: &Tree) -> Tree {
    if !has_nulls(value) {
        return value.clone();
    }
    if value.is_list() {
        return Tree::list(value.items().iter().map(pruned)).sharing(value);
    }
    drop_nulls(value)
}

/// Whether a map in it has a null in it.
fn has_nulls(value: &Tree) -> bool {
    value.entries().any(|(_, member)| member.is_null() || has_nulls(member))
        || value.items().iter().any(has_nulls)
}

/// What a strategic patch puts where nothing of its kind was: without what is null, and without the maps that hold a
/// directive. `None` for such a map.
fn fresh(patch: &Tree) -> Option<Tree> {
    if patch.is_map() {
        let kept = patch.entries().filter(|(_, value)| !value.is_null());
        let kept = kept.filter_map(|(key, value)| Some((key, fresh(value)?)));
        return patch.get("$patch").is_none().then(|| Tree::map(kept).sharing(patch));
    }
    if patch.is_list() {
        return Some(Tree::list(patch.items().iter().filter_map(fresh)).sharing(patch));
    }
    Some(patch.clone())
}

/// Maps without the members that are null.
fn drop_nulls(tree: &Tree) -> Tree {
    if !tree.is_map() {
        return tree.clone();
    }
    let kept = tree.entries().filter(|(_, value)| !value.is_null());
    Tree::map(kept.map(|(key, value)| (key, pruned(value)))).sharing(tree)
}
