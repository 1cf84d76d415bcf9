//! Birth, death and hearing of an operator process.

use std::sync::Arc;

use drydock_apiserver::{LogEntry, Object};
use drydock_operator_core::controllers::Changed;
use drydock_operator_core::view::Key;
use jiff::SignedDuration;

use super::{KeyId, OperatorConfig, OperatorProcess};
use crate::clock::micros;
use crate::heap::Event;
use crate::trace::{Level, Who};
use crate::view::{ServerView, Tables, is_mark, with_meta};
use crate::world::World;

/// From the start of the process to the first pass: leader election apart, caches must fill.
const STARTUP: SignedDuration = SignedDuration::from_millis(500);

/// What a process that starts reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartView {
    Current,
    /// What it had seen when it was killed, for this long: a watch cache that lags behind.
    AsKilled(SignedDuration),
}

impl World {
    pub fn add_operator(&mut self, config: &OperatorConfig) {
        let process = OperatorProcess::new(config, &self.config.quirks);
        let operator = u16::try_from(self.operators.len()).expect("fewer operators than 65536");
        self.operators.push(Arc::new(process));
        self.push_after(0, Event::OperatorStart { operator, life: 0 });
    }

    pub fn operator(&self, name: &str) -> Option<u16> {
        let index = self.operators.iter().position(|process| &*process.name == name)?;
        u16::try_from(index).ok()
    }

    pub(crate) fn process_mut(&mut self, operator: u16) -> &mut OperatorProcess {
        Arc::make_mut(&mut self.operators[usize::from(operator)])
    }

    /// Ends the process at once: what it has in flight may still be carried out, but nobody hears the answers.
    pub fn kill_operator(&mut self, operator: u16, restart_after: SignedDuration, view: StartView) {
        let process = self.process_mut(operator);
        if process.alive {
            process.die();
        }
        process.life += 1;
        let (life, name) = (process.life, Arc::clone(&process.name));
        if let StartView::AsKilled(duration) = view {
            process.stalled = true;
            let until = restart_after.saturating_add(STARTUP).saturating_add(duration);
            self.push_after(micros(until), Event::CatchUp { operator, life });
        }
        self.say(Level::Story, Who::Fault, "kill", || name.to_string());
        self.push_after(
            micros(restart_after.saturating_add(STARTUP)),
            Event::OperatorStart { operator, life },
        );
    }

    /// The process has its first view: everything it looks after is looked at once.
    pub(crate) fn start_operator(&mut self, operator: u16, life: u32) {
        let server = self.operators[usize::from(operator)].server;
        let listed = Tables::list(self.server(server));
        let process = self.process_mut(operator);
        if process.life != life || process.alive {
            return;
        }
        process.alive = true;
        if !process.stalled {
            process.tables = listed;
        }
        let name = Arc::clone(&process.name);
        if life > 0 {
            self.say(Level::Story, Who::Operator, "start", || name.to_string());
        }
        let tables = self.operators[usize::from(operator)].tables.clone();
        for (_, table) in tables.kinds() {
            for object in table.iter() {
                self.wake_for(operator, object);
            }
        }
    }

    /// A reader that was held at an older view gets all it missed, in order.
    pub(crate) fn catch_up(&mut self, operator: u16, life: u32) {
        let process = self.process_mut(operator);
        if process.life != life || !process.stalled {
            return;
        }
        process.stalled = false;
        let (server, oldest) = (process.server, process.tables.oldest());
        let server = self.server(server);
        let from = server.log_after(oldest).unwrap_or_default();
        let missed: Vec<LogEntry> = server.log_since(from).cloned().collect();
        for entry in &missed {
            self.operator_hears(operator, entry);
        }
    }

    pub(crate) fn operator_hears(&mut self, operator: u16, entry: &LogEntry) {
        if self.process_mut(operator).tables.apply(entry) {
            self.counts_mut().watch_events += 1;
            if self.operators[usize::from(operator)].alive {
                if !is_mark(entry) {
                    self.wake_for(operator, &entry.object);
                }
                self.unblind(operator);
            }
        }
    }

    /// The keys that a change of this object concerns.
    fn wake_for(&mut self, operator: u16, object: &Object) {
        for (controller, key) in self.keys_for(operator, object) {
            let id = self.process_mut(operator).id(controller, &key);
            self.wake(operator, id);
        }
    }

    fn keys_for(&self, operator: u16, object: &Object) -> Vec<(u16, Key)> {
        let process = &self.operators[usize::from(operator)];
        let server = self.server(process.server);
        let Some(info) = server.kind_info(object.kind()) else { return Vec::new() };
        let view = ServerView { server, tables: &process.tables };
        let owner = object.owners().iter().find(|owner| owner.controller);
        let changed = Changed {
            group: &info.group,
            kind: &info.kind,
            namespace: object.namespace(),
            name: object.name(),
            owner: owner.map(|owner| (&*owner.api_version, &*owner.kind, &*owner.name)),
        };
        changed.wakes(&process.controllers, |map| {
            with_meta(object, |meta| map(&view, meta)).unwrap_or_default()
        })
    }

    /// Puts a key into its queue now.
    pub(crate) fn wake(&mut self, operator: u16, id: KeyId) {
        self.enqueue(operator, id, 0);
    }
}
