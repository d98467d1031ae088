//! The `breezeway` command: an operator's eye on segments.
//!
//! - [`arguments`]: what it can be asked for
//! - [`bench`]: what shared memory buys, on this machine
//! - [`generate`]: its manual pages and shell completions
//! - [`json`]: reports for programs
//! - [`show`]: reports for people
//! - [`removal`]: removing what nobody has any more
//! - [`top`]: a segment, live

#![forbid(unsafe_code)]

mod arguments;
mod bench;
mod generate;
mod json;
mod removal;
mod show;
mod top;

use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;

use arguments::{Arguments, Command};
use clap::Parser;

/// What a command ends with where it has not done what it was asked for.
type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads has had enough.
        Err(error) if is_broken_pipe(error.as_ref()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(error.as_ref());
            ExitCode::FAILURE
        }
    }
}

fn is_broken_pipe(error: &(dyn std::error::Error + 'static)) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}

/// Says what went wrong, and why, if there is anybody to hear it.
fn complain(error: &dyn std::error::Error) {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        // Some say it themselves.
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text += &format!(": {cause_text}");
        }
        source = cause.source();
    }
    let _ = writeln!(io::stderr(), "breezeway: {}", show::harmless(&text));
}

fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Ls { json } => show::list(json),
        Command::Inspect { name, json } => show::one(&name, json),
        Command::Watch { name, every, count, json } => top::top(name.as_deref(), every, count, json),
        Command::Gc { names, dry_run, yes, json } => removal::gc(&names, dry_run, yes, json),
        Command::Rm { names, json } => removal::rm(&names, json),
        Command::Generate { folder } => generate::generate(&folder),
        Command::Bench(options) => bench::bench(&options),
    }
}
