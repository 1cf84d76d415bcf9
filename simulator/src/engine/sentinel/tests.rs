//! Redis and sentinels on a small network of their own: messages take up to 40 ms, and some
//! machines can be cut off.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::engine::model::{Protocol, RedisSettings, Verb};
use crate::engine::sentinel::Settings;
use crate::engine::{Boot, Call, Effect, Engine, Input, Member, Message, Turn, fnv};

enum Event {
    Tick(Member),
    Arrive { from: Member, to: Member, message: Message },
}

struct Net {
    now: Timestamp,
    queue: BTreeMap<(Timestamp, u64), Event>,
    pushed: u64,
    engines: BTreeMap<Member, Engine>,
    cut: BTreeSet<Member>,
    done: Vec<i32>,
    /// (epoch, sentinel) of every election that was won.
    won: BTreeSet<(u64, Member)>,
    seed: u64,
}

fn member(name: &str) -> Member {
    format!("default/{name}").into()
}

impl Net {
    fn new(redis: usize, sentinels: usize, seed: u64) -> Self {
        let names = |prefix: &str, count: usize| -> Vec<Member> {
            (0..count).map(|ordinal| member(&format!("{prefix}-{ordinal}"))).collect()
        };
        let mut net = Self {
            now: Timestamp::UNIX_EPOCH,
            queue: BTreeMap::new(),
            pushed: 0,
            engines: BTreeMap::new(),
            cut: BTreeSet::new(),
            done: Vec::new(),
            won: BTreeSet::new(),
            seed,
        };
        let (masters, watchers) = (names("redis", redis), names("sentinel", sentinels));
        for (place, me) in watchers.iter().enumerate() {
            // They boot at different times, so their pings are out of step.
            net.run(SignedDuration::from_millis(
                i64::try_from(fnv(&[seed, place as u64]) % 900).unwrap(),
            ));
            net.start(me, &Protocol::Sentinel, watchers.clone(), Vec::new());
        }
        for me in &masters {
            let protocol = Protocol::Redis(RedisSettings { priority: 100 });
            net.start(me, &protocol, masters.clone(), watchers.clone());
        }
        net.run(SignedDuration::from_secs(1));
        let call = Call { id: 1, verb: Verb::Register(Settings::default()), about: None };
        net.react(&masters[0].clone(), Input::Call(call));
        net.run(SignedDuration::from_secs(30));
        net
    }

    fn start(
        &mut self,
        me: &Member,
        protocol: &Protocol,
        peers: Vec<Member>,
        watchers: Vec<Member>,
    ) {
        let store = self.engines.get(me).and_then(Engine::store);
        let seed = me.bytes().fold(self.seed, |seed, byte| fnv(&[seed, u64::from(byte)]));
        let boot =
            Boot { me: me.clone(), group: "demo-redis".into(), peers, watchers, seed, store };
        let mut effects = Vec::new();
        let engine =
            Engine::start(protocol, &boot, &mut Turn { now: self.now, effects: &mut effects });
        self.engines.insert(me.clone(), engine);
        self.carry_out(me, effects);
    }

    fn react(&mut self, me: &Member, input: Input<'_>) {
        let Some(engine) = self.engines.get_mut(me) else { return };
        let mut effects = Vec::new();
        engine.react(input, &mut Turn { now: self.now, effects: &mut effects });
        if let Engine::Sentinel(sentinel) = engine {
            self.won.extend(sentinel.leads().map(|(_, epoch)| (epoch, me.clone())));
        }
        self.carry_out(me, effects);
    }

    fn carry_out(&mut self, me: &Member, effects: Vec<Effect>) {
        for effect in effects {
            let (at, event) = match effect {
                Effect::Send { to, message } => {
                    let jitter = fnv(&[self.seed, self.pushed]) % 40;
                    let latency = SignedDuration::from_millis(1 + i64::try_from(jitter).unwrap());
                    (self.now + latency, Event::Arrive { from: me.clone(), to, message })
                }
                Effect::Wake(at) => (at, Event::Tick(me.clone())),
                Effect::Done { exit, .. } => {
                    self.done.push(exit);
                    continue;
                }
                Effect::Say { .. } => continue,
            };
            self.pushed += 1;
            self.queue.insert((at, self.pushed), event);
        }
    }

    fn run(&mut self, length: SignedDuration) {
        let end = self.now + length;
        while let Some(entry) = self.queue.first_entry().filter(|entry| entry.key().0 <= end) {
            self.now = entry.key().0;
            match entry.remove() {
                Event::Tick(me) => self.react(&me, Input::Tick),
                Event::Arrive { from, to, message } => {
                    if !self.cut.contains(&from) && !self.cut.contains(&to) {
                        self.react(&to, Input::Message { from: &from, message });
                    }
                }
            }
        }
        self.now = end;
    }

    /// Runs until somebody else than `old` accepts writes; how long it took.
    fn failover_time(&mut self, old: &str, limit: i64) -> Option<SignedDuration> {
        let begin = self.now;
        while self.now.duration_since(begin) < SignedDuration::from_secs(limit) {
            self.run(SignedDuration::from_millis(50));
            if self.masters().iter().any(|master| *master != member(old)) {
                return Some(self.now.duration_since(begin));
            }
        }
        None
    }

    fn masters(&self) -> Vec<Member> {
        let writable = self.engines.iter().filter(|(_, engine)| engine.facts().accepts_writes);
        writable.map(|(me, _)| me.clone()).collect()
    }

    fn known(&self, sentinel: &str) -> usize {
        match &self.engines[&member(sentinel)] {
            Engine::Sentinel(sentinel) => sentinel.known_sentinels("demo-redis"),
            _ => 0,
        }
    }
}

#[test]
fn sentinels_find_each_other_through_the_hello_channel_and_registration_ends() {
    let net = Net::new(2, 3, 1);

    assert_eq!(net.done, [0]);
    assert_eq!([0, 1, 2].map(|one| net.known(&format!("sentinel-{one}"))), [3, 3, 3]);
    assert_eq!(net.masters(), [member("redis-0")]);
}

#[test]
fn a_lost_master_is_replaced_after_down_after_and_an_election_and_returns_as_a_replica() {
    for seed in 0..8 {
        let mut net = Net::new(2, 3, seed);

        net.cut.insert(member("redis-0"));
        let took = net.failover_time("redis-0", 60).expect("the replica takes over");
        net.run(SignedDuration::from_secs(60));
        net.cut.clear();
        net.run(SignedDuration::from_secs(40));

        assert!(took > SignedDuration::from_secs(19), "seed {seed}: {took:?}");
        assert!(took < SignedDuration::from_secs(25), "seed {seed}: {took:?}");
        assert_eq!(net.masters(), [member("redis-1")], "seed {seed}");
        let old = net.engines[&member("redis-0")].facts();
        assert_eq!(old.replica_of, Some(member("redis-1")), "seed {seed}");
    }
}

#[test]
fn one_sentinel_of_three_may_be_lost_with_the_master() {
    let mut net = Net::new(2, 3, 7);

    net.cut.extend([member("redis-0"), member("sentinel-1")]);

    assert!(net.failover_time("redis-0", 60).is_some());
}

#[test]
fn without_a_majority_of_the_known_sentinels_nobody_is_promoted() {
    let mut net = Net::new(2, 3, 3);

    net.cut.extend([member("redis-0"), member("sentinel-0"), member("sentinel-1")]);

    assert_eq!(net.failover_time("redis-0", 600), None);
    assert_eq!(net.won, BTreeSet::new());
}

#[test]
fn a_quorum_that_is_no_majority_of_the_known_sentinels_is_not_enough() {
    let mut net = Net::new(2, 5, 3);

    net.cut.extend(["redis-0", "sentinel-0", "sentinel-1", "sentinel-2"].map(member));

    assert_eq!(net.failover_time("redis-0", 600), None);
}

#[test]
fn no_epoch_ever_has_two_leaders() {
    for seed in 0..8 {
        let mut net = Net::new(3, 5, seed);

        for round in 0..4 {
            let lost = net.masters();
            net.cut.extend(lost.iter().cloned());
            net.cut.insert(member(&format!("sentinel-{}", fnv(&[seed, round]) % 5)));
            net.run(SignedDuration::from_secs(45));
            net.cut.clear();
            net.run(SignedDuration::from_secs(200));
        }

        assert!(!net.won.is_empty(), "seed {seed}: nobody ever led");
        let mut epochs: Vec<u64> = net.won.iter().map(|(epoch, _)| *epoch).collect();
        let all = epochs.len();
        epochs.dedup();
        assert_eq!(epochs.len(), all, "seed {seed}: {:?}", net.won);
        assert_eq!(net.masters().len(), 1, "seed {seed}: {:?}", net.masters());
    }
}

#[test]
fn the_replica_with_the_largest_offset_is_promoted() {
    let mut net = Net::new(3, 3, 5);

    net.cut.insert(member("redis-1"));
    net.run(SignedDuration::from_secs(11));
    net.cut.insert(member("redis-0"));
    net.cut.remove(&member("redis-1"));

    assert!(net.failover_time("redis-0", 60).is_some());
    assert_eq!(net.masters(), [member("redis-0"), member("redis-2")]);
}

#[test]
fn a_switchover_promotes_the_candidate_at_once_and_demotes_the_caller() {
    let mut net = Net::new(3, 3, 11);

    let call = Call { id: 2, verb: Verb::Failover, about: Some(member("redis-2")) };
    net.react(&member("redis-0"), Input::Call(call));
    net.run(SignedDuration::from_secs(30));

    assert_eq!(net.done, [0, 0]);
    assert_eq!(net.masters(), [member("redis-2")]);
}
