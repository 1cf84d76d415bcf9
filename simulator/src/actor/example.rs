//! An actor that shows the shape of one: it counts the namespaces it has seen appear, and ticks.

use jiff::SignedDuration;

use super::{Actor, Ctx, Stimulus, Tag};
use crate::hash::StateHasher;
use crate::world::WorldConfig;
use drydock_apiserver::Change;

const TICK: Tag = 1;

#[derive(Clone, Debug, Default)]
struct Example {
    namespaces: u64,
    ticks: u64,
}

pub fn make(config: &WorldConfig) -> Vec<Box<dyn Actor>> {
    (0..config.examples).map(|_| Box::new(Example::default()) as Box<dyn Actor>).collect()
}

impl Actor for Example {
    fn name(&self) -> &'static str {
        "example"
    }

    fn watches(&self) -> &[(&'static str, &'static str)] {
        &[("", "Namespace")]
    }

    fn react(&mut self, ctx: &mut Ctx<'_>, stimulus: Stimulus<'_>) {
        match stimulus {
            Stimulus::Start => ctx.background_after(SignedDuration::from_secs(1), TICK),
            Stimulus::Timer(TICK) => {
                self.ticks += 1;
                ctx.background_after(SignedDuration::from_secs(1), TICK);
            }
            Stimulus::Changed(entry) if entry.change == Change::Added => self.namespaces += 1,
            _ => {}
        }
    }

    fn clone_box(&self) -> Box<dyn Actor> {
        Box::new(self.clone())
    }

    fn digest(&self, hasher: &mut StateHasher) {
        // Ticks are not state: how many there were decides nothing.
        hasher.number(self.namespaces);
    }
}
