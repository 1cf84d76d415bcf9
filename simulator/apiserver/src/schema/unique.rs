//! Lists whose elements may not repeat.

use super::{ListType, Node, Path, counterpart};
use crate::Tree;
use crate::schema::error::Faults;

pub(super) fn check(
    node: &Node,
    value: &Tree,
    old: Option<&Tree>,
    path: &Path<'_>,
    faults: &mut Faults,
) {
    if !node.traits.unique || old.is_some_and(|old| old.same(value)) {
        return;
    }
    if value.is_list() {
        duplicates(node, value, path, faults);
        if let Some(items) = &node.items {
            for (at, item) in value.items().iter().enumerate() {
                check(items, item, counterpart(node, old, at, item), &path.index(at), faults);
            }
        }
        return;
    }
    for (key, value) in value.entries() {
        let old = old.and_then(|old| old.get(key));
        if let Some(member) = node.member(key) {
            check(&member.node, value, old, &path.field(key), faults);
        } else if let Some(additional) = &node.additional {
            check(additional, value, old, &path.key(key), faults);
        }
    }
}

fn duplicates(node: &Node, value: &Tree, path: &Path<'_>, faults: &mut Faults) {
    let items = value.items();
    match &node.list {
        ListType::Atomic => {}
        ListType::Set => {
            for (at, item) in items.iter().enumerate() {
                if first_repeat(items, at, |other| other == item) {
                    faults.duplicate(path.index(at), item);
                }
            }
        }
        ListType::Map(keys) => {
            let strange = items.iter().position(|item| !item.is_map() && !item.is_null());
            if let Some(at) = strange {
                let what = "must be an object for an array of list-type map";
                faults.invalid(path.index(at), &items[at], what);
                return;
            }
            for (at, item) in items.iter().enumerate() {
                if first_repeat(items, at, |other| {
                    keys.iter().all(|key| other.get(key) == item.get(key))
                }) {
                    let entry =
                        keys.iter().filter_map(|key| Some((&**key, item.get(key)?.clone())));
                    faults.duplicate(path.index(at), Tree::map(entry));
                }
            }
        }
    }
}

/// Whether one element before this one is alike: what stands there a third time was told.
fn first_repeat(items: &[Tree], at: usize, alike: impl Fn(&Tree) -> bool) -> bool {
    items[..at].iter().filter(|other| alike(other)).count() == 1
}
