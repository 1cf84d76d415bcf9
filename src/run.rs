//! `drydock run [PATH...]`

use std::mem::ManuallyDrop;

use clap::{Args, ValueEnum};
use drydock_scenarios::{Arm, Scenario};
use drydock_simulator::preset::Preset;
use drydock_simulator::run::check_quirks;
use drydock_simulator::trace::Level;
use drydock_simulator::{Options, Run, Story};
use serde_json::json;

use crate::paint::{Paint, Progress, print};
use crate::report::{Report, Stopwatch, trace_lines};
use crate::{Exit, Refusal, input, narrate};

/// Tell stories to a simulated cluster, and see whether their claims hold.
///
/// Without a path the bundled stories run. A folder runs every story in and below it.
#[derive(Args)]
#[command(after_help = "\
Examples:
  drydock run scenarios/failover/redis-primary-node-lost
  drydock run scenarios/stuck --quirk kubeblocks-8082
  drydock run -o json --seed 7")]
pub struct Arguments {
    /// Scenario files or folders
    paths: Vec<String>,
    #[command(flatten)]
    choices: Choices,
    #[command(flatten)]
    output: Output,
}

/// What a run may choose.
#[derive(Args, Clone)]
pub struct Choices {
    /// Decides every latency and every random choice
    #[arg(long)]
    seed: Option<u64>,
    /// Released behaviour that is known to be wrong, by name; may be repeated
    #[arg(long = "quirk", value_name = "NAME")]
    quirks: Vec<String>,
    /// A set of timings
    #[arg(long, value_enum)]
    preset: Option<PresetName>,
}

#[derive(Args, Clone)]
pub struct Output {
    /// Show requests; twice: reconciles too
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// What to print
    #[arg(short = 'o', long = "output", value_name = "FORMAT", value_enum, default_value_t)]
    pub format: Format,
    /// Write every line of the trace there, as JSON
    #[arg(long, value_name = "FILE")]
    pub trace: Option<std::path::PathBuf>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    #[default]
    Human,
    /// One object per scenario and line
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PresetName {
    /// An ordinary cluster in one data centre
    Realistic,
    /// As the upstream operator was recorded
    Recorded,
}

impl From<PresetName> for Preset {
    fn from(name: PresetName) -> Self {
        match name {
            PresetName::Realistic => Preset::Realistic,
            PresetName::Recorded => Preset::Recorded,
        }
    }
}

impl Choices {
    pub fn options(&self, trace: Level) -> Result<Options, Refusal> {
        check_quirks(&self.quirks).map_err(Refusal::bad_input)?;
        let preset = self.preset.map(Preset::from);
        Ok(Options {
            seed: self.seed,
            preset,
            quirks: self.quirks.clone(),
            choices: Vec::new(),
            trace,
            epoch: None,
        })
    }
}

impl Output {
    pub fn level(&self) -> Level {
        match self.verbose {
            0 => Level::Story,
            1 => Level::Request,
            _ => Level::Reconcile,
        }
    }

    /// What the world has to keep.
    pub fn kept(&self) -> Level {
        if self.trace.is_some() { Level::Reconcile } else { self.level() }
    }

    pub fn write_trace(&self, run: &Run) -> Result<(), Refusal> {
        let Some(path) = &self.trace else { return Ok(()) };
        std::fs::write(path, trace_lines(run)).map_err(|error| {
            Refusal::not_run(format_args!("cannot write {}: {error}", path.display()))
        })
    }
}

pub fn run(arguments: &Arguments) -> Result<Exit, Refusal> {
    let scenarios = input::scenarios(&arguments.paths)?;
    let options = arguments.choices.options(arguments.output.kept())?;
    if arguments.output.trace.is_some() && scenarios.len() > 1 {
        return Err(Refusal::bad_input("--trace is for one scenario, and there are several"));
    }
    // Everything that can be refused is refused before anything runs.
    let runs = scenarios
        .into_iter()
        .map(|scenario| prepare(scenario, &options))
        .collect::<Result<Vec<_>, _>>()?;
    match runs.len() {
        1 => one(runs.into_iter().next().expect("there is one"), &arguments.output),
        _ => many(runs, &arguments.output),
    }
}

enum Prepared {
    Ready(Box<Run>),
    /// It does not run on the simulator.
    Elsewhere(Box<Scenario>),
}

fn prepare(scenario: Scenario, options: &Options) -> Result<Prepared, Refusal> {
    if !scenario.runs_on.contains(&Arm::Simulator) {
        return Ok(Prepared::Elsewhere(Box::new(scenario)));
    }
    Ok(Prepared::Ready(Box::new(Run::new(Story::new(scenario, options.clone()))?)))
}

fn one(prepared: Prepared, output: &Output) -> Result<Exit, Refusal> {
    let run = match prepared {
        Prepared::Ready(run) => *run,
        Prepared::Elsewhere(scenario) => return elsewhere(&scenario, output),
    };
    // The command ends with it: its memory goes back as a whole, not piece by piece.
    let report = ManuallyDrop::new(Report::of(run, &Stopwatch::start(), same_with));
    output.write_trace(&report.run)?;
    if output.format == Format::Json {
        print(&format!("{}\n", report.json()))?;
        return Ok(report.exit());
    }
    if let Some(refusal) = report.refusal() {
        return Err(refusal);
    }
    let paint = Paint::stdout();
    print(
        &[
            report.head(paint),
            report.dropped(paint),
            report.story(output.level(), paint),
            report.end(paint),
        ]
        .concat(),
    )?;
    Ok(report.exit())
}

fn elsewhere(scenario: &Scenario, output: &Output) -> Result<Exit, Refusal> {
    match output.format {
        Format::Json => {
            print(&format!("{}\n", json!({ "name": scenario.name, "verdict": "not-run" })))?;
        }
        Format::Human => {
            print(&format!("  - {}  not run: it is not for the simulator\n", scenario.name))?;
        }
    }
    Ok(Exit::NotRun)
}

/// A line each as it ends; failures in full at the end.
fn many(runs: Vec<Prepared>, output: &Output) -> Result<Exit, Refusal> {
    let (paint, total) = (Paint::stdout(), runs.len());
    let mut progress = Progress::new();
    let mut reports = Vec::new();
    let mut exit = Exit::Held;
    for (index, prepared) in runs.into_iter().enumerate() {
        let run = match prepared {
            Prepared::Ready(run) => *run,
            Prepared::Elsewhere(scenario) => {
                exit = exit.max(elsewhere(&scenario, output)?);
                continue;
            }
        };
        progress.show(|| format!("{} of {total}  {}", index + 1, run.story().scenario.name));
        let report = Report::of(run, &Stopwatch::start(), same_with);
        progress.clear();
        match output.format {
            Format::Json => print(&format!("{}\n", report.json()))?,
            Format::Human => print(&report.line(paint))?,
        }
        exit = exit.max(report.exit());
        reports.push(report);
    }
    if output.format == Format::Human {
        for report in reports.iter().filter(|report| report.exit() != Exit::Held) {
            print(&format!("\n  {}\n", paint.strong(&report.run.story().scenario.name)))?;
            print(
                &[report.head(paint), report.story(output.level(), paint), report.end(paint)]
                    .concat(),
            )?;
        }
        print(&totals(&mut reports, paint))?;
    }
    Ok(exit)
}

fn totals(reports: &mut [Report], paint: Paint) -> String {
    let passed = reports.iter().filter(|report| report.exit() == Exit::Held).count();
    let seconds: f64 = reports.iter().map(|report| report.cpu_seconds).sum();
    let failed = reports.len() - passed;
    let mut text = format!("\n  {passed} passed, {failed} failed, in {}\n", narrate::cpu(seconds));
    // Of a few everybody sees the slowest.
    if reports.len() > 5 {
        reports.sort_by(|a, b| b.cpu_seconds.total_cmp(&a.cpu_seconds));
        let slowest = reports.iter().take(5);
        let slowest: Vec<_> = slowest
            .map(|r| format!("{} {}", r.run.story().scenario.name, narrate::cpu(r.cpu_seconds)))
            .collect();
        text.push_str(&paint.faint(&format!("  slowest: {}\n", slowest.join(", "))));
    }
    text
}

/// The command that runs it again, for a run that left no repro.
fn same_with(run: &Run) -> String {
    let story = run.story();
    let path = story.scenario.source.name.trim_end_matches("/scenario.yaml");
    let quirks: String =
        story.options.quirks.iter().map(|quirk| format!(" --quirk {quirk}")).collect();
    let preset = story
        .options
        .preset
        .map(|preset| format!(" --preset {}", preset.name()))
        .unwrap_or_default();
    format!("drydock run {path} --seed {}{quirks}{preset}", story.seed())
}
