//! A run that has ended, as a screen and as one line of JSON.

use std::path::{Path, PathBuf};
use std::time::Instant;

use drydock_simulator::repro::Repro;
use drydock_simulator::trace::Level;
use drydock_simulator::{Failure, Outcome, Run};
use serde_json::{Value, json};

use crate::narrate::{self, clock, cpu, span};
use crate::paint::{Paint, grouped};
use crate::{Exit, Refusal, why};

/// Where repros are kept: beside everything else that can be thrown away.
const REPROS: &str = "target/repro";

pub struct Report {
    pub run: Run,
    pub cpu_seconds: f64,
    /// The command that runs it again.
    pub replay: String,
    repro: Option<PathBuf>,
}

impl Report {
    /// Runs to the end of the story. A run that fails leaves a repro.
    pub fn of(mut run: Run, watch: &Stopwatch, again: impl FnOnce(&Run) -> String) -> Self {
        run.finish();
        let cpu_seconds = watch.seconds();
        let failed = matches!(run.outcome(), Some(Outcome::Failed(_)));
        let repro = if failed { keep(&run, "") } else { None };
        let replay = match &repro {
            Some(path) => format!("drydock replay {}", path.display()),
            None => again(&run),
        };
        Self { run, cpu_seconds, replay, repro }
    }

    pub fn exit(&self) -> Exit {
        match self.run.outcome() {
            Some(Outcome::Passed) => Exit::Held,
            Some(Outcome::Refused(_)) => Exit::BadInput,
            _ => Exit::Failed,
        }
    }

    /// What was applied is wrong: a screen of a story would only hide it.
    pub fn refusal(&self) -> Option<Refusal> {
        match self.run.outcome() {
            Some(Outcome::Refused(mistake)) => Some(Refusal::bad_input(mistake)),
            _ => None,
        }
    }

    pub fn failures(&self) -> &[Failure] {
        match self.run.outcome() {
            Some(Outcome::Failed(failures)) => failures,
            _ => &[],
        }
    }

    /// What the story is, on what.
    pub fn head(&self, paint: Paint) -> String {
        let story = self.run.story();
        let given = &story.scenario.given;
        let mut facts = vec![
            format!("Kubernetes {}", given.kubernetes),
            format!("{} nodes", given.nodes),
            format!("seed {}", story.seed()),
        ];
        facts.extend(story.options.preset.map(|preset| format!("preset {}", preset.name())));
        facts.extend(story.options.quirks.iter().cloned());
        format!(
            "\n  {}\n  {}\n",
            paint.strong(&story.scenario.about),
            paint.faint(&facts.join(" · "))
        )
    }

    pub fn story(&self, level: Level, paint: Paint) -> String {
        let lines = self.run.world.trace().lines();
        let told = narrate::story(lines.iter(), self.run.world.epoch(), level, paint);
        format!("\n{}\n", told.join("\n"))
    }

    pub fn dropped(&self, paint: Paint) -> String {
        self.run.dropped().iter().fold(String::new(), |text, dropped| {
            text + &format!(
                "  {} {}  {} is not in the schema and is dropped\n      {}, line {}\n",
                paint.warning("!"),
                dropped.object,
                dropped.field,
                dropped.file,
                dropped.place.line
            )
        })
    }

    /// How it ended, and what to type next.
    pub fn end(&self, paint: Paint) -> String {
        match self.run.outcome() {
            Some(Outcome::Failed(failures)) => self.failed(failures, paint),
            _ => format!(
                "\n  {} · {}\n{}\n",
                paint.success("passed"),
                self.pace(),
                self.counts(paint)
            ),
        }
    }

    fn failed(&self, failures: &[Failure], paint: Paint) -> String {
        let mut text = String::from("\n");
        for failure in failures {
            // A claim that failed is the last line of the story: here is what was found instead.
            text.push_str(&format!(
                "  {} {}\n",
                paint.failure("✗"),
                paint.strong(&failure.to_string())
            ));
        }
        let mut next = vec![("again", self.replay.clone())];
        if let Some(path) = &self.repro {
            let at = clock(self.run.elapsed());
            next.insert(
                0,
                ("look inside", format!("drydock serve --from {} --at {at}", path.display())),
            );
        }
        text.push_str(&why::screen(&self.run, &next, paint));
        text.push_str(&format!(
            "\n  {} · {}\n{}\n",
            paint.failure("failed"),
            self.pace(),
            self.counts(paint)
        ));
        text
    }

    fn pace(&self) -> String {
        let elapsed = self.run.elapsed();
        let rate = elapsed.as_secs_f64() / self.cpu_seconds.max(1e-6);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is rounded to be read"
        )]
        let rate =
            grouped(if rate >= 1000.0 { (rate / 1000.0) as u64 * 1000 } else { rate as u64 });
        format!("{} of cluster time in {} · {rate}x", span(elapsed), cpu(self.cpu_seconds))
    }

    fn counts(&self, paint: Paint) -> String {
        let counts = self.run.world.counts();
        let hash = self.run.world.trace_hash().to_hex();
        let hash = format!("trace {}…{}", &hash[..8], &hash[hash.len() - 2..]);
        let first = format!(
            "  reconciles {} · requests {} · writes {} ({} changed nothing) · conflicts {} · events {}",
            grouped(counts.total_reconciles()),
            grouped(counts.total_requests()),
            grouped(counts.total_writes()),
            counts.idle_writes,
            counts.conflicts,
            grouped(counts.events),
        );
        let again = if self.failures().is_empty() {
            format!(" · same with: {}", self.replay)
        } else {
            String::new()
        };
        paint.faint(&format!("{first}\n  {hash}{again}"))
    }

    pub fn json(&self) -> Value {
        let run = &self.run;
        let counts = run.world.counts();
        let verdict = if run.outcome() == Some(&Outcome::Passed) { "pass" } else { "fail" };
        let failures: Vec<Value> = match run.outcome() {
            Some(Outcome::Refused(mistake)) => {
                vec![json!({ "kind": "refused", "message": mistake.to_string() })]
            }
            _ => self.failures().iter().map(failure_json).collect(),
        };
        json!({
            "name": run.story().scenario.name,
            "verdict": verdict,
            "trace_hash": run.world.trace_hash().to_hex().to_string(),
            "seed": run.story().seed(),
            "virtual_seconds": run.elapsed().as_secs_f64(),
            "cpu_seconds": self.cpu_seconds,
            "events": counts.events,
            "counts": counts,
            "claims": run.held().iter().collect::<Vec<_>>(),
            "failures": failures,
            "waits": why::json(&run.why()),
            "replay": self.replay,
        })
    }

    /// One line, for a run among many.
    pub fn line(&self, paint: Paint) -> String {
        let name = &self.run.story().scenario.name;
        let mark =
            if self.exit() == Exit::Held { paint.success("✓") } else { paint.failure("✗") };
        let pace = format!("{} in {}", span(self.run.elapsed()), cpu(self.cpu_seconds));
        let failure =
            self.failures().first().map(|failure| format!("  {failure}")).unwrap_or_default();
        format!("  {mark} {name:<44} {}{failure}\n", paint.faint(&format!("{pace:>18}")))
    }
}

fn failure_json(failure: &Failure) -> Value {
    let kind = match failure {
        Failure::Claim { .. } => "claim",
        Failure::Invariant(_) => "invariant",
        Failure::Budget { .. } => "budget",
        Failure::NoWrites => "no-writes",
        Failure::Step(_) => "step",
    };
    json!({ "kind": kind, "message": failure.to_string() })
}

/// The trace, a line of JSON per line of the story.
pub fn trace_lines(run: &Run) -> String {
    let epoch = run.world.epoch();
    let line = |line: &drydock_simulator::trace::Line| {
        let seconds = line.at.duration_since(epoch).as_secs_f64();
        json!({
            "seconds": seconds, "at": line.at, "level": line.level, "who": line.who, "verb": line.verb,
            "text": line.text.replace('\t', "  "),
        })
        .to_string()
            + "\n"
    };
    run.world.trace().lines().iter().map(line).collect()
}

/// Writes the repro; a place that cannot be written to is no reason to fail otherwise.
pub fn keep(run: &Run, suffix: &str) -> Option<PathBuf> {
    let story = run.story();
    // What was tried is not a story of its own: its files are where they are.
    if story.scenario.files.is_empty() {
        return None;
    }
    let base = story.scenario.name.rsplit('/').next().unwrap_or("run");
    let seed = if story.seed() == story.scenario.given.seed {
        String::new()
    } else {
        format!("-seed-{}", story.seed())
    };
    let path = Path::new(REPROS).join(format!("{base}{seed}{suffix}.repro"));
    std::fs::create_dir_all(REPROS).ok()?;
    std::fs::write(&path, Repro::of(run).to_text()).ok()?;
    Some(path)
}

/// How long this thread has been computing since; where the system does not say, how long ago that was.
pub struct Stopwatch {
    wall: Instant,
    cpu: Option<f64>,
}

impl Stopwatch {
    pub fn start() -> Self {
        Self { wall: Instant::now(), cpu: cpu_now() }
    }

    fn seconds(&self) -> f64 {
        let cpu = self.cpu.zip(cpu_now()).map(|(before, after)| after - before);
        cpu.unwrap_or_else(|| self.wall.elapsed().as_secs_f64())
    }
}

/// Seconds that this thread has been computing, where the system says so.
fn cpu_now() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanos: f64 = text.split(' ').next()?.parse().ok()?;
    Some(nanos / 1e9)
}
