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
    /// Whether this one was removed, if that did not fail.
    fn note(&mut self, name: &str, outcome: Result<bool, SegmentError>) {
        if self.keep(name, outcome) == Some(true) {
            self.removed.push(name.to_owned());
        }
    }

    /// What became of this one, if it did not fail.
    fn keep<T>(&mut self, name: &str, outcome: Result<T, SegmentError>) -> Option<T> {
        let fail = |error: SegmentError| {
            self.failed.push(Failed { error: error.to_string(), name: name.to_owned() });
        };
        outcome.map_err(fail).ok()
    }

    /// The last failure, the others having been told.
    fn verdict(mut self) -> Result<(), Failure> {
        let Some(last) = self.failed.pop() else { return Ok(()) };
        for Failed { error, .. } in self.failed {
            let _ = writeln!(io::stderr(), "breezeway: {}", show::harmless(&error));
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
    let mut done = Done::default();
    let reports = match names {
        [] => inspect::outlines()?,
        names => names.iter().filter_map(|name| done.keep(name, inspect::outline(name))).collect(),
    };
    let stale: Vec<String> =
        reports.into_iter().filter(|report| report.stale).map(|report| report.name).collect();
    let is_meant = yes || stale.is_empty() || !io::stdin().is_terminal();
    if !dry_run && (is_meant || confirmed(&stale)?) {
        for name in &stale {
            // Who was faster may have made a new one of this name, which is not stale.
            done.note(name, inspect::remove_stale(name));
        }
    }
    if as_json {
        json::print(Gc { dry_run, stale: &stale, done: &done })?;
    } else if dry_run && !stale.is_empty() {
        show::print(&format!("stale: {}", listed(&stale)))?;
    } else if !done.removed.is_empty() {
        show::print(&format!("removed: {}", listed(&done.removed)))?;
    } else if done.failed.is_empty() {
        show::print(if stale.is_empty() { "nothing is stale" } else { "nothing is removed" })?;
    }
    done.verdict()
}

/// Names, as they are shown.
fn listed(names: &[String]) -> String {
    names.iter().map(|name| show::harmless(name)).collect::<Vec<_>>().join(", ")
}

fn confirmed(names: &[String]) -> Result<bool, Failure> {
    let mut terminal = io::stderr();
    write!(terminal, "remove {}? [y/N] ", listed(names))?;
    terminal.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// All of them, even where one fails.
pub fn rm(names: &[String], as_json: bool) -> Result<(), Failure> {
    let mut done = Done::default();
    for name in names {
        done.note(name, Segment::remove(name).map(|()| true));
    }
    if as_json {
        json::print(&done)?;
    }
    done.verdict()
}
