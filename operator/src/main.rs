use std::process::ExitCode;

use clap::Parser;
use drydock_operator::cli::{self, Arguments};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("the operating system has timers and sockets");
    runtime.block_on(cli::run(arguments))
}
