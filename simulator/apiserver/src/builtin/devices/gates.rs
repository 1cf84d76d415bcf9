//! What goes from a claim before it is looked at: capacity that is shared, and what is said of devices that it lost.

use std::collections::BTreeSet;

use super::device;
use crate::Tree;
use crate::builtin::check::list;

/// A claim as far as its features are on.
pub(crate) fn claim(tree: &Tree, old: Option<&Tree>) -> Tree {
    let tree = without_lost(tree, old);
    if shares(old, &["spec"]) {
        return tree;
    }
    let tree = unshared(&tree, &["spec"]);
    let results = ["status", "allocation", "devices", "results"];
    let tree = each_of(&tree, &results, &|result| {
        result.without(&["shareID"]).without(&["consumedCapacity"])
    });
    each_of(&tree, &["status", "devices"], &|device| device.without(&["shareID"]))
}

pub(in crate::builtin) fn template(tree: &Tree, old: Option<&Tree>) -> Tree {
    let path = ["spec", "spec"];
    if shares(old, &path) { tree.clone() } else { unshared(tree, &path) }
}

/// Whether a stored claim uses the feature already. Of its members only this one gets in: the real server means to drop
/// it as well, and drops it from a copy.
fn shares(old: Option<&Tree>, spec: &[&str]) -> bool {
    let constraints = old.and_then(|old| old.at(spec)?.at(&["devices", "constraints"]));
    let mut constraints = constraints.into_iter().flat_map(Tree::items);
    constraints.any(|constraint| constraint.get("distinctAttribute").is_some())
}

fn unshared(tree: &Tree, spec: &[&str]) -> Tree {
    let path = [spec, &["devices", "requests"]].concat();
    each_of(tree, &path, &|request| {
        let request = request.without(&["exactly", "capacity"]);
        each_of(&request, &["firstAvailable"], &|way| way.without(&["capacity"]))
    })
}

fn each_of(tree: &Tree, path: &[&str], change: &dyn Fn(&Tree) -> Tree) -> Tree {
    let Some(all) = tree.at(path).filter(|all| all.is_list()) else { return tree.clone() };
    let changed: Vec<Tree> = all.items().iter().map(change).collect();
    let is_same = changed.iter().zip(all.items()).all(|(new, old)| new.same(old));
    if is_same { tree.clone() } else { tree.with(path, changed) }
}

/// Of devices that a claim had and has no more, nothing is said any longer.
fn without_lost(tree: &Tree, old: Option<&Tree>) -> Tree {
    let path = ["status", "devices"];
    let results = |tree: Option<&'_ Tree>| -> BTreeSet<[String; 4]> {
        let results =
            tree.and_then(|tree| tree.at(&["status", "allocation", "devices", "results"]));
        let results = results.into_iter().flat_map(Tree::items);
        results.map(|result| device(result).map(str::to_owned)).collect()
    };
    let Some(status) = tree.get("status").filter(|_| tree.at(&path).is_some()) else {
        return tree.clone();
    };
    let (before, now) = (results(old), results(Some(tree)));
    let is_lost = |one: &Tree| {
        let one = device(one).map(str::to_owned);
        before.contains(&one) && !now.contains(&one)
    };
    let devices = list(status, "devices");
    let kept: Vec<Tree> = devices.iter().filter(|one| !is_lost(one)).cloned().collect();
    match kept.len() {
        0 => tree.without(&path),
        count if count == devices.len() => tree.clone(),
        _ => tree.with(&path, kept),
    }
}
