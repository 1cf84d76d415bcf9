//! From a call of a plan to a request, and from a reply to the answer that an execution takes.

use std::sync::Arc;

use drydock_apiserver::{Gvr, PatchKind, Propagation as Wire, Request, Tree};
use drydock_operator_api::Kind;
use drydock_operator_core::execution::Answer;
use drydock_operator_core::generate;
use drydock_operator_core::plan::{Call, EventCall, Generate, Propagation};
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
    pub(crate) fn prepare(&self, operator: u16, call: &Call) -> Prepared {
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
            return Prepared::NoMatch(Answer::no_match(kind));
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
                let patch = Tree::from(patch);
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
        let draw = |n| random::draw(self.seed(), &process.name, &purpose, n);
        generate::fill(&mut object, generate, draw);
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
