//! Strategic merge: as a merge patch, but lists whose elements have a key are merged by it, and directives
//! (`$patch`, `$retainKeys`, `$setElementOrder/...`, `$deleteFromPrimitiveList/...`) say what a value cannot.
//!
//! Which lists merge, and by which key, is in the schema. Where the schema knows nothing, maps merge and lists are
//! replaced.

use super::fresh;
use crate::golang;
use crate::object::Tree;
use crate::schema::{Node, Type};
use crate::status::Status;

const PATCH: &str = "$patch";
const RETAIN_KEYS: &str = "$retainKeys";
const ORDER: &str = "$setElementOrder/";
const DELETE: &str = "$deleteFromPrimitiveList/";

pub(crate) fn strategic(target: &Tree, patch: &Tree, root: &Node) -> Result<Tree, Status> {
    merge_map(target, patch, Some(root))
}

fn merge_map(old: &Tree, patch: &Tree, node: Option<&Node>) -> Result<Tree, Status> {
    match patch.get(PATCH).map(Tree::as_str) {
        Some(Some("replace")) => return Ok(patch.without(&[PATCH])),
        Some(Some("delete")) => return Ok(Tree::empty_map()),
        None => {}
        Some(_) => return Err(unknown_type(patch)),
    }
    let mut merged = retain(old, patch)?;
    let mut settled: Vec<&str> = Vec::new();
    for (key, order) in patch.entries() {
        let Some(field) = key.strip_prefix(ORDER) else { continue };
        for list in [Some(order), merged.get(field), patch.get(field)].into_iter().flatten() {
            expect(list.is_list(), "[]interface {}", list)?;
        }
        known(node, field)?;
        let list = Lists { node: member(node, field) };
        if let Some(value) = list.in_order(merged.get(field), patch.get(field), order)? {
            merged = merged.with(&[field], value);
        }
        settled.push(field);
    }
    for (key, value) in patch.entries() {
        if key.starts_with(ORDER) || matches!(key, PATCH | RETAIN_KEYS) || settled.contains(&key) {
            continue;
        }
        if let Some(field) = key.strip_prefix(DELETE) {
            match merged.get(field) {
                Some(_) if value.is_null() => merged = merged.without(&[field]),
                Some(list) if list.is_list() && value.is_list() => {
                    known(node, field)?;
                    let kept = Lists { node: member(node, field) }.less(list, value)?;
                    merged = merged.with(&[field], kept);
                }
                _ => {}
            }
            continue;
        }
        if value.is_null() {
            merged = merged.without(&[key]);
            continue;
        }
        let whole = replaces(node, key);
        let node = member(node, key);
        let new = match merged.get(key) {
            Some(old) if old.is_map() && value.is_map() && whole => value.clone(),
            Some(old) if old.is_map() && value.is_map() => merge_map(old, value, node)?,
            Some(old) if old.is_list() && value.is_list() => Lists { node }.merged(old, value)?,
            _ => {
                let Some(value) = fresh(value) else {
                    merged = merged.without(&[key]);
                    continue;
                };
                value
            }
        };
        merged = merged.with(&[key], new);
    }
    Ok(merged)
}

/// Orders are of lists that a type has.
fn known(node: Option<&Node>, field: &str) -> Result<(), Status> {
    let Some(node) = node else { return Ok(()) };
    if let Some(member) = node.member(field) {
        // What is kept by a pointer may be a list, for all the real server looks at.
        let is_pointer = !member.flags.drop_empty && !member.flags.always;
        if matches!(member.node.kind, Type::List | Type::Bytes) || is_pointer {
            return Ok(());
        }
        return Err(Status::plain(500, "expected slice or array type, but got: struct"));
    }
    Err(Status::plain(
        500,
        if node.additional.is_some() {
            "merging an object in json but data type is not struct, instead is: map".to_owned()
        } else {
            format!(
                "unable to find api field in struct {} for the json field {field:?}",
                node.type_name
            )
        },
    ))
}

/// `$retainKeys`: what it does not list goes.
fn retain(old: &Tree, patch: &Tree) -> Result<Tree, Status> {
    let Some(kept) = patch.get(RETAIN_KEYS) else { return Ok(old.clone()) };
    let is_kept = |key: &str| kept.items().iter().any(|name| name.as_str() == Some(key));
    let mut named = patch
        .entries()
        .filter(|(key, value)| {
            let directive = key.starts_with(DELETE) || key.starts_with(ORDER);
            !(directive || *key == RETAIN_KEYS || value.is_null())
        })
        .map(|(key, _)| key);
    if !kept.is_list() || named.any(|key| !is_kept(key)) {
        return Err(Status::bad_request("invalid patch format of retainKeys"));
    }
    let gone = old.entries().map(|(key, _)| key).filter(|key| !is_kept(key));
    Ok(gone.fold(old.clone(), |tree, key| tree.without(&[key])))
}

fn member<'a>(node: Option<&'a Node>, name: &str) -> Option<&'a Node> {
    let node = node?;
    match (node.member(name), &node.additional) {
        (Some(member), _) => Some(&member.node),
        (None, Some(additional)) => Some(additional),
        (None, None) => None,
    }
}

/// Whether a patch puts a map there instead of what was there.
fn replaces(node: Option<&Node>, name: &str) -> bool {
    node.and_then(|node| node.member(name)).is_some_and(|member| member.flags.replace)
}

/// The list at one field.
struct Lists<'a> {
    node: Option<&'a Node>,
}

impl Lists<'_> {
    fn key(&self) -> Option<&str> {
        self.node?.merge_key.as_deref()
    }

    fn merges(&self) -> bool {
        self.key().is_some() || self.node.is_some_and(|node| node.merge)
    }

    /// Without what `$deleteFromPrimitiveList` lists.
    fn less(&self, old: &Tree, gone: &Tree) -> Result<Tree, Status> {
        if old.items().is_empty() && gone.items().is_empty() {
            return Ok(old.clone());
        }
        one_kind(old, gone)?;
        if old.items().iter().chain(gone.items()).any(Tree::is_map) {
            return self.merged(old, gone);
        }
        Ok(Tree::list(old.items().iter().filter(|item| !gone.items().contains(item)).cloned()))
    }

    fn merged(&self, old: &Tree, patch: &Tree) -> Result<Tree, Status> {
        // Directives too are taken for values there.
        if !self.merges() {
            return Ok(patch.clone());
        }
        if old.items().is_empty() && patch.items().is_empty() {
            return Ok(old.clone());
        }
        one_kind(old, patch)?;
        if self.key().is_some() {
            for item in old.items().iter().chain(patch.items()) {
                expect_map(item)?;
            }
        }
        let Some(key) = self.key() else {
            let added = patch.items().iter().filter(|item| !old.items().contains(item));
            let mut items: Vec<Tree> = old.items().to_vec();
            for item in added {
                if !items.contains(item) {
                    items.push(item.clone());
                }
            }
            return Ok(self.sorted(items, patch.items(), old.items()));
        };
        let mut items: Vec<Tree> = old.items().to_vec();
        let mut plain: Vec<&Tree> = Vec::new();
        let mut replaces = false;
        for item in patch.items() {
            match item.get(PATCH).map(Tree::as_str) {
                None => plain.push(item),
                Some(Some("replace")) => replaces = true,
                Some(Some("delete")) => {
                    let of = merge_key(item, key)?;
                    items.retain(|known| known.get(key) != Some(of));
                }
                Some(Some("merge")) => {
                    let why = "merging lists cannot yet be specified in the patch";
                    return Err(Status::plain(500, why));
                }
                Some(_) => return Err(unknown_type(item)),
            }
        }
        if replaces {
            return Ok(Tree::list(plain.into_iter().cloned()));
        }
        let node = self.node.and_then(|node| node.items.as_deref());
        for item in &plain {
            let of = merge_key(item, key)?;
            match items.iter().position(|known| known.get(key) == Some(of)) {
                Some(at) => items[at] = merge_map(&items[at], item, node)?,
                None => items.push((*item).clone()),
            }
        }
        // It is asked again when they are put in order, of those that were there too.
        for item in &items {
            merge_key(item, key)?;
        }
        let order: Vec<Tree> = plain.into_iter().cloned().collect();
        Ok(self.sorted(items, &order, old.items()))
    }

    /// What is left of a patch of a list: of elements that were there, what is left of theirs.
    fn remains(&self, old: &Tree, patch: &Tree) -> Tree {
        let Some(key) = self.key() else { return patch.clone() };
        let node = self.node.and_then(|node| node.items.as_deref());
        let mut stands: Vec<Tree> = old.items().to_vec();
        let mut makers: Vec<usize> = Vec::new();
        let mut rest: Vec<Tree> = Vec::with_capacity(patch.items().len());
        for item in patch.items() {
            let known = stands.iter().position(|known| known.get(key) == item.get(key));
            let Some(at) = known.filter(|_| item.is_map() && item.get(PATCH).is_none()) else {
                makers.push(rest.len());
                stands.push(item.clone());
                rest.push(item.clone());
                continue;
            };
            rest.push(remains(&stands[at], item, node));
            if let Ok(merged) = merge_map(&stands[at], item, node) {
                stands[at] = merged;
            }
            // An element that an earlier one of the patch made was made of that itself.
            let made = at.checked_sub(old.items().len());
            if let Some(maker) = made.and_then(|made| makers.get(made).copied()) {
                rest[maker] = stands[at].clone();
            }
        }
        Tree::list(rest)
    }

    /// With `$setElementOrder`: what it lists stands in its order.
    fn in_order(
        &self,
        old: Option<&Tree>,
        patch: Option<&Tree>,
        order: &Tree,
    ) -> Result<Option<Tree>, Status> {
        let (before, given) =
            (old.map_or(&[][..], Tree::items), patch.map_or(&[][..], Tree::items));
        self.check_order(given, order)?;
        let merged = match (old, patch) {
            (None, None) => return Ok(None),
            (Some(old), None) => old.clone(),
            (None, Some(patch)) => fresh(patch).unwrap_or_default(),
            (Some(old), Some(patch)) => self.merged(old, patch)?,
        };
        if let Some(key) = self.key() {
            for item in merged.items() {
                expect_map(item)?;
                merge_key(item, key)?;
                self.find(order, item)?;
            }
        }
        if before.is_empty() && given.is_empty() {
            return Err(Status::plain(500, "no elements in any of the given slices"));
        }
        let none = Tree::list([]);
        one_kind(old.unwrap_or(&none), patch.unwrap_or(&none))?;
        if let Some(key) = self.key() {
            for place in order.items() {
                expect_map(place)?;
                merge_key(place, key)?;
            }
        }
        Ok(Some(self.sorted(merged.items().to_vec(), order.items(), before)))
    }

    /// Looks for an element: those before it have to be maps.
    fn find(&self, order: &Tree, item: &Tree) -> Result<(), Status> {
        for (at, place) in order.items().iter().enumerate() {
            if !place.is_map() {
                return Err(Status::plain(500, format!("value for key {at} is not a map")));
            }
            if self.alike(place, item) {
                break;
            }
        }
        Ok(())
    }

    /// The elements of a patch stand in the order that the patch asks for.
    fn check_order(&self, given: &[Tree], order: &Tree) -> Result<(), Status> {
        if given.is_empty() || order.items().is_empty() {
            return Ok(());
        }
        let mut kept: Vec<&Tree> = given.iter().collect();
        if self.key().is_some() {
            given.iter().try_for_each(expect_map)?;
            kept.retain(|item| item.str_at(&[PATCH]) != Some("delete"));
        }
        let mut places = order.items().iter();
        for item in kept {
            if item.get(PATCH).is_some() {
                continue;
            }
            let mut is_there = false;
            for place in places.by_ref() {
                if let Some(key) = self.key() {
                    expect_map(place)?;
                    merge_key(item, key)?;
                    merge_key(place, key)?;
                }
                is_there = self.alike(place, item);
                if is_there {
                    break;
                }
            }
            if !is_there {
                let (given, order) = (Tree::list(given.iter().cloned()), golang::print(order));
                return Err(Status::plain(
                    500,
                    format!(
                        "The order in patch list:\n{}\n doesn't match $setElementOrder list:\n{order}\n",
                        golang::print(&given),
                    ),
                ));
            }
        }
        Ok(())
    }

    fn alike(&self, a: &Tree, b: &Tree) -> bool {
        match self.key() {
            Some(key) => a.get(key).is_some() && a.get(key) == b.get(key),
            None => a == b,
        }
    }

    /// Elements that `order` names in its order, the others in theirs, interleaved as they stood before.
    fn sorted(&self, items: Vec<Tree>, order: &[Tree], before: &[Tree]) -> Tree {
        let place =
            |list: &[Tree], item: &Tree| list.iter().position(|known| self.alike(known, item));
        let (mut named, mut others): (Vec<Tree>, Vec<Tree>) =
            items.into_iter().partition(|item| place(order, item).is_some());
        named.sort_by_key(|item| place(order, item));
        others.sort_by_key(|item| place(before, item).unwrap_or(usize::MAX));
        let (mut named, mut others) = (named.into_iter().peekable(), others.into_iter().peekable());
        let mut sorted = Vec::new();
        loop {
            let other_first = match (others.peek(), named.peek()) {
                (None, None) => return Tree::list(sorted),
                (Some(_), None) => true,
                (None, Some(_)) => false,
                (Some(other), Some(name)) => match (place(before, other), place(before, name)) {
                    (Some(other), Some(name)) => other < name,
                    _ => false,
                },
            };
            sorted.extend(if other_first { others.next() } else { named.next() });
        }
    }
}

/// The elements of lists that are merged are all of one kind.
fn one_kind(old: &Tree, patch: &Tree) -> Result<(), Status> {
    let mut kinds = old.items().iter().chain(patch.items()).map(Tree::type_name);
    let first = kinds.next();
    if first == Some("array") {
        return Err(Status::plain(500, "lists of lists are not supported"));
    }
    if first == Some("null") || kinds.all(|kind| Some(kind) == first) {
        return Ok(());
    }
    let lists = format!("[{} {}]", golang::print(old), golang::print(patch));
    Err(Status::plain(500, format!("list element types are not identical: {lists}")))
}

fn expect(holds: bool, wanted: &str, found: &Tree) -> Result<(), Status> {
    let found = if found.is_null() { "%!s(<nil>)" } else { golang::value_type(found) };
    let why = || Status::plain(500, format!("expected a {wanted}, but received a {found}"));
    if holds { Ok(()) } else { Err(why()) }
}

fn expect_map(item: &Tree) -> Result<(), Status> {
    expect(item.is_map(), "map[string]interface {}", item)
}

/// What merging leaves of a patch: what it took on the way is gone from it, and that is how the real server shows it
/// when the result does not fit.
pub(crate) fn remains(target: &Tree, patch: &Tree, node: Option<&Node>) -> Tree {
    match patch.get(PATCH) {
        Some(directive) if directive.as_str() == Some("replace") => return patch.without(&[PATCH]),
        Some(_) => return patch.clone(),
        None => {}
    }
    let target = retain(target, patch).unwrap_or_default();
    let kept = patch.entries().filter(|(key, _)| {
        let ordered = patch.get(&format!("{ORDER}{key}")).is_some();
        !key.starts_with(ORDER) && *key != RETAIN_KEYS && !ordered
    });
    let kept = kept.map(|(key, value)| {
        let whole = replaces(node, key);
        let node = member(node, key);
        let value = match target.get(key) {
            Some(old) if old.is_map() && value.is_map() && whole => value.clone(),
            Some(old) if old.is_map() && value.is_map() => remains(old, value, node),
            Some(old) if old.is_list() && value.is_list() => Lists { node }.remains(old, value),
            _ => within(value),
        };
        (key, value)
    });
    Tree::map(kept).sharing(patch)
}

/// A value that was put as it is: nulls are gone from it, and what holds a directive from what holds none.
fn within(value: &Tree) -> Tree {
    if value.is_list() {
        return Tree::list(value.items().iter().map(within));
    }
    match value.get(PATCH) {
        Some(_) => bare(value),
        None if value.is_map() => {
            let kept = value.entries().filter(|(_, value)| !value.is_null());
            let kept = kept.filter(|(_, value)| value.get(PATCH).is_none());
            Tree::map(kept.map(|(key, value)| (key, within(value))))
        }
        None => value.clone(),
    }
}

/// Without nulls, however deep.
fn bare(value: &Tree) -> Tree {
    if value.is_list() {
        return Tree::list(value.items().iter().map(bare));
    }
    if !value.is_map() {
        return value.clone();
    }
    let kept = value.entries().filter(|(_, value)| !value.is_null());
    Tree::map(kept.map(|(key, value)| (key, bare(value))))
}

fn merge_key<'a>(item: &'a Tree, key: &str) -> Result<&'a Tree, Status> {
    item.get(key).ok_or_else(|| {
        let item = golang::print(item);
        Status::plain(500, format!("map: {item} does not contain declared merge key: {key}"))
    })
}

fn unknown_type(patch: &Tree) -> Status {
    let found = patch.get(PATCH).map(golang::print_text).unwrap_or_default();
    let patch = golang::print(patch);
    Status::plain(500, format!("unknown patch type: {found} in map: {patch}"))
}
