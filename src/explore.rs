//! `drydock explore STORY --crash-points`

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use clap::Args;
use drydock_simulator::explore::crash::{Options as Sweep, Progress as Done, sweep};
use drydock_simulator::explore::{Finding, Report};
use drydock_simulator::trace::Level;
use drydock_simulator::{Options, Run, Story};
use serde_json::json;

use crate::paint::{Paint, Progress, grouped, print, short};
use crate::report::keep;
use crate::run::{Choices, Format};
use crate::{Exit, Refusal, input, narrate, why};

/// Search a story for a course of events that breaks it.
///
/// With --crash-points the operator is killed before and after every one of its writes, and each
/// write's answer is lost, once each; with --slow-requests each write is slow; with --stale-views it
/// does not see the kind it writes for a while. Every such branch must hold the claims and invariants
/// of the story.
#[derive(Args)]
#[command(after_help = "\
Examples:
  drydock explore scenarios/failover/redis-primary-node-lost --crash-points
  drydock explore scenarios/startup/redis-orders-its-components --stale-views --slow-requests")]
#[group(id = "what", required = true, multiple = true, args = ["crash_points", "slow_requests", "stale_views"])]
pub struct Arguments {
    /// A scenario file or folder
    story: String,
    /// Every place where the operator may be killed
    #[arg(long)]
    crash_points: bool,
    /// Every write of the operator 5 s late
    #[arg(long)]
    slow_requests: bool,
    /// After every write of the operator, changes of its kind reach it 4 s late for a second
    #[arg(long)]
    stale_views: bool,
    /// Part I of N of the branches, from 0
    #[arg(long, value_name = "I/N", value_parser = parse_shard)]
    shard: Option<(usize, usize)>,
    #[command(flatten)]
    choices: Choices,
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

/// Long enough for all else to overtake it, and shorter than the 10 s that stories grant for a label.
const SLOW_BY_MS: u32 = 5_000;
/// Shorter than the operator waits for its own writes to show: longer, it would take another course.
const STALE_BY_MS: u32 = 4_000;

pub fn run(arguments: &Arguments) -> Result<Exit, Refusal> {
    let scenarios = input::scenarios(std::slice::from_ref(&arguments.story))?;
    let options = arguments.choices.options(Level::Off)?;
    let runs =
        scenarios.into_iter().map(|scenario| Ok(Run::new(Story::new(scenario, options.clone()))?));
    let runs = runs.collect::<Result<Vec<_>, Refusal>>()?;
    let interrupted = on_interrupt();
    let mut exit = Exit::Held;
    for run in &runs {
        exit = exit.max(explore(run, arguments, &interrupted)?);
    }
    Ok(exit)
}

fn explore(run: &Run, arguments: &Arguments, interrupted: &AtomicBool) -> Result<Exit, Refusal> {
    let (mut progress, started) = (Progress::new(), Instant::now());
    let paint = Paint::stdout();
    if arguments.output == Format::Human {
        print(&format!("\n  {}\n", paint.strong(&run.story().scenario.about)))?;
    }
    let options = Sweep {
        crashes: arguments.crash_points,
        slow_by_ms: arguments.slow_requests.then_some(SLOW_BY_MS),
        stale_by_ms: arguments.stale_views.then_some(STALE_BY_MS),
        shard: arguments.shard,
        ..Sweep::default()
    };
    let report = sweep(run, &options, |done| {
        progress.show(|| bar(done, started));
        !interrupted.load(Ordering::Relaxed)
    });
    progress.clear();
    let seconds = started.elapsed().as_secs_f64();
    let repros: Vec<Option<String>> =
        report.findings.iter().map(|finding| repro(run, finding)).collect();
    let exit = if report.broken > 0 || report.default_failure.is_some() {
        Exit::Failed
    } else {
        Exit::Held
    };
    if arguments.output == Format::Json {
        let mut json = serde_json::to_value(&report).unwrap_or_default();
        json["name"] = json!(run.story().scenario.name);
        json["seed"] = json!(run.story().seed());
        json["verdict"] = json!(if exit == Exit::Held { "pass" } else { "fail" });
        json["wall_seconds"] = json!(seconds);
        json["replay"] = json!(repros);
        print(&format!("{json}\n"))?;
        return Ok(exit);
    }
    print(&screen(run, &report, &repros, seconds, interrupted.load(Ordering::Relaxed), paint))?;
    Ok(exit)
}

fn bar(done: Done, started: Instant) -> String {
    let seconds = started.elapsed().as_secs_f64().max(1e-3);
    let filled = 26 * done.done / done.branches.max(1);
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is rounded to be read"
    )]
    let (rate, left) = (
        (done.stepped_events as f64 / seconds) as u64,
        seconds / done.done.max(1) as f64 * (done.branches - done.done) as f64,
    );
    format!(
        "{}{}  {} of {} branches · {} broken · {} events/s · {left:.0} s left",
        "█".repeat(filled),
        "░".repeat(26 - filled),
        done.done,
        done.branches,
        done.broken,
        short(rate)
    )
}

fn screen(
    run: &Run,
    report: &Report,
    repros: &[Option<String>],
    seconds: f64,
    cut: bool,
    paint: Paint,
) -> String {
    let mut text = String::new();
    if let Some(failure) = &report.default_failure {
        return format!(
            "\n  {} the story fails without any deviation, so there is nothing to search: {}\n  first: drydock run {}\n",
            paint.failure("✗"),
            failure.message,
            run.story().scenario.source.name
        );
    }
    if cut {
        text.push_str(&format!(
            "\n  {}: what was found until then\n",
            paint.warning("interrupted")
        ));
    }
    for (finding, repro) in report.findings.iter().zip(repros) {
        text.push_str(&found(finding, repro.as_deref(), paint));
    }
    let whole = report.story_events * (report.branches as u64 + 1);
    let share = report.stepped_events * 100 / whole.max(1);
    let verdict = match report.broken {
        0 => paint.success("0 broken"),
        broken => paint.failure(&format!("{broken} broken, in {} ways", report.findings.len())),
    };
    text.push_str(&format!(
        "\n  {} branches · {} distinct ends · {verdict} · {}\n",
        grouped(report.branches as u64),
        report.distinct_ends,
        narrate::cpu(seconds)
    ));
    let stepped = format!(
        "  {} events stepped, {share} % of branches times the {} of the story; {} branches joined a known state\n",
        grouped(report.stepped_events),
        grouped(report.story_events),
        report.joined
    );
    text + &paint.faint(&stepped)
}

fn found(finding: &Finding, repro: Option<&str>, paint: Paint) -> String {
    let mut text = format!(
        "\n  {} {}  ({} branches)\n",
        paint.failure("✗"),
        paint.strong(&finding.failure.message),
        finding.branches
    );
    for choice in &finding.choices {
        text.push_str(&format!("    {choice}\n"));
    }
    text.push_str(&why::tell(&finding.failure.chains, &[], paint));
    if let Some(repro) = repro {
        text.push_str(&format!("  {}  {repro}\n", paint.strong("again      ")));
    }
    text
}

/// Runs the shrunk story once more, and keeps it.
fn repro(run: &Run, finding: &Finding) -> Option<String> {
    let story = run.story();
    let options = Options { choices: finding.choices.clone(), ..story.options.clone() };
    let mut again = Run::new(Story::new(story.scenario.clone(), options)).ok()?;
    again.finish();
    let what: String = finding
        .failure
        .what
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    let path = keep(&again, &format!("-{}", what.trim_matches('-')))?;
    Some(format!("drydock replay {}", path.display()))
}

fn parse_shard(text: &str) -> Result<(usize, usize), String> {
    let parts = text.split_once('/').and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
    parts.filter(|(i, n)| i < n).ok_or_else(|| "write I/N with I from 0 to N-1".to_owned())
}

/// Set by Ctrl-C: the search then ends with what it has.
fn on_interrupt() -> Arc<AtomicBool> {
    let flag = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&flag);
    std::thread::spawn(move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
            return;
        };
        if runtime.block_on(tokio::signal::ctrl_c()).is_ok() {
            seen.store(true, Ordering::Relaxed);
        }
        // The second one means it.
        if runtime.block_on(tokio::signal::ctrl_c()).is_ok() {
            std::process::exit(130);
        }
    });
    flag
}
