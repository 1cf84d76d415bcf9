//! Where two revisions of an object differ, and which places an object has.

use std::collections::BTreeMap;

use super::set::{Element, Place, Set};
use super::shape::{Form, Known, Shape};
use crate::object::Tree;
use crate::schema::ListType;

/// The places that are new, other, or gone.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub added: Set,
    pub modified: Set,
    pub removed: Set,
}

impl Changes {
    pub(super) fn between(shape: Shape<'_>, old: &Tree, new: &Tree) -> Self {
        let all = compare(shape, Some(old), Some(new));
        Self { added: all.added.below, modified: all.modified.below, removed: all.removed.below }
    }

    #[must_use]
    pub(super) fn without(self, ignored: &Set) -> Self {
        Self {
            added: self.added.without(ignored),
            modified: self.modified.without(ignored),
            removed: self.removed.without(ignored),
        }
    }
}

/// The same at one place.
#[derive(Default)]
struct Here {
    added: Place,
    modified: Place,
    removed: Place,
}

impl Here {
    /// `step` is only made where something is found below it.
    fn put(&mut self, step: impl Fn() -> Element, below: Here) {
        let sides = [
            (&mut self.added, below.added),
            (&mut self.modified, below.modified),
            (&mut self.removed, below.removed),
        ];
        for (side, place) in sides {
            if !place.is_empty() {
                side.below.put(step(), place);
            }
        }
    }

    /// The same of a place without members, unless it is free to have them: a map that becomes something else loses
    /// them, and what becomes a map gains them.
    fn reshaped(shape: Shape<'_>, old: Option<&Tree>, new: Option<&Tree>) -> Self {
        let mut here = Self::whole(old, new);
        let map = |tree: Option<&Tree>| tree.is_some_and(Tree::is_map);
        let free = |one| matches!(shape.form(None, one), Form::Members);
        if map(old) != map(new) && (map(old) && free(old) || map(new) && free(new)) {
            let below = members(shape, old.filter(|_| map(old)), new.filter(|_| map(new)));
            here.added.below = below.added.below;
            here.removed.below = below.removed.below;
        }
        here
    }

    fn whole(old: Option<&Tree>, new: Option<&Tree>) -> Self {
        let mut here = Self::default();
        match (old, new) {
            (None, Some(_)) => here.added.member = true,
            (Some(_), None) => here.removed.member = true,
            (old, new) => here.modified.member = old != new,
        }
        here
    }
}

fn compare(shape: Shape<'_>, old: Option<&Tree>, new: Option<&Tree>) -> Here {
    match (old, new) {
        (None, None) => return Here::default(),
        (Some(old), Some(new)) if old.same(new) => return Here::default(),
        _ => {}
    }
    let is_empty = |tree: Option<&Tree>| tree.is_none_or(Tree::is_empty);
    let mut here = match shape.form(old, new) {
        Form::Whole => return Here::reshaped(shape, old, new),
        // What is empty on both sides is told apart from what is missing.
        _ if is_empty(old) && is_empty(new) && shape.always().is_empty() => {
            return Here::whole(old, new);
        }
        Form::Members => members(shape, old, new),
        Form::Elements(list) => match elements(shape, list, old, new) {
            Some(here) => here,
            None => return Here::whole(old, new),
        },
    };
    here.added.member |= old.is_none();
    here.removed.member |= new.is_none();
    here
}

fn members<'t>(shape: Shape<'t>, old: Option<&'t Tree>, new: Option<&'t Tree>) -> Here {
    let mut here = Here::default();
    let mut at = |name: &str, was: Option<&Tree>, is: Option<&Tree>| {
        let below = compare(shape.below(name), was, is);
        here.put(|| Element::field(name), below);
    };
    let always = shape.always();
    // An object that is there has all that its type always has.
    for (name, unset) in always {
        let set = |tree: &'t Tree| tree.get(name).unwrap_or(unset);
        at(name, old.map(set), new.map(set));
    }
    let is_always = |name: &str| always.binary_search_by(|(known, _)| (**known).cmp(name)).is_ok();
    for (name, is) in new.into_iter().flat_map(Tree::entries) {
        if !is_always(name) {
            at(name, old.and_then(|old| old.get(name)), Some(is));
        }
    }
    for (name, was) in old.into_iter().flat_map(Tree::entries) {
        if !is_always(name) && new.is_none_or(|new| new.get(name).is_none()) {
            at(name, Some(was), None);
        }
    }
    here
}

/// `None` if a list has elements that cannot be told apart by their keys.
fn elements(
    shape: Shape<'_>,
    list: &ListType,
    old: Option<&Tree>,
    new: Option<&Tree>,
) -> Option<Here> {
    let mut found: BTreeMap<Element, [Vec<&Tree>; 2]> = BTreeMap::new();
    for (side, tree) in [old, new].into_iter().enumerate() {
        for item in tree.into_iter().flat_map(Tree::items) {
            let step = shape.step(list, item).ok()?;
            found.entry(step).or_default()[side].push(item);
        }
    }
    let mut here = Here::default();
    for (step, [was, is]) in &found {
        let below = if was.len() > 1 || is.len() > 1 {
            // Elements with one key are one thing.
            let mut all = Here::default();
            all.added.member = was.is_empty();
            all.removed.member = is.is_empty();
            all.modified.member = !was.is_empty() && !is.is_empty() && was != is;
            all
        } else {
            compare(shape.element(), was.first().copied(), is.first().copied())
        };
        here.put(|| step.clone(), below);
    }
    Some(here)
}

/// The places that an object has: what its writer claims by applying it.
pub(super) fn places(shape: Shape<'_>, tree: &Tree) -> Set {
    place(shape, tree).below
}

fn place(shape: Shape<'_>, tree: &Tree) -> Place {
    let mut here = Place::default();
    match shape.form(None, Some(tree)) {
        Form::Whole => here.member = true,
        Form::Members => {
            for (name, value) in tree.entries() {
                let known = shape.member(name);
                let is_field = matches!(known, Known::Field(_));
                let mut below = place(shape.below(name), value);
                let is_empty = value.is_map() && value.is_empty() && shape.owns_empty();
                below.member |= !is_field || value.is_null() || is_empty;
                here.below.put(Element::field(name), below);
            }
        }
        Form::Elements(list) => {
            let mut seen: BTreeMap<Element, Option<&Tree>> = BTreeMap::new();
            for item in tree.items() {
                let Ok(step) = shape.step(list, item) else { continue };
                // Of elements with one key nobody can tell what is below.
                seen.entry(step).and_modify(|one| *one = None).or_insert(Some(item));
            }
            for (step, item) in seen {
                let mut below = item.map_or_else(Place::leaf, |item| place(shape.element(), item));
                below.member = true;
                here.below.put(step, below);
            }
        }
    }
    here
}

/// The set with the named fields on the way to its places: `a.b.c` has `a` if that is a field, not if it is a key.
pub(super) fn with_named_parents(shape: Shape<'_>, set: &Set) -> Set {
    let mut whole = Set::default();
    for (step, place) in set.places() {
        let (is_field, below) = match step {
            Element::Field(name) => (shape.is_field(name), shape.below(name)),
            _ => (false, shape.element()),
        };
        let member = place.member || is_field && !place.below.is_empty();
        whole.put(step.clone(), Place { member, below: with_named_parents(below, &place.below) });
    }
    whole
}
