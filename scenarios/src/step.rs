//! What a scenario may say. One verb per step; the compiler names every runner that lacks one.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::Value;

use crate::manifest::Manifest;
use crate::mistake::{Place, Source};

/// A claim in one sentence, and the story that shows it.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The folder it stands in: `failover/redis-primary-node-lost`.
    pub name: String,
    pub about: String,
    pub runs_on: Vec<Arm>,
    pub given: Given,
    pub steps: Vec<Step>,
    pub invariants: Vec<Named>,
    pub budgets: Budgets,
    /// The text of the scenario itself: mistakes found while running point into it.
    pub source: Arc<Source>,
    /// Every text it was made of, by path: a repro holds them all.
    pub files: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arm {
    Simulator,
    Cluster,
}

#[derive(Clone, Debug)]
pub struct Given {
    pub kubernetes: String,
    pub nodes: u32,
    pub seed: u64,
    pub preset: String,
    pub operator: Operator,
    /// The namespace of objects that name none.
    pub namespace: String,
    /// Applied at the start of the story.
    pub objects: Vec<Manifest>,
    /// There before the story begins, with status, as a dump has them.
    pub dump: Vec<Manifest>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    Ours,
    /// A story about Kubernetes or an engine alone.
    None,
}

/// A word of the scenario that only the runner can judge: an invariant, a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    pub name: String,
    pub place: Place,
}

#[derive(Clone, Debug)]
pub struct Step {
    pub place: Place,
    pub verb: Verb,
}

#[derive(Clone, Debug)]
pub enum Verb {
    Apply(Vec<Manifest>),
    Patch {
        object: ObjectRef,
        to: Value,
    },
    Delete(ObjectRef),
    Fault(Fault),
    /// Ends faults by name; none ends all.
    Heal(Option<String>),
    /// The story goes on when it holds.
    Wait(Claim),
    /// The story goes on at once; the claim must come to hold in time.
    Expect(Claim),
    Advance(Advance),
    /// Until nothing moves any more. What is still expected then has failed.
    Settle {
        within: SignedDuration,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advance {
    By(SignedDuration),
    /// Counted from the start of the story.
    To(SignedDuration),
}

/// `cluster/demo`: the kind as people write it, which the runner resolves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectRef {
    pub kind: String,
    pub namespace: String,
    pub name: String,
    pub place: Place,
}

impl std::fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.kind, self.name)
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    pub place: Place,
    pub subject: Subject,
    pub condition: Condition,
    pub within: SignedDuration,
    /// What it means, where the condition does not say it.
    pub says: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    Object(ObjectRef),
    /// The database process in a pod.
    Engine {
        namespace: String,
        pod: String,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    Matches(Value),
    Gone,
}

/// Hardly anything survives without limits: each fault names how often it strikes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The machine stops: its pods, kubelet and volumes with it.
    NodeDown(NodeChoice),
    /// The API server refuses before anything is stored.
    ApiError {
        code: u16,
        requests: Requests,
    },
    /// The request is carried out, the answer never comes.
    LostReply {
        requests: Requests,
    },
    /// Somebody else wrote first.
    Conflict {
        requests: Requests,
    },
    SlowRequest {
        by: SignedDuration,
        requests: Requests,
    },
    /// The operator's view of a kind falls behind.
    WatchLag {
        kind: String,
        by: SignedDuration,
    },
    OperatorRestart,
    /// `policy/v1`.
    ApiGroupNotServed {
        group_version: String,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeChoice {
    Named(String),
    /// The node that this pod runs on when the fault strikes.
    Of {
        namespace: String,
        pod: String,
    },
}

/// Which requests of the operator a fault strikes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requests {
    pub verb: Option<String>,
    pub kind: Option<String>,
    pub times: u32,
}

/// Counts do not depend on the machine, so they are exact gates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Budgets {
    pub reconciles: Option<u64>,
    pub writes: Option<u64>,
    /// Writes that changed nothing.
    pub idle_writes: Option<u64>,
}

impl Fault {
    pub const NAMES: &[&str] = &[
        "node-down",
        "api-error",
        "lost-reply",
        "conflict",
        "slow-request",
        "watch-lag",
        "operator-restart",
        "api-group-not-served",
    ];

    pub fn name(&self) -> &'static str {
        match self {
            Fault::NodeDown(_) => "node-down",
            Fault::ApiError { .. } => "api-error",
            Fault::LostReply { .. } => "lost-reply",
            Fault::Conflict { .. } => "conflict",
            Fault::SlowRequest { .. } => "slow-request",
            Fault::WatchLag { .. } => "watch-lag",
            Fault::OperatorRestart => "operator-restart",
            Fault::ApiGroupNotServed { .. } => "api-group-not-served",
        }
    }
}

impl Claim {
    /// The claim as a sentence: "cluster/demo is Running".
    pub fn sentence(&self) -> String {
        if let Some(says) = &self.says {
            return says.clone();
        }
        match (&self.subject, &self.condition) {
            (Subject::Object(object), Condition::Gone) => format!("{object} is gone"),
            (Subject::Object(object), Condition::Matches(pattern)) => {
                object_sentence(object, pattern)
            }
            (Subject::Engine { pod, .. }, Condition::Gone) => format!("no engine runs in {pod}"),
            (Subject::Engine { pod, .. }, Condition::Matches(pattern)) => {
                engine_sentence(pod, pattern)
            }
        }
    }
}

fn object_sentence(object: &ObjectRef, pattern: &Value) -> String {
    let leaves = leaves(pattern);
    match leaves.as_slice() {
        [(path, phase)] if path == "status.phase" => format!("{object} is {phase}"),
        _ => {
            let leaves: Vec<_> =
                leaves.iter().map(|(path, value)| format!("{path} {value}")).collect();
            format!("{object} has {}", leaves.join(", "))
        }
    }
}

fn engine_sentence(pod: &str, pattern: &Value) -> String {
    let facts =
        leaves(pattern).into_iter().map(|(fact, value)| match (fact.as_str(), value.as_str()) {
            ("accepts-writes", "true") => "accepts writes".to_owned(),
            ("accepts-writes", "false") => "refuses writes".to_owned(),
            ("replica-of", primary) => format!("is a replica of {primary}"),
            ("role", role) => format!("is {role}"),
            (fact, value) => format!("has {fact} {value}"),
        });
    format!("{pod} {}", facts.collect::<Vec<_>>().join(" and "))
}

/// The path and the text of everything a pattern asks for.
fn leaves(pattern: &Value) -> Vec<(String, String)> {
    fn walk(at: &str, value: &Value, out: &mut Vec<(String, String)>) {
        let join = |key: &str| if at.is_empty() { key.to_owned() } else { format!("{at}.{key}") };
        match value {
            Value::Object(map) if !map.is_empty() => {
                map.iter().for_each(|(key, value)| walk(&join(key), value, out));
            }
            Value::Array(items) if !items.is_empty() => {
                items
                    .iter()
                    .enumerate()
                    .for_each(|(i, value)| walk(&format!("{at}[{i}]"), value, out));
            }
            Value::String(text) => out.push((at.to_owned(), text.clone())),
            other => out.push((at.to_owned(), other.to_string())),
        }
    }
    let mut out = Vec::new();
    walk("", pattern, &mut out);
    out
}
