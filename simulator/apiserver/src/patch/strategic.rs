//! Strategic merge: as a merge patch, but lists whose elements have a key are merged by it, and directives
//! (`$patch`, `$retainKeys`, `$setElementOrder/...`, `$deleteFromPrimitiveList/...`) say what a value cannot.
//!
//! Which lists merge, and by which key, is in the schema. Where the schema knows nothing, maps merge and lists are
//! replaced.

use super::fresh;
use crate::golang;
use crate::object::Tree;
use crate::schema::Node;
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
        Some(other) => return Err(unknown_type(other.unwrap_or_default(), patch)),
    }
    let mut merged = retain(old, patch)?;
    let mut settled: Vec<&str> = Vec::new();
    for (key, order) in patch.entries() {
        let Some(field) = key.strip_prefix(ORDER) else { continue };
        known(node, field)?;
        let list = Lists { node: member(node, field) };
        if let Some(value) = list.in_order(old.get(field), patch.get(field), order)? {
            merged = merged.with(&[field], value);
        }
        settled.push(field);
    }
    for (key, value) in patch.entries() {
        if key.starts_with(ORDER) || matches!(key, PATCH | RETAIN_KEYS) || settled.contains(&key) {
            continue;
        }
        if let Some(field) = key.strip_prefix(DELETE) {
            if let Some(list) = merged.get(field) {
                let kept = list.items().iter().filter(|item| !value.items().contains(item));
                merged = merged.with(&[field], Tree::list(kept.cloned()));
            }
            continue;
        }
        if value.is_null() {
            merged = merged.without(&[key]);
            continue;
        }
        let node = member(node, key);
        let new = match merged.get(key) {
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
    if node.member(field).is_some() {
        return Ok(());
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
    let kept: Vec<&str> = kept.items().iter().filter_map(Tree::as_str).collect();
    let named = patch.entries().map(|(key, _)| key).filter(|key| !key.starts_with('$'));
    if named.into_iter().any(|key| !kept.contains(&key)) {
        return Err(Status::bad_request("invalid patch format of retainKeys"));
    }
    let gone = old.entries().map(|(key, _)| key).filter(|key| !kept.contains(key));
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

    fn merged(&self, old: &Tree, patch: &Tree) -> Result<Tree, Status> {
        // Directives too are taken for values there.
        if !self.merges() {
            return Ok(patch.clone());
        }
        one_kind(old, patch)?;
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
                Some(other) => return Err(unknown_type(other.unwrap_or_default(), item)),
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
        let order: Vec<Tree> = plain.into_iter().cloned().collect();
        Ok(self.sorted(items, &order, old.items()))
    }

    /// With `$setElementOrder`: what it lists stands in its order.
    fn in_order(
        &self,
        old: Option<&Tree>,
        patch: Option<&Tree>,
        order: &Tree,
    ) -> Result<Option<Tree>, Status> {
        let bare = |item: &Tree| !item.is_map();
        if self.key().is_some()
            && let Some(at) = order.items().iter().position(bare)
        {
            return Err(Status::plain(500, format!("value for key {at} is not a map")));
        }
        let merged = match (old, patch) {
            (None, None) => return Ok(None),
            (Some(old), None) => old.clone(),
            (old, Some(patch)) => {
                self.check_order(patch, order)?;
                match old {
                    Some(old) => self.merged(old, patch)?,
                    None => fresh(patch).unwrap_or_default(),
                }
            }
        };
        let known = old.map_or(&[][..], Tree::items);
        Ok(Some(self.sorted(merged.items().to_vec(), order.items(), known)))
    }

    /// The elements of a patch stand in the order that the patch asks for.
    fn check_order(&self, patch: &Tree, order: &Tree) -> Result<(), Status> {
        let listed = patch.items().iter().filter(|item| item.get(PATCH).is_none());
        let mut places = order.items().iter();
        for item in listed {
            if !places.any(|place| self.alike(place, item)) {
                return Err(Status::plain(
                    500,
                    format!(
                        "The order in patch list:\n{}\n doesn't match $setElementOrder list:\n{}\n",
                        golang::print(patch),
                        golang::print(order)
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
    let mut kinds = old.items().iter().chain(patch.items()).map(golang::type_name);
    let first = kinds.next();
    if first == Some("null") || kinds.all(|kind| Some(kind) == first) {
        return Ok(());
    }
    let lists = format!("[{} {}]", golang::print(old), golang::print(patch));
    Err(Status::plain(500, format!("list element types are not identical: {lists}")))
}

/// What merging leaves of a patch: what it took on the way is gone from it, and that is how the real server shows it
/// when the result does not fit.
pub(crate) fn remains(target: &Tree, patch: &Tree) -> Tree {
    let kept = patch.entries().filter(|(key, _)| {
        let ordered = patch.get(&format!("{ORDER}{key}")).is_some();
        !key.starts_with(ORDER) && *key != RETAIN_KEYS && *key != PATCH && !ordered
    });
    let kept = kept.map(|(key, value)| {
        let value = match target.get(key) {
            Some(old) if old.is_map() && value.is_map() => remains(old, value),
            Some(old) if old.is_list() && value.is_list() => value.clone(),
            _ if value.is_map() => within(value),
            _ => value.clone(),
        };
        (key, value)
    });
    Tree::map(kept).sharing(patch)
}

/// A map that was put as it is: the map stays where it was, whatever it holds.
fn within(value: &Tree) -> Tree {
    match value.get(PATCH) {
        Some(_) => super::drop_nulls(value),
        None => fresh(value).unwrap_or_default(),
    }
}

fn merge_key<'a>(item: &'a Tree, key: &str) -> Result<&'a Tree, Status> {
    item.get(key).ok_or_else(|| {
        let item = golang::print(item);
        Status::plain(500, format!("map: {item} does not contain declared merge key: {key}"))
    })
}

fn unknown_type(found: &str, patch: &Tree) -> Status {
    let patch = golang::print(patch);
    Status::plain(500, format!("unknown patch type: {found} in map: {patch}"))
}
