//! Removing segments that nobody has any more, or that somebody wants to be gone.

use std::io::{self, BufRead, IsTerminal, Write};

use breezeway::{Segment, SegmentError, inspect};
use serde::Serialize;

use crate::Failure;
use crate::{json, show};

/// What was done.
#[derive(Default, Serialize)]
struct Done {
    removed: Vec<String>,
    failed: Vec<Failed>,
}

#[derive(Serialize)]
struct Failed {
    name: String,
    error: String,
}

impl Done {
    fn note(&mut self, name: String, outcome: Result<bool, SegmentError>) {
        match outcome {
            Ok(true) => self.removed.push(name),
            Ok(false) => {}
            Err(error) => self.failed.push(Failed { error: error.to_string(), name }),
        }
    }

    /// The last failure, the others having been told.
    fn verdict(mut self) -> Result<(), Failure> {
        let Some(last) = self.failed.pop() else { return Ok(()) };
        for Failed { error, .. } in self.failed {
            let _ = writeln!(io::stderr(), "breezeway: {error}");
        }
        Err(last.error.into())
    }
}

#[derive(Serialize)]
struct Gc<'a> {
    dry_run: bool,
    stale: &'a [String],
    #[serde(flatten)]
    done: &'a Done,
}

pub fn gc(names: &[String], dry_run: bool, yes: bool, as_json: bool) -> Result<(), Failure> {
    let reports = match names {
        [] => inspect::list()?,
        names => names.iter().map(|name| inspect::inspect(name)).collect::<Result<_, _>>()?,
    };
    let stale: Vec<String> =
        reports.into_iter().filter(|report| report.stale).map(|report| report.name).collect();
    let mut done = Done::default();
    let is_meant = yes || stale.is_empty() || !io::stdin().is_terminal();
    if !dry_run && (is_meant || confirmed(&stale)?) {
        for name in &stale {
            // Who was faster may have made a new one of this name, which is not stale.
            done.note(name.clone(), inspect::remove_stale(name));
        }
    }
    if as_json {
        json::print(Gc { dry_run, stale: &stale, done: &done })?;
    } else if dry_run && !stale.is_empty() {
        show::print(&format!("stale: {}", stale.join(", ")))?;
    } else if done.removed.is_empty() {
        show::print(if stale.is_empty() { "nothing is stale" } else { "nothing is removed" })?;
    } else {
        show::print(&format!("removed: {}", done.removed.join(", ")))?;
    }
    done.verdict()
}

fn confirmed(names: &[String]) -> Result<bool, Failure> {
    let mut terminal = io::stderr();
    write!(terminal, "remove {}? [y/N] ", names.join(", "))?;
    terminal.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// All of them, even where one fails.
pub fn rm(names: &[String], as_json: bool) -> Result<(), Failure> {
    let mut done = Done::default();
    for name in names {
        done.note(name.clone(), Segment::remove(name).map(|()| true));
    }
    if as_json {
        json::print(&done)?;
    }
    done.verdict()
}
