//! Reports for people: tables and lines. Asked for JSON, for programs.

use std::fmt;
use std::io::{self, Write};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use breezeway::inspect::{self, Fact, ObjectReport, ParticipantReport, Report};
use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

use crate::{Failure, json};

#[derive(Serialize)]
struct Segments {
    segments: Vec<Report>,
}

#[derive(Serialize)]
struct One {
    segment: Report,
}

pub fn list(as_json: bool) -> Result<(), Failure> {
    if as_json {
        return json::print(Segments { segments: inspect::list()? });
    }
    print(&summary(&inspect::outlines()?))
}

pub fn one(name: &str, as_json: bool) -> Result<(), Failure> {
    let report = inspect::inspect(name)?;
    if as_json {
        return json::print(One { segment: report });
    }
    print(&full(&report))
}

pub fn print(text: &str) -> Result<(), Failure> {
    let text = text.trim_end().replace(|c| c != '\n' && is_harmful(c), "\u{fffd}");
    Ok(writeln!(io::stdout(), "{text}")?)
}

/// Names are others' to choose: none of them is to move a terminal's cursor, to begin a line, or to turn one around.
pub fn harmless(text: &str) -> String {
    text.replace(is_harmful, "\u{fffd}")
}

/// Control characters, ends of lines, and what changes the direction of text.
pub fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A line for each segment.
pub fn summary(reports: &[Report]) -> String {
    if reports.is_empty() {
        return "no segments".to_owned();
    }
    let mut table = table(&["name", "bytes", "mode", "age", "creator", "alive", "dead", "objects", "state"]);
    for report in reports {
        let (living, dead) = report.alive_and_dead();
        table.add_row([
            harmless(&report.name),
            report.length.to_string(),
            format!("{:03o}", report.mode),
            age(report.created_at),
            harmless(&report.creator.to_string()),
            living.to_string(),
            dead.to_string(),
            report.objects.len().to_string(),
            state(report).to_owned(),
        ]);
    }
    for column in [1, 3, 5, 6, 7] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.to_string()
}

/// All there is to be told of one.
pub fn full(report: &Report) -> String {
    let mut text = format!(
        "{}: {} bytes at {}, mode {:03o}, made {} ago by {}: {}\n",
        harmless(&report.name),
        report.length,
        harmless(&report.path.display().to_string()),
        report.mode,
        age(report.created_at),
        harmless(&report.creator.to_string()),
        state(report),
    );
    if let Some(damage) = &report.damage {
        text += &format!("damaged: {}\n", harmless(damage));
    }
    text += &format!(
        "{} of {} places taken, {} of {} objects made\n",
        report.participants.len(),
        report.participants_max,
        report.objects.len(),
        report.objects_max,
    );
    text += &format!("\n{}\n", participants(&report.participants));
    for object in &report.objects {
        text += &format!("\n{}", object_lines(object));
    }
    text
}

fn participants(all: &[ParticipantReport]) -> String {
    let mut table = table(&["participant", "process", "attached", "state"]);
    for participant in all {
        table.add_row([
            format!("#{}", participant.id),
            harmless(&participant.process.to_string()),
            format!("{} ago", age(participant.attached_at)),
            (if participant.alive { "alive" } else { "dead" }).to_owned(),
        ]);
    }
    table.to_string()
}

fn object_lines(object: &ObjectReport) -> String {
    let mut text = format!("{}: {}\n", harmless(&object.name), harmless(&object.description));
    for (name, fact) in &object.facts {
        text += &line(name, fact);
    }
    if !object.waiters.is_empty() {
        text += &line("waiters", &Fact::Holders(object.waiters.clone()));
    }
    let counts = object.counters.iter().filter(|(_, count)| *count > 0);
    let counts: Vec<String> = counts.map(|(name, count)| format!("{count} {}", words(name))).collect();
    if !counts.is_empty() {
        text += &line("so far", &counts.join(", "));
    }
    text
}

fn line(name: &str, what: &impl fmt::Display) -> String {
    format!("    {:<18} {}\n", words(name), harmless(&what.to_string()))
}

/// A name as words.
fn words(name: &str) -> String {
    name.replace('_', " ")
}

fn state(report: &Report) -> &'static str {
    match report {
        Report { damage: Some(_), .. } => "damaged",
        Report { stale: true, .. } => "stale",
        Report { persistent: true, .. } => "persistent",
        _ => "in use",
    }
}

fn table(head: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(head);
    table
}

/// How long ago that was.
fn age(nanos: u64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = now.saturating_sub(Duration::from_nanos(nanos)).as_secs();
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds / 60),
        7200..=172_799 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}
