//! From a call of a plan to a request, and from a reply to the answer that an execution takes.

use std::sync::Arc;

use drydock_apiserver::{Gvr, PatchKind, Propagation as Wire, Request, Tree};
use drydock_operator_api::Kind;
use drydock_operator_core::execution::Answer;
use drydock_operator_core::plan::{Call, EventCall, Generate, Generated, Letters, Propagation};
use serde_json::Value;

use crate::inflight::{Reply, Subject};
use crate::random;
use crate::world::World;

/// The field manager of all that the operator writes.
const MANAGER: &str = "drydock";

pub(crate) enum Prepared {
    Send(Subject),
    Record(Box<EventCall>),
    /// The client finds no such kind on the server, and sends nothing.
    NoMatch(Answer),
}

impl World {
    pub(crate) fn prepare(&mut self, operator: u16, call: &Call) -> Prepared {
        let kind = match call {
            Call::Agent(call) => return Prepared::Send(Subject::Agent(Arc::new(call.clone()))),
            Call::Event(event) => return Prepared::Record(Box::new(event.clone())),
            Call::Create { kind, .. }
            | Call::Patch { kind, .. }
            | Call::Delete { kind, .. }
            | Call::List { kind, .. } => *kind,
        };
        let server = self.operators[usize::from(operator)].server;
        if self.server(server).kind_of(&gvr(kind)).is_none() {
            return Prepared::NoMatch(no_match(kind));
        }
        let request = match call {
            Call::Create { object, generate, .. } => {
                let object = self.filled(operator, object, generate);
                let namespace = object.pointer("/metadata/namespace").and_then(Value::as_str);
                let namespace = namespace.unwrap_or_default().to_owned();
                Request::create(gvr(kind), &namespace, Tree::from_value(object))
            }
            Call::Patch { key, subresource, patch, .. } => {
                let how = if patch.is_array() { PatchKind::Json } else { PatchKind::Merge };
                let patch = Tree::from_value(patch.clone());
                let request = Request::patch(gvr(kind), &key.namespace, &key.name, how, patch);
                match *subresource {
                    Some(subresource) => request.subresource(subresource),
                    None => request,
                }
            }
            Call::Delete { key, uid, propagation, .. } => {
                let request = Request::delete(gvr(kind), &key.namespace, &key.name);
                let request = if uid.is_empty() { request } else { request.if_uid(uid) };
                request.propagation(match propagation {
                    Propagation::Background => Wire::Background,
                    Propagation::Foreground => Wire::Foreground,
                    Propagation::Orphan => Wire::Orphan,
                })
            }
            Call::List { namespace, .. } => Request::list(gvr(kind), namespace),
            Call::Agent(_) | Call::Event(_) => unreachable!("answered above"),
        };
        Prepared::Send(Subject::Api(Arc::new(request.by(MANAGER))))
    }

    /// The object with what only the executor can make. It follows from the world's seed and the object's name,
    /// so a create that is repeated after a crash makes the same.
    fn filled(&self, operator: u16, object: &Value, generate: &[Generate]) -> Value {
        let mut object = object.clone();
        let process = &self.operators[usize::from(operator)];
        let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
        let purpose = format!("generate {name}");
        for (n, wanted) in (0..).zip(generate) {
            let draw = |i: u64| random::draw(self.seed(), &process.name, &purpose, n * 1000 + i);
            let value = match &wanted.what {
                Generated::Password {
                    length,
                    digits,
                    symbols,
                    symbol_characters,
                    letters,
                    seed,
                } => {
                    let from = if seed.is_empty() { 0 } else { random::fnv_of(seed) };
                    let draw = |i: u64| {
                        if seed.is_empty() {
                            draw(i)
                        } else {
                            random::draw(from, "", "password", i)
                        }
                    };
                    let text =
                        password(*length, *digits, *symbols, symbol_characters, *letters, draw);
                    drydock_operator_core::base64::encode(text.as_bytes())
                }
            };
            put(&mut object, &wanted.pointer, Value::String(value));
        }
        object
    }
}

pub(crate) fn gvr(kind: &Kind) -> Gvr {
    Gvr {
        group: kind.group.to_owned().into(),
        version: kind.version.to_owned().into(),
        resource: kind.plural.to_owned().into(),
    }
}

/// controller-runtime's words for a kind that discovery does not know.
fn no_match(kind: &Kind) -> Answer {
    Answer::Refused {
        code: 404,
        reason: "NoMatch".to_owned(),
        message: format!(
            "no matches for kind \"{}\" in version \"{}\"",
            kind.kind,
            kind.api_version()
        ),
    }
}

pub(crate) fn answer(reply: &Reply) -> Answer {
    match reply {
        Reply::Lost => Answer::Lost,
        Reply::Agent(Ok(_)) => Answer::Ok,
        Reply::Agent(Err(message)) => Answer::AgentFailed(message.clone()),
        Reply::Api(response) => match response.error() {
            None => Answer::Ok,
            Some(status) => Answer::Refused {
                code: status.code,
                reason: status.reason.to_owned(),
                message: status.message.clone(),
            },
        },
    }
}

/// `list poddisruptionbudgets`, `create pod/demo-redis-0`.
pub(crate) fn in_words(call: &Call) -> String {
    match call {
        Call::Create { kind, object, .. } => {
            let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
            format!("create {}/{name}", kind.kind.to_lowercase())
        }
        Call::Patch { kind, key, .. } => format!("patch {}/{}", kind.kind.to_lowercase(), key.name),
        Call::Delete { kind, key, .. } => {
            format!("delete {}/{}", kind.kind.to_lowercase(), key.name)
        }
        Call::List { kind, .. } => format!("list {}", kind.plural),
        Call::Agent(call) => format!("{} on pod/{}", call.action, call.pod.name),
        Call::Event(event) => format!("event {}", event.reason),
    }
}

/// Sets what a pointer names, and makes the maps on the way.
fn put(object: &mut Value, pointer: &str, value: Value) {
    let mut at = object;
    for part in pointer.split('/').skip(1) {
        let key = part.replace("~1", "/").replace("~0", "~");
        if !at.is_object() {
            *at = Value::Object(serde_json::Map::new());
        }
        at = at.as_object_mut().expect("made one above").entry(key).or_insert(Value::Null);
    }
    *at = value;
}

fn password(
    length: usize,
    digits: usize,
    symbols: usize,
    symbol_characters: &str,
    letters: Letters,
    draw: impl Fn(u64) -> u64,
) -> String {
    const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";
    const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let alphabet = match letters {
        Letters::Lower => LOWER.to_owned(),
        Letters::Upper => UPPER.to_owned(),
        Letters::Mixed => format!("{LOWER}{UPPER}"),
    };
    let symbol_characters = if symbol_characters.is_empty() { "!@#&*" } else { symbol_characters };
    let pick = |from: &str, i: usize| {
        let characters: Vec<char> = from.chars().collect();
        characters[usize::try_from(draw(i as u64) % characters.len() as u64)
            .expect("smaller than a length")]
    };
    let mut text: Vec<char> = (0..length)
        .map(|i| {
            if i < digits {
                pick("0123456789", i)
            } else if i < digits + symbols {
                pick(symbol_characters, i)
            } else {
                pick(&alphabet, i)
            }
        })
        .collect();
    // Fisher-Yates, with draws of its own.
    for i in (1..text.len()).rev() {
        let other =
            usize::try_from(draw(500 + i as u64) % (i as u64 + 1)).expect("smaller than a length");
        text.swap(i, other);
    }
    text.into_iter().collect()
}
