//! What one pass of a controller wants done, and why it wants no more.

use std::borrow::Cow;
use std::collections::BTreeMap;

use drydock_operator_api::Kind;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::Value;

use crate::view::Key;

/// The result of a pass. Actions are executed in order; the first that fails ends the execution.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    pub actions: Vec<Action>,
    /// Look again at this time, if nothing wakes the controller before.
    pub requeue_at: Option<Timestamp>,
    /// The pass could not be completed: a Warning event, and exponential back-off.
    pub failure: Option<Failure>,
    pub findings: Vec<Finding>,
    pub waits: Vec<Wait>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Action {
    /// The step that wants it.
    pub because: &'static str,
    pub call: Call,
}

/// One request, complete: executing it leaves nothing to choose.
#[derive(Clone, Debug, PartialEq)]
pub enum Call {
    /// An object that exists already counts as success.
    Create { kind: &'static Kind, object: Value, generate: Vec<Generate> },
    /// A merge patch of just what differs; or a JSON patch (RFC 6902), if it is an array: a list like a
    /// pod's containers cannot be changed in part otherwise. An object that is gone counts as success.
    Patch {
        kind: &'static Kind,
        key: Key,
        subresource: Option<&'static str>,
        /// Holds `metadata.uid`, and `metadata.resourceVersion` where the decision rests on what was read.
        patch: Value,
    },
    /// An object that is gone counts as success.
    Delete { kind: &'static Kind, key: Key, uid: String, propagation: Propagation },
    /// A live list whose answer is not used: only quirks need it.
    List { kind: &'static Kind, namespace: String },
    /// A call to the agent in a pod.
    Agent(AgentCall),
    /// A core Event about an object; sent once, repeated ones only raise its count.
    Event(EventCall),
}

impl Call {
    /// Of what the API server is asked; none for agents and Events.
    pub fn kind(&self) -> Option<&'static Kind> {
        match self {
            Call::Create { kind, .. }
            | Call::Patch { kind, .. }
            | Call::Delete { kind, .. }
            | Call::List { kind, .. } => Some(kind),
            Call::Agent(_) | Call::Event(_) => None,
        }
    }

    /// `list poddisruptionbudgets`, `create pod/demo-redis-0`.
    pub fn in_words(&self) -> String {
        match self {
            Call::Create { kind, object, .. } => {
                let name = object.pointer("/metadata/name").and_then(Value::as_str);
                format!("create {}/{}", kind.kind.to_lowercase(), name.unwrap_or_default())
            }
            Call::Patch { kind, key, .. } => {
                format!("patch {}/{}", kind.kind.to_lowercase(), key.name)
            }
            Call::Delete { kind, key, .. } => {
                format!("delete {}/{}", kind.kind.to_lowercase(), key.name)
            }
            Call::List { kind, .. } => format!("list {}", kind.plural),
            Call::Agent(call) => format!("{} on pod/{}", call.action, call.pod.name),
            Call::Event(event) => format!("event {}", event.reason),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Propagation {
    Background,
    Foreground,
    Orphan,
}

/// A value only the executor can make: it is written to `pointer` (RFC 6901) of the object before it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generate {
    pub pointer: String,
    pub what: Generated,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Generated {
    /// A password, base64-encoded as Secrets hold it.
    Password {
        length: usize,
        digits: usize,
        symbols: usize,
        symbol_characters: String,
        letters: Letters,
        seed: String,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Letters {
    Lower,
    Upper,
    Mixed,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentCall {
    pub pod: Key,
    pub pod_uid: String,
    pub action: String,
    pub parameters: BTreeMap<String, String>,
    pub timeout: Option<SignedDuration>,
    pub on_failure: OnFailure,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// The rest of the plan goes on.
    Ignore,
    /// The rest of the plan is dropped; look again after this time.
    Retry(SignedDuration),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventCall {
    pub regarding: Reference,
    pub warning: bool,
    pub reason: String,
    pub message: String,
    /// `cluster-controller`, ...
    pub source: &'static str,
}

/// An object that another one speaks of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    pub kind: Cow<'static, str>,
    pub api_version: Cow<'static, str>,
    pub key: Key,
    pub uid: String,
}

impl Reference {
    pub fn new(kind: &'static Kind, key: Key) -> Self {
        Self {
            kind: Cow::Borrowed(kind.kind),
            api_version: Cow::Owned(kind.api_version()),
            key,
            uid: String::new(),
        }
    }
}

/// `component/demo-redis`, as people write it.
impl std::fmt::Display for Reference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.kind.to_lowercase(), self.key.name)
    }
}

/// Why a pass ended early and must be tried again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub reason: &'static str,
    pub message: String,
}

/// What is wrong with the user's input. Shown as a condition and an event of the object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub on: Reference,
    pub problem: Problem,
}

/// One variant per broken rule; the text names object and field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// A definition, template or other object that the input names does not exist.
    Missing(Reference),
    /// The input names something that its definition does not have, or breaks a rule of it.
    Broken(String),
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Problem::Missing(what) => write!(f, "{what} does not exist"),
            Problem::Broken(rule) => f.write_str(rule),
        }
    }
}

/// Who has to act before a wait can end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Whose {
    Operator,
    Addon,
    Kubernetes,
    Engine,
    User,
}

/// A controller holds back: on what object, until what, and why.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wait {
    pub on: Reference,
    /// "to be gone", "to be Running", ...: completes "waits for component/demo-redis ...".
    pub until: Cow<'static, str>,
    pub because: Cow<'static, str>,
    /// Said where the chain ends here, and nothing more is known of `on`.
    pub whose: Whose,
}
