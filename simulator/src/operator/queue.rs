//! The work queue: when a key is looked at, and what happens after.

use std::sync::Arc;

use drydock_operator_core::execution::{Answer, Execution};
use drydock_operator_core::queue::{Again, Outcome, back_off};
use drydock_operator_core::view::Key;

use super::{KeyId, Trouble};
use crate::clock::micros;
use crate::heap::Event;
use crate::inflight::Sender;
use crate::random;
use crate::trace::{Level, Who};
use crate::view::ServerView;
use crate::world::World;

pub use drydock_operator_core::queue::Pass;

/// A key that is looked at this often while nothing moves anywhere spins.
pub const HOT: u32 = 100;
/// ... within this time.
const HOT_WINDOW_US: i64 = 60_000_000;

impl World {
    /// Makes the key due after that time, if it is not due earlier.
    pub(crate) fn enqueue(&mut self, operator: u16, id: KeyId, after_us: i64) {
        let n = self.nth_for(operator, id);
        let process = &self.operators[usize::from(operator)];
        let overhead = {
            let (low, high) = self.preset().queue();
            let state = process.key(id);
            let purpose = format!("queue {} {}", process.controller_name(state), state.key);
            random::between(random::draw(self.seed(), &process.name, &purpose, n), low, high)
        };
        let due_us = self.clock.now_us() + after_us.max(0) + overhead;
        let process = self.process_mut(operator);
        let life = process.life;
        let state = process.key_mut(id);
        if state.running {
            // A wish for later than now is renewed by the pass that is under way.
            state.dirty |= after_us == 0;
            return;
        }
        if state.queued_us.is_some_and(|queued| queued <= due_us) {
            return;
        }
        state.queued_us = Some(due_us);
        self.heap.push(due_us, Event::Reconcile { operator, life, key: id });
    }

    fn nth_for(&self, operator: u16, id: KeyId) -> u64 {
        let state = self.operators[usize::from(operator)].key(id);
        u64::from(state.spins)
    }

    pub(crate) fn reconcile(&mut self, operator: u16, life: u32, id: KeyId) {
        let (now, now_us) = (self.now(), self.clock.now_us());
        let process = self.process_mut(operator);
        if process.life != life || !process.alive {
            return;
        }
        let workers = process.workers;
        let state = process.key(id);
        if state.queued_us != Some(now_us) || state.running {
            return;
        }
        if let Some(until) = process.hold(id, now) {
            process.blind.insert(id);
            let due_us = until.as_microsecond();
            process.key_mut(id).queued_us = Some(due_us);
            self.heap.push(due_us, Event::Reconcile { operator, life, key: id });
            return;
        }
        process.blind.remove(&id);
        let state = process.key(id);
        let controller = usize::from(state.controller);
        if process.running[controller] >= workers {
            process.waiting[controller].push_back(id);
            return;
        }
        process.running[controller] += 1;
        self.pass(operator, id);
    }

    /// Loads, decides, and begins to execute.
    fn pass(&mut self, operator: u16, id: KeyId) {
        let process = Arc::clone(&self.operators[usize::from(operator)]);
        let state = process.key(id);
        let controller = &process.controllers[usize::from(state.controller)];
        let view = ServerView { server: self.server(process.server), tables: &process.tables };
        let plan = (controller.plan)(&view, &state.key, self.now(), &process.settings);
        let plan = Arc::new(plan);
        let name = controller.name;
        let key: Arc<Key> = Arc::clone(&state.key);
        drop(process);

        let moved_us = self.moved_us;
        let now_us = self.clock.now_us();
        let state = self.process_mut(operator).key_mut(id);
        state.queued_us = None;
        state.running = true;
        state.dirty = false;
        state.changed = false;
        // What moves is a reason to look again; passes count while nothing does.
        if moved_us > state.spins_since_us || now_us - state.spins_since_us > HOT_WINDOW_US {
            state.spins_since_us = now_us;
            state.spins = 0;
        }
        state.spins += 1;
        state.execution = Some(Execution::new(Arc::clone(&plan)));
        let spins = state.spins;
        state.plan = Some(plan);
        *self.counts_mut().reconciles.entry(name).or_default() += 1;
        if spins == HOT {
            // The invariants are looked at again although no object has changed.
            self.checked = (u64::MAX, u64::MAX);
        }
        self.say(Level::Reconcile, Who::Operator, "reconcile", || format!("{name} {key}"));
        self.go_on(operator, id);
    }

    /// Makes the next call of an execution, or ends the pass.
    pub(crate) fn go_on(&mut self, operator: u16, id: KeyId) {
        loop {
            let process = &self.operators[usize::from(operator)];
            let life = process.life;
            let state = process.key(id);
            let Some(execution) = &state.execution else { return };
            let Some(action) = execution.next() else { break };
            match self.prepare(operator, &action.call) {
                super::calls::Prepared::Send(subject) => {
                    let server = self.operators[usize::from(operator)].server;
                    self.issue(Sender::Operator { operator, life, key: id }, server, subject);
                    return;
                }
                super::calls::Prepared::Record(event) => {
                    self.emit(operator, &event);
                    self.take_answer(operator, id, Answer::Ok, false);
                }
                super::calls::Prepared::NoMatch(answer) => {
                    self.take_answer(operator, id, answer, false);
                }
            }
        }
        self.finish(operator, id);
    }

    pub(crate) fn take_answer(&mut self, operator: u16, id: KeyId, answer: Answer, changed: bool) {
        let state = self.process_mut(operator).key_mut(id);
        state.changed |= changed;
        if let Some(execution) = &mut state.execution {
            execution.answered(answer);
        }
    }

    fn finish(&mut self, operator: u16, id: KeyId) {
        let now = self.now();
        let process = self.process_mut(operator);
        let state = process.key_mut(id);
        let Some(execution) = state.execution.take() else { return };
        state.running = false;
        state.idle_passes = if state.changed { 0 } else { state.idle_passes + 1 };
        let dirty = std::mem::take(&mut state.dirty);
        let Outcome { pass, trouble, again } = Outcome::of(&execution);
        let after_us = match again {
            Again::Never => None,
            Again::At(at) => Some(at.as_microsecond() - now.as_microsecond()),
            Again::After(delay) => Some(micros(delay)),
            Again::BackOff => Some(state.back_off()),
        };
        match &trouble {
            Some(found) => {
                let known = state.trouble.take().filter(|known| *known.message == *found.message);
                let (first, count) = known.map_or((now, 0), |known| (known.first, known.count));
                state.trouble = Some(Trouble {
                    first,
                    last: now,
                    count: count + 1,
                    reason: found.reason.into(),
                    message: found.message.as_str().into(),
                    call: found.call.as_deref().map(Into::into),
                });
            }
            None if pass == Pass::Done => state.trouble = None,
            None => {}
        }
        if matches!(pass, Pass::Done | Pass::Retry) {
            state.failures = 0;
        }
        let controller = usize::from(state.controller);
        process.running[controller] -= 1;
        let next = process.waiting[controller].pop_front();
        *self.counts_mut().passes.entry(pass).or_default() += 1;

        if pass == Pass::Failed
            && let Some(trouble) = &trouble
        {
            self.warn(operator, id, trouble.reason, &trouble.message);
        }
        if dirty {
            self.enqueue(operator, id, 0);
        } else if let Some(after_us) = after_us {
            self.enqueue(operator, id, after_us);
        }
        if let Some(next) = next {
            let process = self.process_mut(operator);
            process.running[controller] += 1;
            self.pass(operator, next);
        }
    }

    /// Keys that waited for a change to be seen are due now.
    pub(crate) fn unblind(&mut self, operator: u16) {
        let process = &self.operators[usize::from(operator)];
        if process.blind.is_empty() {
            return;
        }
        let process = self.process_mut(operator);
        let waiting: Vec<KeyId> = process.blind.iter().copied().collect();
        let seeing: Vec<KeyId> = waiting.into_iter().filter(|id| process.sees_own(*id)).collect();
        for id in seeing {
            self.process_mut(operator).blind.remove(&id);
            self.enqueue(operator, id, 0);
        }
    }

    /// An answer has come back to the execution of a key.
    pub(crate) fn operator_answered(
        &mut self,
        operator: u16,
        life: u32,
        id: KeyId,
        reply: &crate::inflight::Reply,
        effects: &[(drydock_apiserver::KindId, u64)],
    ) {
        let process = &self.operators[usize::from(operator)];
        if process.life != life || !process.alive {
            return;
        }
        let changed = reply.response().is_some_and(|response| response.changed);
        // Who got no answer does not know what it wrote.
        if reply.is_ok() {
            self.process_mut(operator).key_mut(id).own.wrote(effects.iter().copied());
        }
        self.take_answer(operator, id, super::calls::answer(reply), changed);
        self.go_on(operator, id);
    }
}

impl super::KeyState {
    fn back_off(&mut self) -> i64 {
        let pause = back_off(self.failures);
        self.failures += 1;
        i64::try_from(pause.as_micros()).expect("pauses are of minutes")
    }
}
