//! A named set of timings.

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// An ordinary cluster in one data centre.
    #[default]
    Realistic,
    /// The simulated nodes and the scripted agent with which the upstream operator was recorded.
    Recorded,
}

/// From and to, in microseconds.
pub type Range = (i64, i64);

impl Preset {
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "realistic" => Some(Self::Realistic),
            "recorded" => Some(Self::Recorded),
            _ => None,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Realistic => "realistic",
            Self::Recorded => "recorded",
        }
    }

    /// From the sender to the moment the store has decided: half a round trip, and a write to etcd.
    pub fn request(self) -> Range {
        match self {
            Self::Realistic => (800, 6_000),
            Self::Recorded => (500, 2_000),
        }
    }

    /// From the store back to the sender.
    pub fn answer(self) -> Range {
        (200, 1_000)
    }

    /// From the store to a watcher's cache.
    pub fn watch(self) -> Range {
        match self {
            Self::Realistic => (1_000, 12_000),
            Self::Recorded => (500, 3_000),
        }
    }

    /// From the moment a key is put into a queue to the begin of its pass.
    pub fn queue(self) -> Range {
        (50, 400)
    }

    /// From the operator to the agent in a pod and back, without the action itself.
    pub fn agent(self) -> Range {
        (300, 2_000)
    }
}
