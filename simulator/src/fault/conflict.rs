//! Somebody else wrote first: the request is refused with a conflict.

use std::sync::Arc;

use drydock_scenarios as step;

use super::{Fault, Strikes, Verdict};
use crate::world::World;

#[derive(Clone, Debug)]
pub struct Conflict {
    pub strikes: Strikes,
}

pub(super) fn make(fault: &step::Fault, _world: &World) -> Option<Arc<dyn Fault>> {
    let step::Fault::Conflict { requests } = fault else { return None };
    Some(Arc::new(Conflict { strikes: Strikes::of(requests) }))
}

impl Fault for Conflict {
    fn describe(&self) -> String {
        "conflict".to_owned()
    }

    fn verdict(&self) -> Verdict {
        Verdict::Refuse(409)
    }

    fn strikes(&self) -> Option<&Strikes> {
        Some(&self.strikes)
    }
}
