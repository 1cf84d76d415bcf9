//! When a world is at rest, and which states are the same.
//!
//! A world is at rest when nothing has moved for a while and nothing is pending that could move it:
//! pings, probes, heartbeats and repeated reports go on for ever and do not count; neither does a
//! key that is looked at again and again and changes nothing.

use jiff::{SignedDuration, Timestamp};

use super::World;
use crate::clock::at;
use crate::hash::{StateHasher, object_digest};
use crate::heap::Event;
use crate::inflight::Sender;

/// Nothing may have moved for this long: longer than any pause between two steps that no timer announces
/// (an engine's election, a role report).
const QUIET_US: i64 = 30_000_000;
/// A key whose passes have changed nothing so often is only polling.
const FUTILE: u32 = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// Since when nothing has moved.
    AtRest(Timestamp),
    /// Time ran out first.
    StillMoving,
}

impl World {
    /// Runs until nothing moves, or for that long.
    pub fn settle(&mut self, limit: SignedDuration) -> Settled {
        let end = self.now().saturating_add(limit).unwrap_or(Timestamp::MAX);
        loop {
            let quiet_at = at(self.moved_us + QUIET_US);
            let pending = self.pending();
            let next = match pending {
                None if quiet_at <= self.now() => return Settled::AtRest(at(self.moved_us)),
                None => quiet_at,
                Some(due) => due
                    .max(self.now().saturating_add(SignedDuration::from_millis(1)).unwrap_or(due)),
            };
            if next > end {
                self.run_until(end);
                return if self.is_at_rest() {
                    Settled::AtRest(at(self.moved_us))
                } else {
                    Settled::StillMoving
                };
            }
            self.run_until(next);
        }
    }

    pub fn is_at_rest(&self) -> bool {
        self.clock.now_us() - self.moved_us >= QUIET_US && self.pending().is_none()
    }

    /// When something last changed that is not mere background.
    pub fn moved_at(&self) -> Timestamp {
        at(self.moved_us)
    }

    /// When the last of what may move the world is due.
    fn pending(&self) -> Option<Timestamp> {
        let due = self
            .heap
            .iter()
            .filter(|entry| self.may_move(&entry.event))
            .map(|entry| entry.at_us)
            .min();
        due.map(at)
    }

    fn may_move(&self, event: &Event) -> bool {
        match event {
            Event::Send(id) | Event::Apply(id) | Event::Answer(id) => {
                self.inflight.get(*id).is_some_and(|request| match request.sender {
                    Sender::Operator { operator, life, key } => {
                        let process = &self.operators[usize::from(operator)];
                        process.life == life
                            && process.alive
                            && process.key(key).idle_passes < FUTILE
                    }
                    Sender::User => true,
                    Sender::Recorder { .. } | Sender::Actor { .. } => false,
                })
            }
            Event::Timer { background, .. } => !background,
            Event::Reconcile { operator, life, key } => {
                let process = &self.operators[usize::from(*operator)];
                process.life == *life && process.alive && {
                    let state = process.key(*key);
                    state.queued_us.is_some() && state.idle_passes < FUTILE
                }
            }
            Event::OperatorStart { operator, life } | Event::CatchUp { operator, life } => {
                self.operators[usize::from(*operator)].life == *life
            }
            Event::Tell { .. } | Event::Notify { .. } | Event::Recheck => false,
        }
    }

    /// What decides the future; see [`crate::hash`].
    pub fn state_hash(&self) -> u128 {
        let mut hasher = StateHasher::new(self.now());
        hasher.part(self.objects_hash());
        hasher.part(self.facts_hash());
        for slot in &self.actors {
            if let Some(actor) = &slot.actor {
                actor.digest(&mut hasher);
            }
        }
        for process in &self.operators {
            hasher.flag(process.alive);
            hasher.flag(process.stalled);
            // What it has not seen yet, and what it has still to do.
            for (kind, table) in process.tables.kinds() {
                let behind = table.len() != self.server(process.server).table(kind).len();
                hasher.flag(behind);
            }
            let mut busy: Vec<_> = process
                .keys()
                .iter()
                .filter(|state| state.running || state.queued_us.is_some())
                .map(|state| {
                    (state.controller, &state.key, state.running, state.failures.min(FUTILE))
                })
                .collect();
            busy.sort();
            for (controller, key, running, failures) in busy {
                hasher.number(u64::from(controller));
                hasher.text(&key.namespace);
                hasher.text(&key.name);
                hasher.flag(running);
                hasher.number(u64::from(failures));
            }
        }
        for (_, request) in self.inflight.iter() {
            if !matches!(request.sender, Sender::Recorder { .. }) {
                hasher.text(&request.identity);
                hasher.flag(request.reply.is_some());
            }
        }
        let mut timers: Vec<_> = self
            .heap
            .iter()
            .filter_map(|entry| match &entry.event {
                Event::Timer { actor, tag, background: false } => Some((*actor, *tag, entry.at_us)),
                _ => None,
            })
            .collect();
        timers.sort_unstable();
        for (actor, _, at_us) in timers {
            hasher.number(u64::from(actor.0));
            hasher.deadline(at(at_us));
        }
        for node in &self.nodes_down {
            hasher.text(node);
        }
        for installed in &self.faults {
            hasher.text(installed.name);
            hasher.number(u64::from(installed.hits));
        }
        hasher.finish()
    }

    /// Two runs with the same end have the same objects and engines, whatever they are called inside.
    pub fn end_hash(&self) -> u128 {
        let mut hasher = StateHasher::new(self.now());
        hasher.part(self.objects_hash());
        hasher.part(self.facts_hash());
        hasher.finish()
    }

    fn objects_hash(&self) -> u128 {
        let mut sum = 0u128;
        for (index, slot) in self.servers.iter().enumerate() {
            for info in slot.server.kinds() {
                let (group, kind) = (&*info.group, &*info.kind);
                if super::deliver::is_background(group, kind) || !info.storage {
                    continue;
                }
                let Some(id) = slot.server.kind(group, kind) else { continue };
                for object in slot.server.table(id).iter() {
                    // Servers must not cancel each other out.
                    sum = sum.wrapping_add(
                        object_digest(object).rotate_left(u32::try_from(index).unwrap_or(0)),
                    );
                }
            }
        }
        sum
    }

    fn facts_hash(&self) -> u128 {
        let mut hasher = StateHasher::new(self.now());
        for (key, facts) in self.facts.iter() {
            for text in [&key.namespace, &key.name] {
                hasher.text(text);
            }
            for text in [&facts.engine, &facts.group, &facts.role] {
                hasher.text(text);
            }
            hasher.flag(facts.up);
            hasher.flag(facts.accepts_writes);
            for (name, value) in &facts.values {
                hasher.text(name);
                hasher.text(value);
            }
        }
        hasher.finish()
    }
}
