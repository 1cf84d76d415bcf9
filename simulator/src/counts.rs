//! How much was done. Counts do not depend on the machine, so they are exact gates.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::operator::Pass;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Events of the heap.
    pub events: u64,
    /// Passes by controller.
    pub reconciles: BTreeMap<&'static str, u64>,
    /// ... and by how they went.
    pub passes: BTreeMap<Pass, u64>,
    /// Requests of the operators, by verb.
    pub requests: BTreeMap<&'static str, u64>,
    /// Writes of the operators by resource, Events among them.
    pub writes: BTreeMap<String, u64>,
    /// Writes of the operators that changed nothing, Events apart.
    pub idle_writes: u64,
    /// Which they were.
    pub idle: BTreeMap<String, u64>,
    pub conflicts: u64,
    /// Calls of the operators to agents in pods.
    pub agent_calls: u64,
    /// Changes that reached an operator's view.
    pub watch_events: u64,
}

impl Counts {
    pub fn total_reconciles(&self) -> u64 {
        self.reconciles.values().sum()
    }

    pub fn total_requests(&self) -> u64 {
        self.requests.values().sum()
    }

    /// Writes besides Events.
    pub fn total_writes(&self) -> u64 {
        self.writes
            .iter()
            .filter(|(resource, _)| *resource != "events")
            .map(|(_, count)| count)
            .sum()
    }
}
