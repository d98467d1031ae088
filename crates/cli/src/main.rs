//! The command `breezeway`: measures shared memory, shows and removes segments.
//!
//! - [`arguments`]: what it accepts
//! - [`mod@bench`]: `breezeway bench`
//! - [`generate`]: manual pages and shell completions
//! - [`json`]: reports for programs
//! - [`show`]: reports for people; `ls` and `inspect`
//! - [`removal`]: `gc` and `rm`
//! - [`top`]: the live view

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

/// Why a command failed.
type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        // The reader has closed the pipe, as `head` does.
        Err(error) if is_broken_pipe(error.as_ref()) => ExitCode::SUCCESS,
        Err(error) => {
            print_error(error.as_ref());
            ExitCode::FAILURE
        }
    }
}

fn is_broken_pipe(error: &(dyn std::error::Error + 'static)) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}

/// Prints the error and its causes.
fn print_error(error: &dyn std::error::Error) {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        // Some errors include the text of their cause.
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text += &format!(": {cause_text}");
        }
        source = cause.source();
    }
    let _ = writeln!(io::stderr(), "breezeway: {}", show::sanitized(&text));
}

fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Ls { json } => show::list(json),
        Command::Inspect { name, json } => show::inspect(&name, json),
        Command::Top { name, every, count, json } => top::top(name.as_deref(), every, count, json),
        Command::Gc { names, dry_run, yes, json } => removal::gc(&names, dry_run, yes, json),
        Command::Rm { names, json } => removal::rm(&names, json),
        Command::Generate { folder } => generate::generate(&folder),
        Command::Bench(options) => bench::bench(&options),
    }
}
