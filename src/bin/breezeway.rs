//! The `breezeway` command: an operator's eye on segments.
//!
//! - [`arguments`]: what it can be asked for
//! - [`bench`]: what shared memory buys, on this machine
//! - [`show`]: reports as tables, or as JSON
//! - [`watch`]: a segment, live
//! - [`tidy`]: removing what nobody has any more

#![forbid(unsafe_code)]

#[path = "breezeway/arguments.rs"]
mod arguments;
#[path = "breezeway/bench.rs"]
mod bench;
#[path = "breezeway/show.rs"]
mod show;
#[path = "breezeway/tidy.rs"]
mod tidy;
#[path = "breezeway/watch.rs"]
mod watch;

use std::io::{self, ErrorKind};
use std::process::ExitCode;

use arguments::{Arguments, Command};
use clap::Parser;

/// What a command ends with where it has not done what it was asked for.
type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads has had enough.
        Err(error)
            if error
                .downcast_ref::<io::Error>()
                .is_some_and(|error| error.kind() == ErrorKind::BrokenPipe) =>
        {
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("breezeway: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Ls { json } => show::list(json),
        Command::Inspect { name, json } => show::one(&name, json),
        Command::Watch { name, every, count } => watch::watch(name.as_deref(), every, count),
        Command::Gc { dry_run, yes, json } => tidy::gc(dry_run, yes, json),
        Command::Bench(options) => bench::bench(&options),
        Command::Rm { names } => tidy::rm(&names),
    }
}
