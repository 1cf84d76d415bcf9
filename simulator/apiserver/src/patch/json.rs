//! RFC 6902, with the liberties of the library that Kubernetes uses: indices may be negative, a replace may add, an
//! absent value is null.

use super::lazy::Lazy;
use crate::golang;
use crate::object::Tree;
use crate::protobuf::order::Place;
use crate::status::Status;

/// What a server carries out at most.
const OPERATIONS: usize = 10_000;
/// What all copies of one patch may add, in bytes of JSON: a few of them could otherwise double an object without end.
const COPIED: usize = 3 << 20;
/// How deep a path may go; no object that came as JSON is that deep.
const DEEPEST: usize = 128;

pub(crate) fn json(target: &Tree, patch: &Tree, minor: u32) -> Result<Tree, Status> {
    let target = Lazy::Raw(target.clone(), Place::ANYWHERE);
    Ok(changed(target, patch, minor)?.tree())
}

/// The outcome as text: what was put somewhere else has the order of where it was. `None` where there is no outcome.
pub(crate) fn json_text(target: &Tree, place: Place, patch: &Tree, minor: u32) -> Option<String> {
    let changed = changed(Lazy::Raw(target.clone(), place), patch, minor).ok()?;
    let mut text = String::new();
    changed.write(&mut text);
    Some(text)
}

fn changed(mut target: Lazy, patch: &Tree, minor: u32) -> Result<Lazy, Status> {
    let is_old = minor < 24;
    let decoding = |found: &Tree, wanted: &str| {
        let lead = if is_old { "" } else { "error decoding patch: " };
        Status::bad_request(format!(
            "{lead}json: cannot unmarshal {} into Go value of type {wanted}",
            golang::type_name(found)
        ))
    };
    if !patch.is_list() {
        let wanted = if is_old { "jsonpatch.Patch" } else { "[]handlers.jsonPatchOp" };
        return Err(decoding(patch, wanted));
    }
    if let Some(found) = patch.items().iter().find(|operation| !operation.is_map()) {
        let wanted = if is_old { "jsonpatch.Operation" } else { "handlers.jsonPatchOp" };
        return Err(decoding(found, wanted));
    }
    let count = patch.items().len();
    if count > OPERATIONS {
        return Err(Status::too_large(&format!(
            "The allowed maximum operations in a JSON patch is {OPERATIONS}, got {count}"
        )));
    }
    let mut copied = 0;
    target.open();
    for operation in patch.items() {
        // Older servers could not replace the whole.
        if is_old && operation.str_at(&["path"]) == Some("") {
            return Err(Status::rejected());
        }
        carry_out(&mut target, operation, &mut copied).ok_or_else(Status::rejected)?;
        if copied >= COPIED {
            return Err(Status::too_large(&format!(
                "Unable to complete the copy, the accumulated size increase of copy is {copied}, exceeding the limit {COPIED}"
            )));
        }
    }
    Ok(target)
}

/// About as many bytes as the JSON of a tree has; no more than `most` are counted.
fn size(tree: &Tree, most: usize) -> usize {
    let mut size = 2 + tree.as_str().map_or(0, str::len);
    let members = tree.entries().map(|(key, value)| (key.len() + 4, value));
    for (own, value) in members.chain(tree.items().iter().map(|item| (1, item))) {
        if size >= most {
            break;
        }
        size += own + self::size(value, most - size);
    }
    size.min(most)
}

/// `None` if the operation cannot be carried out.
fn carry_out(target: &mut Lazy, operation: &Tree, copied: &mut usize) -> Option<()> {
    let whole = operation.str_at(&["path"])?;
    let path = pointer(whole);
    if path.len() > DEEPEST {
        return None;
    }
    let value = operation.get("value").cloned().unwrap_or_default();
    let given = Lazy::Raw(value.clone(), Place::GIVEN);
    let from = || operation.str_at(&["from"]).map(pointer);
    match operation.str_at(&["op"])? {
        "add" => {
            let (holder, key) = target.holder(&path)?;
            holder.add(key, given)
        }
        "remove" => {
            let (holder, key) = target.holder(&path)?;
            holder.remove(key).map(|_| ())
        }
        "replace" if whole.is_empty() => {
            // Only by what can be gone into.
            let mut given = given;
            if given.open().is_some() {
                *target = given;
            }
            Some(())
        }
        "replace" => {
            let (holder, key) = target.holder(&path)?;
            holder.set(key, given)
        }
        "test" if whole.is_empty() => target.is(&value).then_some(()),
        "test" => {
            let (holder, key) = target.holder(&path)?;
            match holder.child(key) {
                Some(found) => found.is(&value).then_some(()),
                None => (holder.get(key)?.is_null() && value.is_null()).then_some(()),
            }
        }
        "move" => {
            let from = from()?;
            let (holder, key) = target.holder(&from)?;
            let moved = holder.remove(key)?;
            let (holder, key) = target.holder(&path)?;
            holder.add(key, moved)
        }
        "copy" => {
            let from = from()?;
            // What the value comes to stand in is gone into before it is copied.
            target.holder(&from)?;
            target.holder(&path)?;
            let (holder, key) = target.holder(&from)?;
            let copy = holder.get(key)?;
            let (holder, key) = target.holder(&path)?;
            *copied += size(&copy.tree(), COPIED - *copied);
            holder.add(key, copy)
        }
        _ => None,
    }
}

/// What stands before the first slash does not count.
pub(crate) fn pointer(path: &str) -> Vec<String> {
    path.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~")).collect()
}
