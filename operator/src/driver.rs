//! The loop around what the core decides: the same table of controllers, plans and executions that a simulated world
//! drives. One task holds all state; requests and watches are tasks that tell it what they heard.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use drydock_operator_api::{AnyObject, Kind, kinds};
use drydock_operator_core::controllers::{Changed, Controller};
use drydock_operator_core::execution::{Answer, Execution};
use drydock_operator_core::plan::{AgentCall, Call, EventCall, Plan, Reference};
use drydock_operator_core::queue::{Again, Outcome, Pass};
use drydock_operator_core::recorder::Recorder;
use drydock_operator_core::settings::Settings;
use drydock_operator_core::view::{Key, View};
use kube::Client;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::agent::{self, Agents};
use crate::cache::{Cache, Change, meta};
use crate::clock::Clock;
use crate::queue::{Id, Queue};
use crate::request::{self, Reply, Written};
use crate::watch::{self, Heard};

/// Changes that have been heard and not been taken in; a watch that is faster waits.
const BACKLOG: usize = 1024;
/// After so long without news of the first lists it is said which are missing.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long requests that are on their way may take when the operator is told to stop.
const GRACE: Duration = Duration::from_secs(5);

/// Everything a driver needs from outside.
pub struct Driver {
    /// Through [`Listen`](crate::clock::Listen), so that the clock hears what the server says.
    pub client: Client,
    pub clock: Arc<Clock>,
    pub controllers: Vec<Controller>,
    pub settings: Settings,
    pub agents: Arc<dyn Agents>,
    /// Look after this namespace alone.
    pub namespace: Option<String>,
}

/// Runs until `stop`; then lets the requests that are on their way end.
pub async fn run(driver: Driver, stop: impl Future<Output = ()>) {
    let mut running = Running::start(driver);
    let ended = tokio::select! {
        biased;
        () = stop => true,
        () = running.go() => false,
    };
    if ended {
        let rest = async { while running.calls.join_next().await.is_some() {} };
        if tokio::time::timeout(GRACE, rest).await.is_err() {
            tracing::warn!("stopped with requests that were not answered");
        }
    }
}

struct Running {
    driver: Driver,
    cache: Cache,
    /// Kinds that the server has, of those that are followed.
    served: BTreeSet<&'static Kind>,
    queue: Queue,
    recorder: Recorder,
    heard: mpsc::Receiver<Heard>,
    /// Dropped with the loop, and each task with it.
    calls: JoinSet<Option<(Id, Reply)>>,
    _watches: JoinSet<()>,
}

impl Running {
    fn start(driver: Driver) -> Self {
        let (tell, heard) = mpsc::channel(BACKLOG);
        let mut watches = JoinSet::new();
        for kind in followed(&driver.controllers) {
            let (client, namespace) = (driver.client.clone(), driver.namespace.clone());
            watches.spawn(watch::follow(client, kind, namespace, tell.clone()));
        }
        Self {
            driver,
            cache: Cache::default(),
            served: BTreeSet::new(),
            queue: Queue::default(),
            recorder: Recorder::default(),
            heard,
            calls: JoinSet::new(),
            _watches: watches,
        }
    }

    async fn go(&mut self) {
        self.list().await;
        loop {
            self.reconcile_due();
            let (soon, planned) = self.queue.next_due();
            let planned = planned.map(|at| self.driver.clock.local(at));
            let due = soon.into_iter().chain(planned).min();
            tokio::select! {
                biased;
                Some(ended) = self.calls.join_next() => {
                    // An Event has nobody who waits for its answer; a task that was aborted neither.
                    if let Ok(Some((id, reply))) = ended {
                        self.answered(&id, reply);
                    }
                }
                Some((kind, change)) = self.heard.recv() => {
                    let changed = self.take(kind, change);
                    for object in changed {
                        self.wake_for(kind, &object);
                    }
                    let cache = &self.cache;
                    self.queue.release(|written| shows(cache, written));
                }
                () = self.driver.clock.moved() => {}
                () = sleep_until(due) => {}
            }
        }
    }

    /// Until every kind is listed: who decides on half a view makes what is there already, and deletes what it does
    /// not see yet.
    async fn list(&mut self) {
        let mut missing: BTreeSet<&'static Kind> = followed(&self.driver.controllers);
        while !missing.is_empty() {
            let heard = tokio::time::timeout(PATIENCE, self.heard.recv());
            let Ok(heard) = heard.await else {
                let missing: Vec<_> = missing.iter().map(|kind| kind.kind).collect();
                tracing::warn!(?missing, "still not listed, so nothing is done; may we list them?");
                continue;
            };
            let Some((kind, change)) = heard else { return };
            if matches!(change, Change::NotServed | Change::Listed) {
                missing.remove(kind);
            }
            self.take(kind, change);
        }
        let all: Vec<_> = self.cache.all().map(|(kind, object)| (kind, object.clone())).collect();
        tracing::info!(objects = all.len(), kinds = self.served.len(), "the view is complete");
        for (kind, object) in all {
            self.wake_for(kind, &object);
        }
    }

    fn take(&mut self, kind: &'static Kind, change: Change) -> Vec<AnyObject> {
        match change {
            Change::NotServed => {
                tracing::info!(kind = kind.kind, version = kind.api_version(), "not served yet");
                self.served.remove(kind);
            }
            _ => drop(self.served.insert(kind)),
        }
        self.cache.take(kind, change)
    }

    /// The keys that a change of this object concerns.
    fn wake_for(&mut self, kind: &'static Kind, object: &AnyObject) {
        let meta = meta(kind, object);
        let keys =
            Changed::new(kind, meta).wakes(&self.driver.controllers, |map| map(&self.cache, meta));
        for (controller, key) in keys {
            self.queue.wake((controller, Arc::new(key)));
        }
    }

    fn reconcile_due(&mut self) {
        loop {
            let now = self.driver.clock.now();
            let cache = &self.cache;
            let Some(id) = self.queue.pop(now, |written| shows(cache, written)) else { return };
            let controller = &self.driver.controllers[usize::from(id.0)];
            let plan = (controller.plan)(&self.cache, &id.1, now, &self.driver.settings);
            self.tell(&id, &plan);
            self.queue.begin(&id, Execution::new(Arc::new(plan)));
            self.go_on(&id);
        }
    }

    /// What is wrong with the input, and what is waited for: said once.
    fn tell(&mut self, id: &Id, plan: &Plan) {
        let findings =
            plan.findings.iter().map(|finding| format!("{}: {}", finding.on, finding.problem));
        let waits = plan
            .waits
            .iter()
            .map(|wait| format!("waits for {} {} ({})", wait.on, wait.until, wait.because));
        let told: Vec<String> = findings.chain(waits).collect();
        if self.queue.is_news(id, told.clone()) {
            let controller = self.driver.controllers[usize::from(id.0)].name;
            for line in told {
                tracing::info!(controller, key = %id.1, "{line}");
            }
        }
    }

    /// Makes the next call of an execution, or ends the pass.
    fn go_on(&mut self, id: &Id) {
        loop {
            let Some(execution) = self.queue.execution(id) else { return };
            let Some(action) = execution.next() else { break };
            let call = action.call.clone();
            tracing::debug!(key = %id.1, step = action.because, call = %call.in_words(), "call");
            if let Call::Event(event) = &call {
                self.record(event);
                self.take_answer(id, Answer::Ok);
                continue;
            }
            if let Some(kind) = self.unserved(&call) {
                self.take_answer(id, Answer::no_match(kind));
                continue;
            }
            let id = id.clone();
            if let Call::Agent(call) = call {
                let asked = self.ask_agent(call);
                self.calls.spawn(async move { Some((id, Reply::new(asked.await))) });
            } else {
                let client = self.driver.client.clone();
                self.calls.spawn(async move { Some((id, request::ask(&client, &call).await)) });
            }
            return;
        }
        self.finish(id);
    }

    fn take_answer(&mut self, id: &Id, answer: Answer) {
        if let Some(execution) = self.queue.execution(id) {
            execution.answered(answer);
        }
    }

    fn answered(&mut self, id: &Id, reply: Reply) {
        if let Some(written) = reply.wrote
            && self.follows(&written)
        {
            self.queue.wrote(id, written);
        }
        self.take_answer(id, reply.answer);
        self.go_on(id);
    }

    /// What nobody tells of cannot be waited for.
    fn follows(&self, written: &Written) -> bool {
        let (Written::Revision(kind, _) | Written::Gone(kind, ..)) = written;
        self.served.contains(kind)
    }

    /// The kind of a call that the server is known not to have.
    fn unserved(&self, call: &Call) -> Option<&'static Kind> {
        let kind = call.kind()?;
        (!self.served.contains(kind) && followed(&self.driver.controllers).contains(kind))
            .then_some(kind)
    }

    fn ask_agent(&self, call: AgentCall) -> impl Future<Output = Answer> + Send + use<> {
        let agents = Arc::clone(&self.driver.agents);
        let address = agent::address(&self.cache as &dyn View, &call);
        async move {
            let answered = match address {
                Ok(address) => agent::call(&*agents, address, &call).await,
                Err(problem) => Err(problem),
            };
            answered.map_or_else(Answer::AgentFailed, |()| Answer::Ok)
        }
    }

    fn finish(&mut self, id: &Id) {
        let Some((execution, woken)) = self.queue.end(id) else { return };
        let Outcome { pass, trouble, again } = Outcome::of(&execution);
        let controller = self.driver.controllers[usize::from(id.0)].name;
        if let Some(trouble) = &trouble {
            let (message, call) = (&trouble.message, trouble.call.as_deref().unwrap_or_default());
            tracing::warn!(controller, key = %id.1, call, "{message}");
            if pass == Pass::Failed {
                self.warn(id, trouble.reason, message);
            }
        }
        if matches!(pass, Pass::Done | Pass::Retry) {
            self.queue.succeeded(id);
        }
        match again {
            Again::Never => {}
            Again::At(at) => self.queue.at(id.clone(), at),
            Again::After(delay) => {
                self.queue.after(id.clone(), Duration::try_from(delay).unwrap_or_default());
            }
            Again::BackOff => self.queue.back_off(id.clone()),
        }
        if woken {
            self.queue.wake(id.clone());
        }
        self.queue.tidy(id);
    }

    /// A Warning about the object of a key whose pass failed.
    fn warn(&mut self, id: &Id, reason: &str, message: &str) {
        let controller = &self.driver.controllers[usize::from(id.0)];
        let root = (controller.root)();
        let key: &Key = &id.1;
        // An Event about nothing would be refused.
        let Some(object) = self.cache.get_any(root, &key.namespace, &key.name) else { return };
        let mut regarding = Reference::new(root, key.clone());
        meta(root, &object).uid.clone_into(&mut regarding.uid);
        let event = EventCall {
            regarding,
            warning: true,
            reason: reason.to_owned(),
            message: message.to_owned(),
            source: controller.name,
        };
        self.record(&event);
    }

    /// Sends an Event, or raises its count. Nobody waits for the answer.
    fn record(&mut self, event: &EventCall) {
        let Some(call) = self.recorder.record(event, self.driver.clock.now()) else { return };
        let client = self.driver.client.clone();
        self.calls.spawn(async move {
            let reply = request::ask(&client, &call).await;
            tracing::trace!(?reply, "an Event");
            None
        });
    }
}

/// Every kind that a controller watches or reads.
fn followed(controllers: &[Controller]) -> BTreeSet<&'static Kind> {
    let watched = controllers.iter().flat_map(|controller| &controller.watches);
    watched.map(|watch| (watch.kind)()).chain(kinds()).collect()
}

fn shows(cache: &Cache, written: &Written) -> bool {
    match written {
        Written::Revision(kind, revision) => cache.seen(kind) >= *revision,
        Written::Gone(kind, key, uid) => cache
            .get_any(kind, &key.namespace, &key.name)
            .is_none_or(|object| meta(kind, &object).uid != *uid),
    }
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}
