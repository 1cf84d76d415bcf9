//! One ReplicaSet per template, and the pods in that of the template there is now.

use drydock_apiserver::{Object, Request, Tree};
use serde_json::json;

use super::super::Ctx;
use super::{DEPLOYMENTS, REPLICA_SETS, owned, owner_of, status_due};
use crate::random::fnv_of;

const HASH: &str = "pod-template-hash";
const REVISION: &str = "deployment.kubernetes.io/revision";

pub(super) fn due(ctx: &Ctx<'_>, deployment: &Object) -> Vec<Request> {
    let tree = deployment.tree();
    let sets = owned(ctx, "apps", "ReplicaSet", deployment);
    let wanted = tree.int_at(&["spec", "replicas"]).unwrap_or(1);
    let template = tree.at(&["spec", "template"]).cloned().unwrap_or_default();
    let is_current = |set: &&Object| {
        let own = set.tree().at(&["spec", "template"]);
        own.is_some_and(|own| own.without(&["metadata", "labels", HASH]) == template)
    };
    let current = sets.iter().find(is_current);
    let latest = sets.iter().map(revision).max().unwrap_or(0);
    let mut requests = Vec::new();
    let is_paused = tree.bool_at(&["spec", "paused"]).unwrap_or(false);
    let number = match current {
        Some(current) if revision(current) == latest => latest,
        _ => latest + 1,
    };
    let others = || sets.iter().filter(|set| current.is_none_or(|of| of.name() != set.name()));
    match current {
        _ if is_paused => {}
        None => {
            let made = set_of(deployment, &template, number);
            requests.push(Request::create(REPLICA_SETS, deployment.namespace(), made));
        }
        Some(current) => {
            requests.extend(scaled(current, wanted, Some(number)));
            let ready = current.tree().int_at(&["status", "readyReplicas"]).unwrap_or(0);
            let recreates = tree.str_at(&["spec", "strategy", "type"]) == Some("Recreate");
            if ready >= wanted || recreates {
                requests.extend(others().filter_map(|set| scaled(set, 0, None)));
            }
        }
    }
    let noted = ["metadata", "annotations", REVISION];
    if !is_paused && tree.str_at(&noted) != Some(&*number.to_string()) {
        let patch = json!({ "metadata": { "annotations": { REVISION: number.to_string() } } });
        let (namespace, name) = (deployment.namespace(), deployment.name());
        requests.push(Request::merge_patch(DEPLOYMENTS, namespace, name, Tree::from_value(patch)));
        // The status is told to what has come of it.
        return requests;
    }
    let status = status(ctx, deployment, &sets, current, wanted);
    requests.extend(status_due(DEPLOYMENTS, deployment, status));
    requests
}

fn revision(set: &Object) -> i64 {
    let noted = set.tree().str_at(&["metadata", "annotations", REVISION]);
    noted.and_then(|noted| noted.parse().ok()).unwrap_or(0)
}

/// The request that gives a set its size, and its number if it has another.
fn scaled(set: &Object, replicas: i64, number: Option<i64>) -> Option<Request> {
    let is_so = set.tree().int_at(&["spec", "replicas"]) == Some(replicas)
        && number.is_none_or(|number| revision(set) == number);
    if is_so {
        return None;
    }
    let mut patch = json!({ "spec": { "replicas": replicas } });
    if let Some(number) = number {
        patch["metadata"] = json!({ "annotations": { REVISION: number.to_string() } });
    }
    let (namespace, name) = (set.namespace(), set.name());
    Some(Request::merge_patch(REPLICA_SETS, namespace, name, Tree::from_value(patch)))
}

fn set_of(deployment: &Object, template: &Tree, number: i64) -> Tree {
    let tree = deployment.tree();
    let hash = hash(template);
    let wanted = tree.int_at(&["spec", "replicas"]).unwrap_or(1);
    let labels = template.at(&["metadata", "labels"]).cloned().unwrap_or_else(Tree::empty_map);
    let labels = labels.with(&[HASH], &*hash);
    let notes = json!({
        "deployment.kubernetes.io/desired-replicas": wanted.to_string(),
        REVISION: number.to_string(),
    });
    let metadata = Tree::empty_map()
        .with(&["name"], format!("{}-{hash}", deployment.name()))
        .with(&["labels"], &labels)
        .with(&["annotations"], Tree::from_value(notes))
        .with(&["ownerReferences"], owner_of(deployment, "Deployment"));
    let selector = tree.at(&["spec", "selector"]).cloned().unwrap_or_else(Tree::empty_map);
    let spec = Tree::empty_map()
        .with(&["replicas"], wanted)
        .with(&["selector"], selector.with(&["matchLabels", HASH], &*hash))
        .with(&["template"], template.with(&["metadata", "labels"], labels));
    Tree::empty_map().with(&["metadata"], metadata).with(&["spec"], spec)
}

/// Ten characters that spell no words.
fn hash(template: &Tree) -> String {
    const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    let mut rest = fnv_of(&template.to_string());
    let mut text = String::new();
    for _ in 0..10 {
        let at = usize::try_from(rest % ALPHABET.len() as u64).expect("less than the alphabet has");
        text.push(char::from(ALPHABET[at]));
        rest /= ALPHABET.len() as u64;
    }
    text
}

fn status(
    ctx: &Ctx<'_>,
    deployment: &Object,
    sets: &[Object],
    current: Option<&Object>,
    wanted: i64,
) -> Tree {
    let count = |set: &Object, key: &str| set.tree().int_at(&["status", key]).unwrap_or(0);
    let sum = |key: &str| sets.iter().map(|set| count(set, key)).sum::<i64>();
    let updated = current.map_or(0, |set| count(set, "replicas"));
    let available = sum("availableReplicas");
    let generation = deployment.generation();
    let mut status = Tree::empty_map().with(&["observedGeneration"], generation);
    for (key, number) in [
        ("replicas", sum("replicas")),
        ("updatedReplicas", updated),
        ("readyReplicas", sum("readyReplicas")),
        ("availableReplicas", available),
        ("unavailableReplicas", (wanted - available).max(0)),
    ] {
        if number > 0 {
            status = status.with(&[key], number);
        }
    }
    let name = current.map(Object::name).unwrap_or_default();
    let is_done = updated == wanted && available >= wanted && sum("replicas") == wanted;
    let conditions = [
        if available >= wanted {
            (
                "Available",
                "True",
                "MinimumReplicasAvailable",
                "Deployment has minimum availability.".to_owned(),
            )
        } else {
            (
                "Available",
                "False",
                "MinimumReplicasUnavailable",
                "Deployment does not have minimum availability.".to_owned(),
            )
        },
        if is_done {
            (
                "Progressing",
                "True",
                "NewReplicaSetAvailable",
                format!("ReplicaSet {name:?} has successfully progressed."),
            )
        } else {
            (
                "Progressing",
                "True",
                "ReplicaSetUpdated",
                format!("ReplicaSet {name:?} is progressing."),
            )
        },
    ];
    let known = deployment.tree().at(&["status", "conditions"]).map_or(&[][..], Tree::items);
    let condition = |(kind, is, reason, message): (&str, &str, &str, String)| {
        let before = known.iter().find(|known| known.str_at(&["type"]) == Some(kind));
        let same = |key: &str, value: &str| {
            before.is_some_and(|before| before.str_at(&[key]) == Some(value))
        };
        let now = Tree::from(ctx.now());
        let time = |key: &str, stays: bool| {
            let old = before.and_then(|before| before.get(key)).cloned();
            old.filter(|_| stays).unwrap_or_else(|| now.clone())
        };
        let is_same = same("status", is) && same("reason", reason) && same("message", &message);
        Tree::empty_map()
            .with(&["type"], kind)
            .with(&["status"], is)
            .with(&["lastUpdateTime"], time("lastUpdateTime", is_same))
            .with(&["lastTransitionTime"], time("lastTransitionTime", same("status", is)))
            .with(&["reason"], reason)
            .with(&["message"], message)
    };
    status.with(&["conditions"], Tree::list(conditions.into_iter().map(condition)))
}
