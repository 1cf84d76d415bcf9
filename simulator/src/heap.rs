//! What will happen, in order. Events are small: ids, and at most one shared body.
//!
//! **Invariant:** events of one instant are handled in the order in which they were pushed.

use std::any::Any;
use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::Arc;

use crate::actor::{ActorId, Tag};
use crate::inflight::RequestId;
use crate::operator::KeyId;

/// The body of a message between actors.
pub type Body = Arc<dyn Any + Send + Sync>;

#[derive(Clone, Debug)]
pub enum Event {
    /// A request leaves its sender.
    Send(RequestId),
    /// A request reaches the API server, or the agent.
    Apply(RequestId),
    /// The answer reaches the sender.
    Answer(RequestId),
    Timer {
        actor: ActorId,
        tag: Tag,
        background: bool,
    },
    Tell {
        from: ActorId,
        to: ActorId,
        tag: Tag,
        body: Option<Body>,
    },
    /// An entry of the watch log reaches a reader.
    Notify {
        reader: Reader,
        position: u64,
    },
    /// A key of a controller's queue is due.
    Reconcile {
        operator: u16,
        life: u32,
        key: KeyId,
    },
    /// An operator process starts.
    OperatorStart {
        operator: u16,
        life: u32,
    },
    /// A stalled reader catches up with the log.
    CatchUp {
        operator: u16,
        life: u32,
    },
    /// A claim with a time bound must be looked at again.
    Recheck,
}

impl Event {
    /// Three numbers that tell it from others of the same instant, for the hash of the trace.
    pub(crate) fn words(&self) -> [u64; 3] {
        let process = |operator: u16, life: u32| u64::from(operator) << 32 | u64::from(life);
        match self {
            Event::Send(id) => [1, id.0, 0],
            Event::Apply(id) => [2, id.0, 0],
            Event::Answer(id) => [3, id.0, 0],
            Event::Timer { actor, tag, .. } => [4, u64::from(actor.0), *tag],
            Event::Tell { from, to, tag, .. } => {
                [5, u64::from(from.0) << 16 | u64::from(to.0), *tag]
            }
            Event::Notify { reader: Reader::Operator { operator, life }, position } => {
                [6, process(*operator, *life), *position]
            }
            Event::Notify { reader: Reader::Actor(actor), position } => {
                [7, u64::from(actor.0), *position]
            }
            Event::Reconcile { operator, life, key } => {
                [8, process(*operator, *life), u64::from(key.0)]
            }
            Event::OperatorStart { operator, life } => [9, process(*operator, *life), 0],
            Event::CatchUp { operator, life } => [10, process(*operator, *life), 0],
            Event::Recheck => [11, 0, 0],
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reader {
    Operator { operator: u16, life: u32 },
    Actor(ActorId),
}

#[derive(Clone, Debug)]
pub struct Entry {
    pub at_us: i64,
    pub seq: u64,
    pub event: Event,
}

impl Entry {
    /// Its time and, within that, its turn: as one number they are compared without a branch.
    fn order(&self) -> i128 {
        i128::from(self.at_us) << 64 | i128::from(self.seq)
    }
}

/// The earliest first: `BinaryHeap` gives the greatest.
impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        other.order().cmp(&self.order())
    }
}
impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.seq == other.seq
    }
}
impl Eq for Entry {}

#[derive(Clone, Debug, Default)]
pub struct Heap {
    entries: BinaryHeap<Entry>,
    pushed: u64,
}

impl Heap {
    pub fn push(&mut self, at_us: i64, event: Event) {
        self.pushed += 1;
        self.entries.push(Entry { at_us, seq: self.pushed, event });
    }

    pub fn peek(&self) -> Option<&Entry> {
        self.entries.peek()
    }

    pub fn pop(&mut self) -> Option<Entry> {
        self.entries.pop()
    }

    /// In no order.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}
