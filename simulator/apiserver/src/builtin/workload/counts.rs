//! How many pods the status of a workload counts: none fewer than nothing, and no part more than the whole.

use crate::Tree;
use crate::builtin::check::{NOTHING, not_negative};
use crate::builtin::rules::Write;
use crate::schema::{Faults, Path};

/// What a status counts, and the parts that cannot be more than `replicas`, each in the order of the real server.
struct Counts {
    all: &'static [&'static str],
    parts: &'static [&'static str],
    /// How the member is called that available pods cannot be more than.
    ready: &'static str,
}

const DEPLOYMENT: Counts = Counts {
    all: &[
        "observedGeneration",
        "replicas",
        "updatedReplicas",
        "readyReplicas",
        "availableReplicas",
        "unavailableReplicas",
        "terminatingReplicas",
        "collisionCount",
    ],
    parts: &["updatedReplicas", "readyReplicas", "availableReplicas"],
    ready: "readyReplicas",
};
const REPLICA_SET: Counts = Counts {
    all: &[
        "replicas",
        "fullyLabeledReplicas",
        "readyReplicas",
        "availableReplicas",
        "observedGeneration",
        "terminatingReplicas",
    ],
    parts: &["fullyLabeledReplicas", "readyReplicas", "availableReplicas"],
    ready: "readyReplicas",
};
const STATEFUL_SET: Counts = Counts {
    all: &[
        "replicas",
        "readyReplicas",
        "currentReplicas",
        "updatedReplicas",
        "availableReplicas",
        "observedGeneration",
        "collisionCount",
    ],
    parts: &["readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas"],
    ready: "status.readyReplicas",
};
const DAEMON_SET: Counts = Counts {
    all: &[
        "currentNumberScheduled",
        "numberMisscheduled",
        "desiredNumberScheduled",
        "numberReady",
        "observedGeneration",
        "updatedNumberScheduled",
        "numberAvailable",
        "numberUnavailable",
        "collisionCount",
    ],
    parts: &[],
    ready: "",
};

pub(in crate::builtin) fn check(write: &Write<'_>, kind: &str, faults: &mut Faults) {
    let Some(old) = write.old.filter(|_| write.changed(&["status"])) else { return };
    let counts = match kind {
        "Deployment" => &DEPLOYMENT,
        "ReplicaSet" => &REPLICA_SET,
        "StatefulSet" => &STATEFUL_SET,
        _ => &DAEMON_SET,
    };
    let status = write.new.get("status").unwrap_or(&NOTHING);
    let at = Path::Root.field("status");
    for key in counts.all {
        not_negative(faults, status, key, &at);
    }
    let count = |key: &str| status.int_at(&[key]).unwrap_or(0);
    for key in counts.parts {
        if count(key) > count("replicas") {
            faults.invalid(at.field(key), count(key), "cannot be greater than status.replicas");
        }
    }
    if !counts.ready.is_empty() && count("availableReplicas") > count("readyReplicas") {
        let why = format!("cannot be greater than {}", counts.ready);
        faults.invalid(at.field("availableReplicas"), count("availableReplicas"), &why);
    }
    let collisions = |tree: &Tree| tree.int_at(&["status", "collisionCount"]);
    if let Some(before) = collisions(old)
        && collisions(write.new).unwrap_or(0) < before
        && counts.all.contains(&"collisionCount")
    {
        let value = collisions(write.new).unwrap_or(0);
        faults.invalid(at.field("collisionCount"), value, "cannot be decremented");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn no_more_pods_are_available_than_ready_and_none_is_less_than_nothing() {
        let old = Tree::from(json!({ "status": { "collisionCount": 2 } }));
        let new = Tree::from(json!({ "status": {
            "replicas": 3, "readyReplicas": 1, "availableReplicas": 2, "updatedReplicas": -1,
        } }));
        let mut faults = Faults::default();
        check(&Write::of(&new, Some(&old)), "Deployment", &mut faults);
        let said: Vec<_> = faults.0.iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                "status.updatedReplicas: Invalid value: -1: must be greater than or equal to 0",
                "status.availableReplicas: Invalid value: 2: cannot be greater than readyReplicas",
                "status.collisionCount: Invalid value: 0: cannot be decremented",
            ]
        );
    }
}
