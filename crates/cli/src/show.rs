//! `breezeway ls` and `breezeway inspect`: reports as tables and lines.

use std::fmt;
use std::io::{self, Write};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use breezeway::inspect::{self as reports, Fact, ObjectReport, ParticipantReport, Report};
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
        return json::print(Segments { segments: reports::list()? });
    }
    print(&summary(&reports::outlines()?))
}

pub fn inspect(name: &str, as_json: bool) -> Result<(), Failure> {
    let report = reports::inspect(name)?;
    if as_json {
        return json::print(One { segment: report });
    }
    print(&details(&report))
}

pub fn print(text: &str) -> Result<(), Failure> {
    let text = text.trim_end().replace(|c| c != '\n' && is_unsafe_at_terminal(c), "\u{fffd}");
    Ok(writeln!(io::stdout(), "{text}")?)
}

/// Replaces what could move a terminal's cursor, begin a line or change the direction of text:
/// other users choose the names of segments and objects.
pub fn sanitized(text: &str) -> String {
    text.replace(is_unsafe_at_terminal, "\u{fffd}")
}

/// Whether it is a control character, a line separator, or changes the direction of text.
pub fn is_unsafe_at_terminal(c: char) -> bool {
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
            sanitized(&report.name),
            report.length.to_string(),
            format!("{:03o}", report.mode),
            age(report.created_at),
            sanitized(&report.creator.to_string()),
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

/// Everything that is known of a segment.
pub fn details(report: &Report) -> String {
    let mut text = format!(
        "{}: {} bytes at {}, mode {:03o}, made {} ago by {}: {}\n",
        sanitized(&report.name),
        report.length,
        sanitized(&report.path.display().to_string()),
        report.mode,
        age(report.created_at),
        sanitized(&report.creator.to_string()),
        state(report),
    );
    if let Some(damage) = &report.damage {
        text += &format!("damaged: {}\n", sanitized(damage));
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
            sanitized(&participant.process.to_string()),
            format!("{} ago", age(participant.attached_at)),
            (if participant.alive { "alive" } else { "dead" }).to_owned(),
        ]);
    }
    table.to_string()
}

fn object_lines(object: &ObjectReport) -> String {
    let mut text = format!("{}: {}\n", sanitized(&object.name), sanitized(&object.description));
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

fn line(name: &str, value: &impl fmt::Display) -> String {
    format!("    {:<18} {}\n", words(name), sanitized(&value.to_string()))
}

/// A field's name as words.
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

/// How long ago `nanos` since 1970 was.
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
