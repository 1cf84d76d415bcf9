//! `drydock completion SHELL`

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::{Cli, Exit, Refusal, paint};

/// Print a completion script for a shell.
#[derive(Args)]
#[command(after_help = "Example:\n  drydock completion bash > /etc/bash_completion.d/drydock")]
pub struct Arguments {
    shell: Shell,
}

pub fn run(arguments: &Arguments) -> Result<Exit, Refusal> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "drydock", &mut script);
    paint::print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Held)
}
