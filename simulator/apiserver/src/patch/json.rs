//! RFC 6902, with the liberties of the library that Kubernetes uses: indices may be negative, a replace may add, an
//! absent value is null.

use crate::golang;
use crate::object::Tree;
use crate::status::Status;

/// What a server carries out at most.
const OPERATIONS: usize = 10_000;
/// What all copies of one patch may add, in bytes of JSON: a few of them could otherwise double an object without end.
const COPIED: usize = 3 << 20;
/// How deep a path may go; no object that came as JSON is that deep.
const DEEPEST: usize = 128;

pub(crate) fn json(target: &Tree, patch: &Tree, minor: u32) -> Result<Tree, Status> {
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
    let mut tree = target.clone();
    let mut copied = 0;
    for operation in patch.items() {
        copied += copies(&tree, operation, COPIED - copied);
        if copied >= COPIED {
            return Err(Status::too_large(&format!(
                "Unable to complete the copy, the accumulated size increase of copy is {copied}, exceeding the limit {COPIED}"
            )));
        }
        // Older servers could not replace the whole.
        if is_old && operation.str_at(&["path"]) == Some("") {
            return Err(Status::rejected());
        }
        tree = carry_out(&tree, operation).ok_or_else(Status::rejected)?;
    }
    Ok(tree)
}

/// The size of what an operation copies, as far as it matters.
fn copies(tree: &Tree, operation: &Tree, most: usize) -> usize {
    if operation.str_at(&["op"]) != Some("copy") {
        return 0;
    }
    let from = operation.str_at(&["from"]).map(pointer).unwrap_or_default();
    find(tree, &from).map_or(0, |copied| size(copied, most))
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
fn carry_out(tree: &Tree, operation: &Tree) -> Option<Tree> {
    let path = pointer(operation.str_at(&["path"])?);
    if path.len() > DEEPEST {
        return None;
    }
    let null = Tree::null();
    let value = operation.get("value").unwrap_or(&null);
    match operation.str_at(&["op"])? {
        "add" => add(tree, &path, value),
        "remove" => remove(tree, &path),
        "replace" => replace(tree, &path, value),
        "test" => {
            let found = find(tree, &path);
            let holds = found.map_or(value.is_null(), |found| found == value);
            holds.then(|| tree.clone())
        }
        "move" => {
            let from = pointer(operation.str_at(&["from"])?);
            // A value cannot become a part of itself.
            if path.len() > from.len() && path.starts_with(&from) {
                return None;
            }
            let moved = find(tree, &from)?.clone();
            add(&remove(tree, &from)?, &path, &moved)
        }
        "copy" => {
            let from = pointer(operation.str_at(&["from"])?);
            // What a map has not is copied as null.
            let copied = match (find(tree, &from), from.split_last()) {
                (Some(found), _) => found.clone(),
                (None, Some((_, above))) if find(tree, above)?.is_map() => Tree::null(),
                _ => return None,
            };
            add(tree, &path, &copied)
        }
        _ => None,
    }
}

/// What stands before the first slash does not count.
pub(crate) fn pointer(path: &str) -> Vec<String> {
    path.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~")).collect()
}

fn find<'a>(tree: &'a Tree, path: &[String]) -> Option<&'a Tree> {
    path.iter().try_fold(tree, |tree, key| {
        if tree.is_list() {
            tree.items().get(index(key, tree.items().len())?)
        } else {
            tree.get(key)
        }
    })
}

fn index(key: &str, length: usize) -> Option<usize> {
    let at: isize = key.parse().ok()?;
    if at < 0 { length.checked_sub(at.unsigned_abs()) } else { usize::try_from(at).ok() }
}

/// The tree with another value at one step below it.
fn at_step(tree: &Tree, key: &str, value: Tree) -> Option<Tree> {
    if tree.is_list() {
        let mut items = tree.items().to_vec();
        let at = index(key, items.len())?;
        *items.get_mut(at)? = value;
        return Some(items.into());
    }
    tree.is_map().then(|| tree.with(&[key], value))
}

/// The tree with another parent of what the path ends at.
fn below(
    tree: &Tree,
    path: &[String],
    change: &dyn Fn(&Tree, &str) -> Option<Tree>,
) -> Option<Tree> {
    let (key, rest) = path.split_first()?;
    if rest.is_empty() {
        return change(tree, key);
    }
    let child = below(find(tree, std::slice::from_ref(key))?, rest, change)?;
    at_step(tree, key, child)
}

fn add(tree: &Tree, path: &[String], value: &Tree) -> Option<Tree> {
    if path.is_empty() {
        return Some(value.clone());
    }
    below(tree, path, &|parent, key| {
        if !parent.is_list() {
            return at_step(parent, key, value.clone());
        }
        let mut items = parent.items().to_vec();
        let at = if key == "-" { items.len() } else { index(key, items.len() + 1)? };
        (at <= items.len()).then(|| {
            items.insert(at, value.clone());
            items.into()
        })
    })
}

fn remove(tree: &Tree, path: &[String]) -> Option<Tree> {
    if path.is_empty() {
        return Some(Tree::null());
    }
    below(tree, path, &|parent, key| {
        if !parent.is_list() {
            return parent.get(key).map(|_| parent.without(&[key]));
        }
        let mut items = parent.items().to_vec();
        let at = index(key, items.len())?;
        (at < items.len()).then(|| {
            items.remove(at);
            items.into()
        })
    })
}

fn replace(tree: &Tree, path: &[String], value: &Tree) -> Option<Tree> {
    if path.is_empty() {
        return Some(value.clone());
    }
    below(tree, path, &|parent, key| at_step(parent, key, value.clone()))
}
