//! Requests for certificates: who asks is noted by the server, and who approves says nothing else.

use super::Call;
use super::review::user_info;
use crate::object::Tree;

const CONDITIONS: [&str; 2] = ["status", "conditions"];

fn is_request(call: &Call<'_>) -> bool {
    call.info().is("certificates.k8s.io", "CertificateSigningRequest")
}

/// A new request asks in the name of who makes it.
pub(super) fn in_the_name_of(call: &Call<'_>, tree: Tree) -> Tree {
    if !is_request(call) {
        return tree;
    }
    let info = user_info(&call.request.user);
    ["username", "uid", "groups", "extra"].iter().fold(tree, |tree, key| match info.get(key) {
        Some(value) => tree.with(&["spec", key], value),
        None => tree.without(&["spec", key]),
    })
}

/// What of a changed request counts: never what is asked for, and of the verdict only what the way in is for.
pub(super) fn changed(call: &Call<'_>, old: &Tree, tree: Tree) -> Tree {
    if !is_request(call) {
        return tree;
    }
    let tree = take(&tree, old, &["spec"]);
    match call.request.subresource.as_deref() {
        Some("approval") => timed(call, old, take(&tree, old, &["status", "certificate"])),
        Some("status") => {
            let tree = ["Approved", "Denied"].iter().fold(tree, |tree, kind| kept(old, tree, kind));
            timed(call, old, tree)
        }
        _ => tree,
    }
}

/// With the conditions of a type as they were, unless some came or went: that is refused later.
fn kept(old: &Tree, tree: Tree, kind: &str) -> Tree {
    let of = |tree: &Tree| tree.at(&CONDITIONS).map_or(&[][..], Tree::items).to_vec();
    let is_one = |condition: &Tree| condition.str_at(&["type"]) == Some(kind);
    let was: Vec<Tree> = of(old).into_iter().filter(is_one).collect();
    let now = of(&tree);
    if was.is_empty() || now.iter().filter(|one| is_one(one)).count() != was.len() {
        return tree;
    }
    let mut was = was.into_iter();
    let all = now.into_iter().map(|one| if is_one(&one) { was.next().unwrap_or(one) } else { one });
    tree.with(&CONDITIONS, Tree::list(all))
}

/// A condition that does not say since when it holds holds since now, or as long as it did.
fn timed(call: &Call<'_>, old: &Tree, tree: Tree) -> Tree {
    let conditions = tree.at(&CONDITIONS).map_or(&[][..], Tree::items);
    if conditions.is_empty() {
        return tree;
    }
    let same = |condition: &Tree, other: &&Tree| {
        ["type", "status"].iter().all(|key| condition.get(key) == other.get(key))
    };
    let known = old.at(&CONDITIONS).map_or(&[][..], Tree::items);
    let unset = |condition: &Tree, key: &str| condition.get(key).is_none_or(Tree::is_null);
    let conditions = conditions.iter().map(|condition| {
        let mut timed = condition.clone();
        if unset(condition, "lastUpdateTime") {
            timed = timed.with(&["lastUpdateTime"], call.now);
        }
        if unset(condition, "lastTransitionTime") {
            let before = known.iter().find(|other| same(condition, other));
            let since = before.and_then(|other| other.get("lastTransitionTime")).cloned();
            timed = timed.with(&["lastTransitionTime"], since.unwrap_or_else(|| call.now.into()));
        }
        timed
    });
    let conditions = Tree::list(conditions);
    tree.with(&CONDITIONS, conditions)
}

/// `tree` with what `from` has at a path, or without anything there.
fn take(tree: &Tree, from: &Tree, path: &[&str]) -> Tree {
    match from.at(path) {
        Some(value) => tree.with(path, value),
        None => tree.without(path),
    }
}
