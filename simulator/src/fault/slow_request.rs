//! A request takes its time before it is carried out.

use std::sync::Arc;

use drydock_scenarios as step;
use jiff::SignedDuration;

use super::{Fault, Strikes, Verdict};
use crate::world::World;

#[derive(Clone, Debug)]
pub struct SlowRequest {
    pub by: SignedDuration,
    pub strikes: Strikes,
}

pub(super) fn make(fault: &step::Fault, _world: &World) -> Option<Arc<dyn Fault>> {
    let step::Fault::SlowRequest { by, requests } = fault else { return None };
    Some(Arc::new(SlowRequest { by: *by, strikes: Strikes::of(requests) }))
}

impl Fault for SlowRequest {
    fn describe(&self) -> String {
        format!("slow by {:#}", self.by)
    }

    fn verdict(&self) -> Verdict {
        Verdict::Delay(self.by)
    }

    fn strikes(&self) -> Option<&Strikes> {
        Some(&self.strikes)
    }
}
