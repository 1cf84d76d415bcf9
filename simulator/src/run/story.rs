//! A scenario with everything chosen that it leaves open, checked against the world it asks for.

use std::collections::BTreeSet;
use std::sync::Arc;

use drydock_scenarios::{Manifest, Mistake, Operator, Scenario, Subject, Verb};

use jiff::Timestamp;

use super::{apply, claim};
use crate::choice::Choice;
use crate::operator::OperatorConfig;
use crate::preset::Preset;
use crate::trace::Level;
use crate::world::{World, WorldConfig};
use crate::{invariant, quirk};

/// What a user chooses for a run; the rest is the scenario's.
#[derive(Clone, Debug, Default)]
pub struct Options {
    pub seed: Option<u64>,
    pub preset: Option<Preset>,
    pub quirks: Vec<String>,
    pub choices: Vec<Choice>,
    pub trace: Level,
    /// When the story begins; a fixed time if nothing is said.
    pub epoch: Option<Timestamp>,
}

#[derive(Debug)]
pub struct Story {
    pub scenario: Scenario,
    pub options: Options,
}

impl Story {
    pub fn new(scenario: Scenario, options: Options) -> Arc<Self> {
        Arc::new(Self { scenario, options })
    }

    pub fn seed(&self) -> u64 {
        self.options.seed.unwrap_or(self.scenario.given.seed)
    }

    pub fn preset(&self) -> Preset {
        let given = Preset::parse(&self.scenario.given.preset).unwrap_or_default();
        self.options.preset.unwrap_or(given)
    }

    pub(super) fn world_config(&self) -> WorldConfig {
        let given = &self.scenario.given;
        let operators = match given.operator {
            Operator::Ours => vec![OperatorConfig::default()],
            Operator::None => Vec::new(),
        };
        let defaults = WorldConfig::default();
        WorldConfig {
            epoch: self.options.epoch.unwrap_or(defaults.epoch),
            kubernetes: given.kubernetes.clone(),
            nodes: given.nodes,
            seed: self.seed(),
            preset: self.preset(),
            operators,
            trace: self.options.trace,
            quirks: self.options.quirks.clone(),
            choices: self.options.choices.clone(),
            ..defaults
        }
    }

    /// Refuses every word that this world does not know.
    pub(super) fn check(&self, world: &World) -> Result<(), Mistake> {
        let scenario = &self.scenario;
        let known: Vec<&str> = invariant::ALL.iter().map(|invariant| invariant.name).collect();
        for named in &scenario.invariants {
            if !known.contains(&named.name.as_str()) {
                return Err(Mistake::unknown(
                    &scenario.source,
                    named.place,
                    "invariant",
                    &named.name,
                    &known,
                ));
            }
        }
        check_manifests(world, &scenario.given.objects)?;
        for step in &scenario.steps {
            let object = match &step.verb {
                Verb::Apply(manifests) => {
                    check_manifests(world, manifests)?;
                    continue;
                }
                Verb::Patch { object, .. } | Verb::Delete(object) => object,
                Verb::Wait(claim) | Verb::Expect(claim) => match &claim.subject {
                    Subject::Object(object) => object,
                    Subject::Engine { .. } => continue,
                },
                Verb::Fault(_) | Verb::Heal(_) | Verb::Advance(_) | Verb::Settle { .. } => continue,
            };
            if claim::kind(world.server(0), &object.kind).is_none() {
                let kinds: BTreeSet<&str> =
                    world.server(0).kinds().map(|info| &*info.singular).collect();
                let kinds: Vec<&str> = kinds.into_iter().collect();
                let mut mistake =
                    Mistake::unknown(&scenario.source, object.place, "kind", &object.kind, &kinds);
                mistake.expected.truncate(0);
                return Err(mistake);
            }
        }
        Ok(())
    }
}

/// Every manifest is of a kind that is served, or that one of them defines.
pub fn check_manifests(world: &World, manifests: &[Manifest]) -> Result<(), Mistake> {
    let server = world.server(0);
    for manifest in manifests {
        let defined = manifests.iter().any(|m| m.kind == "CustomResourceDefinition");
        if defined || apply::served(server, manifest).is_some() {
            continue;
        }
        let source = &manifest.source;
        let versions: BTreeSet<String> = server
            .kinds()
            .filter(|info| *info.kind == *manifest.kind)
            .map(drydock_apiserver::KindInfo::api_version)
            .collect();
        if versions.is_empty() {
            let kinds: BTreeSet<&str> = server.kinds().map(|info| &*info.kind).collect();
            let kinds: Vec<&str> = kinds.into_iter().collect();
            let mut mistake =
                Mistake::unknown(source, manifest.place_of_kind(), "kind", &manifest.kind, &kinds);
            // All kinds there are would fill the screen.
            mistake.expected.clear();
            return Err(mistake);
        }
        let message = format!(
            "this server (Kubernetes {}) has no {} in {}",
            server.profile(),
            manifest.kind,
            manifest.api_version
        );
        let mut mistake = Mistake::new(source, manifest.place_of_api_version(), message)
            .width(manifest.api_version.len());
        mistake.expected = versions.into_iter().collect();
        return Err(mistake);
    }
    Ok(())
}

/// Refuses a quirk that does not exist.
pub fn check_quirks(names: &[String]) -> Result<(), String> {
    for name in names {
        if quirk::by_name(name).is_none() {
            let known: Vec<&str> = quirk::ALL.iter().map(|quirk| quirk.name).collect();
            let meant = drydock_scenarios::mistake::closest(name, &known);
            let meant = meant.map(|meant| format!("; did you mean `{meant}`?")).unwrap_or_default();
            return Err(format!("unknown quirk `{name}`{meant} (one of: {})", known.join(", ")));
        }
    }
    Ok(())
}
