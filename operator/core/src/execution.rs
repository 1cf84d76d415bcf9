//! A plan on its way: it says the next call, and is told the answer. It can be dropped between any
//! two calls; nothing but the stored objects remembers how far it came.

use std::sync::Arc;

use drydock_operator_api::Kind;
use jiff::SignedDuration;

use crate::plan::{Action, Call, OnFailure, Plan};

#[derive(Clone, Debug)]
pub struct Execution {
    plan: Arc<Plan>,
    next: usize,
    end: Option<End>,
}

/// How an execution ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// Every action was answered well.
    Complete,
    /// The object changed under us: look again at once.
    Conflict,
    /// An agent call failed or its precondition does not hold: look again after this time.
    Retry(SignedDuration, String),
    /// Back off, and say why.
    Failed(String),
}

/// What came back for a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A 2xx code.
    Ok,
    /// An error Status of the API server, or of a client that found no such kind (`NoMatch`).
    Refused { code: u16, reason: String, message: String },
    /// The agent's `error` and `message`, or why it could not be reached.
    AgentFailed(String),
    /// No answer came: the call may or may not have been carried out.
    Lost,
}

impl Answer {
    /// controller-runtime's words for a kind that discovery does not know.
    pub fn no_match(kind: &Kind) -> Self {
        Self::Refused {
            code: 404,
            reason: "NoMatch".to_owned(),
            message: format!(
                "no matches for kind \"{}\" in version \"{}\"",
                kind.kind,
                kind.api_version()
            ),
        }
    }
}

impl Execution {
    pub fn new(plan: Arc<Plan>) -> Self {
        let end = plan.actions.is_empty().then_some(End::Complete);
        Self { plan, next: 0, end }
    }

    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// The call to make now; none when the execution has ended.
    pub fn next(&self) -> Option<&Action> {
        if self.end.is_some() { None } else { self.plan.actions.get(self.next) }
    }

    /// The call that ended it before its time.
    pub fn failed(&self) -> Option<&Action> {
        match self.end {
            Some(End::Complete) | None => None,
            Some(_) => self.plan.actions.get(self.next),
        }
    }

    pub fn end(&self) -> Option<&End> {
        self.end.as_ref()
    }

    /// Takes the answer to the call that `next` gave.
    pub fn answered(&mut self, answer: Answer) {
        let Some(action) = self.next() else { return };
        match judge(&action.call, answer) {
            None => {
                self.next += 1;
                if self.next == self.plan.actions.len() {
                    self.end = Some(End::Complete);
                }
            }
            end => self.end = end,
        }
    }
}

/// None: go on.
fn judge(call: &Call, answer: Answer) -> Option<End> {
    match (call, answer) {
        (_, Answer::Ok)
        | (Call::Event(_), _)
        | (Call::Patch { .. } | Call::Delete { .. }, Answer::Refused { code: 404, .. })
        // The uid in the precondition names an object that is gone.
        | (Call::Delete { .. }, Answer::Refused { code: 409, .. }) => None,
        (Call::Create { .. }, Answer::Refused { code: 409, reason, .. })
            if reason == "AlreadyExists" =>
        {
            None
        }
        (_, Answer::Refused { code: 409, .. }) => Some(End::Conflict),
        (Call::Agent(call), Answer::AgentFailed(message)) => match call.on_failure {
            OnFailure::Ignore => None,
            OnFailure::Retry(delay) => Some(End::Retry(delay, message)),
        },
        (_, Answer::Refused { message, .. } | Answer::AgentFailed(message)) => {
            Some(End::Failed(message))
        }
        (_, Answer::Lost) => Some(End::Failed("the request was not answered".to_owned())),
    }
}
