//! A segment, live: what `inspect` shows, and what has happened per second since the last look.

use std::io::{self, IsTerminal};
use std::thread;
use std::time::{Duration, Instant};

use breezeway::SegmentError;
use breezeway::inspect::{self, Fact, Report};

use crate::Failure;
use crate::show;

/// Clears a terminal, and begins at its top.
const CLEAR: &str = "\x1b[2J\x1b[H";

/// What only ever grows: how much of it there is in a second means something.
const GROWING: [&str; 2] = ["pushed", "popped"];

pub fn watch(name: Option<&str>, every: Duration, count: Option<u64>) -> Result<(), Failure> {
    let mut last: Option<(Instant, Vec<Report>)> = None;
    let mut looks = 0;
    while count.is_none_or(|count| looks < count) {
        if looks > 0 {
            thread::sleep(every);
        }
        let reports = look(name)?;
        let now = Instant::now();
        let mut text = if io::stdout().is_terminal() { CLEAR.to_owned() } else { String::new() };
        text += &match name {
            Some(_) => reports.iter().map(show::full).collect::<Vec<_>>().join("\n"),
            None => show::summary(&reports),
        };
        if let Some((then, before)) = &last {
            text += &rates(before, &reports, (now - *then).as_secs_f64());
        }
        show::print(&text)?;
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

/// A line for everything that has grown.
fn rates(before: &[Report], now: &[Report], seconds: f64) -> String {
    let mut text = String::from("\n");
    for report in now {
        let Some(before) = before.iter().find(|before| before.name == report.name) else { continue };
        for (object, earlier) in report.objects.iter().zip(&before.objects) {
            for ((name, fact), (_, earlier)) in object.facts.iter().zip(&earlier.facts) {
                if let (true, Fact::Count(now), Fact::Count(before)) = (GROWING.contains(name), fact, earlier)
                {
                    let rate = now.saturating_sub(*before) as f64 / seconds;
                    text += &format!("{}/{}: {rate:.0} {name} a second\n", report.name, object.name);
                }
            }
        }
    }
    text
}
