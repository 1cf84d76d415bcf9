//! `drydock bench`: what things cost.

mod counts;
mod load;

use clap::{Args, Subcommand};

use crate::{Exit, Refusal};

/// Measure what a story costs the operator, and what a request costs the API server.
#[derive(Args)]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    Counts(counts::Arguments),
    Load(load::Arguments),
}

pub fn run(arguments: &Arguments) -> Result<Exit, Refusal> {
    match &arguments.what {
        What::Counts(arguments) => counts::run(arguments),
        What::Load(arguments) => load::run(arguments),
    }
}
