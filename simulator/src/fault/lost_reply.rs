//! A request is carried out, and its answer never comes.

use std::sync::Arc;

use drydock_scenarios as step;

use super::{Fault, Strikes, Verdict};
use crate::world::World;

#[derive(Clone, Debug)]
pub struct LostReply {
    pub strikes: Strikes,
}

pub(super) fn make(fault: &step::Fault, _world: &World) -> Option<Arc<dyn Fault>> {
    let step::Fault::LostReply { requests } = fault else { return None };
    Some(Arc::new(LostReply { strikes: Strikes::of(requests) }))
}

impl Fault for LostReply {
    fn describe(&self) -> String {
        "reply lost".to_owned()
    }

    fn verdict(&self) -> Verdict {
        Verdict::LoseReply
    }

    fn strikes(&self) -> Option<&Strikes> {
        Some(&self.strikes)
    }
}
