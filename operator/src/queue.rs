//! Keys that are to be looked at, each when it is due, and never twice at the same time.
//!
//! **Invariant:** a key stands in it once; one that is at work and is woken is looked at again afterwards.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use drydock_operator_core::execution::Execution;
use drydock_operator_core::queue::{OwnWrites, WORKERS, back_off};
use drydock_operator_core::view::Key;
use jiff::Timestamp;
use tokio::time::Instant;

use crate::request::Written;

/// A key of the controller at that place in the table.
pub type Id = (u16, Arc<Key>);

#[derive(Default)]
pub struct Queue {
    states: BTreeMap<Id, State>,
    soon: BTreeSet<(Instant, Id)>,
    /// Due at a time of the server's clock, which may turn out to be nearer than it seemed.
    planned: BTreeSet<(Timestamp, Id)>,
    running: BTreeMap<u16, u32>,
    /// Due, but all workers of their controller are busy.
    waiting: BTreeMap<u16, VecDeque<Id>>,
    /// Due, but the view does not show yet what they wrote.
    held: BTreeSet<Id>,
}

#[derive(Default)]
struct State {
    soon: Option<Instant>,
    planned: Option<Timestamp>,
    execution: Option<Execution>,
    /// Woken while at work.
    woken: bool,
    own: OwnWrites<Written>,
    /// In a row.
    failures: u32,
    /// What is the matter, as it was last told in the log.
    told: Vec<String>,
}

impl Queue {
    pub fn wake(&mut self, id: Id) {
        self.after(id, Duration::ZERO);
    }

    /// Due after that time, if it is not due earlier.
    pub fn after(&mut self, id: Id, after: Duration) {
        let state = self.states.entry(id.clone()).or_default();
        if state.execution.is_some() {
            state.woken |= after.is_zero();
            return;
        }
        let due = Instant::now() + after;
        if state.soon.is_some_and(|soon| soon <= due) {
            return;
        }
        if let Some(later) = state.soon.replace(due) {
            self.soon.remove(&(later, id.clone()));
        }
        self.soon.insert((due, id));
    }

    /// Due at that time, if it is not due earlier.
    pub fn at(&mut self, id: Id, at: Timestamp) {
        let state = self.states.entry(id.clone()).or_default();
        if state.planned.is_some_and(|planned| planned <= at) {
            return;
        }
        if let Some(later) = state.planned.replace(at) {
            self.planned.remove(&(later, id.clone()));
        }
        self.planned.insert((at, id));
    }

    /// Due after a pause that grows with each failure in a row.
    pub fn back_off(&mut self, id: Id) {
        let state = self.states.entry(id.clone()).or_default();
        let pause = back_off(state.failures);
        state.failures += 1;
        self.after(id, pause);
    }

    pub fn succeeded(&mut self, id: &Id) {
        if let Some(state) = self.states.get_mut(id) {
            state.failures = 0;
        }
    }

    /// When the next key is due, by each of the two clocks.
    pub fn next_due(&self) -> (Option<Instant>, Option<Timestamp>) {
        (self.soon.first().map(|(due, _)| *due), self.planned.first().map(|(due, _)| *due))
    }

    /// A key to be looked at now. `begin` must be told what comes of it.
    pub fn pop(&mut self, now: Timestamp, shows: impl Fn(&Written) -> bool) -> Option<Id> {
        loop {
            let id = self.pop_due(now)?;
            let state = self.states.get_mut(&id)?;
            self.held.remove(&id);
            if let Some(until) = state.own.hold(now, &shows) {
                self.held.insert(id.clone());
                self.at(id, until);
                continue;
            }
            let running = self.running.entry(id.0).or_default();
            if *running >= WORKERS {
                let waiting = self.waiting.entry(id.0).or_default();
                if !waiting.contains(&id) {
                    waiting.push_back(id);
                }
                continue;
            }
            *running += 1;
            return Some(id);
        }
    }

    fn pop_due(&mut self, now: Timestamp) -> Option<Id> {
        let local = Instant::now();
        let soon = self.soon.first().filter(|(due, _)| *due <= local);
        let planned = self.planned.first().filter(|(due, _)| *due <= now);
        let id = soon.map(|(_, id)| id).or(planned.map(|(_, id)| id))?.clone();
        let state = self.states.get_mut(&id)?;
        if let Some(due) = state.soon.take() {
            self.soon.remove(&(due, id.clone()));
        }
        if let Some(due) = state.planned.take() {
            self.planned.remove(&(due, id.clone()));
        }
        Some(id)
    }

    pub fn begin(&mut self, id: &Id, execution: Execution) {
        if let Some(state) = self.states.get_mut(id) {
            state.woken = false;
            state.execution = Some(execution);
        }
    }

    pub fn execution(&mut self, id: &Id) -> Option<&mut Execution> {
        self.states.get_mut(id)?.execution.as_mut()
    }

    pub fn wrote(&mut self, id: &Id, written: Written) {
        if let Some(state) = self.states.get_mut(id) {
            state.own.wrote([written]);
        }
    }

    /// Ends the pass of a key: gives its execution, and whether it was woken meanwhile.
    pub fn end(&mut self, id: &Id) -> Option<(Execution, bool)> {
        let state = self.states.get_mut(id)?;
        let execution = state.execution.take()?;
        let woken = std::mem::take(&mut state.woken);
        if let Some(running) = self.running.get_mut(&id.0) {
            *running -= 1;
        }
        if let Some(next) = self.waiting.get_mut(&id.0).and_then(VecDeque::pop_front) {
            self.wake(next);
        }
        Some((execution, woken))
    }

    /// Wakes the keys whose writes are shown by now.
    pub fn release(&mut self, shows: impl Fn(&Written) -> bool) {
        let states = &mut self.states;
        let seen = |id: &&Id| states.get_mut(*id).is_some_and(|state| state.own.are_seen(&shows));
        let released: Vec<Id> = self.held.iter().filter(seen).cloned().collect();
        for id in released {
            self.held.remove(&id);
            self.wake(id);
        }
    }

    /// What is the matter with a key: true if that is not what was told last.
    pub fn is_news(&mut self, id: &Id, told: Vec<String>) -> bool {
        self.states.get_mut(id).is_some_and(|state| {
            let news = state.told != told;
            state.told = told;
            news
        })
    }

    /// Forgets a key that has nothing to remember, as those of objects that are gone.
    pub fn tidy(&mut self, id: &Id) {
        let rests = |state: &mut State| {
            state.soon.is_none()
                && state.planned.is_none()
                && state.execution.is_none()
                && state.failures == 0
                && state.told.is_empty()
                && state.own.are_seen(|_| false)
        };
        if self.states.get_mut(id).is_some_and(rests) {
            self.states.remove(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use drydock_operator_api::Resource;
    use drydock_operator_api::core::Pod;
    use drydock_operator_core::plan::Plan;
    use tokio::time::advance;

    use super::*;

    fn id(name: &str) -> Id {
        (0, Arc::new(Key::new("demo", name)))
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("near the epoch")
    }

    fn pop(queue: &mut Queue, second: i64, seen: u64) -> Option<Id> {
        let id = queue.pop(at(second), |written| match written {
            Written::Revision(_, revision) => *revision <= seen,
            Written::Gone(..) => false,
        })?;
        queue.begin(&id, Execution::new(Arc::new(Plan::default())));
        Some(id)
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_comes_once_however_often_it_is_woken_and_again_if_it_is_woken_at_work() {
        let mut queue = Queue::default();
        queue.after(id("a"), Duration::from_secs(5));
        queue.wake(id("a"));
        queue.at(id("b"), at(1));

        assert_eq!(pop(&mut queue, 0, 0), Some(id("a")));
        queue.wake(id("a"));
        assert_eq!(pop(&mut queue, 0, 0), None);
        assert_eq!(pop(&mut queue, 1, 0), Some(id("b")), "the server's clock has moved");
        assert!(matches!(queue.end(&id("a")), Some((_, true))));
        assert!(matches!(queue.end(&id("b")), Some((_, false))));
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_that_fails_comes_later_each_time() {
        let mut queue = Queue::default();
        let mut waited = Vec::new();
        for _ in 0..4 {
            queue.back_off(id("a"));
            let (due, _) = queue.next_due();
            let wait = due.expect("it is due") - Instant::now();
            waited.push(wait.as_millis());
            advance(wait).await;
            assert_eq!(pop(&mut queue, 0, 0), Some(id("a")));
            queue.end(&id("a"));
        }

        assert_eq!(waited, [5, 10, 20, 40]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_is_held_back_until_the_view_shows_what_it_wrote() {
        let mut queue = Queue::default();
        queue.wake(id("a"));
        pop(&mut queue, 0, 0);
        queue.wrote(&id("a"), Written::Revision(Pod::kind(), 7));
        queue.end(&id("a"));

        queue.wake(id("a"));
        assert_eq!(pop(&mut queue, 0, 6), None);
        queue.wake(id("a"));
        assert_eq!(pop(&mut queue, 1, 6), None, "to be woken is no reason");
        queue.release(|_| true);
        assert_eq!(pop(&mut queue, 1, 7), Some(id("a")));
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_keys_of_a_controller_are_at_work_than_it_has_workers() {
        let mut queue = Queue::default();
        for n in 0..=WORKERS {
            queue.wake(id(&n.to_string()));
        }

        let taken: Vec<Id> = std::iter::from_fn(|| pop(&mut queue, 0, 0)).collect();

        assert_eq!(taken.len(), WORKERS as usize);
        queue.end(&taken[0]);
        assert!(pop(&mut queue, 0, 0).is_some());
        assert!(pop(&mut queue, 0, 0).is_none());
    }
}
