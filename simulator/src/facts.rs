//! What is true of the database processes, whatever labels and phases say. The actors that run the
//! engines fill it; claims, invariants and the state hash read it.

use std::collections::BTreeMap;
use std::sync::Arc;

use drydock_operator_core::view::Key;
use imbl::OrdMap;

/// The engine of one pod.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own, and no state machine"
)]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodFacts {
    pub pod_uid: Arc<str>,
    /// The model: `redis`, `redis-sentinel`, `generic`.
    pub engine: Arc<str>,
    /// Members of one group may have one primary: `default/demo-redis`.
    pub group: Arc<str>,
    /// The process answers its clients.
    pub up: bool,
    /// What an honest probe would print now; empty if it has no role.
    pub role: Arc<str>,
    /// It believes that it may be written to.
    pub accepts_writes: bool,
    /// The engine elects one primary: two that accept writes are a fault. Engines without roles say no.
    pub single_primary: bool,
    /// Rests on a generic engine model.
    pub assumed: bool,
    /// Anything else a claim may ask: `replica-of`, `offset`.
    pub values: BTreeMap<Arc<str>, String>,
    /// Like `values`, but moving all the time: neither movement nor part of the state hash.
    pub moving: BTreeMap<Arc<str>, String>,
}

impl PodFacts {
    /// Equal in all but what always moves.
    fn means_the_same(&self, other: &Self) -> bool {
        let Self {
            pod_uid,
            engine,
            group,
            up,
            role,
            accepts_writes,
            single_primary,
            assumed,
            values,
            moving: _,
        } = self;
        *up == other.up
            && *role == other.role
            && *accepts_writes == other.accepts_writes
            && *pod_uid == other.pod_uid
            && *engine == other.engine
            && *group == other.group
            && *single_primary == other.single_primary
            && *assumed == other.assumed
            && *values == other.values
    }
}

#[derive(Clone, Debug, Default)]
pub struct EngineFacts {
    pods: OrdMap<Key, Arc<PodFacts>>,
    version: u64,
}

impl EngineFacts {
    pub fn get(&self, namespace: &str, pod: &str) -> Option<&PodFacts> {
        self.pods.get(&Key::new(namespace, pod)).map(|facts| &**facts)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&Key, &PodFacts)> {
        self.pods.iter().map(|(key, facts)| (key, &**facts))
    }

    /// Grows with every change that means something.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Whether that changed what is true, apart from what always moves.
    pub(crate) fn set(&mut self, key: Key, facts: Option<PodFacts>) -> bool {
        let changed = match (self.pods.get(&key), &facts) {
            (None, None) => return false,
            (Some(old), Some(new)) if **old == *new => return false,
            (Some(old), Some(new)) => !old.means_the_same(new),
            _ => true,
        };
        match facts {
            Some(facts) => drop(self.pods.insert(key, Arc::new(facts))),
            None => drop(self.pods.remove(&key)),
        }
        self.version += u64::from(changed);
        changed
    }
}
