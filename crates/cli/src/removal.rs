//! `breezeway gc` and `breezeway rm`: removing segments.

use std::io::{self, BufRead, IsTerminal, Write};

use breezeway::{Segment, SegmentError, inspect};
use serde::Serialize;

use crate::Failure;
use crate::{json, show};

/// What was removed, and what failed.
#[derive(Default, Serialize)]
struct Removals {
    removed: Vec<String>,
    failed: Vec<Failed>,
}

#[derive(Serialize)]
struct Failed {
    name: String,
    error: String,
}

impl Removals {
    /// Records whether the segment was removed, or why that failed.
    fn record(&mut self, name: &str, outcome: Result<bool, SegmentError>) {
        if self.ok(name, outcome) == Some(true) {
            self.removed.push(name.to_owned());
        }
    }

    /// The value of a success; a failure is recorded.
    fn ok<T>(&mut self, name: &str, outcome: Result<T, SegmentError>) -> Option<T> {
        let fail = |error: SegmentError| {
            self.failed.push(Failed { error: error.to_string(), name: name.to_owned() });
        };
        outcome.map_err(fail).ok()
    }

    /// Prints all failures but the last, and returns that one.
    fn into_result(mut self) -> Result<(), Failure> {
        let Some(last) = self.failed.pop() else { return Ok(()) };
        for Failed { error, .. } in self.failed {
            let _ = writeln!(io::stderr(), "breezeway: {}", show::sanitized(&error));
        }
        Err(last.error.into())
    }
}

#[derive(Serialize)]
struct Gc<'a> {
    dry_run: bool,
    stale: &'a [String],
    #[serde(flatten)]
    removals: &'a Removals,
}

pub fn gc(names: &[String], dry_run: bool, yes: bool, as_json: bool) -> Result<(), Failure> {
    let mut removals = Removals::default();
    let reports = match names {
        [] => inspect::outlines()?,
        names => names.iter().filter_map(|name| removals.ok(name, inspect::outline(name))).collect(),
    };
    let stale: Vec<String> =
        reports.into_iter().filter(|report| report.stale).map(|report| report.name).collect();
    let needs_no_answer = yes || stale.is_empty() || !io::stdin().is_terminal();
    if !dry_run && (needs_no_answer || confirm(&stale)?) {
        for name in &stale {
            // Another process may have replaced it by a segment that is not stale: that one stays.
            removals.record(name, inspect::remove_stale(name));
        }
    }
    if as_json {
        json::print(Gc { dry_run, stale: &stale, removals: &removals })?;
    } else if dry_run && !stale.is_empty() {
        show::print(&format!("stale: {}", joined(&stale)))?;
    } else if !removals.removed.is_empty() {
        show::print(&format!("removed: {}", joined(&removals.removed)))?;
    } else if removals.failed.is_empty() {
        show::print(if stale.is_empty() { "nothing is stale" } else { "nothing is removed" })?;
    }
    removals.into_result()
}

fn joined(names: &[String]) -> String {
    names.iter().map(|name| show::sanitized(name)).collect::<Vec<_>>().join(", ")
}

fn confirm(names: &[String]) -> Result<bool, Failure> {
    let mut terminal = io::stderr();
    write!(terminal, "remove {}? [y/N] ", joined(names))?;
    terminal.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// Removes all segments, even if one fails.
pub fn rm(names: &[String], as_json: bool) -> Result<(), Failure> {
    let mut removals = Removals::default();
    for name in names {
        removals.record(name, Segment::remove(name).map(|()| true));
    }
    if as_json {
        json::print(&removals)?;
    }
    removals.into_result()
}
