//! A redis of a replication group: it asks the sentinels who is master before it serves, follows
//! whom it is told to follow, and copies its master's data asynchronously.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::model::{RedisSettings, Verb};
use super::sentinel::Monitor;
use super::{Boot, Call, Effect, Facts, Input, Member, Message, Random, Turn, short};

/// How often it looks after its links and acknowledges what it copied.
const TICK: SignedDuration = SignedDuration::from_secs(1);
/// `repl-ping-replica-period`, and the size of that ping in the stream.
const STREAM_PERIOD: SignedDuration = SignedDuration::from_secs(10);
const STREAM_PING_BYTES: u64 = 14;
/// `repl-timeout`.
const LINK_TIMEOUT: SignedDuration = SignedDuration::from_secs(60);
/// How often a replica without a link tries again.
const SYNC_TIMEOUT: SignedDuration = SignedDuration::from_secs(5);
/// The start script asks each sentinel three times, waits five seconds for each answer, and two in between.
const QUESTION_ROUNDS: u32 = 3;
const QUESTION_TIMEOUT: SignedDuration = SignedDuration::from_secs(5);
const QUESTION_PAUSE: SignedDuration = SignedDuration::from_secs(2);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Redis {
    me: Member,
    group: Arc<str>,
    peers: Arc<[Member]>,
    watchers: Arc<[Member]>,
    priority: u32,
    phase: Phase,
    /// None: it is a master.
    master: Option<Member>,
    link: Link,
    run_id: u64,
    offset: u64,
    /// When each replica acknowledged last.
    replicas: BTreeMap<Member, Timestamp>,
    /// Who listens on the hello channel.
    sentinels: BTreeSet<Member>,
    streamed_at: Timestamp,
    calls: Vec<Running>,
    next_tick: Timestamp,
}

/// Its data.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Store {
    offset: u64,
}

/// The `replication` section of INFO.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Info {
    pub master: Option<Member>,
    pub run_id: u64,
    pub priority: u32,
    pub offset: u64,
    /// None: the link is up, or it is a master.
    pub link_down_since: Option<Timestamp>,
    pub replicas: Vec<Member>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase {
    /// The start script asks the sentinels; nothing listens yet.
    Asking {
        round: u32,
        until: Timestamp,
        paused: bool,
        answers: BTreeMap<Member, Answer>,
    },
    Up,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Answer {
    Unreachable,
    Master(Option<Member>),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Link {
    Down { since: Timestamp, tried_at: Timestamp },
    Up { heard_at: Timestamp },
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Running {
    id: u64,
    what: Doing,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Doing {
    /// Until every sentinel has confirmed.
    Register { monitor: Arc<Monitor>, confirmed: BTreeSet<Member> },
    /// Until somebody else is master.
    HandOver,
}

impl Redis {
    pub fn start(settings: &RedisSettings, boot: &Boot, turn: &mut Turn<'_>) -> Self {
        let offset = match &boot.store {
            Some(super::Store::Redis(store)) => store.offset,
            _ => 0,
        };
        let mut redis = Self {
            me: boot.me.clone(),
            group: boot.group.clone(),
            peers: boot.peers.clone().into(),
            watchers: boot.watchers.clone().into(),
            priority: settings.priority,
            phase: Phase::Up,
            master: None,
            link: Link::Down { since: turn.now, tried_at: Timestamp::MIN },
            run_id: Random::new(boot.seed).draw(),
            offset,
            replicas: BTreeMap::new(),
            sentinels: BTreeSet::new(),
            streamed_at: turn.now,
            calls: Vec::new(),
            next_tick: turn.now,
        };
        if redis.watchers.is_empty() {
            redis.serve(redis.first_peer(), turn);
        } else {
            redis.ask(1, BTreeMap::new(), turn);
        }
        redis.wake(turn);
        redis
    }

    pub fn facts(&self) -> Facts {
        let up = self.is_up();
        Facts {
            up,
            leads: up.then_some(self.master.is_none()),
            accepts_writes: up && self.master.is_none(),
            replica_of: self.master.clone(),
            offset: self.offset,
        }
    }

    pub fn store(&self) -> Store {
        Store { offset: self.offset }
    }

    fn is_up(&self) -> bool {
        matches!(self.phase, Phase::Up)
    }

    pub fn react(&mut self, input: Input<'_>, turn: &mut Turn<'_>) {
        match input {
            Input::Tick if turn.now >= self.next_tick => {
                self.tick(turn);
                self.wake(turn);
            }
            Input::Tick => {}
            Input::Message { from, message } if self.is_up() => self.hear(from, message, turn),
            Input::Message { from, message } => self.hear_answer(from, message, turn),
            Input::Call(call) => self.call(&call, turn),
        }
    }

    fn wake(&mut self, turn: &mut Turn<'_>) {
        self.next_tick = turn.now + TICK;
        turn.effects.push(Effect::Wake(self.next_tick));
    }

    fn tick(&mut self, turn: &mut Turn<'_>) {
        if let Phase::Asking { round, until, paused, answers } = &self.phase {
            if turn.now < *until {
                return;
            }
            let (round, answers) = (*round, answers.clone());
            if *paused {
                self.ask(round + 1, answers, turn);
            } else {
                self.end_round(turn);
            }
            return;
        }
        match &self.master {
            Some(master) => match self.link {
                Link::Up { heard_at } if turn.now.duration_since(heard_at) > LINK_TIMEOUT => {
                    self.lose_link(turn.now);
                }
                Link::Up { .. } => turn.send(master, Message::Ack { offset: self.offset }),
                Link::Down { tried_at, .. } => {
                    if tried_at == Timestamp::MIN
                        || turn.now.duration_since(tried_at) >= SYNC_TIMEOUT
                    {
                        self.sync(turn);
                    }
                }
            },
            None => self.stream(turn),
        }
        self.tick_calls(turn);
    }

    fn stream(&mut self, turn: &mut Turn<'_>) {
        if turn.now.duration_since(self.streamed_at) < STREAM_PERIOD {
            return;
        }
        self.streamed_at = turn.now;
        self.replicas.retain(|_, acked| turn.now.duration_since(*acked) <= LINK_TIMEOUT);
        if !self.replicas.is_empty() {
            self.offset += STREAM_PING_BYTES;
        }
        for replica in self.replicas.keys() {
            turn.effects.push(Effect::Send {
                to: replica.clone(),
                message: Message::Stream { offset: self.offset },
            });
        }
    }

    fn sync(&mut self, turn: &mut Turn<'_>) {
        if let (Some(master), Link::Down { tried_at, .. }) = (&self.master, &mut self.link) {
            *tried_at = turn.now;
            turn.send(master, Message::Sync { offset: self.offset });
        }
    }

    fn lose_link(&mut self, now: Timestamp) {
        self.link = Link::Down { since: now, tried_at: Timestamp::MIN };
    }

    fn hear(&mut self, from: &Member, message: Message, turn: &mut Turn<'_>) {
        match message {
            Message::Ping => turn.send(from, Message::Pong),
            Message::AskInfo => turn.send(from, Message::Info(Arc::new(self.info()))),
            Message::Hello(hello) => {
                self.sentinels.insert(hello.from.clone());
                for sentinel in &self.sentinels {
                    if *sentinel != hello.from {
                        turn.effects.push(Effect::Send {
                            to: sentinel.clone(),
                            message: Message::Hello(hello.clone()),
                        });
                    }
                }
            }
            Message::ReplicaOf(master) => self.follow(master, turn),
            Message::Sync { .. } => {
                self.replicas.insert(from.clone(), turn.now);
                turn.send(from, Message::Stream { offset: self.offset });
            }
            Message::Ack { .. } => match self.replicas.get_mut(from) {
                Some(acked) => *acked = turn.now,
                // It speaks to a process that was here before: the connection is reset.
                None => turn.send(from, Message::Refused),
            },
            Message::Stream { offset } if self.master.as_ref() == Some(from) => {
                self.offset = offset;
                self.link = Link::Up { heard_at: turn.now };
            }
            Message::Refused => {
                if self.master.as_ref() == Some(from) && matches!(self.link, Link::Up { .. }) {
                    self.lose_link(turn.now);
                }
                self.sentinels.remove(from);
            }
            Message::Monitored => self.confirm(from, turn),
            _ => {}
        }
    }

    fn follow(&mut self, master: Option<Member>, turn: &mut Turn<'_>) {
        if self.master == master || master.as_ref() == Some(&self.me) {
            return;
        }
        match &master {
            Some(master) => {
                turn.say("follow", format!("{} follows {}", short(&self.me), short(master)));
            }
            None => turn.say("promote", format!("{} is master now", short(&self.me))),
        }
        self.replicas.clear();
        self.master = master;
        self.lose_link(turn.now);
        self.sync(turn);
    }

    fn info(&self) -> Info {
        Info {
            master: self.master.clone(),
            run_id: self.run_id,
            priority: self.priority,
            offset: self.offset,
            link_down_since: match (&self.master, &self.link) {
                (Some(_), Link::Down { since, .. }) => Some(*since),
                _ => None,
            },
            replicas: self.replicas.keys().cloned().collect(),
        }
    }

    fn ask(&mut self, round: u32, mut answers: BTreeMap<Member, Answer>, turn: &mut Turn<'_>) {
        answers.retain(|_, answer| matches!(answer, Answer::Master(_)));
        for watcher in self.watchers.iter().filter(|watcher| !answers.contains_key(*watcher)) {
            turn.send(watcher, Message::AskMaster(self.group.clone()));
        }
        let until = turn.now + QUESTION_TIMEOUT;
        self.phase = Phase::Asking { round, until, paused: false, answers };
    }

    /// What comes in before it serves: answers of sentinels, and peers who find nobody here.
    fn hear_answer(&mut self, from: &Member, message: Message, turn: &mut Turn<'_>) {
        let answer = match message {
            Message::Master(master) => Answer::Master(master),
            Message::Refused => Answer::Unreachable,
            Message::Ping | Message::AskInfo | Message::Sync { .. } | Message::Ack { .. } => {
                turn.send(from, Message::Refused);
                return;
            }
            _ => return,
        };
        let Phase::Asking { paused: false, answers, .. } = &mut self.phase else { return };
        answers.insert(from.clone(), answer);
        if answers.len() == self.watchers.len() {
            self.end_round(turn);
        }
    }

    fn end_round(&mut self, turn: &mut Turn<'_>) {
        let Phase::Asking { round, until, paused, answers } = &mut self.phase else { return };
        let heard = answers.values().filter(|answer| matches!(answer, Answer::Master(_))).count();
        if heard < self.watchers.len() && *round < QUESTION_ROUNDS {
            *until = turn.now + QUESTION_PAUSE;
            *paused = true;
            return;
        }
        let mut votes: BTreeMap<&Member, usize> = BTreeMap::new();
        for answer in answers.values() {
            if let Answer::Master(Some(master)) = answer {
                *votes.entry(master).or_default() += 1;
            }
        }
        // The most votes win; among equals the first name, as the script sorts its answers.
        let winner = votes.iter().max_by(|a, b| a.1.cmp(b.1).then(b.0.cmp(a.0)));
        let winner = winner.map(|(master, _)| (*master).clone());
        self.serve(winner.unwrap_or_else(|| self.first_peer()), turn);
    }

    fn first_peer(&self) -> Member {
        self.peers.first().unwrap_or(&self.me).clone()
    }

    fn serve(&mut self, master: Member, turn: &mut Turn<'_>) {
        self.phase = Phase::Up;
        if master == self.me {
            turn.say("boot", format!("{} serves as master", short(&self.me)));
        } else {
            turn.say(
                "boot",
                format!("{} serves as replica of {}", short(&self.me), short(&master)),
            );
            self.master = Some(master);
            self.sync(turn);
        }
    }

    fn call(&mut self, call: &Call, turn: &mut Turn<'_>) {
        let done =
            |exit, output: &str| Effect::Done { id: call.id, exit, output: output.to_owned() };
        let what = match &call.verb {
            _ if !self.is_up() => {
                turn.effects.push(done(1, "could not connect to redis: connection refused"));
                return;
            }
            Verb::Register(settings) => {
                let master = self.master.clone().unwrap_or_else(|| self.me.clone());
                let monitor =
                    Monitor { name: self.group.clone(), master, settings: settings.clone() };
                Doing::Register { monitor: Arc::new(monitor), confirmed: BTreeSet::new() }
            }
            Verb::Failover if self.master.is_none() && self.peers.len() > 1 => {
                let name = self.group.clone();
                for watcher in self.watchers.iter().take(1) {
                    let candidate = call.about.clone();
                    turn.send(watcher, Message::Failover { name: name.clone(), candidate });
                }
                Doing::HandOver
            }
            Verb::Forget => {
                for watcher in self.watchers.iter() {
                    turn.send(watcher, Message::Reset(self.group.clone()));
                }
                turn.effects.push(done(0, ""));
                return;
            }
            Verb::Failover | Verb::Succeed => {
                turn.effects.push(done(0, ""));
                return;
            }
            Verb::Fail(exit) => {
                turn.effects.push(done(*exit, ""));
                return;
            }
        };
        self.calls.push(Running { id: call.id, what });
        self.tick_calls(turn);
    }

    fn tick_calls(&mut self, turn: &mut Turn<'_>) {
        if self.calls.is_empty() {
            return;
        }
        let follows = self.master.is_some();
        self.calls.retain(|running| match &running.what {
            Doing::HandOver if follows => {
                turn.effects.push(Effect::Done { id: running.id, exit: 0, output: String::new() });
                false
            }
            Doing::HandOver => true,
            Doing::Register { monitor, confirmed } => {
                for watcher in self.watchers.iter().filter(|watcher| !confirmed.contains(*watcher))
                {
                    turn.send(watcher, Message::Monitor(monitor.clone()));
                }
                true
            }
        });
    }

    fn confirm(&mut self, from: &Member, turn: &mut Turn<'_>) {
        let all = self.watchers.len();
        self.calls.retain_mut(|running| match &mut running.what {
            Doing::Register { confirmed, .. } => {
                confirmed.insert(from.clone());
                let done = confirmed.len() == all;
                if done {
                    turn.effects.push(Effect::Done {
                        id: running.id,
                        exit: 0,
                        output: String::new(),
                    });
                }
                !done
            }
            Doing::HandOver => true,
        });
    }
}

/// Largest offset first among replicas of one priority, as a sentinel prefers them.
pub fn better(a: &Info, b: &Info) -> std::cmp::Ordering {
    a.priority.cmp(&b.priority).then(b.offset.cmp(&a.offset)).then(a.run_id.cmp(&b.run_id))
}
