//! `drydock try FILE...`

mod lifecycle;
mod plan;

use std::path::{Path, PathBuf};

use clap::Args;
use drydock_scenarios::KUBERNETES;
use drydock_simulator::dump::dump;
use drydock_simulator::preset::Preset;
use drydock_simulator::{Options, Run, Story};
use serde_json::json;

use crate::paint::{Paint, print};
use crate::report::{Report, Stopwatch};
use crate::run::{Format, Output, PresetName};
use crate::{Exit, Refusal};

/// Apply an addon's manifests to a fresh cluster, and see whether its Clusters come up.
///
/// Definitions are applied before Clusters, and namespaces that are named are made. Then the world
/// runs until nothing moves. Each --then file is applied after that, in turn. Without a Cluster the
/// definitions are checked: they must become Available.
#[derive(Args)]
#[command(after_help = "\
Examples:
  helm template ./addons/redis | drydock try - cluster.yaml
  drydock try addon.yaml cluster.yaml --then scale-out.yaml
  drydock try addon.yaml cluster.yaml --then-delete cluster/mycluster --dump out/")]
pub struct Arguments {
    /// Manifests, YAML or JSON, of many documents; - is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<String>,
    /// Applied when nothing moves any more; may be repeated
    #[arg(long, value_name = "FILE")]
    then: Vec<String>,
    /// Deleted at the end, as kind/name
    #[arg(long, value_name = "OBJECT")]
    then_delete: Vec<String>,
    /// Begin with the objects of a dump
    #[arg(long, value_name = "DUMP")]
    from: Option<String>,
    /// Write all objects there, a file per stage
    #[arg(long, value_name = "DIR")]
    dump: Option<PathBuf>,
    /// A set of timings
    #[arg(long, value_enum)]
    preset: Option<PresetName>,
    /// The version of Kubernetes
    #[arg(long, default_value = "1.34", value_parser = clap::builder::PossibleValuesParser::new(KUBERNETES))]
    kubernetes: String,
    /// Released behaviour that is known to be wrong, by name; may be repeated
    #[arg(long = "quirk", value_name = "NAME")]
    quirks: Vec<String>,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    output: Output,
}

pub fn run(arguments: &Arguments) -> Result<Exit, Refusal> {
    let plan = plan::of(arguments)?;
    drydock_simulator::run::check_quirks(&arguments.quirks).map_err(Refusal::bad_input)?;
    let options = Options {
        preset: arguments.preset.map(Into::into),
        quirks: arguments.quirks.clone(),
        trace: arguments.output.kept(),
        ..Options::default()
    };
    let watch = Stopwatch::start();
    let mut run = Run::new(Story::new(plan.scenario, options))?;
    for (name, steps) in &plan.stages {
        while run.steps_done() < *steps && run.step() {}
        if let Some(folder) = &arguments.dump {
            write_dump(folder, name, &run)?;
        }
    }
    let report = Report::of(run, &watch, |_| again(arguments));
    arguments.output.write_trace(&report.run)?;
    if arguments.output.format == Format::Json {
        let mut json = report.json();
        json["notes"] = json!(plan.notes);
        json["lifecycle"] = lifecycle::json(&report.run.world);
        json["dropped"] = report.run.dropped().iter().map(|d| json!({ "object": d.object, "field": d.field, "file": d.file, "line": d.place.line })).collect();
        print(&format!("{json}\n"))?;
        return Ok(report.exit());
    }
    if let Some(refusal) = report.refusal() {
        return Err(refusal);
    }
    let paint = Paint::stdout();
    let note = |note: &String| format!("  {} {note}\n", paint.warning("!"));
    let screen = [
        plan.notes.iter().map(note).collect(),
        report.dropped(paint),
        report.story(arguments.output.level(), paint),
        lifecycle::table(&report.run.world, paint),
        report.end(paint),
    ];
    print(&screen.concat())?;
    Ok(report.exit())
}

fn write_dump(folder: &Path, name: &str, run: &Run) -> Result<(), Refusal> {
    let path = folder.join(name);
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(&path, dump(run.world.server(0))))
        .map_err(|error| Refusal::not_run(format_args!("cannot write {}: {error}", path.display())))
}

fn again(arguments: &Arguments) -> String {
    let mut words = vec!["drydock try".to_owned()];
    words.extend(arguments.files.iter().cloned());
    words.extend(arguments.then.iter().map(|file| format!("--then {file}")));
    words.extend(arguments.then_delete.iter().map(|object| format!("--then-delete {object}")));
    words.extend(arguments.from.iter().map(|dump| format!("--from {dump}")));
    words
        .extend(arguments.preset.map(|preset| format!("--preset {}", Preset::from(preset).name())));
    words.extend(arguments.quirks.iter().map(|quirk| format!("--quirk {quirk}")));
    if arguments.kubernetes != "1.34" {
        words.push(format!("--kubernetes {}", arguments.kubernetes));
    }
    words.push(format!("--seed {}", arguments.seed));
    words.join(" ")
}
