//! What becomes of an object of a builtin kind between reading it and storing it: its writer owns what he said, and
//! some of that is not kept.

use super::prune::apply;
use super::{Node, Schema, counterpart};
use crate::{Tree, builtin};

impl Schema {
    /// The object without the members that belong to features that are off, unless it had them before, and with null
    /// for the lists that the store does not tell from absent ones.
    pub(crate) fn settle(&self, tree: &Tree, old: Option<&Tree>) -> Tree {
        settle(self.node(), tree, old, self.minor).unwrap_or_else(|| tree.clone())
    }
}

/// `None`: it stays as it is.
fn settle(node: &Node, tree: &Tree, old: Option<&Tree>, minor: u32) -> Option<Tree> {
    if old.is_some_and(|old| old.same(tree)) {
        return None;
    }
    if let Some(items) = &node.items {
        let mut copy: Option<Vec<Tree>> = None;
        for (at, item) in tree.items().iter().enumerate() {
            let old = counterpart(node, old, at, item);
            if let Some(new) = settle(items, item, old, minor) {
                copy.get_or_insert_with(|| tree.items().to_vec())[at] = new;
            }
        }
        return copy.map(Tree::list);
    }
    if !tree.is_map() {
        return None;
    }
    let hooked = builtin::gates::close(node, tree, old, minor);
    let base = hooked.as_ref().unwrap_or(tree);
    let mut changes = Vec::new();
    for (key, value) in base.entries() {
        let before = old.and_then(|old| old.get(key));
        let has_parts = value.is_map() || value.is_list();
        if before.is_some() && !has_parts {
            continue;
        }
        let member = node.member(key);
        if member.is_some_and(|member| member.flags.gated) && before.is_none() {
            changes.push((key, None));
            continue;
        }
        if member.is_some_and(|member| member.flags.null) && value.is_list() && value.is_empty() {
            changes.push((key, Some(Tree::null())));
            continue;
        }
        let Some(child) = member.map(|member| &member.node).or(node.additional.as_ref()) else {
            continue;
        };
        if has_parts && let Some(new) = settle(child, value, before, minor) {
            changes.push((key, Some(new)));
        }
    }
    apply(base, changes).or(hooked)
}
