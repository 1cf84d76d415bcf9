//! A redis sentinel. It pings what it knows, learns of replicas from INFO and of other sentinels
//! from the hello channel, and replaces a master that enough of them hold to be down.
//!
//! ```text
//! silent for down-after ──► SDOWN ──(quorum of sentinels say so)──► ODOWN ──► election ──► failover
//! ```
//!
//! **Invariant:** a sentinel gives one vote per epoch, and epochs only grow: two sentinels can
//! never both win the same one.

mod failover;
mod instance;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

pub use self::failover::{Failover, Stage, Vote};
pub use self::instance::Instance;
use self::instance::{PING_PERIOD, since};
use super::redis::Info;
use super::{Boot, Call, Effect, Input, Member, Message, Random, Turn};

const HELLO_PERIOD: SignedDuration = SignedDuration::from_secs(2);
/// While something is wrong a sentinel looks this often, as a real one always does.
const URGENT_TICK: SignedDuration = SignedDuration::from_millis(100);
/// A master that comes back is given four hello periods to be put right by the others' news.
const DEMOTE_AFTER: SignedDuration = SignedDuration::from_secs(8);

/// The parameters of one monitored master.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Settings {
    pub quorum: u32,
    #[serde(deserialize_with = "crate::engine::model::duration")]
    pub down_after: SignedDuration,
    #[serde(deserialize_with = "crate::engine::model::duration")]
    pub failover_timeout: SignedDuration,
    pub parallel_syncs: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            quorum: 2,
            down_after: SignedDuration::from_secs(20),
            failover_timeout: SignedDuration::from_secs(60),
            parallel_syncs: 1,
        }
    }
}

/// `SENTINEL MONITOR` and the `SENTINEL SET`s that follow it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Monitor {
    pub name: Arc<str>,
    pub master: Member,
    pub settings: Settings,
}

/// What a sentinel says of itself and of one master, every two seconds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Hello {
    pub from: Member,
    pub id: u64,
    pub epoch: u64,
    pub name: Arc<str>,
    pub master: Member,
    pub config_epoch: u64,
}

/// `SENTINEL IS-MASTER-DOWN-BY-ADDR`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AskDown {
    pub name: Arc<str>,
    pub master: Member,
    pub epoch: u64,
    /// Who wants your vote; nobody does while only the state is asked for.
    pub candidate: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Down {
    pub name: Arc<str>,
    pub down: bool,
    pub vote: Option<Vote>,
}

/// The configuration that a sentinel rewrites at every change.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Store {
    id: u64,
    epoch: u64,
    watched: BTreeMap<Arc<str>, Stored>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Stored {
    settings: Settings,
    master: Member,
    config_epoch: u64,
    vote: Option<Vote>,
    replicas: Vec<Member>,
    sentinels: Vec<(Member, u64)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Sentinel {
    me: Member,
    id: u64,
    epoch: u64,
    watched: BTreeMap<Arc<str>, Watched>,
    random: Random,
    next_tick: Timestamp,
    hello_at: Timestamp,
}

/// One master with its replicas, and the other sentinels that watch it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Watched {
    pub settings: Settings,
    pub master: Instance,
    pub replicas: BTreeMap<Member, Instance>,
    pub colleagues: BTreeMap<Member, Colleague>,
    pub config_epoch: u64,
    pub vote: Option<Vote>,
    pub odown: bool,
    pub failover: Option<Failover>,
    /// When it last started a failover, or gave its vote to another one's.
    pub last_attempt: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Colleague {
    pub id: u64,
    pub link: Instance,
    pub asked_at: Timestamp,
    pub says_down: bool,
    pub said_at: Timestamp,
    pub vote: Option<Vote>,
}

impl Sentinel {
    pub fn start(boot: &Boot, turn: &mut Turn<'_>) -> Self {
        let mut random = Random::new(boot.seed);
        let mut sentinel = Self {
            me: boot.me.clone(),
            id: random.draw(),
            epoch: 0,
            watched: BTreeMap::new(),
            random,
            next_tick: turn.now,
            hello_at: turn.now,
        };
        if let Some(super::Store::Sentinel(store)) = &boot.store {
            sentinel.id = store.id;
            sentinel.epoch = store.epoch;
            for (name, stored) in &store.watched {
                sentinel.watched.insert(name.clone(), Watched::restore(stored, turn.now));
            }
        }
        sentinel.wake(turn);
        sentinel
    }

    pub fn store(&self) -> Store {
        let watched = self.watched.iter().map(|(name, watched)| (name.clone(), watched.stored()));
        Store { id: self.id, epoch: self.epoch, watched: watched.collect() }
    }

    /// For tests and invariants: the epochs in which it holds itself to be the elected leader.
    pub fn leads(&self) -> impl Iterator<Item = (&Arc<str>, u64)> {
        self.watched.iter().filter_map(|(name, watched)| {
            let failover = watched.failover.as_ref()?;
            (failover.stage != Stage::WaitStart && !failover.forced)
                .then_some((name, failover.epoch))
        })
    }

    pub fn master_of(&self, name: &str) -> Option<&Member> {
        self.watched.get(name).map(Watched::address)
    }

    pub fn known_sentinels(&self, name: &str) -> usize {
        self.watched.get(name).map_or(0, |watched| watched.colleagues.len() + 1)
    }

    pub fn react(&mut self, input: Input<'_>, turn: &mut Turn<'_>) {
        match input {
            Input::Tick if turn.now >= self.next_tick => {
                self.tick(turn);
                self.wake(turn);
            }
            Input::Tick => {}
            Input::Message { from, message } => self.hear(from, message, turn),
            Input::Call(call) => succeed(&call, turn),
        }
    }

    fn wake(&mut self, turn: &mut Turn<'_>) {
        let period =
            if self.watched.values().any(Watched::is_urgent) { URGENT_TICK } else { PING_PERIOD };
        self.next_tick = turn.now + period;
        turn.effects.push(Effect::Wake(self.next_tick));
    }

    fn tick(&mut self, turn: &mut Turn<'_>) {
        let hello = turn.now.duration_since(self.hello_at) >= HELLO_PERIOD;
        if hello {
            self.hello_at = turn.now;
        }
        let names: Vec<Arc<str>> = self.watched.keys().cloned().collect();
        for name in names {
            let Some(watched) = self.watched.get_mut(&name) else { continue };
            watched.look(turn);
            self.pursue(&name, turn);
            if hello {
                self.say_hello(&name, turn);
            }
        }
    }

    fn say_hello(&self, name: &Arc<str>, turn: &mut Turn<'_>) {
        let Some(watched) = self.watched.get(name) else { return };
        let hello = Arc::new(Hello {
            from: self.me.clone(),
            id: self.id,
            epoch: self.epoch,
            name: name.clone(),
            master: watched.address().clone(),
            config_epoch: watched.config_epoch,
        });
        for instance in std::iter::once(&watched.master).chain(watched.replicas.values()) {
            if !instance.is_down() {
                turn.send(&instance.address, Message::Hello(hello.clone()));
            }
        }
    }

    fn hear(&mut self, from: &Member, message: Message, turn: &mut Turn<'_>) {
        match message {
            Message::Ping => turn.send(from, Message::Pong),
            Message::Pong => {
                for watched in self.watched.values_mut() {
                    watched.answered(from, turn.now);
                }
            }
            Message::Info(info) => {
                let names: Vec<Arc<str>> = self.watched.keys().cloned().collect();
                for name in names {
                    self.take_info(&name, from, &info, turn);
                }
            }
            Message::Hello(hello) => self.take_hello(&hello, turn),
            Message::AskMaster(name) => {
                let master = self.master_of(&name).cloned();
                turn.send(from, Message::Master(master));
            }
            Message::Monitor(monitor) => {
                self.watched.entry(monitor.name.clone()).or_insert_with(|| {
                    Watched::new(monitor.settings.clone(), monitor.master.clone(), turn.now)
                });
                turn.send(from, Message::Monitored);
            }
            Message::Reset(name) => {
                if let Some(watched) = self.watched.get_mut(&name) {
                    watched.reset(turn.now);
                }
            }
            Message::Failover { name, candidate } => self.force(&name, candidate, turn),
            Message::AskDown(question) => self.answer_down(from, &question, turn),
            Message::Down(answer) => self.take_down(from, &answer, turn),
            _ => {}
        }
    }

    fn take_hello(&mut self, hello: &Hello, turn: &mut Turn<'_>) {
        let Some(watched) = self.watched.get_mut(&hello.name) else { return };
        if hello.id == self.id {
            return;
        }
        // A sentinel that came back under another name, or another one under the same name.
        watched
            .colleagues
            .retain(|address, colleague| (*address == hello.from) == (colleague.id == hello.id));
        watched
            .colleagues
            .entry(hello.from.clone())
            .or_insert_with(|| Colleague::new(hello.from.clone(), hello.id, turn.now));
        self.epoch = self.epoch.max(hello.epoch);
        if watched.config_epoch < hello.config_epoch {
            watched.config_epoch = hello.config_epoch;
            if watched.master.address != hello.master {
                watched.switch(&hello.master, turn.now);
            }
        }
    }
}

/// Nothing that an action may ask of a sentinel itself can fail.
fn succeed(call: &Call, turn: &mut Turn<'_>) {
    turn.effects.push(Effect::Done { id: call.id, exit: 0, output: String::new() });
}

impl Colleague {
    fn new(address: Member, id: u64, now: Timestamp) -> Self {
        Self {
            id,
            link: Instance::new(address, now),
            asked_at: Timestamp::MIN,
            says_down: false,
            said_at: Timestamp::MIN,
            vote: None,
        }
    }
}

impl Watched {
    fn new(settings: Settings, master: Member, now: Timestamp) -> Self {
        Self {
            settings,
            master: Instance::new(master, now),
            replicas: BTreeMap::new(),
            colleagues: BTreeMap::new(),
            config_epoch: 0,
            vote: None,
            odown: false,
            failover: None,
            last_attempt: Timestamp::MIN,
        }
    }

    fn stored(&self) -> Stored {
        let colleagues = self.colleagues.iter();
        Stored {
            settings: self.settings.clone(),
            master: self.master.address.clone(),
            config_epoch: self.config_epoch,
            vote: self.vote,
            replicas: self.replicas.keys().cloned().collect(),
            sentinels: colleagues.map(|(address, known)| (address.clone(), known.id)).collect(),
        }
    }

    fn restore(stored: &Stored, now: Timestamp) -> Self {
        let mut watched = Self::new(stored.settings.clone(), stored.master.clone(), now);
        watched.config_epoch = stored.config_epoch;
        watched.vote = stored.vote;
        for replica in &stored.replicas {
            watched.replicas.insert(replica.clone(), Instance::new(replica.clone(), now));
        }
        for (address, id) in &stored.sentinels {
            let colleague = Colleague::new(address.clone(), *id, now);
            watched.colleagues.insert(address.clone(), colleague);
        }
        watched
    }

    fn reset(&mut self, now: Timestamp) {
        self.replicas.clear();
        self.colleagues.clear();
        self.failover = None;
        self.odown = false;
        self.master = Instance::new(self.master.address.clone(), now);
    }

    /// `+switch-master`: the old master stays known, as a replica that is to follow the new one.
    fn switch(&mut self, master: &Member, now: Timestamp) {
        let old = self.master.address.clone();
        let mut known: Vec<Member> = self.replicas.keys().cloned().collect();
        known.push(old);
        self.replicas.clear();
        for address in known.into_iter().filter(|address| address != master) {
            self.replicas.insert(address.clone(), Instance::new(address, now));
        }
        self.master = Instance::new(master.clone(), now);
        self.failover = None;
        self.odown = false;
        for colleague in self.colleagues.values_mut() {
            colleague.says_down = false;
        }
    }

    /// Whom it names as master: the promoted replica as soon as that one is known to be master.
    fn address(&self) -> &Member {
        match &self.failover {
            Some(Failover { stage: Stage::Reconfigure, promoted: Some(promoted), .. }) => promoted,
            _ => &self.master.address,
        }
    }

    fn is_urgent(&self) -> bool {
        self.failover.is_some()
            || self.master.ping_since.is_some()
            || self.replicas.values().any(Instance::is_suspect)
            || self.colleagues.values().any(|colleague| colleague.link.is_suspect())
    }

    /// Pings, INFO, and who is down.
    fn look(&mut self, turn: &mut Turn<'_>) {
        let after = self.settings.down_after;
        let urgent = self.master.is_down() || self.failover.is_some();
        self.master.check(after, turn.now);
        self.master.ping(turn);
        self.master.ask_info(false, turn);
        for replica in self.replicas.values_mut() {
            replica.check(after, turn.now);
            replica.ping(turn);
            replica.ask_info(urgent, turn);
        }
        for colleague in self.colleagues.values_mut() {
            colleague.link.check(after, turn.now);
            colleague.link.ping(turn);
        }
    }

    fn answered(&mut self, from: &Member, now: Timestamp) {
        if let Some(colleague) = self.colleagues.get_mut(from) {
            colleague.link.answered(now);
        } else if self.master.address == *from {
            self.master.answered(now);
        } else if let Some(replica) = self.replicas.get_mut(from) {
            replica.answered(now);
        }
    }
}

impl Sentinel {
    fn take_info(&mut self, name: &Arc<str>, from: &Member, info: &Arc<Info>, turn: &mut Turn<'_>) {
        let Some(watched) = self.watched.get_mut(name) else { return };
        if watched.master.address == *from {
            watched.master.take_info(info, turn.now);
            if info.master.is_none() {
                for replica in &info.replicas {
                    watched
                        .replicas
                        .entry(replica.clone())
                        .or_insert_with(|| Instance::new(replica.clone(), turn.now));
                }
            }
            return;
        }
        let Some(replica) = watched.replicas.get_mut(from) else { return };
        replica.take_info(info, turn.now);
        let stable = turn.now.duration_since(replica.role_since);
        let master_is_sane = watched.master.says_master() && !watched.master.is_down();
        if let Some(failover) = &watched.failover {
            if failover.stage == Stage::WaitPromotion
                && failover.promoted.as_ref() == Some(from)
                && info.master.is_none()
            {
                self.promoted(name, turn);
            }
            return;
        }
        match &info.master {
            None if master_is_sane && stable > DEMOTE_AFTER => {
                turn.send(from, Message::ReplicaOf(Some(watched.master.address.clone())));
            }
            Some(other)
                if *other != watched.master.address
                    && master_is_sane
                    && since(watched.last_attempt, turn.now)
                        > watched.settings.failover_timeout
                    && stable > watched.settings.failover_timeout =>
            {
                turn.send(from, Message::ReplicaOf(Some(watched.master.address.clone())));
            }
            _ => {}
        }
    }
}
