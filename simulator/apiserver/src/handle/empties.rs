//! Lists and maps that a request says are empty. No object is kept with them, but until it is kept the real server
//! tells them from those that nobody spoke of: where it prints the object, and where it asks whether it changed.

use super::Call;
use crate::builtin::devices::gates;
use crate::object::Tree;
use crate::schema::{ListType, Node, Type};
use crate::status::FieldError;

/// What is wrong, with the values that the request said: `tree` is what became of its body, `check` is told how
/// messages are to show it.
pub(super) fn in_words_of_the_request(
    call: &Call<'_>,
    tree: &Tree,
    check: impl Fn(&Tree) -> Vec<FieldError>,
) -> Vec<FieldError> {
    let errors = check(tree);
    let Some(said) = (!errors.is_empty()).then(|| said(call, tree, Places::ButSelectors)).flatten()
    else {
        return errors;
    };
    // What is empty breaks no rule that its absence does not break.
    let again = check(&said);
    let alike = |(a, b): (&FieldError, &FieldError)| a.kind == b.kind && a.field == b.field;
    if again.len() == errors.len() && again.iter().zip(&errors).all(alike) {
        return again;
    }
    errors
}

/// Whether what is empty makes a difference by itself: the real server compares a few kinds down to that.
pub(super) fn count(call: &Call<'_>, tree: &Tree) -> bool {
    let info = call.info();
    let compared = match (&*info.group, &*info.kind) {
        ("networking.k8s.io", "NetworkPolicy") => "spec",
        (
            "admissionregistration.k8s.io",
            "MutatingWebhookConfiguration" | "ValidatingWebhookConfiguration",
        ) => "webhooks",
        // It goes once both were compared.
        ("discovery.k8s.io", "EndpointSlice") => {
            let endpoints = call.given.as_ref().and_then(|given| given.get("endpoints"));
            let said = |endpoint: &Tree| {
                endpoint.get("deprecatedTopology").is_some_and(|topology| !topology.is_empty())
            };
            return endpoints.is_some_and(|all| all.items().iter().any(said));
        }
        _ => return false,
    };
    call.request.subresource.is_none()
        && said(call, tree, Places::All)
            .is_some_and(|said| said.get(compared) != tree.get(compared))
}

/// The tree with what the request says is empty within lists that have one owner, of which nobody looks at the
/// elements one by one; `None` if it says so of nothing.
pub(super) fn in_lists(call: &Call<'_>, tree: &Tree) -> Option<Tree> {
    said(call, tree, Places::Lists)
}

/// The tree as its writer gave it: with what he said is empty, where its type shows that, and with the link that goes
/// where an object is stored.
pub(super) fn as_given(call: &Call<'_>, tree: &Tree) -> Tree {
    let read = said(call, tree, Places::All).and_then(|said| {
        let (read, _) = call.info().schema.decode(&said, None).ok()?;
        Some(read)
    });
    let shown = read.unwrap_or_else(|| tree.clone());
    let link = ["metadata", "selfLink"];
    match call.given.as_ref().and_then(|given| given.str_at(&link)) {
        Some(stated) if !stated.is_empty() && call.server.profile().minor >= 24 => {
            shown.with(&link, stated)
        }
        _ => shown,
    }
}

/// Where something is put back.
#[derive(Clone, Copy, PartialEq)]
enum Places {
    All,
    /// Selectors are printed without what is empty, as objects are.
    ButSelectors,
    /// Within lists that have one owner.
    Lists,
}

/// The tree with what the request says is empty; `None` if it says so of nothing.
fn said(call: &Call<'_>, tree: &Tree, places: Places) -> Option<Tree> {
    let given = call.given.as_ref().filter(|_| !call.info().custom)?;
    let root = call.info().schema.root();
    match call.request.subresource.as_deref() {
        None if call.info().is("", "Pod") => {
            with_empties(root, tree, given, places).map(with_requests)
        }
        None => with_empties(root, tree, given, places),
        Some(own @ "status") => {
            // Of a claim that shares no devices, what is said of shares was taken away.
            let is_claim = call.info().is("resource.k8s.io", "ResourceClaim");
            let closed = is_claim.then(|| gates::claim(given, Some(tree)));
            let given = closed.as_ref().unwrap_or(given);
            let node = &root.member(own)?.node;
            Some(tree.with(&[own], with_empties(node, tree.get(own)?, given.get(own)?, places)?))
        }
        Some(_) => None,
    }
}

/// Of a pod, who limits something wants something, even if both is nothing.
fn with_requests(pod: Tree) -> Tree {
    let wanting = |container: &Tree| {
        let (limits, requests) = (["resources", "limits"], ["resources", "requests"]);
        match container.at(&limits) {
            Some(_) if container.at(&requests).is_none() => {
                container.with(&requests, Tree::empty_map())
            }
            _ => container.clone(),
        }
    };
    ["containers", "initContainers"].iter().fold(pod, |pod, key| {
        let path = ["spec", *key];
        match pod.at(&path) {
            Some(all) => pod.with(&path, Tree::list(all.items().iter().map(wanting))),
            None => pod,
        }
    })
}

fn with_empties(node: &Node, tree: &Tree, given: &Tree, places: Places) -> Option<Tree> {
    // Nothing is missing from what became of the request as it was given.
    if tree.same(given) {
        return None;
    }
    if tree.is_list() && given.is_list() {
        if tree.items().len() != given.items().len() {
            return None;
        }
        let items = node.items.as_deref()?;
        let places = match places {
            Places::Lists if matches!(node.list, ListType::Atomic) => Places::All,
            other => other,
        };
        let mut copy: Option<Vec<Tree>> = None;
        for (at, (item, given)) in tree.items().iter().zip(given.items()).enumerate() {
            if let Some(new) = with_empties(items, item, given, places) {
                copy.get_or_insert_with(|| tree.items().to_vec())[at] = new;
            }
        }
        return copy.map(Tree::list);
    }
    let is_selector = node.definition == "meta.v1.LabelSelector";
    if !tree.is_map() || !given.is_map() || is_selector && places == Places::ButSelectors {
        return None;
    }
    let mut copy: Option<Tree> = None;
    for (key, given) in given.entries() {
        let member = node.member(key);
        let Some(child) = member.map(|member| &member.node).or(node.additional.as_ref()) else {
            continue;
        };
        let new = match tree.get(key).filter(|value| !value.is_null()) {
            Some(value) => with_empties(child, value, given, places),
            // What belongs to a feature that is off was taken away, of volumes one by one.
            None if member.is_some_and(|member| member.flags.gated) => None,
            None if is_remade(node, key) || places == Places::Lists => None,
            None => is_empty(child, given).then(|| given.clone()),
        };
        if let Some(new) = new {
            copy = Some(copy.as_ref().unwrap_or(tree).with(&[key], new));
        }
    }
    copy
}

/// These lists of pods are made anew where they are looked through for what belongs to features that are off.
fn is_remade(node: &Node, key: &str) -> bool {
    let definition = node.definition.strip_prefix("core.v1.").unwrap_or_default();
    matches!(definition, "PodSpec" | "Container" | "EphemeralContainer")
        && matches!(key, "volumes" | "volumeMounts" | "restartPolicyRules")
}

fn is_empty(node: &Node, given: &Tree) -> bool {
    let fits = match node.kind {
        Type::List => given.is_list(),
        Type::Object => given.is_map() && node.additional.is_some(),
        _ => false,
    };
    fits && given.is_empty()
}
