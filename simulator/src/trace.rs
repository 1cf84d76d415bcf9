//! What happened: lines for people, and a hash over everything for machines.
//!
//! Lines are kept or not; the hash takes in every event either way, so a run is the same run
//! whether somebody listens or not.

use std::sync::Arc;

use drydock_operator_core::hash::spread;
use imbl::Vector;
use jiff::Timestamp;
use serde::Serialize;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Who {
    User,
    Operator,
    Engine,
    Agent,
    Cluster,
    Fault,
    Claim,
}

impl Who {
    pub fn name(self) -> &'static str {
        match self {
            Who::User => "user",
            Who::Operator => "operator",
            Who::Engine => "engine",
            Who::Agent => "agent",
            Who::Cluster => "cluster",
            Who::Fault => "fault",
            Who::Claim => "claim",
        }
    }
}

/// How much somebody wants to read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Nothing: while exploring.
    Off,
    #[default]
    Story,
    /// `-v`
    Request,
    /// `-vv`
    Reconcile,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    pub at: Timestamp,
    pub level: Level,
    pub who: Who,
    pub verb: &'static str,
    pub text: Arc<str>,
}

#[derive(Clone, Debug)]
pub struct Trace {
    level: Level,
    lines: Vector<Line>,
    hasher: blake3::Hasher,
    /// What the hasher gets with the next full block: it takes as long for eight bytes as for sixty-four.
    pending: Block,
}

/// As many events as the hasher takes in one go.
#[derive(Clone, Debug, Default)]
struct Block {
    bytes: [[u8; 8]; 8],
    filled: usize,
}

impl Trace {
    pub fn new(level: Level) -> Self {
        Self {
            level,
            lines: Vector::new(),
            hasher: blake3::Hasher::new(),
            pending: Block::default(),
        }
    }

    pub fn set_level(&mut self, level: Level) {
        self.level = level;
    }

    pub fn lines(&self) -> &Vector<Line> {
        &self.lines
    }

    /// Of every event so far.
    pub fn hash(&self) -> blake3::Hash {
        let mut hasher = self.hasher.clone();
        hasher.update(self.pending.bytes[..self.pending.filled].as_flattened());
        hasher.finalize()
    }

    pub(crate) fn wants(&self, level: Level) -> bool {
        level <= self.level
    }

    pub(crate) fn push(&mut self, line: Line) {
        self.lines.push_back(line);
    }

    /// Words that tell one event from another, in an order that is always the same.
    pub(crate) fn record(&mut self, words: &[u64]) {
        let one = words.iter().fold(words.len() as u64, |mixed, word| spread(mixed ^ *word));
        let Block { bytes, filled } = &mut self.pending;
        bytes[*filled] = one.to_le_bytes();
        *filled += 1;
        if *filled == bytes.len() {
            *filled = 0;
            self.hasher.update(bytes.as_flattened());
        }
    }
}
