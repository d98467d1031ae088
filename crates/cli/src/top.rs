//! A segment, live: what `inspect` shows, and what has happened per second since the last look.

use std::io::{self, IsTerminal, Write};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use breezeway::SegmentError;
use breezeway::inspect::{self, Report};
use console::Term;
use serde::Serialize;

use crate::Failure;
use crate::{json, show};

/// On a terminal, the cursor goes back to the top; what the new picture does not cover is cleared.
const TOP: &str = "\x1b[H";
const TO_THE_LINES_END: &str = "\x1b[K";
const TO_THE_END: &str = "\x1b[J";
const CLEAR: &str = "\x1b[2J";

/// How fast a counter of an object grows.
#[derive(Serialize)]
struct Rate<'a> {
    segment: &'a str,
    object: &'a str,
    counter: &'static str,
    per_second: f64,
}

#[derive(Serialize)]
struct Look<'a> {
    /// Nanoseconds since 1970.
    at: u64,
    segments: &'a [Report],
    rates: Vec<Rate<'a>>,
}

pub fn top(name: Option<&str>, every: Duration, count: Option<u64>, as_json: bool) -> Result<(), Failure> {
    let is_live = io::stdout().is_terminal() && !as_json;
    let mut last: Option<(Instant, Vec<Report>)> = None;
    let mut looks = 0;
    while count.is_none_or(|count| looks < count) {
        if looks > 0 {
            thread::sleep(every);
        }
        let (now, reports) = (Instant::now(), look(name)?);
        let rates = match &last {
            Some((then, before)) => rates(before, &reports, (now - *then).as_secs_f64()),
            None => Vec::new(),
        };
        if as_json {
            json::print_line(Look { at: unix_nanos(), segments: &reports, rates })?;
        } else {
            draw(&picture(name, &reports, &rates), is_live, looks == 0)?;
        }
        last = Some((now, reports));
        looks += 1;
    }
    Ok(())
}

fn look(name: Option<&str>) -> Result<Vec<Report>, SegmentError> {
    match name {
        Some(name) => Ok(vec![inspect::inspect(name)?]),
        None => inspect::list(),
    }
}

fn picture(name: Option<&str>, reports: &[Report], rates: &[Rate<'_>]) -> String {
    let text = match name {
        Some(_) => reports.iter().map(show::full).collect::<Vec<_>>().join("\n"),
        None => show::summary(reports),
    };
    let busy = rates.iter().filter(|rate| rate.per_second > 0.0).map(|rate| {
        let Rate { segment, object, counter, per_second } = rate;
        let (segment, object) = (show::harmless(segment), show::harmless(object));
        format!("{segment}/{object}: {per_second:.0} {counter} a second\n")
    });
    format!("{}\n\n{}", text.trim_end(), busy.collect::<String>())
}

/// Each picture over the last one, without a flicker; one behind the other where there is no terminal.
fn draw(picture: &str, is_live: bool, is_first: bool) -> Result<(), Failure> {
    if !is_live {
        return show::print(picture);
    }
    let picture = match Term::stdout().size_checked() {
        Some((rows, columns)) => fitted(picture.trim_end(), rows.into(), columns.into()),
        None => picture.trim_end().to_owned(),
    };
    let lines = picture.replace('\n', &format!("{TO_THE_LINES_END}\n"));
    let clear = if is_first { CLEAR } else { "" };
    let mut out = io::stdout();
    write!(out, "{clear}{TOP}{lines}{TO_THE_LINES_END}\n{TO_THE_END}")?;
    Ok(out.flush()?)
}

/// As many lines as a screen has room for, of which the cursor takes the last row, and how many more there are.
fn fitted(picture: &str, rows: usize, columns: usize) -> String {
    let lines: Vec<&str> = picture.lines().collect();
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
        return picture.to_owned();
    }
    let shown = fit(room.saturating_sub(1));
    let (top, rest) = lines.split_at(shown);
    [top, &[&*format!("… {} more lines", rest.len())]].concat().join("\n")
}

/// Rows that a line takes. What is not ASCII may be wide: too few lines are better than one too many.
fn height(line: &str, columns: usize) -> usize {
    let width: usize = line.chars().map(|c| if c.is_ascii() { 1 } else { 2 }).sum();
    width.div_ceil(columns).max(1)
}

/// Of everything that is counted, in objects that were there the last time as well.
fn rates<'a>(before: &[Report], now: &'a [Report], seconds: f64) -> Vec<Rate<'a>> {
    let mut rates = Vec::new();
    for report in now {
        // One that was made anew meanwhile has another beginning.
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
