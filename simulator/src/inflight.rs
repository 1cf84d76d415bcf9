//! Requests on their way. Each is three events (it leaves, it is carried out, its answer arrives),
//! so a crash, a lost reply, a slow call and a race are orders of events, not special code.

use std::collections::BTreeMap;
use std::sync::Arc;

use drydock_apiserver::{KindId, Request, Response, Verb};
use drydock_operator_core::plan::AgentCall;

use crate::actor::{ActorId, Tag};
use crate::operator::KeyId;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sender {
    /// The execution of a plan.
    Operator {
        operator: u16,
        life: u32,
        key: KeyId,
    },
    /// The operator's recorder of Events: nobody waits for the answer.
    Recorder {
        operator: u16,
    },
    Actor {
        actor: ActorId,
        tag: Tag,
    },
    User,
}

#[derive(Clone, Debug)]
pub enum Subject {
    Api(Arc<Request>),
    Agent(Arc<AgentCall>),
}

/// What came back.
#[derive(Clone, Debug)]
pub enum Reply {
    Api(Response),
    Agent(Result<String, String>),
    /// Nothing: the request may or may not have been carried out.
    Lost,
}

impl Reply {
    /// The answer of the API server, if there was one.
    pub fn response(&self) -> Option<&Response> {
        match self {
            Reply::Api(response) => Some(response),
            _ => None,
        }
    }

    /// A 2xx code.
    pub fn is_ok(&self) -> bool {
        match self {
            Reply::Api(response) => response.code < 300,
            Reply::Agent(result) => result.is_ok(),
            Reply::Lost => false,
        }
    }
}

#[derive(Clone, Debug)]
pub struct InFlight {
    pub sender: Sender,
    pub server: u16,
    pub subject: Subject,
    /// What it is, without its body: latencies and deviations are keyed by it.
    pub identity: Arc<str>,
    /// It is the `nth` of its sender with this identity, from 1.
    pub nth: u32,
    /// When it reached whom it is for.
    pub begun_us: i64,
    pub reply: Option<Reply>,
    /// What it changed: kinds and revisions.
    pub effects: Vec<(KindId, u64)>,
    /// A fault or deviation has decided that the answer never comes.
    pub answer_lost: bool,
    /// A fault has delayed it already: it is not asked twice.
    pub delayed: bool,
}

impl InFlight {
    pub fn is_write(&self) -> bool {
        matches!(&self.subject, Subject::Api(request) if is_write(request))
    }
}

pub fn is_write(request: &Request) -> bool {
    !matches!(request.verb, Verb::Get | Verb::List | Verb::Watch)
}

/// `patch pods default/demo-redis-0 status`.
pub fn identity(subject: &Subject) -> String {
    match subject {
        Subject::Api(request) => {
            let verb = verb_name(request.verb);
            let name = if request.name.is_empty() { body_name(request) } else { &request.name };
            let resource = &*request.resource.resource;
            let of = [verb, " ", resource, " ", &request.namespace, "/", name];
            match &request.subresource {
                Some(subresource) => [&of.concat(), " ", subresource].concat(),
                None => of.concat(),
            }
        }
        Subject::Agent(call) => format!("agent {} {}", call.action, call.pod),
    }
}

fn body_name(request: &Request) -> &str {
    match &request.body {
        drydock_apiserver::Body::Tree(tree) => tree.str_at(&["metadata", "name"]).unwrap_or(""),
        _ => "",
    }
}

pub fn verb_name(verb: Verb) -> &'static str {
    match verb {
        Verb::Get => "get",
        Verb::List => "list",
        Verb::Watch => "watch",
        Verb::Create => "create",
        Verb::Update => "update",
        Verb::Patch => "patch",
        Verb::Delete => "delete",
        Verb::DeleteCollection => "deletecollection",
    }
}

/// The table of requests in flight. Few at any time.
#[derive(Clone, Debug, Default)]
pub struct Table {
    entries: BTreeMap<RequestId, InFlight>,
    issued: u64,
}

impl Table {
    pub fn insert(&mut self, request: InFlight) -> RequestId {
        self.issued += 1;
        let id = RequestId(self.issued);
        self.entries.insert(id, request);
        id
    }

    pub fn get(&self, id: RequestId) -> Option<&InFlight> {
        self.entries.get(&id)
    }

    pub fn get_mut(&mut self, id: RequestId) -> Option<&mut InFlight> {
        self.entries.get_mut(&id)
    }

    pub fn remove(&mut self, id: RequestId) -> Option<InFlight> {
        self.entries.remove(&id)
    }

    pub fn iter(&self) -> impl Iterator<Item = (RequestId, &InFlight)> {
        self.entries.iter().map(|(id, request)| (*id, request))
    }
}
