//! The controllers and node agents of Kubernetes, as state machines on the event heap.
//!
//! An actor is told one thing at a time and answers by what it does to its [`Ctx`]: it sends
//! requests (answered later, like everybody's), sets timers, tells other actors something, and
//! says how the engines it runs are. It reads the objects of its API server as they are; what it
//! watches it also hears of, one change at a time, a little later.
//!
//! **Invariant:** an actor is a value. What it knows is in it (or in objects), `clone_box` copies
//! all of it, and a copy that is told the same does the same.

mod agent;
pub mod dns;
mod endpoints;
pub mod example;
mod garbage_collector;
mod kubelet;
mod load_balancer;
mod namespaces;
mod node_lifecycle;
mod objects;
mod quotas;
#[cfg(test)]
mod redis_tests;
mod scheduler;
#[cfg(test)]
mod tests;
mod volumes;
mod workloads;

use std::sync::Arc;

use drydock_apiserver::{KindId, LogEntry, Object, Request, Server};
use drydock_operator_core::plan::{AgentCall, Reference, Wait};
use jiff::{SignedDuration, Timestamp};

use crate::clock::micros;
use crate::facts::{EngineFacts, PodFacts};
use crate::hash::StateHasher;
use crate::heap::{Body, Event};
use crate::inflight::{Reply, RequestId, Sender, Subject};
use crate::preset::Preset;
use crate::random;
use crate::trace::{Level, Who};
use crate::world::{World, WorldConfig};

/// What an actor calls one of its timers, requests or messages; it comes back with them.
pub type Tag = u64;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActorId(pub u16);

/// Makes the actors of one kind for a new world: one, or one per node.
pub type Make = fn(&WorldConfig) -> Vec<Box<dyn Actor>>;

/// All actors, in the order in which a change reaches them if it does so in the same microsecond.
pub const ALL: &[Make] = &[
    example::make,
    namespaces::make,
    kubelet::make,
    scheduler::make,
    volumes::make,
    endpoints::make,
    garbage_collector::make,
    node_lifecycle::make,
    load_balancer::make,
    quotas::make,
    workloads::make,
];

pub trait Actor: Send + Sync {
    /// `kubelet/node-0`. Random draws and latencies follow from it.
    fn name(&self) -> &str;

    /// The kinds whose changes it hears of, as (group, kind).
    fn watches(&self) -> &[(&'static str, &'static str)];

    fn react(&mut self, ctx: &mut Ctx<'_>, stimulus: Stimulus<'_>);

    fn clone_box(&self) -> Box<dyn Actor>;

    /// What of its state decides the future, without absolute times: see [`StateHasher`].
    fn digest(&self, hasher: &mut StateHasher);

    /// What holds it back, and on what: "why is it stuck" reads this.
    fn waits(&self) -> Vec<Held> {
        Vec::new()
    }

    /// Whether calls to the agents in pods come to this actor.
    fn takes_agent_calls(&self) -> bool {
        false
    }
}

/// Something that does not go on, and what it waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Who waits: a Pod, a `PersistentVolumeClaim`, ...
    pub who: Reference,
    pub wait: Wait,
    /// Rests on a generic engine model or a constant that was assumed.
    pub assumed: bool,
}

#[derive(Clone, Debug)]
pub enum Stimulus<'a> {
    /// The world begins; the objects of `WorldConfig` exist.
    Start,
    Timer(Tag),
    /// An object of a watched kind was added, modified or deleted.
    Changed(&'a LogEntry),
    Answered(Tag, &'a Reply),
    Told {
        from: ActorId,
        tag: Tag,
        body: Option<&'a Body>,
    },
    /// A call to the agent in a pod; to be answered with [`Ctx::answer_agent`], or never.
    Agent {
        call: RequestId,
        what: &'a Arc<AgentCall>,
    },
    /// A machine stops or starts: every process on it with it.
    Node {
        name: &'a str,
        up: bool,
    },
}

/// What an actor may do while it reacts.
pub struct Ctx<'w> {
    pub(crate) world: &'w mut World,
    pub(crate) me: ActorId,
    pub(crate) server: u16,
}

impl Ctx<'_> {
    pub fn me(&self) -> ActorId {
        self.me
    }

    pub fn now(&self) -> Timestamp {
        self.world.now()
    }

    pub fn preset(&self) -> Preset {
        self.world.preset()
    }

    /// The objects, as they are.
    pub fn server(&self) -> &Server {
        self.world.server(self.server)
    }

    pub fn kind(&self, group: &str, kind: &str) -> Option<KindId> {
        self.server().kind(group, kind)
    }

    pub fn get(&self, group: &str, kind: &str, namespace: &str, name: &str) -> Option<Object> {
        let server = self.server();
        server.table(server.kind(group, kind)?).get(namespace, name).cloned()
    }

    /// The answer comes as [`Stimulus::Answered`] with this tag.
    pub fn send(&mut self, request: Request, tag: Tag) {
        let sender = Sender::Actor { actor: self.me, tag };
        self.world.issue(sender, self.server, Subject::Api(Arc::new(request)));
    }

    /// Fires once. The world is not at rest while it is pending.
    pub fn timer(&mut self, at: Timestamp, tag: Tag) {
        let event = Event::Timer { actor: self.me, tag, background: false };
        self.world.push_at(at, event);
    }

    pub fn timer_after(&mut self, after: SignedDuration, tag: Tag) {
        let event = Event::Timer { actor: self.me, tag, background: false };
        self.world.push_after(micros(after), event);
    }

    /// As [`timer_after`](Self::timer_after), for what goes on for ever: pings, probes, heartbeats.
    /// A world in which nothing else is pending is at rest.
    pub fn background_after(&mut self, after: SignedDuration, tag: Tag) {
        let event = Event::Timer { actor: self.me, tag, background: true };
        self.world.push_after(micros(after), event);
    }

    pub fn actor(&self, name: &str) -> Option<ActorId> {
        self.world.actor(name)
    }

    /// Reaches the other as [`Stimulus::Told`]. `to` may be the teller itself.
    pub fn tell(&mut self, to: ActorId, after: SignedDuration, tag: Tag, body: Option<Body>) {
        let event = Event::Tell { from: self.me, to, tag, body };
        self.world.push_after(micros(after), event);
    }

    /// What the agent in the pod answers: its output, or what went wrong.
    pub fn answer_agent(
        &mut self,
        call: RequestId,
        result: Result<String, String>,
        after: SignedDuration,
    ) {
        self.world.agent_answers(call, result, micros(after));
    }

    /// An agent has run a probe.
    pub(crate) fn probed(&mut self, action: &str, pod_uid: &str, succeeded: bool) {
        self.world.note_probe(action, pod_uid, succeeded);
    }

    /// A line of the story.
    pub fn say(&mut self, who: Who, verb: &'static str, text: impl FnOnce() -> String) {
        self.world.say(Level::Story, who, verb, text);
    }

    /// A line that only `-v` shows.
    pub fn say_detail(&mut self, who: Who, verb: &'static str, text: impl FnOnce() -> String) {
        self.world.say(Level::Request, who, verb, text);
    }

    /// The `n`-th draw for a purpose. There is no stream: the actor says which draw it is (a restart
    /// count, a pod's name in the purpose), so a draw more here changes nothing there.
    pub fn random(&self, purpose: &str, n: u64) -> u64 {
        random::draw(self.world.seed(), self.name(), purpose, n)
    }

    /// Where the draws for a purpose begin: for [`random::nth`].
    pub fn draws(&self, purpose: &str) -> u64 {
        random::draws(self.world.seed(), self.name(), purpose)
    }

    fn name(&self) -> &str {
        &self.world.actors[usize::from(self.me.0)].name
    }

    /// A duration between both, drawn as [`random`](Self::random).
    pub fn between(
        &self,
        low: SignedDuration,
        high: SignedDuration,
        purpose: &str,
        n: u64,
    ) -> SignedDuration {
        let us = random::between(self.random(purpose, n), micros(low), micros(high));
        SignedDuration::from_micros(us)
    }

    pub fn facts(&self) -> &EngineFacts {
        self.world.facts()
    }

    /// How the engine in a pod is now. Said again when it changes; what has not changed costs nothing.
    pub fn set_facts(&mut self, namespace: &str, pod: &str, facts: PodFacts) {
        self.world.set_facts(namespace, pod, Some(facts));
    }

    /// No process runs in the pod any more.
    pub fn drop_facts(&mut self, namespace: &str, pod: &str) {
        self.world.set_facts(namespace, pod, None);
    }

    pub fn node_is_down(&self, name: &str) -> bool {
        self.world.node_is_down(name)
    }
}
