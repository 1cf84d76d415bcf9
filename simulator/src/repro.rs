//! A run in one text file: enough to run it again anywhere, and to say where a newer drydock takes
//! another course.

use std::collections::BTreeMap;
use std::sync::Arc;

use drydock_scenarios::{Mistake, Place, Source, load};
use serde::{Deserialize, Serialize};

use crate::choice::Choice;
use crate::preset::Preset;
use crate::run::{Options, Outcome, Run, Story};
use crate::trace::Level;

/// Of the file. Raised when an older drydock could not read it.
pub const FORMAT: u32 = 1;
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// More lines of a story would make the file hard to read; the hash covers the rest.
const MAX_LINES: usize = 5000;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Repro {
    pub format: u32,
    /// The version that wrote it.
    pub drydock: String,
    /// The path of the scenario among the files.
    pub scenario: String,
    pub seed: u64,
    pub preset: Preset,
    #[serde(default)]
    pub quirks: Vec<String>,
    /// Named deviations from the default course.
    #[serde(default)]
    pub deviations: Vec<Choice>,
    pub expected: Expected,
    /// The scenario with its definitions, as they were.
    pub files: BTreeMap<String, String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Expected {
    pub trace_hash: String,
    pub events: u64,
    /// What failed, in a sentence each; none if the run passed.
    pub failures: Vec<String>,
    /// The course of the run, line by line: where another one differs, it is named.
    pub course: Vec<String>,
}

/// What became of a repro that was run again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Course {
    Same,
    /// The first line that differs.
    Differs {
        line: usize,
        expected: Option<String>,
        found: Option<String>,
    },
    /// All lines are the same, and yet the events behind them are not.
    Beneath {
        expected: String,
        found: String,
    },
}

impl Repro {
    /// Of a run that has ended. It tells its course itself, whatever level the run was traced at.
    pub fn of(run: &Run) -> Self {
        let story = run.story();
        let options = Options {
            trace: Level::Request,
            choices: run.world.choices().to_vec(),
            ..story.options.clone()
        };
        let told = Story::new(story.scenario.clone(), options);
        let course = Run::new(told).map(|mut again| {
            again.finish();
            course(&again)
        });
        Self {
            format: FORMAT,
            drydock: VERSION.to_owned(),
            scenario: story.scenario.source.name.clone(),
            seed: story.seed(),
            preset: story.preset(),
            quirks: story.options.quirks.clone(),
            deviations: run.world.choices().to_vec(),
            expected: Expected {
                trace_hash: run.world.trace_hash().to_hex().to_string(),
                events: run.world.counts().events,
                failures: failures(run),
                course: course.unwrap_or_default(),
            },
            files: story.scenario.files.clone(),
        }
    }

    pub fn to_text(&self) -> String {
        let body = serde_saphyr::to_string(self).expect("maps, lists and text have a YAML form");
        format!("# A run of drydock. Run it again: drydock replay FILE\n{body}")
    }

    pub fn parse(source: &Arc<Source>) -> Result<Self, Mistake> {
        let repro: Self = serde_saphyr::from_str(&source.text).map_err(|error| {
            let place = error.location().map(|at| Place {
                line: usize::try_from(at.line()).unwrap_or(1).max(1),
                column: usize::try_from(at.column()).unwrap_or(1).max(1),
            });
            let text = error.to_string();
            let first = text.lines().next().unwrap_or_default().to_owned();
            Mistake::new(
                source,
                place.unwrap_or(Place::start()),
                format!("this is no repro: {first}"),
            )
        })?;
        if repro.format != FORMAT {
            let message =
                format!("this repro has format {}, and this drydock reads {FORMAT}", repro.format);
            return Err(Mistake::new(source, Place::start(), message));
        }
        Ok(repro)
    }

    /// The story as it was, to be told at the level of detail that somebody wants.
    pub fn story(&self, trace: Level) -> Result<Arc<Story>, Mistake> {
        let read = |path: &str| {
            self.files.get(path).cloned().ok_or_else(|| format!("the repro has no file {path}"))
        };
        let scenario = load(&self.scenario, &read)?;
        let options = Options {
            seed: Some(self.seed),
            preset: Some(self.preset),
            quirks: self.quirks.clone(),
            choices: self.deviations.clone(),
            trace,
            epoch: None,
        };
        Ok(Story::new(scenario, options))
    }

    /// Compares a finished run with what was expected. The run must be told at [`Level::Request`] at least.
    pub fn compare(&self, run: &Run) -> Course {
        let hash = run.world.trace_hash().to_hex().to_string();
        if hash == self.expected.trace_hash {
            return Course::Same;
        }
        let found = course(run);
        let expected = &self.expected.course;
        let longest = expected.len().max(found.len());
        match (0..longest).find(|line| expected.get(*line) != found.get(*line)) {
            Some(line) => Course::Differs {
                line: line + 1,
                expected: expected.get(line).cloned(),
                found: found.get(line).cloned(),
            },
            None => Course::Beneath { expected: self.expected.trace_hash.clone(), found: hash },
        }
    }
}

fn failures(run: &Run) -> Vec<String> {
    match run.outcome() {
        Some(Outcome::Failed(failures)) => failures.iter().map(ToString::to_string).collect(),
        Some(Outcome::Refused(mistake)) => vec![mistake.message.clone()],
        _ => Vec::new(),
    }
}

/// `12.345678 operator create pod/demo-0`
fn course(run: &Run) -> Vec<String> {
    let epoch = run.world.epoch();
    let lines = run
        .world
        .trace()
        .lines()
        .iter()
        .filter(|line| line.level <= Level::Request)
        .take(MAX_LINES);
    lines
        .map(|line| {
            let since = line.at.duration_since(epoch).as_micros();
            let text = line.text.replace(['\t', '\n'], " ");
            format!(
                "{}.{:06} {} {} {text}",
                since / 1_000_000,
                since % 1_000_000,
                line.who.name(),
                line.verb
            )
        })
        .collect()
}
