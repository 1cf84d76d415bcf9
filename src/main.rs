//! `drydock`: arguments in, library calls, tables out.

mod bench;
mod clock;
mod completion;
mod differ;
mod explore;
mod input;
mod narrate;
mod paint;
mod replay;
mod report;
mod run;
mod serve;
mod servers;
mod try_;
mod why;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

/// A world is many small pieces of memory, shared and dropped at every step.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A database operator for Kubernetes, and a deterministic world to try it in.
#[derive(Parser)]
#[command(name = "drydock", version, max_term_width = 100, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    Try(try_::Arguments),
    Run(run::Arguments),
    Explore(explore::Arguments),
    Replay(replay::Arguments),
    Serve(serve::Arguments),
    Clock(clock::Arguments),
    Bench(bench::Arguments),
    Differ(differ::Arguments),
    Completion(completion::Arguments),
}

/// How a command ended, as its exit code says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// All claims hold.
    Held = 0,
    /// A claim or an invariant failed.
    Failed = 1,
    /// What was given cannot be understood.
    BadInput = 2,
    /// It could not be run.
    NotRun = 3,
}

/// What keeps a command from its work: the text, and the exit code that goes with it.
#[derive(Debug)]
pub struct Refusal {
    pub exit: Exit,
    pub text: String,
}

impl Refusal {
    pub fn bad_input(why: impl std::fmt::Display) -> Self {
        Self { exit: Exit::BadInput, text: why.to_string() }
    }

    pub fn not_run(why: impl std::fmt::Display) -> Self {
        Self { exit: Exit::NotRun, text: why.to_string() }
    }
}

impl From<drydock_scenarios::Mistake> for Refusal {
    fn from(mistake: drydock_scenarios::Mistake) -> Self {
        Self::bad_input(mistake)
    }
}

/// Somebody who reads our output stopped reading: nothing is left to say.
impl From<std::io::Error> for Refusal {
    fn from(error: std::io::Error) -> Self {
        Self::not_run(format_args!("cannot write the output: {error}"))
    }
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        None => menu(),
        Some(Command::Try(arguments)) => try_::run(&arguments),
        Some(Command::Explore(arguments)) => explore::run(&arguments),
        Some(Command::Bench(arguments)) => bench::run(&arguments),
        Some(Command::Differ(arguments)) => differ::run(&arguments),
        Some(Command::Run(arguments)) => run::run(&arguments),
        Some(Command::Replay(arguments)) => replay::run(&arguments),
        Some(Command::Serve(arguments)) => serve::run(&arguments),
        Some(Command::Clock(arguments)) => clock::run(&arguments),
        Some(Command::Completion(arguments)) => completion::run(&arguments),
    };
    let exit = outcome.unwrap_or_else(|refusal| {
        eprintln!("{} {}", paint::Paint::stderr().failure("error:"), refusal.text);
        refusal.exit
    });
    ExitCode::from(exit as u8)
}

/// The five commands to begin with.
fn menu() -> Result<Exit, Refusal> {
    let about = Cli::command().get_about().map(ToString::to_string).unwrap_or_default();
    paint::print(&format!("{about}

  drydock run                          replay the bundled stories, or those of a file or folder
  drydock try FILE...                  apply an addon's manifests and see whether its Clusters come up
  drydock explore STORY --crash-points kill the operator at every write of a story, and see what breaks
  drydock replay REPRO                 run again what once failed, from its one file
  drydock serve                        a cluster on loopback, for kubectl

  More: drydock --help, drydock COMMAND --help
"))?;
    Ok(Exit::Held)
}
