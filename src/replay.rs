//! `drydock replay REPRO`

use clap::Args;
use drydock_scenarios::parse_duration;
use drydock_simulator::repro::{Course, Repro};
use drydock_simulator::trace::Level;
use drydock_simulator::{Outcome, Run};
use serde_json::json;

use crate::paint::{Paint, print};
use crate::report::{Report, Stopwatch};
use crate::run::{Format, Output};
use crate::{Exit, Refusal, input, narrate};

/// Run again what a repro holds, and say whether it takes the same course.
#[derive(Args)]
#[command(after_help = "\
Examples:
  drydock replay target/repro/redis-primary-node-lost.repro
  drydock replay target/repro/redis-primary-node-lost.repro --until 12m30s -v")]
pub struct Arguments {
    repro: String,
    /// Stop there: 12m30s or 12:30
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    #[command(flatten)]
    output: Output,
}

pub fn run(arguments: &Arguments) -> Result<Exit, Refusal> {
    let repro = load(&arguments.repro)?;
    let level = arguments.output.kept().max(Level::Request);
    let run = Run::new(repro.story(level)?)?;
    if let Some(until) = &arguments.until {
        return up_to(run, until, &arguments.output);
    }
    let again = format!("drydock replay {}", arguments.repro);
    let report = Report::of(run, &Stopwatch::start(), |_| again.clone());
    arguments.output.write_trace(&report.run)?;
    let course = repro.compare(&report.run);
    if arguments.output.format == Format::Json {
        let mut json = report.json();
        json["same_course"] = json!(course == Course::Same);
        json["replay"] = json!(again);
        print(&format!("{json}\n"))?;
        return Ok(exit(&report, &course));
    }
    if let Some(refusal) = report.refusal() {
        return Err(refusal);
    }
    let paint = Paint::stdout();
    let parts =
        [report.head(paint), report.story(arguments.output.level(), paint), report.end(paint)];
    print(&(parts.concat() + &compared(&repro, &course, paint)))?;
    Ok(exit(&report, &course))
}

/// The repro in a file.
pub fn load(path: &str) -> Result<Repro, Refusal> {
    Ok(Repro::parse(&input::source(path)?)?)
}

fn exit(report: &Report, course: &Course) -> Exit {
    // A course that changed is news even where nothing fails any more.
    if *course == Course::Same { report.exit() } else { Exit::Failed }
}

fn up_to(mut run: Run, until: &str, output: &Output) -> Result<Exit, Refusal> {
    let since = parse_duration(until).ok_or_else(|| {
        Refusal::bad_input(format_args!("`{until}` is no time: write 12m30s or 12:30"))
    })?;
    run.run_until(run.world.epoch() + since);
    output.write_trace(&run)?;
    let paint = Paint::stdout();
    let told =
        narrate::story(run.world.trace().lines().iter(), run.world.epoch(), output.level(), paint);
    let hash = run.world.trace_hash().to_hex();
    print(&format!(
        "\n{}\n\n  {} · trace {}\n",
        told.join("\n"),
        narrate::clock(run.elapsed()),
        &hash[..16]
    ))?;
    Ok(if matches!(run.outcome(), Some(Outcome::Failed(_))) { Exit::Failed } else { Exit::Held })
}

fn compared(repro: &Repro, course: &Course, paint: Paint) -> String {
    match course {
        Course::Same => format!(
            "  {}\n",
            paint.faint(&format!(
                "the same course as recorded by drydock {}, event by event",
                repro.drydock
            ))
        ),
        Course::Differs { line, expected, found } => {
            let show = |line: &Option<String>| {
                line.clone().unwrap_or_else(|| "(the course has ended)".to_owned())
            };
            format!(
                "\n  {} than recorded by drydock {}; the first that differs, line {line} of the course:\n    recorded  {}\n    now       {}\n",
                paint.warning("another course"),
                repro.drydock,
                show(expected),
                show(found)
            )
        }
        Course::Beneath { expected, found } => format!(
            "\n  {}: every line is as recorded by drydock {}, the events between them are not ({} then, {} now)\n",
            paint.warning("another course"),
            repro.drydock,
            &expected[..expected.len().min(16)],
            &found[..found.len().min(16)]
        ),
    }
}
