//! `breezeway top`: what `inspect` or `ls` shows, again and again, with the rates of all counters.

use std::io::{self, IsTerminal};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use breezeway::SegmentError;
use breezeway::inspect::{self, Report};
use console::Term;
use serde::Serialize;

use crate::Failure;
use crate::{json, show};

/// How fast a counter of an object grows.
#[derive(Serialize)]
struct Rate<'a> {
    segment: &'a str,
    object: &'a str,
    counter: &'static str,
    per_second: f64,
}

#[derive(Serialize)]
struct Snapshot<'a> {
    /// Nanoseconds since 1970.
    at: u64,
    segments: &'a [Report],
    rates: Vec<Rate<'a>>,
}

pub fn top(name: Option<&str>, every: Duration, count: Option<u64>, as_json: bool) -> Result<(), Failure> {
    let is_live = io::stdout().is_terminal() && !as_json;
    let mut last: Option<(Instant, Vec<Report>)> = None;
    let mut frames = 0;
    while count.is_none_or(|count| frames < count) {
        if frames > 0 {
            thread::sleep(every);
        }
        let (now, reports) = (Instant::now(), inspect(name)?);
        let rates = match &last {
            Some((then, before)) => rates(before, &reports, (now - *then).as_secs_f64()),
            None => Vec::new(),
        };
        if as_json {
            json::print_line(Snapshot { at: unix_nanos(), segments: &reports, rates })?;
        } else if is_live {
            draw(&frame(name, &reports, &rates), frames == 0)?;
        } else {
            show::print(&frame(name, &reports, &rates))?;
        }
        last = Some((now, reports));
        frames += 1;
    }
    Ok(())
}

fn inspect(name: Option<&str>) -> Result<Vec<Report>, SegmentError> {
    match name {
        Some(name) => Ok(vec![inspect::inspect(name)?]),
        None => inspect::list(),
    }
}

fn frame(name: Option<&str>, reports: &[Report], rates: &[Rate<'_>]) -> String {
    let text = match name {
        Some(_) => reports.iter().map(show::details).collect::<Vec<_>>().join("\n"),
        None => show::summary(reports),
    };
    let growing = rates.iter().filter(|rate| rate.per_second > 0.0).map(|rate| {
        let Rate { segment, object, counter, per_second } = rate;
        let (segment, object) = (show::sanitized(segment), show::sanitized(object));
        format!("{segment}/{object}: {per_second:.0} {counter} a second\n")
    });
    format!("{}\n\n{}", text.trim_end(), growing.collect::<String>())
}

/// Draws a frame over the last one, in one write so that it does not flicker.
fn draw(frame: &str, is_first: bool) -> Result<(), Failure> {
    let terminal = Term::buffered_stdout();
    let frame = match terminal.size_checked() {
        Some((rows, columns)) => fitted(frame.trim_end(), rows.into(), columns.into()),
        None => frame.trim_end().to_owned(),
    };
    if is_first {
        terminal.clear_screen()?;
    }
    terminal.move_cursor_to(0, 0)?;
    terminal.clear_to_end_of_screen()?;
    terminal.write_line(&frame)?;
    Ok(terminal.flush()?)
}

/// The lines that a screen has room for, less the row of the cursor, and how many more there are.
fn fitted(frame: &str, rows: usize, columns: usize) -> String {
    let lines: Vec<&str> = frame.lines().collect();
    let room = rows.saturating_sub(1);
    let fit = |room: usize| {
        let mut taken = 0;
        let fits = |line: &&&str| {
            taken += height(line, columns);
            taken <= room
        };
        lines.iter().take_while(fits).count()
    };
    if fit(room) == lines.len() {
        return frame.to_owned();
    }
    let shown = fit(room.saturating_sub(1));
    let (top, rest) = lines.split_at(shown);
    [top, &[&*format!("… {} more lines", rest.len())]].concat().join("\n")
}

/// The rows that a line takes. Characters outside ASCII count as wide: showing too few lines is
/// better than one too many.
fn height(line: &str, columns: usize) -> usize {
    let width: usize = line.chars().map(|c| if c.is_ascii() { 1 } else { 2 }).sum();
    width.div_ceil(columns).max(1)
}

/// The rates of all counters of objects that were there in the last snapshot.
fn rates<'a>(before: &[Report], now: &'a [Report], seconds: f64) -> Vec<Rate<'a>> {
    let mut rates = Vec::new();
    for report in now {
        // A segment that was created anew has other counters.
        let is_same =
            |earlier: &&Report| earlier.name == report.name && earlier.created_at == report.created_at;
        let Some(before) = before.iter().find(is_same) else { continue };
        for (object, earlier) in report.objects.iter().zip(&before.objects) {
            for ((counter, count), (_, earlier)) in object.counters.iter().zip(&earlier.counters) {
                rates.push(Rate {
                    segment: &report.name,
                    object: &object.name,
                    counter,
                    per_second: count.saturating_sub(*earlier) as f64 / seconds,
                });
            }
        }
    }
    rates
}

fn unix_nanos() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
