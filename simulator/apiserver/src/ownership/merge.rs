//! What applying makes of an object: what the applied object has, and of the rest what nobody gave up.

use super::difference::{places, with_named_parents};
use super::set::{Element, Set};
use super::shape::{Form, Shape};
use crate::object::Tree;
use crate::schema::ListType;

/// Both together; where both have a value, that of `new`.
pub(super) fn merge(shape: Shape<'_>, old: &Tree, new: &Tree, minor: u32) -> Tree {
    let merged = match shape.form(Some(old), Some(new)) {
        Form::Whole => return new.clone(),
        _ if old.is_empty() && new.is_empty() => return new.clone(),
        Form::Members => {
            let mut merged = old.clone();
            for (name, value) in new.entries() {
                let value = match old.get(name) {
                    Some(old) => merge(shape.below(name), old, value, minor),
                    None => value.clone(),
                };
                merged = merged.with(&[name], value);
            }
            merged
        }
        Form::Elements(list) => elements(shape, list, old, new, minor),
    };
    merged.sharing(old)
}

fn elements(shape: Shape<'_>, list: &ListType, old: &Tree, new: &Tree, minor: u32) -> Tree {
    let steps = |tree: &Tree| {
        tree.items().iter().map(|item| shape.step(list, item).ok()).collect::<Vec<_>>()
    };
    let (lefts, rights) = (steps(old), steps(new));
    let at = |steps: &[Option<Element>], step: &Option<Element>| {
        step.as_ref().and_then(|_| steps.iter().position(|known| known == step))
    };
    let joined = |right: usize| {
        let item = &new.items()[right];
        match at(&lefts, &rights[right]) {
            Some(left) => merge(shape.element(), &old.items()[left], item, minor),
            None => item.clone(),
        }
    };
    if minor < 26 {
        // Older servers kept the order of what there was.
        let kept = lefts.iter().enumerate().map(|(left, step)| match at(&rights, step) {
            Some(right) => joined(right),
            None => old.items()[left].clone(),
        });
        let added = (0..rights.len()).filter(|right| at(&lefts, &rights[*right]).is_none());
        return Tree::list(kept.chain(added.map(joined)));
    }
    // The order of what is applied; what only the old list has stays before what it stood before.
    let mut shared = (0..rights.len()).filter(|right| at(&lefts, &rights[*right]).is_some());
    let mut next = shared.next();
    let mut taken = vec![false; rights.len()];
    let (mut left, mut right) = (0, 0);
    let mut items = Vec::with_capacity(lefts.len().max(rights.len()));
    while left < lefts.len() || right < rights.len() {
        if left < lefts.len() && right < rights.len() {
            if lefts[left] == rights[right] {
                items.push(joined(right));
                taken[right] = true;
                left += 1;
                right += 1;
                next = shared.next();
                continue;
            }
            let is_next = next.is_some_and(|next| rights[next] == lefts[left]);
            if at(&rights, &lefts[left]).is_some() && next.is_some() && !is_next {
                left += 1;
                continue;
            }
        }
        if left < lefts.len() {
            match at(&rights, &lefts[left]) {
                None => {
                    items.push(old.items()[left].clone());
                    left += 1;
                    continue;
                }
                Some(right) if taken[right] => left += 1,
                Some(_) => {}
            }
        }
        if right < rights.len() {
            items.push(joined(right));
            taken[right] = true;
            if next == Some(right) {
                next = shared.next();
            }
            right += 1;
        }
    }
    Tree::list(items)
}

/// The tree without these places.
pub(super) fn remove(shape: Shape<'_>, tree: &Tree, gone: &Set) -> Tree {
    let rest = match shape.form(None, Some(tree)) {
        Form::Whole => Tree::null(),
        Form::Members => Tree::map(tree.entries().filter_map(|(name, value)| {
            let step = Element::field(name);
            if gone.has(&step) {
                return None;
            }
            let value = match gone.below(&step) {
                Some(gone) => remove(shape.below(name), value, gone),
                None => value.clone(),
            };
            Some((name, value))
        })),
        Form::Elements(list) => Tree::list(tree.items().iter().filter_map(|item| {
            let Ok(step) = shape.step(list, item) else { return Some(item.clone()) };
            if gone.has(&step) {
                return None;
            }
            Some(match gone.below(&step) {
                Some(gone) => remove(shape.element(), item, gone),
                None => item.clone(),
            })
        })),
    };
    // What lost all it had is as if never set.
    if rest.is_empty() { Tree::null() } else { rest }
}

/// The merged object without what the applier had and applies no more, unless somebody else has it.
pub(super) fn prune(shape: Shape<'_>, merged: &Tree, last: &Set, owned: &Set) -> Tree {
    let named = |set: &Set| with_named_parents(shape, set);
    let last = named(last);
    let all = named(&places(shape, merged));
    let pruned = cut(shape, merged, &last);
    let kept = named(&places(shape, &pruned)).union(named(owned));
    let pruned = cut(shape, merged, &all.clone().difference(&kept));
    // Only what the applier had may go.
    let kept = named(&places(shape, &pruned));
    cut(shape, merged, &all.difference(&kept).intersection(&last))
}

fn cut(shape: Shape<'_>, tree: &Tree, gone: &Set) -> Tree {
    if gone.is_empty() { tree.clone() } else { remove(shape, tree, gone) }
}
