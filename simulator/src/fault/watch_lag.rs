//! The operator's view of a kind falls behind. What is on its way when the lag ends still comes late.

use std::sync::Arc;

use drydock_scenarios as step;
use jiff::SignedDuration;

use super::Fault;
use crate::world::World;

#[derive(Clone, Debug)]
pub struct WatchLag {
    pub kind: String,
    pub by: SignedDuration,
}

pub(super) fn make(fault: &step::Fault, _world: &World) -> Option<Arc<dyn Fault>> {
    let step::Fault::WatchLag { kind, by } = fault else { return None };
    Some(Arc::new(WatchLag { kind: kind.clone(), by: *by }))
}

impl Fault for WatchLag {
    fn describe(&self) -> String {
        format!("changes of {} reach the operator {:#} late", self.kind, self.by)
    }

    fn watch_lag(&self, _group: &str, kind: &str) -> SignedDuration {
        if kind.eq_ignore_ascii_case(&self.kind) { self.by } else { SignedDuration::ZERO }
    }
}
