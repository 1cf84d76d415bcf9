//! What goes wrong in a world, by the story's wish.
//!
//! Faults are consulted in the order in which they were installed; the first that does not let a
//! request pass decides. Each is one file, and one line in [`ALL`].

pub mod api_error;
pub mod api_group;
pub mod conflict;
pub mod lost_reply;
pub mod node_down;
pub mod operator_restart;
pub mod slow_request;
pub mod watch_lag;

use std::fmt;
use std::sync::Arc;

use drydock_apiserver::Request;
use drydock_scenarios as step;
use jiff::SignedDuration;

use crate::inflight::{RequestId, Sender, Subject, verb_name};
use crate::trace::{Level, Who};
use crate::world::World;

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Pass,
    Delay(SignedDuration),
    /// Refuse before the store sees it: the client knows nothing happened.
    Refuse(u16),
    /// Apply it and lose the answer: the client cannot tell. The most valuable fault we have.
    LoseReply,
}

/// One way in which a world can be made to suffer.
pub trait Fault: fmt::Debug + Send + Sync {
    /// `node-1 down, with demo-redis-0`.
    fn describe(&self) -> String;

    /// When it strikes.
    fn begin(&self, _world: &mut World) {}

    /// When it is healed.
    fn end(&self, _world: &mut World) {}

    /// For a request of the operator it strikes at.
    fn verdict(&self) -> Verdict {
        Verdict::Pass
    }

    /// Which requests it strikes, and how often; none if it leaves them alone.
    fn strikes(&self) -> Option<&Strikes> {
        None
    }

    fn watch_lag(&self, _group: &str, _kind: &str) -> SignedDuration {
        SignedDuration::ZERO
    }

    /// Nothing is left to heal once it has struck.
    fn is_over_at_once(&self) -> bool {
        false
    }
}

/// The names of all faults, and how each is made of what a scenario says.
pub type Make = fn(&step::Fault, &World) -> Option<Arc<dyn Fault>>;

pub const ALL: &[(&str, Make)] = &[
    ("node-down", node_down::make),
    ("api-error", api_error::make),
    ("lost-reply", lost_reply::make),
    ("conflict", conflict::make),
    ("slow-request", slow_request::make),
    ("watch-lag", watch_lag::make),
    ("operator-restart", operator_restart::make),
    ("api-group-not-served", api_group::make),
];

/// Requests of operators: all writes and reads that match. Events of the recorder are left alone unless named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Strikes {
    /// `create`
    pub verb: Option<String>,
    /// `Pod`, or what its resource is called.
    pub kind: Option<String>,
    /// A budget that a correct operator can survive.
    pub times: u32,
}

impl Strikes {
    fn of(requests: &step::Requests) -> Self {
        Self { verb: requests.verb.clone(), kind: requests.kind.clone(), times: requests.times }
    }

    fn matches(&self, world: &World, server: u16, request: &Request) -> bool {
        if self
            .verb
            .as_ref()
            .is_some_and(|verb| !verb.eq_ignore_ascii_case(verb_name(request.verb)))
        {
            return false;
        }
        let Some(wanted) = &self.kind else { return true };
        let server = world.server(server);
        let info = server.kind_of(&request.resource).and_then(|kind| server.kind_info(kind));
        info.is_some_and(|info| {
            [&info.kind, &info.plural, &info.singular]
                .iter()
                .any(|name| name.eq_ignore_ascii_case(wanted))
                || info.short_names.iter().any(|name| name.eq_ignore_ascii_case(wanted))
        })
    }
}

/// A fault at work.
#[derive(Clone, Debug)]
pub struct Installed {
    pub name: &'static str,
    pub fault: Arc<dyn Fault>,
    /// How often it has struck.
    pub hits: u32,
}

impl World {
    /// Lets a fault of a scenario strike. `Err` says why it cannot.
    pub fn inject(&mut self, fault: &step::Fault) -> Result<(), String> {
        let name = fault.name();
        let make = ALL.iter().find(|(known, _)| *known == name).map(|(_, make)| make);
        let made = make.and_then(|make| make(fault, self));
        let made = made.ok_or_else(|| format!("the fault {name} finds nothing to strike at"))?;
        self.install(name, made);
        Ok(())
    }

    pub fn install(&mut self, name: &'static str, fault: Arc<dyn Fault>) {
        self.say(Level::Story, Who::Fault, "begin", || fault.describe());
        fault.begin(self);
        if !fault.is_over_at_once() {
            self.faults.push(Installed { name, fault, hits: 0 });
        }
    }

    /// Ends the faults of that name; all without one. How many ended.
    pub fn heal(&mut self, name: Option<&str>) -> usize {
        let (ended, kept): (Vec<_>, Vec<_>) = std::mem::take(&mut self.faults)
            .into_iter()
            .partition(|installed| name.is_none_or(|name| name == installed.name));
        self.faults = kept;
        for installed in &ended {
            self.say(Level::Story, Who::Fault, "end", || installed.fault.describe());
            installed.fault.end(self);
        }
        self.hope();
        ended.len()
    }

    /// What has failed again and again may succeed now: the world is not at rest before it was tried.
    fn hope(&mut self) {
        self.moved();
        for operator in &mut self.operators {
            Arc::make_mut(operator).keys.iter_mut().for_each(|state| state.idle_passes = 0);
        }
    }

    pub fn faults(&self) -> &[Installed] {
        &self.faults
    }

    /// What the faults make of a request that reaches the server.
    pub(crate) fn verdict(&mut self, id: RequestId) -> Verdict {
        if self.faults.is_empty() {
            return Verdict::Pass;
        }
        let Some(request) = self.inflight.get(id) else { return Verdict::Pass };
        let (Sender::Operator { .. }, Subject::Api(api), false) =
            (request.sender, &request.subject, request.delayed)
        else {
            return Verdict::Pass;
        };
        let server = request.server;
        let struck = self.faults.iter().position(|installed| {
            installed.fault.strikes().is_some_and(|strikes| {
                installed.hits < strikes.times && strikes.matches(self, server, api)
            })
        });
        let Some(struck) = struck else { return Verdict::Pass };
        let identity = Arc::clone(&request.identity);
        self.faults[struck].hits += 1;
        let fault = Arc::clone(&self.faults[struck].fault);
        let verdict = fault.verdict();
        if matches!(verdict, Verdict::Delay(_))
            && let Some(request) = self.inflight.get_mut(id)
        {
            request.delayed = true;
        }
        self.say(Level::Story, Who::Fault, "strikes", || {
            format!("{} at {identity}", fault.describe())
        });
        verdict
    }

    /// A machine stops or starts, with everything on it.
    pub(crate) fn set_node(&mut self, name: &str, up: bool) {
        let changed = if up {
            self.nodes_down.remove(name).is_some()
        } else {
            self.nodes_down.insert(name.into()).is_none()
        };
        if !changed {
            return;
        }
        self.moved();
        for index in 0..self.actors.len() {
            let actor =
                crate::actor::ActorId(u16::try_from(index).expect("fewer actors than 65536"));
            self.stimulate(actor, crate::actor::Stimulus::Node { name, up });
        }
    }

    pub fn node_is_down(&self, name: &str) -> bool {
        self.nodes_down.contains(name)
    }
}
