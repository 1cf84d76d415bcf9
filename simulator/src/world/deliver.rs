//! From the watch log of a server to those who watch.

use std::collections::BTreeMap;
use std::sync::Arc;

use drydock_apiserver::{Change, KindId, LogEntry};

use super::World;
use crate::actor::{ActorId, Stimulus};
use crate::heap::{Event, Reader};
use crate::random;
use crate::trace::{Level, Who};
use crate::view::is_mark;

/// Which actors watch a kind of a server.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watchers {
    made: bool,
    by_kind: BTreeMap<KindId, Vec<ActorId>>,
}

impl World {
    /// Makes known what has been written since the last time. Whether something has.
    pub(super) fn publish_all(&mut self) -> bool {
        let mut any = false;
        for index in 0..self.servers.len() {
            let slot = &self.servers[index];
            let end = slot.server.log_end();
            if end != slot.published {
                let entries: Vec<LogEntry> =
                    slot.server.log_since(slot.published).cloned().collect();
                self.servers[index].published = end;
                for entry in &entries {
                    self.publish(u16::try_from(index).expect("fewer servers than 65536"), entry);
                }
                any = true;
            }
        }
        any
    }

    fn publish(&mut self, server: u16, entry: &LogEntry) {
        let Some(info) = self.server(server).kind_info(entry.kind) else { return };
        let (group, kind) = (Arc::clone(&info.group), Arc::clone(&info.kind));
        if !is_background(&group, &kind) && !is_mark(entry) {
            self.moved();
        }
        self.trace.record(&[
            u64::from(server),
            entry.revision,
            random::fnv_of(entry.object.name()),
        ]);
        if &*kind == "PersistentVolumeClaim" {
            self.watch_claim(entry);
        }
        self.narrate_change(&group, &kind, entry);
        if &*kind == "CustomResourceDefinition" {
            self.servers[usize::from(server)].watchers = Arc::default();
        }
        // One of a kind: how often this object has changed, so that more changes elsewhere shift nothing here.
        let (namespace, name) = (entry.object.namespace(), entry.object.name());
        let about = ["watch ", &kind, " ", namespace, "/", name].concat();
        let counter = (u64::from(server), random::fnv_of(&about));
        let nth = self.issued.get(&counter).copied().unwrap_or(0) + 1;
        self.issued.insert(counter, nth);
        let (low, high) = self.preset().watch();

        for operator in 0..self.operators.len() {
            let process = &self.operators[operator];
            if process.server != server {
                continue;
            }
            let draw = random::draw(self.seed(), &process.name, &about, u64::from(nth));
            let operator = u16::try_from(operator).expect("fewer operators than 65536");
            let life = process.life;
            let lag_us = self.watch_lag(operator, &group, &kind);
            let due_us = self.clock.now_us() + random::between(draw, low, high) + lag_us;
            let process = self.process_mut(operator);
            let due_us = due_us.max(process.due_us.get(&entry.kind).copied().unwrap_or(0));
            process.due_us.insert(entry.kind, due_us);
            let reader = Reader::Operator { operator, life };
            self.heap.push(due_us, Event::Notify { reader, position: entry.revision });
        }
        for id in self.watchers(server).by_kind.get(&entry.kind).cloned().unwrap_or_default() {
            let slot = &self.actors[usize::from(id.0)];
            let draw = random::draw(self.seed(), &slot.name, &about, u64::from(nth));
            let due_us = self.clock.now_us() + random::between(draw, low, high);
            let slot = &mut self.actors[usize::from(id.0)];
            slot.due_us = slot.due_us.max(due_us);
            let due_us = slot.due_us;
            self.heap.push(
                due_us,
                Event::Notify { reader: Reader::Actor(id), position: entry.revision },
            );
        }
    }

    pub(super) fn notify(&mut self, reader: Reader, revision: u64) {
        let server = match reader {
            Reader::Operator { operator, .. } => self.operators[usize::from(operator)].server,
            Reader::Actor(actor) => self.actors[usize::from(actor.0)].server,
        };
        let server = self.server(server);
        let position = server.log_after(revision.saturating_sub(1));
        let entry = position.and_then(|position| server.log_since(position).next()).cloned();
        let Some(entry) = entry else { return };
        match reader {
            Reader::Operator { operator, life } => {
                let process = &self.operators[usize::from(operator)];
                // A view that is held back gets this entry when it catches up.
                if process.life == life && !process.stalled {
                    self.operator_hears(operator, &entry);
                }
            }
            Reader::Actor(actor) => self.stimulate(actor, Stimulus::Changed(&entry)),
        }
    }

    fn watchers(&mut self, server: u16) -> Arc<Watchers> {
        let slot = &self.servers[usize::from(server)];
        if !slot.watchers.made {
            let mut by_kind: BTreeMap<KindId, Vec<ActorId>> = BTreeMap::new();
            for (index, actor) in (0..).zip(&self.actors) {
                let watches = actor.actor.as_ref().filter(|_| actor.server == server);
                for (group, kind) in watches.map_or(&[][..], |actor| actor.watches()) {
                    if let Some(kind) = slot.server.kind(group, kind) {
                        by_kind.entry(kind).or_default().push(ActorId(index));
                    }
                }
            }
            self.servers[usize::from(server)].watchers = Arc::new(Watchers { made: true, by_kind });
        }
        Arc::clone(&self.servers[usize::from(server)].watchers)
    }

    /// What a reader of the story wants to know of a change, whoever made it.
    fn narrate_change(&mut self, group: &str, kind: &str, entry: &LogEntry) {
        if !group.ends_with("kubeblocks.io") || !self.trace.wants(Level::Story) {
            return;
        }
        let name = format!("{}/{}", kind.to_lowercase(), entry.object.name());
        let phase = |object: &drydock_apiserver::Object| {
            object.tree().str_at(&["status", "phase"]).unwrap_or_default().to_owned()
        };
        if entry.change == Change::Deleted {
            self.say(Level::Story, Who::Cluster, "gone", || name);
            return;
        }
        let (now, before) =
            (phase(&entry.object), entry.before.as_ref().map(phase).unwrap_or_default());
        if now != before && TOLD_PHASES.contains(&kind) {
            self.say(Level::Story, Who::Operator, "phase", || format!("{name} {now}"));
        }
    }
}

/// Definitions become Available: nobody asked.
const TOLD_PHASES: &[&str] = &["Cluster", "Component"];

/// Kinds that are written for ever in a world at rest.
pub(crate) fn is_background(group: &str, kind: &str) -> bool {
    matches!((group, kind), ("" | "events.k8s.io", "Event") | ("coordination.k8s.io", "Lease"))
}
