//! Every operator process dies and comes back, with nothing in memory.

use std::sync::Arc;

use drydock_scenarios as step;
use jiff::SignedDuration;

use super::Fault;
use crate::operator::StartView;
use crate::world::World;

/// A container that exits is started again at once.
const BACK_AFTER: SignedDuration = SignedDuration::from_secs(1);

#[derive(Clone, Debug)]
pub struct OperatorRestart;

pub(super) fn make(fault: &step::Fault, world: &World) -> Option<Arc<dyn Fault>> {
    let restart = matches!(fault, step::Fault::OperatorRestart) && !world.operators().is_empty();
    restart.then(|| Arc::new(OperatorRestart) as Arc<dyn Fault>)
}

impl Fault for OperatorRestart {
    fn describe(&self) -> String {
        "the operator restarts".to_owned()
    }

    fn begin(&self, world: &mut World) {
        for operator in 0..world.operators().len() {
            let operator = u16::try_from(operator).expect("fewer operators than 65536");
            world.kill_operator(operator, BACK_AFTER, StartView::Current);
        }
    }

    fn is_over_at_once(&self) -> bool {
        true
    }
}
