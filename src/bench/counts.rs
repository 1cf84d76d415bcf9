//! `drydock bench counts`: what does not depend on the machine.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use drydock_simulator::counts::Counts;
use drydock_simulator::trace::Level;
use drydock_simulator::{Options, Run, Story};
use serde_json::{Value, json};

use crate::paint::{Paint, print, table};
use crate::run::Format;
use crate::{Exit, Refusal, input};

/// Reconciles, requests, writes and watch events of each story, held against a baseline.
#[derive(Args)]
#[command(after_help = "\
Examples:
  drydock bench counts
  drydock bench counts --baseline benches/counts.json
  drydock bench counts --baseline benches/counts.json --update")]
pub struct Arguments {
    /// Scenario files or folders; the bundled ones if none is named
    paths: Vec<String>,
    /// Counts that must be the same, exactly
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Write the baseline instead
    #[arg(long, requires = "baseline")]
    update: bool,
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

pub fn run(arguments: &Arguments) -> Result<Exit, Refusal> {
    let mut counted: BTreeMap<String, Value> = BTreeMap::new();
    let mut rows = vec![
        [
            "story",
            "reconciles",
            "requests",
            "writes",
            "idle",
            "conflicts",
            "watch events",
            "events",
        ]
        .map(str::to_owned)
        .to_vec(),
    ];
    let mut exit = Exit::Held;
    for scenario in input::scenarios(&arguments.paths)? {
        let name = scenario.name.clone();
        let mut run =
            Run::new(Story::new(scenario, Options { trace: Level::Off, ..Options::default() }))?;
        let passed = *run.finish() == drydock_simulator::Outcome::Passed;
        let counts = run.world.counts();
        rows.push(row(&name, counts));
        let mut value = serde_json::to_value(counts).map_err(Refusal::not_run)?;
        value["passed"] = json!(passed);
        counted.insert(name, value);
        if !passed {
            exit = Exit::Failed;
        }
    }
    if arguments.output == Format::Json {
        print(&format!("{}\n", json!(counted)))?;
    } else {
        let lines = table(&rows, &[1, 2, 3, 4, 5, 6, 7]);
        print(&lines.iter().map(|line| format!("  {line}\n")).collect::<String>())?;
    }
    Ok(exit.max(compare(arguments, &counted)?))
}

fn row(name: &str, counts: &Counts) -> Vec<String> {
    let numbers = [
        counts.total_reconciles(),
        counts.total_requests(),
        counts.total_writes(),
        counts.idle_writes,
        counts.conflicts,
        counts.watch_events,
        counts.events,
    ];
    std::iter::once(name.to_owned()).chain(numbers.iter().map(u64::to_string)).collect()
}

fn compare(arguments: &Arguments, counted: &BTreeMap<String, Value>) -> Result<Exit, Refusal> {
    let Some(path) = &arguments.baseline else { return Ok(Exit::Held) };
    if arguments.update {
        let text = serde_json::to_string_pretty(counted).map_err(Refusal::not_run)?;
        std::fs::write(path, text + "\n").map_err(|error| {
            Refusal::not_run(format_args!("cannot write {}: {error}", path.display()))
        })?;
        return Ok(Exit::Held);
    }
    let text = std::fs::read_to_string(path).map_err(|error| {
        Refusal::bad_input(format_args!("cannot read {}: {error}", path.display()))
    })?;
    let baseline: BTreeMap<String, Value> = serde_json::from_str(&text)
        .map_err(|error| Refusal::bad_input(format_args!("{}: {error}", path.display())))?;
    let mut differences = Vec::new();
    for (name, now) in counted {
        match baseline.get(name) {
            None => differences.push(format!("{name} is not in the baseline")),
            Some(then) => differ(name, then, now, &mut differences),
        }
    }
    if arguments.paths.is_empty() {
        differences.extend(
            baseline
                .keys()
                .filter(|name| !counted.contains_key(*name))
                .map(|name| format!("{name} is only in the baseline")),
        );
    }
    if differences.is_empty() {
        return Ok(Exit::Held);
    }
    let paint = Paint::stdout();
    let lines: String = differences
        .iter()
        .map(|difference| format!("  {} {difference}\n", paint.failure("✗")))
        .collect();
    let hint = format!("drydock bench counts --baseline {} --update", path.display());
    print(&format!("\n{lines}\n  If that is meant: {hint}\n"))?;
    Ok(Exit::Failed)
}

fn differ(at: &str, then: &Value, now: &Value, differences: &mut Vec<String>) {
    match (then, now) {
        (Value::Object(then), Value::Object(now)) => {
            let keys: std::collections::BTreeSet<&String> = then.keys().chain(now.keys()).collect();
            for key in keys {
                let (then, now) =
                    (then.get(key).unwrap_or(&Value::Null), now.get(key).unwrap_or(&Value::Null));
                differ(&format!("{at} {key}"), then, now, differences);
            }
        }
        (then, now) if then != now => differences.push(format!("{at} was {then} and is {now}")),
        _ => {}
    }
}
