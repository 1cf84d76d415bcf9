//! Database processes behind containers: pure state machines that are told what happened and say
//! what they do about it.
//!
//! ```text
//! start, tick, message, call ──► Engine::react ──► send, wake, done, say
//! ```
//!
//! Who runs in which container, and what its probes answer, says a [`model::EngineModel`]; how
//! members of a group agree on a leader is a protocol, one variant of [`Engine`].
//!
//! **Invariant:** an engine is plain data. It reads no objects, no clock and no randomness but
//! [`Random`], so a clone of it goes the same way as the original.

pub mod generic;
pub mod model;
pub mod redis;
pub mod sentinel;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use self::redis::Redis;
use self::sentinel::Sentinel;

/// A pod as its peers call it: `namespace/name`. One process of a pod speaks a protocol.
pub type Member = Arc<str>;

/// The process of one container.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Engine {
    /// Serves as soon as it is booted, and knows of nobody.
    None,
    Redis(Box<Redis>),
    Sentinel(Box<Sentinel>),
}

/// What a process is given when it starts.
#[derive(Clone, Debug)]
pub struct Boot {
    pub me: Member,
    /// The component or shard it belongs to: `demo-redis`.
    pub group: Arc<str>,
    /// Members of its own group, lowest ordinal first, itself included.
    pub peers: Vec<Member>,
    /// The processes that watch over it (the sentinels of a redis).
    pub watchers: Vec<Member>,
    /// Decides all its random choices.
    pub seed: u64,
    /// What an earlier process left in the volume.
    pub store: Option<Store>,
}

/// What survives a process, in its volume.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Store {
    Redis(redis::Store),
    Sentinel(Arc<sentinel::Store>),
}

pub enum Input<'a> {
    Tick,
    Message { from: &'a Member, message: Message },
    Call(Call),
}

/// An action that the agent runs on the process.
#[derive(Clone, Debug)]
pub struct Call {
    /// Comes back in [`Effect::Done`].
    pub id: u64,
    pub verb: model::Verb,
    /// The pod that the action names: the candidate of a switchover, the member that leaves.
    pub about: Option<Member>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    Send {
        to: Member,
        message: Message,
    },
    /// [`Input::Tick`] at this time. A process has one alarm: a later wish replaces an earlier one.
    Wake(Timestamp),
    /// A call has ended.
    Done {
        id: u64,
        exit: i32,
        output: String,
    },
    /// Something a reader of the trace wants to know.
    Say {
        verb: &'static str,
        text: String,
    },
}

/// One look at the world from inside a process.
pub struct Turn<'a> {
    pub now: Timestamp,
    pub effects: &'a mut Vec<Effect>,
}

impl Turn<'_> {
    pub fn send(&mut self, to: &Member, message: Message) {
        self.effects.push(Effect::Send { to: to.clone(), message });
    }

    pub fn say(&mut self, verb: &'static str, text: String) {
        self.effects.push(Effect::Say { verb, text });
    }
}

/// Between processes. The large ones are behind an `Arc`: a message is copied on its way.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    /// Nothing listens there (the node answers, or the name does not resolve). A dead node is silent.
    Refused,
    Ping,
    Pong,
    AskInfo,
    Info(Arc<redis::Info>),
    /// From a sentinel to a redis, which passes it on to every sentinel that it knows.
    Hello(Arc<sentinel::Hello>),
    /// `REPLICAOF host port`, or `REPLICAOF NO ONE`.
    ReplicaOf(Option<Member>),
    /// From a replica to its master: send me what comes after this offset.
    Sync {
        offset: u64,
    },
    /// From a master to a replica: you have everything up to this offset.
    Stream {
        offset: u64,
    },
    /// From a replica to its master.
    Ack {
        offset: u64,
    },
    AskMaster(Arc<str>),
    Master(Option<Member>),
    Monitor(Arc<sentinel::Monitor>),
    Monitored,
    /// `SENTINEL RESET`: forget the replicas and sentinels known under this name.
    Reset(Arc<str>),
    /// `SENTINEL FAILOVER`: without asking the others, if there is somebody to promote.
    Failover {
        name: Arc<str>,
        candidate: Option<Member>,
    },
    AskDown(sentinel::AskDown),
    Down(sentinel::Down),
}

/// What a probe, a claim or an invariant may ask a process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// It answers its clients.
    pub up: bool,
    pub leads: Option<bool>,
    pub accepts_writes: bool,
    pub replica_of: Option<Member>,
    pub offset: u64,
}

impl Engine {
    /// The first look at the world of a process that has read its files.
    pub fn start(protocol: &model::Protocol, boot: &Boot, turn: &mut Turn<'_>) -> Self {
        match protocol {
            model::Protocol::None | model::Protocol::Generic => Engine::None,
            model::Protocol::Redis(settings) => {
                Engine::Redis(Box::new(Redis::start(settings, boot, turn)))
            }
            model::Protocol::Sentinel => Engine::Sentinel(Box::new(Sentinel::start(boot, turn))),
        }
    }

    pub fn react(&mut self, input: Input<'_>, turn: &mut Turn<'_>) {
        match self {
            Engine::None => {
                if let Input::Call(call) = input {
                    turn.effects.push(Effect::Done { id: call.id, exit: 0, output: String::new() });
                }
            }
            Engine::Redis(redis) => redis.react(input, turn),
            Engine::Sentinel(sentinel) => sentinel.react(input, turn),
        }
    }

    pub fn facts(&self) -> Facts {
        match self {
            Engine::Redis(redis) => redis.facts(),
            Engine::None | Engine::Sentinel(_) => Facts { up: true, ..Facts::default() },
        }
    }

    /// What the volume holds at this moment.
    pub fn store(&self) -> Option<Store> {
        match self {
            Engine::None => None,
            Engine::Redis(redis) => Some(Store::Redis(redis.store())),
            Engine::Sentinel(sentinel) => Some(Store::Sentinel(Arc::new(sentinel.store()))),
        }
    }
}

/// Numbers that follow from a seed and how many were drawn before.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Random {
    seed: u64,
    drawn: u64,
}

impl Random {
    pub fn new(seed: u64) -> Self {
        Self { seed, drawn: 0 }
    }

    /// A duration of less than `limit`.
    pub fn below(&mut self, limit: SignedDuration) -> SignedDuration {
        let limit = u64::try_from(limit.as_millis()).unwrap_or(0).max(1);
        let millis = i64::try_from(self.draw() % limit).expect("it is below a duration in i64");
        SignedDuration::from_millis(millis)
    }

    pub fn draw(&mut self) -> u64 {
        self.drawn += 1;
        fnv(&[self.seed, self.drawn])
    }
}

/// FNV-1a over 64 bits, with the last step of `MurmurHash3`: FNV alone leaves the low bits poor.
pub fn fnv(words: &[u64]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in words.iter().flat_map(|word| word.to_le_bytes()) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^ (hash >> 33)
}

/// `name` of `namespace/name`.
pub fn short(member: &str) -> &str {
    member.rsplit('/').next().unwrap_or(member)
}
