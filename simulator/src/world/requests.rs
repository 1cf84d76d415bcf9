//! A request's three events, and who gets the answer.

use std::sync::Arc;

use drydock_apiserver::{Answer, Outcome, Request, Response, Status, Verb};

use super::World;
use crate::actor::Stimulus;
use crate::choice::Crash;
use crate::fault::Verdict;
use crate::heap::Event;
use crate::inflight::{InFlight, Reply, RequestId, Sender, Subject, identity, is_write, verb_name};
use crate::random;
use crate::trace::{Level, Who};
use crate::view::is_mark;

/// How long a caller waits for an agent that does not answer, if the call does not say.
const AGENT_TIMEOUT_US: i64 = 60_000_000;

impl World {
    /// A request as a user, answered at once as far as the caller can tell: the world steps until the answer is there.
    pub fn request(&mut self, request: Request) -> Response {
        let id = self.submit(request);
        loop {
            if let Some(reply) = self.take_answer_of(id) {
                return match reply {
                    Reply::Api(response) => response,
                    _ => Status::unavailable("the request was not answered").into(),
                };
            }
            if self.step().is_none() {
                return Status::unavailable("the world ended before the answer").into();
            }
        }
    }

    /// A request as a user; its answer waits for [`take_answer_of`](Self::take_answer_of).
    pub fn submit(&mut self, request: Request) -> RequestId {
        self.issue(Sender::User, 0, Subject::Api(Arc::new(request)))
    }

    pub fn take_answer_of(&mut self, id: RequestId) -> Option<Reply> {
        self.answers.remove(&id)
    }

    pub(crate) fn issue(&mut self, sender: Sender, server: u16, subject: Subject) -> RequestId {
        let identity: Arc<str> = identity(&subject).into();
        let counter = (random::fnv_of(&self.sender_name(sender)), random::fnv_of(&identity));
        let nth = self.issued.get(&counter).copied().unwrap_or(0) + 1;
        self.issued.insert(counter, nth);
        let request = InFlight {
            sender,
            server,
            subject,
            identity,
            nth,
            begun_us: 0,
            reply: None,
            effects: Vec::new(),
            answer_lost: false,
            delayed: false,
        };
        let id = self.inflight.insert(request);
        self.push_after(0, Event::Send(id));
        id
    }

    /// The write of an operator that the next step sends: where an explorer forks.
    pub fn next_write(&self) -> Option<(u16, &InFlight)> {
        let Event::Send(id) = self.heap.peek()?.event else { return None };
        let request = self.inflight.get(id)?;
        match request.sender {
            Sender::Operator { operator, life, .. } if request.is_write() => {
                let process = &self.operators[usize::from(operator)];
                (process.alive && process.life == life).then_some((operator, request))
            }
            _ => None,
        }
    }

    pub(super) fn sent(&mut self, id: RequestId) {
        let Some(request) = self.inflight.get(id) else { return };
        if let Sender::Operator { operator, life, .. } = request.sender {
            let process = &self.operators[usize::from(operator)];
            if !process.alive || process.life != life {
                self.inflight.remove(id);
                return;
            }
            if let Some(crash) = self.crash_at(id, Crash::Before) {
                self.inflight.remove(id);
                self.carry_out(&crash);
                return;
            }
        }
        let Some(request) = self.inflight.get(id) else { return };
        let (low, high) = match request.subject {
            Subject::Api(_) => self.preset().request(),
            Subject::Agent(_) => self.preset().agent(),
        };
        let after_us = self.latency(id, "request", low, high) + self.chosen_delay(id);
        self.push_after(after_us, Event::Apply(id));
    }

    pub(super) fn apply(&mut self, id: RequestId) {
        let verdict = self.verdict(id);
        if let Verdict::Delay(by) = verdict {
            self.push_after(crate::clock::micros(by), Event::Apply(id));
            return;
        }
        let now_us = self.clock.now_us();
        let Some(request) = self.inflight.get_mut(id) else { return };
        request.begun_us = now_us;
        request.answer_lost |= verdict == Verdict::LoseReply;
        let (sender, server) = (request.sender, request.server);
        let subject = request.subject.clone();
        let reply = match (&subject, verdict) {
            (_, Verdict::Refuse(code)) => Reply::Api(refusal(code, &subject)),
            (Subject::Api(api), _) => Reply::Api(self.handle(server, api)),
            (Subject::Agent(call), _) => {
                self.counts_mut().agent_calls += 1;
                let timeout_us = call.timeout.map_or(AGENT_TIMEOUT_US, crate::clock::micros);
                self.push_after(timeout_us, Event::Answer(id));
                let agent = self.agent_actor();
                if let Some(actor) = agent {
                    self.stimulate(actor, Stimulus::Agent { call: id, what: call });
                }
                return;
            }
        };
        if let (Subject::Api(api), Reply::Api(response)) = (&subject, &reply) {
            self.trace.record(&[u64::from(response.code), u64::from(response.changed)]);
            self.count(sender, server, api, response);
            self.narrate_request(sender, api, response);
        }
        let slot = &self.servers[usize::from(server)];
        let effects = slot
            .server
            .log_since(slot.published)
            .map(|entry| (entry.kind, entry.revision))
            .collect();
        let Some(request) = self.inflight.get_mut(id) else { return };
        request.reply = Some(reply);
        request.effects = effects;
        if let Some(crash) = self.crash_at(id, Crash::After) {
            self.carry_out(&crash);
        } else if self.crash_at(id, Crash::AnswerLost).is_some()
            && let Some(request) = self.inflight.get_mut(id)
        {
            request.answer_lost = true;
            self.deviated = true;
        }
        let (low, high) = self.preset().answer();
        let after_us = self.latency(id, "answer", low, high);
        self.push_after(after_us, Event::Answer(id));
    }

    fn handle(&mut self, server: u16, request: &Request) -> Response {
        let now = self.now();
        match self.servers[usize::from(server)].server.handle(request, now) {
            Outcome::Done(response) => response,
            _ => Status::bad_request("a watch or a session cannot be answered in one piece").into(),
        }
    }

    pub(super) fn answered(&mut self, id: RequestId) {
        let Some(request) = self.inflight.remove(id) else { return };
        if let Subject::Agent(call) = &request.subject {
            let succeeded = request.reply.as_ref().is_some_and(Reply::is_ok);
            self.note_action(call, self.clock.now_us() - request.begun_us, succeeded);
        }
        let reply = match (request.answer_lost, request.reply, &request.subject) {
            (false, Some(reply), _) => reply,
            (false, None, Subject::Agent(call)) => {
                Reply::Agent(Err(format!("{} timed out", call.action)))
            }
            (true, ..) | (false, None, Subject::Api(_)) => Reply::Lost,
        };
        match request.sender {
            Sender::Operator { operator, life, key } => {
                self.operator_answered(operator, life, key, &reply, &request.effects);
            }
            Sender::Recorder { .. } => {}
            Sender::Actor { actor, tag } => self.stimulate(actor, Stimulus::Answered(tag, &reply)),
            Sender::User => drop(self.answers.insert(id, reply)),
        }
    }

    pub(crate) fn agent_answers(
        &mut self,
        id: RequestId,
        result: Result<String, String>,
        after_us: i64,
    ) {
        let Some(request) = self.inflight.get_mut(id) else { return };
        request.reply = Some(Reply::Agent(result));
        self.push_after(after_us, Event::Answer(id));
    }

    fn agent_actor(&self) -> Option<crate::actor::ActorId> {
        let takes = |slot: &super::ActorSlot| {
            slot.actor.as_ref().is_some_and(|actor| actor.takes_agent_calls())
        };
        let index = self.actors.iter().position(takes)?;
        Some(crate::actor::ActorId(u16::try_from(index).expect("fewer actors than 65536")))
    }

    fn latency(&self, id: RequestId, leg: &str, low: i64, high: i64) -> i64 {
        let Some(request) = self.inflight.get(id) else { return low };
        let purpose = [leg, " ", &request.identity].concat();
        let draw = random::draw(
            self.seed(),
            &self.sender_name(request.sender),
            &purpose,
            u64::from(request.nth),
        );
        random::between(draw, low, high)
    }

    fn sender_name(&self, sender: Sender) -> Arc<str> {
        match sender {
            Sender::Operator { operator, .. } | Sender::Recorder { operator } => {
                Arc::clone(&self.operators[usize::from(operator)].name)
            }
            Sender::Actor { actor, .. } => Arc::clone(&self.actors[usize::from(actor.0)].name),
            Sender::User => "user".into(),
        }
    }

    fn count(&mut self, sender: Sender, server: u16, request: &Request, response: &Response) {
        if !matches!(sender, Sender::Operator { .. } | Sender::Recorder { .. }) {
            return;
        }
        let counts = self.counts_mut();
        *counts.requests.entry(verb_name(request.verb)).or_default() += 1;
        if response.code == 409 {
            counts.conflicts += 1;
        }
        if !is_write(request) {
            return;
        }
        let resource = &*request.resource.resource;
        *counts.writes.entry(resource.to_owned()).or_default() += 1;
        if resource == "events" {
            return;
        }
        if response.is_success() && !response.changed {
            counts.idle_writes += 1;
            let what = format!("{} {resource}", verb_name(request.verb));
            *counts.idle.entry(what).or_default() += 1;
        }
        let slot = &self.servers[usize::from(server)];
        let is_mark = response.changed && slot.server.log_since(slot.published).all(is_mark);
        // Who finds the object changed has written nothing, and looks again.
        if response.code != 409 && !is_mark {
            *self.writes.entry(resource.to_owned()).or_default() += 1;
        }
    }

    fn narrate_request(&mut self, sender: Sender, request: &Request, response: &Response) {
        let who = match sender {
            Sender::Operator { .. } => Who::Operator,
            Sender::User => Who::User,
            Sender::Recorder { .. } | Sender::Actor { .. } => return,
        };
        let (object, told) = match &response.body {
            Answer::Object(object) => (Some(object), TOLD.contains(&&*request.resource.resource)),
            _ => (None, TOLD.contains(&&*request.resource.resource)),
        };
        let level = match request.verb {
            // What a user does, the story says itself.
            Verb::Create | Verb::Delete if told && response.changed && who != Who::User => {
                Level::Story
            }
            _ => Level::Request,
        };
        let name = object.map_or(request.name.as_str(), |object| object.name()).to_owned();
        let singular = request
            .resource
            .resource
            .strip_suffix('s')
            .unwrap_or(&request.resource.resource)
            .to_owned();
        let outcome = match response.error() {
            Some(status) => format!(": {status}"),
            None if level == Level::Request && is_write(request) && !response.changed => {
                " (changes nothing)".to_owned()
            }
            None => String::new(),
        };
        let subresource =
            request.subresource.as_ref().map_or_else(String::new, |name| format!(" {name}"));
        self.say(level, who, verb_name(request.verb), || {
            format!("{singular}/{name}{subresource}{outcome}")
        });
    }
}

/// Resources whose creation and deletion is a line of the story.
const TOLD: &[&str] = &["clusters", "components", "instancesets", "pods", "persistentvolumeclaims"];

fn refusal(code: u16, subject: &Subject) -> Response {
    let status = match (code, subject) {
        (409, Subject::Api(request)) => Status {
            code: 409,
            reason: "Conflict",
            message: format!(
                "Operation cannot be fulfilled on {} {:?}: the object has been modified; please apply your changes to the latest version and try again",
                request.resource.resource, request.name
            ),
            ..Status::default()
        },
        (429, _) => Status::too_many_requests(
            "the server has received too many requests and has asked us to try again later",
        ),
        (500, _) => Status::internal("injected by a fault"),
        (503, _) => Status::unavailable("the server is currently unable to handle the request"),
        (code, _) => Status::plain(code, "injected by a fault"),
    };
    status.into()
}
