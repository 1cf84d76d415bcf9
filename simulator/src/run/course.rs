//! A run as the explorer forks it.

use drydock_operator_core::plan::Reference;
use drydock_operator_core::view::Key;

use super::{About, Failure, Outcome, Position, Run};
use crate::explain::{self, Chain};
use crate::explore::{self, Course};
use crate::world::World;

impl Course for Run {
    fn world(&self) -> &World {
        &self.world
    }

    fn world_mut(&mut self) -> &mut World {
        &mut self.world
    }

    fn step(&mut self) -> bool {
        Run::step(self)
    }

    fn position(&self) -> u64 {
        let (kind, step) = match &self.position {
            Position::Step(step) => (0, *step),
            Position::Sending { step, .. } => (1, *step),
            Position::Waiting { step } => (2, *step),
            Position::Sleeping { step, .. } => (3, *step),
            Position::Ending { .. } => (4, 0),
            Position::Settling { step, .. } => (5, *step),
        };
        // Before the first step the step is the greatest number there is.
        let step = u64::try_from(step.wrapping_add(1)).unwrap_or(u64::MAX >> 20);
        (step << 16) | (kind << 8) | (self.open.len() as u64 & 0xff)
    }

    fn failure(&self) -> Option<explore::Failure> {
        let Some(Outcome::Failed(failures)) = &self.outcome else { return None };
        let failure = failures.first()?;
        let what = match failure {
            Failure::Claim { sentence, .. } => sentence.clone(),
            Failure::Invariant(broken) => broken.invariant.to_owned(),
            Failure::Budget { what, .. } => format!("budget of {what}"),
            Failure::NoWrites => "the operator writes something".to_owned(),
            Failure::Step(_) => "the story can be told".to_owned(),
        };
        Some(explore::Failure {
            what,
            message: failure.to_string(),
            at: self.world.now(),
            chains: self.chains(failure),
        })
    }
}

impl Run {
    /// Why the run failed, outermost object first; a chain per claim.
    pub fn why(&self) -> Vec<Chain> {
        match &self.outcome {
            Some(Outcome::Failed(failures)) => {
                failures.first().map(|failure| self.chains(failure)).unwrap_or_default()
            }
            _ => Vec::new(),
        }
    }

    /// Why a claim does not come to hold: from the object it is about down, or from every Cluster that is stuck.
    pub fn chains(&self, failure: &Failure) -> Vec<Chain> {
        let about = match failure {
            Failure::Claim { about: Some(about), .. } => Some(self.reference(about)),
            _ => None,
        };
        let chain = about.map(|about| explain::chain(&self.world, &about));
        match chain.filter(|chain| !chain.links.is_empty()) {
            Some(chain) => vec![chain],
            None => explain::stuck(&self.world)
                .into_iter()
                .filter(|chain| !chain.links.is_empty())
                .collect(),
        }
    }

    fn reference(&self, about: &About) -> Reference {
        let server = self.world.server(0);
        let info = server.kind(&about.group, &about.kind).and_then(|kind| server.kind_info(kind));
        Reference {
            kind: about.kind.clone().into(),
            api_version: info
                .map_or_else(String::new, drydock_apiserver::KindInfo::api_version)
                .into(),
            key: Key::new(&*about.namespace, &*about.name),
            uid: String::new(),
        }
    }
}
