//! Filling in what was left out.

use super::prune::apply;
use super::{Member, Node, Schema, Type, counterpart};
use crate::{Tree, builtin, quantity};

impl Schema {
    /// The object with the defaults of its schema. Builtin kinds have, besides constants, defaults that depend on
    /// other members: `builtin::defaults` by definition.
    pub fn default(&self, tree: &Tree, old: Option<&Tree>) -> Tree {
        let new = if self.is_custom() {
            custom(self.node(), tree, old, true, false)
        } else {
            typed(self.node(), tree, old, self.minor)
        };
        new.unwrap_or_else(|| tree.clone())
    }

    /// The same for an object that was made here: of a custom kind, a null that no default takes the place of is not
    /// overlooked.
    pub(crate) fn default_made(&self, tree: &Tree, old: Option<&Tree>) -> Tree {
        if !self.is_custom() {
            return self.default(tree, old);
        }
        custom(self.node(), tree, old, true, true).unwrap_or_else(|| tree.clone())
    }
}

fn typed(node: &Node, tree: &Tree, old: Option<&Tree>, minor: u32) -> Option<Tree> {
    if old.is_some_and(|old| old.same(tree)) {
        return None;
    }
    if let Some(items) = &node.items {
        return list(node, tree, old, &|item, old| typed(items, item, old, minor));
    }
    if !tree.is_map() {
        return None;
    }
    if let Some(additional) = &node.additional {
        let mut changes = Vec::new();
        for (key, value) in tree.entries() {
            if additional.kind == Type::Quantity {
                let rounded = value.as_str().and_then(quantity::rounded);
                changes.extend(rounded.map(|rounded| (key, Some(Tree::from(rounded)))));
                continue;
            }
            let old = old.and_then(|old| old.get(key));
            if let Some(new) = typed(additional, value, old, minor) {
                changes.push((key, Some(new)));
            }
        }
        return apply(tree, changes);
    }
    // The parent first, as the real server does it: what it sets gets its own defaults below.
    let filled = absent(node, tree, true);
    let hooked = builtin::defaults::fill(node.definition, filled.as_ref().unwrap_or(tree), minor);
    let now = hooked.or(filled);
    let base = now.as_ref().unwrap_or(tree);
    let mut changes = Vec::new();
    for (key, value) in base.entries() {
        if !value.is_map() && !value.is_list() {
            continue;
        }
        let Some(member) = node.member(key) else { continue };
        let old = old.and_then(|old| old.get(key));
        if let Some(new) = typed(&member.node, value, old, minor) {
            changes.push((key, Some(new)));
        }
    }
    apply(base, changes).or(now)
}

fn list(
    node: &Node,
    tree: &Tree,
    old: Option<&Tree>,
    walk: &dyn Fn(&Tree, Option<&Tree>) -> Option<Tree>,
) -> Option<Tree> {
    let mut copy: Option<Vec<Tree>> = None;
    for (at, item) in tree.items().iter().enumerate() {
        if !item.is_map() && !item.is_list() {
            continue;
        }
        if let Some(new) = walk(item, counterpart(node, old, at, item)) {
            copy.get_or_insert_with(|| tree.items().to_vec())[at] = new;
        }
    }
    copy.map(Tree::list)
}

/// The map with the constants of members it lacks; `None` if it lacks none.
fn absent(node: &Node, tree: &Tree, typed: bool) -> Option<Tree> {
    let lacks = |member: &&Member| {
        // To a typed reader an empty text is no value, but for one behind a pointer.
        let is_plain = typed && (member.flags.required || member.flags.drop_empty);
        tree.get(&member.name).is_none_or(|value| is_plain && value.as_str() == Some(""))
    };
    let with_default = node.members.iter().filter(|member| member.default.is_some());
    let mut missing = with_default
        .filter(lacks)
        .filter_map(|member| Some((&*member.name, member.default.as_ref()?)))
        .peekable();
    missing.peek()?;
    let present = tree.entries().map(|(key, value)| (key, value.clone()));
    Some(Tree::map(present.chain(missing.map(|(name, value)| (name, value.clone())))))
}

/// Custom kinds: a null where none is allowed counts as absent; `keeps_nulls`: only where there is a default.
fn custom(
    node: &Node,
    tree: &Tree,
    old: Option<&Tree>,
    root: bool,
    keeps_nulls: bool,
) -> Option<Tree> {
    if old.is_some_and(|old| old.same(tree)) {
        return None;
    }
    if tree.is_list() {
        let items = node.items.as_deref()?;
        return list(node, tree, old, &|item, old| custom(items, item, old, false, keeps_nulls));
    }
    if !tree.is_map() {
        return None;
    }
    let mut nulls = Vec::new();
    for (key, _) in tree.entries().filter(|(_, value)| value.is_null()) {
        let goes =
            |member: &Member| !member.node.nullable && (!keeps_nulls || member.default.is_some());
        let is_gone = match node.member(key) {
            Some(member) => goes(member),
            None => !keeps_nulls && node.additional.as_ref().is_some_and(|node| !node.nullable),
        };
        if is_gone {
            nulls.push((key, None));
        }
    }
    let without_nulls = apply(tree, nulls);
    let present = without_nulls.as_ref().unwrap_or(tree);
    let filled = if node.traits.defaults { absent(node, present, false) } else { None };
    let now = filled.or(without_nulls);
    let base = now.as_ref().unwrap_or(tree);
    let mut changes = Vec::new();
    for (key, value) in base.entries() {
        if root && matches!(key, "apiVersion" | "kind" | "metadata") {
            continue;
        }
        let child = node.member(key).map(|member| &member.node).or(node.additional.as_ref());
        let Some(child) = child else { continue };
        let old = old.and_then(|old| old.get(key));
        if let Some(new) = custom(child, value, old, child.embedded, keeps_nulls) {
            changes.push((key, Some(new)));
        }
    }
    apply(base, changes).or(now)
}
