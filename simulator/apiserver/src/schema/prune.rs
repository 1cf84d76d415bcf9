//! Custom objects lose what their schema does not name.

use std::sync::LazyLock;

use super::decode::Unknown;
use super::{Misfit, Node, Path, Schema, counterpart};
use crate::Tree;

impl Schema {
    /// The object without what its schema does not name, and the paths of what went. Metadata is that of any
    /// object; a wrong type in it refuses the body.
    pub fn prune(&self, tree: &Tree, old: Option<&Tree>) -> Result<(Tree, Vec<String>), Misfit> {
        self.pruned(tree, old, Unknown::default())
    }

    /// The same of an object that was made here: what is wrong in its own metadata is as if not said.
    pub(crate) fn prune_made(
        &self,
        tree: &Tree,
        old: Option<&Tree>,
    ) -> Result<(Tree, Vec<String>), Misfit> {
        self.pruned(tree, old, Unknown::lenient())
    }

    fn pruned(
        &self,
        tree: &Tree,
        old: Option<&Tree>,
        mut unknown: Unknown,
    ) -> Result<(Tree, Vec<String>), Misfit> {
        let mut new = tree.clone();
        if new.get("metadata").is_some_and(Tree::is_null) {
            new = new.with(&["metadata"], Tree::empty_map());
        }
        if let Some(meta) = new.get("metadata") {
            let old = old.and_then(|old| old.get("metadata"));
            if let Some(meta) = self.decode_meta(meta, old, &Path::Root, &mut unknown)? {
                new = new.with(&["metadata"], meta);
            }
        }
        if let Some(pruned) = prune(self.node(), &new, old, &Path::Root, true, &mut unknown) {
            new = pruned;
        }
        if self.node().traits.embeds
            && let Some(read) = self.embedded(self.node(), &new, old, &Path::Root, &mut unknown)?
        {
            new = read;
        }
        Ok((new, unknown.paths))
    }

    /// Objects within the object: their metadata is that of any object as well.
    fn embedded(
        &self,
        node: &Node,
        tree: &Tree,
        old: Option<&Tree>,
        path: &Path<'_>,
        unknown: &mut Unknown,
    ) -> Result<Option<Tree>, Misfit> {
        if !node.traits.embeds || old.is_some_and(|old| old.same(tree)) {
            return Ok(None);
        }
        if tree.is_list() {
            let Some(items) = node.items.as_deref() else { return Ok(None) };
            let mut copy: Option<Vec<Tree>> = None;
            for (at, item) in tree.items().iter().enumerate() {
                let old = counterpart(node, old, at, item);
                if let Some(new) = self.embedded(items, item, old, &path.index(at), unknown)? {
                    copy.get_or_insert_with(|| tree.items().to_vec())[at] = new;
                }
            }
            return Ok(copy.map(Tree::list));
        }
        if node.embedded && self.minor() >= 24 && !unknown.is_lenient {
            for key in ["apiVersion", "kind"] {
                if let Some(value) = tree.get(key).filter(|value| !value.is_string()) {
                    let place = path.field(key);
                    let why = format!("{place}: Invalid value: {value}: must be a string");
                    return Err(Misfit(why));
                }
            }
        }
        let mut changes: Vec<(&str, Option<Tree>)> = Vec::new();
        for (key, value) in tree.entries() {
            let old = old.and_then(|old| old.get(key));
            let new = if node.embedded && key == "metadata" {
                match self.decode_meta(value, old, path, unknown) {
                    // Of an object that was made here, that is a rule it breaks.
                    Err(_) if unknown.is_lenient && !value.is_null() => None,
                    Err(misfit) if value.is_map() || self.minor() >= 24 && !value.is_null() => {
                        let place = path.field(key);
                        return Err(Misfit(format!("{place}: Invalid value: {value}: {misfit}")));
                    }
                    _ if self.minor() >= 24 && value.is_null() => Some(Tree::empty_map()),
                    // What is no metadata at all older servers left to the rules.
                    read => {
                        let read = read.unwrap_or(None);
                        // Nobody says that it was never made.
                        let key = ["creationTimestamp"];
                        let never = |read: &&Tree| read.at(&key).is_some_and(Tree::is_null);
                        let made = read.as_ref().unwrap_or(value);
                        Some(made).filter(never).map(|made| made.without(&key)).or(read)
                    }
                }
            } else {
                let child =
                    node.member(key).map(|member| &member.node).or(node.additional.as_ref());
                match child {
                    Some(child) => self.embedded(child, value, old, &path.field(key), unknown)?,
                    None => None,
                }
            };
            if let Some(new) = new {
                changes.push((key, Some(new)));
            }
        }
        Ok(apply(tree, changes))
    }
}

/// That of a place which the schema does not name.
static NOTHING_KNOWN: LazyLock<Node> = LazyLock::new(Node::default);

fn prune(
    node: &Node,
    tree: &Tree,
    old: Option<&Tree>,
    path: &Path<'_>,
    object: bool,
    unknown: &mut Unknown,
) -> Option<Tree> {
    if old.is_some_and(|old| old.same(tree)) {
        return None;
    }
    // A whole number is read as one, however it is written.
    if tree.is_integer() && tree.as_i64().is_none() {
        return whole(tree);
    }
    if tree.is_list() {
        // Of objects in a list that the schema does not know, nothing is left.
        let items = match node.items.as_deref() {
            Some(items) => items,
            None if node.preserve => return None,
            None => &NOTHING_KNOWN,
        };
        let mut copy: Option<Vec<Tree>> = None;
        for (at, item) in tree.items().iter().enumerate() {
            let old = counterpart(node, old, at, item);
            let path = path.index(at);
            if let Some(new) = prune(items, item, old, &path, items.embedded, unknown) {
                copy.get_or_insert_with(|| tree.items().to_vec())[at] = new;
            }
        }
        return copy.map(Tree::list);
    }
    let mut changes: Vec<(&str, Option<Tree>)> = Vec::new();
    for (key, value) in tree.entries() {
        if object && matches!(key, "apiVersion" | "kind" | "metadata") {
            continue;
        }
        let below = path.field(key);
        let child = node.member(key).map(|member| &member.node).or(node.additional.as_ref());
        if let Some(child) = child {
            let old = old.and_then(|old| old.get(key));
            if let Some(new) = prune(child, value, old, &below, child.embedded, unknown) {
                changes.push((key, Some(new)));
            }
        } else if !node.preserve {
            unknown.paths.push(below.to_string());
            changes.push((key, None));
        }
    }
    apply(tree, changes)
}

#[expect(clippy::cast_possible_truncation, reason = "it is a whole number that fits")]
fn whole(tree: &Tree) -> Option<Tree> {
    const EDGE: f64 = 9_223_372_036_854_775_808.0;
    let number = tree.as_f64().filter(|number| number.abs() < EDGE)?;
    Some(Tree::from(number as i64))
}

/// The map with these members replaced or gone.
pub(super) fn apply(tree: &Tree, changes: Vec<(&str, Option<Tree>)>) -> Option<Tree> {
    if changes.is_empty() {
        return None;
    }
    let mut changes = changes.into_iter().peekable();
    let mut members = Vec::with_capacity(tree.entries().len());
    for (key, value) in tree.entries() {
        match changes.next_if(|(changed, _)| *changed == key) {
            Some((_, Some(new))) => members.push((key, new)),
            Some((_, None)) => {}
            None => members.push((key, value.clone())),
        }
    }
    Some(Tree::map(members))
}
