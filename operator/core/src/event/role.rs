//! From a report of a role to the label by which Services find the pod.

use drydock_operator_api::apps::{Component, ReplicaRole};
use drydock_operator_api::core::{Event, Pod};
use drydock_operator_api::{ObjectMeta, Resource};
use jiff::SignedDuration;

use super::Tree;
use super::claim::{Anchor, Report, handled};
use crate::draft::{Draft, Flow, Pass};
use crate::labels::{ROLE, ROLE_AUTHORITATIVE_VERSION, ROLE_SNAPSHOT_VERSION};
use crate::plan::Reference;
use crate::view::Key;

/// A set that is not to be seen is either about to be, or its pod is about to go.
const SET_RETRY: SignedDuration = SignedDuration::from_secs(1);

/// Is the report about a pod that exists, in a set we know, and was the probe itself well?
pub(super) fn target(tree: &Tree, draft: &mut Draft<Event>, _pass: &Pass<'_>) -> Flow {
    let meant = &tree.event.involved_object.uid;
    let Some(pod) = tree.pod.as_ref().filter(|pod| pod.metadata.uid == *meant) else {
        return handled(tree, draft);
    };
    match &tree.report {
        Some(Report::Role { .. }) if tree.set.is_some() => Flow::Continue,
        Some(Report::Role { .. })
            if pod.metadata.controller().is_some_and(|it| it.kind == "InstanceSet") =>
        {
            Flow::RetryAfter(SET_RETRY)
        }
        // Whose pod it is nobody knows: somebody may still find out.
        Some(Report::Role { .. }) => Flow::Commit,
        Some(Report::Failed { instance, code, message }) => {
            let owner = tree.set.as_ref().and_then(|set| set.metadata.controller());
            let mut component =
                Reference::new(Component::kind(), Key::new(&*pod.metadata.namespace, &**instance));
            component.uid = owner.map(|owner| owner.uid.clone()).unwrap_or_default();
            let text = format!(
                "Failed to execute roleProbe lifecycle action for Component {instance}: \
                 pod {} reported failure code {code}: {message}",
                pod.metadata.name
            );
            draft.event_about(component, true, "RoleProbeFailed".to_owned(), text);
            handled(tree, draft)
        }
        _ => handled(tree, draft),
    }
}

/// Reports that are older than what is known change nothing.
pub(super) fn order(tree: &Tree, draft: &mut Draft<Event>, _pass: &Pass<'_>) -> Flow {
    let Some((pod, role, anchor)) = parts(tree) else { return Flow::Commit };
    if is_exclusive(tree) && remembers(pod, anchor) && pod.metadata.label(ROLE) == Some(role) {
        settle(tree, draft, pod, anchor);
        return handled(tree, draft);
    }
    let stale = !accepts(pod, anchor);
    // Somebody else has it by a better right: were we to go on, there would be two.
    let refused = is_exclusive(tree) && tree.peers.iter().any(|peer| !accepts(peer, anchor));
    if stale || refused { handled(tree, draft) } else { Flow::Continue }
}

/// The pod has got the role by this report, and so may have another one, by a report that was handled
/// at the same time: neither pass saw what the other wrote. Whoever wrote last sees both now. The
/// better right stays; of two that are equal, the pod whose name comes first.
fn settle(tree: &Tree, draft: &mut Draft<Event>, pod: &Pod, anchor: Anchor) {
    let loses = |peer: &Pod| {
        accepts(peer, anchor) || remembers(peer, anchor) && pod.metadata.name < peer.metadata.name
    };
    if tree.peers.iter().all(|peer| loses(peer)) {
        for peer in &tree.peers {
            strip(draft, peer, anchor);
        }
    } else {
        let mut stripped = pod.clone();
        stripped.metadata.labels.remove(ROLE);
        draft.patch_as_read(pod, &stripped);
    }
}

fn strip(draft: &mut Draft<Event>, peer: &Pod, anchor: Anchor) {
    let mut stripped = peer.clone();
    stripped.metadata.labels.remove(ROLE);
    if let Anchor::Time(_) = anchor {
        remember(&mut stripped.metadata, anchor);
    }
    draft.patch_as_read(peer, &stripped);
}

/// An exclusive role is first taken from those who had it, and then given. Interrupted in between,
/// nobody has it, and this report is not marked yet: it is handled again, and every pod still accepts
/// it. Once it is given, another pass looks whether somebody else was given it at the same time.
pub(super) fn label(tree: &Tree, draft: &mut Draft<Event>, _pass: &Pass<'_>) -> Flow {
    let Some((pod, role, anchor)) = parts(tree) else { return Flow::Commit };
    if is_exclusive(tree) {
        for peer in &tree.peers {
            strip(draft, peer, anchor);
        }
    }
    let mut labelled = pod.clone();
    if definition(tree).is_some() {
        labelled.metadata.labels.insert(ROLE.to_owned(), role.to_owned());
    } else {
        labelled.metadata.labels.remove(ROLE);
    }
    remember(&mut labelled.metadata, anchor);
    draft.patch_as_read(pod, &labelled);
    let is_given = pod.metadata.label(ROLE) != labelled.metadata.label(ROLE);
    if is_exclusive(tree) && is_given {
        return Flow::RetryAfter(SignedDuration::ZERO);
    }
    handled(tree, draft)
}

fn parts(tree: &Tree) -> Option<(&Pod, &str, Anchor)> {
    match (&tree.pod, &tree.report) {
        (Some(pod), Some(Report::Role { role, anchor })) => Some((pod, role, *anchor)),
        _ => None,
    }
}

/// The reported role as the set defines it.
fn definition(tree: &Tree) -> Option<&ReplicaRole> {
    let (_, reported, _) = parts(tree)?;
    let roles = &tree.set.as_ref()?.spec.roles;
    roles.iter().find(|role| role.name.to_lowercase() == reported)
}

fn is_exclusive(tree: &Tree) -> bool {
    definition(tree).is_some_and(|role| role.is_exclusive)
}

/// Is this newer than what the pod was last told? An engine that counts its terms is never overruled
/// by a clock. What was stored and cannot be read counts as old.
fn accepts(pod: &Pod, anchor: Anchor) -> bool {
    let stored = |key| pod.metadata.annotation(key);
    match anchor {
        Anchor::Version(version) => stored(ROLE_AUTHORITATIVE_VERSION)
            .and_then(|last| last.parse::<u64>().ok())
            .is_none_or(|last| version > last),
        Anchor::Time(time) => {
            stored(ROLE_AUTHORITATIVE_VERSION).is_none()
                && stored(ROLE_SNAPSHOT_VERSION)
                    .and_then(|last| last.parse::<i64>().ok())
                    .is_none_or(|last| time > last)
        }
    }
}

/// Is this what the pod was last told?
fn remembers(pod: &Pod, anchor: Anchor) -> bool {
    let (key, value) = written(anchor);
    pod.metadata.annotation(key) == Some(&*value)
}

fn remember(metadata: &mut ObjectMeta, anchor: Anchor) {
    let (key, value) = written(anchor);
    metadata.annotations.insert(key.to_owned(), value);
}

fn written(anchor: Anchor) -> (&'static str, String) {
    match anchor {
        Anchor::Version(version) => (ROLE_AUTHORITATIVE_VERSION, version.to_string()),
        Anchor::Time(time) => (ROLE_SNAPSHOT_VERSION, time.to_string()),
    }
}
