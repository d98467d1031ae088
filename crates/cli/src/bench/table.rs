//! The numbers for people: a table for each kind of work and each mode.

use breezeway_bench::case::{Mode, Work};
use breezeway_bench::machine::Machine;
use breezeway_bench::outcome::Outcome;
use comfy_table::{CellAlignment, Table, presets};

use super::Report;

/// A table with its title.
pub struct Section {
    pub title: &'static str,
    pub head: &'static [&'static str],
    pub rows: Vec<Vec<String>>,
    /// The rows with which longer messages begin.
    pub groups: Vec<usize>,
}

/// How to read the tables.
pub const LEGEND: &str = "\
× pipe: how many times faster than a pipe in blocking calls with messages of that length. × line: how many times as long as one
cache line that goes to and fro; × futex: as two processes that sleep and wake each other by bare system calls. Round trips are
measured one by one, less the cost of reading the clock; p90 to max are of all round trips of all rounds. Everything else is measured
in short batches, and a time is the mean of a batch. A typical time, and every number that is no percentile, is the median of the
rounds, each the mean of the middle half of its times, and so finer than the clock's steps; the spread is that of the rounds. A lock
that seldom changes hands looks fast: most of its sections are uncontended. Readers have their sections at the same time.";

/// The machine and the settings, in three lines.
pub fn about(machine: &Machine, rounds: usize) -> [String; 3] {
    let cpus = match machine.pinned_to {
        [Some(a), Some(b)] => format!("two processes, pinned to CPUs {a} and {b}"),
        _ => "two processes, not pinned".to_owned(),
    };
    let load = machine.load.map_or_else(String::new, |load| format!(", load {load:.2} before"));
    [
        format!(
            "breezeway {} on {} ({}), Linux {}",
            machine.breezeway, machine.cpu, machine.architecture, machine.kernel
        ),
        format!("{cpus}, of {} CPUs{load}", machine.cpus),
        format!(
            "median of {rounds} rounds; clock {}, in steps of {} ns, {:.1} ns a read",
            machine.clock,
            digits(machine.clock_step),
            machine.clock_cost
        ),
    ]
}

pub fn text(report: &Report) -> String {
    let mut text = about(&report.machine, report.rounds).join("\n") + "\n";
    report.machine.warnings().iter().for_each(|warning| text += &format!("warning: {warning}\n"));
    for section in sections(&report.outcomes) {
        text += &format!("\n{}\n{}\n", section.title, aligned(&section));
    }
    text += &format!("\n{LEGEND}\n");
    for line in &report.left_out {
        text += &format!("not measured: {line}\n");
    }
    text
}

fn aligned(section: &Section) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(section.head);
    for (n, row) in section.rows.iter().enumerate() {
        if n > 0 && section.groups.contains(&n) {
            table.add_row(vec![""; row.len()]);
        }
        table.add_row(row);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

/// The tables that have rows.
pub fn sections(outcomes: &[Outcome]) -> Vec<Section> {
    const ROUND_TRIP_HOT: &[&str] =
        &["round trip, hot", "bytes", "typical", "p90", "p99", "p99.9", "max", "spread", "× pipe", "× line"];
    const ROUND_TRIP_PARKED: &[&str] = &[
        "round trip, parked",
        "bytes",
        "typical",
        "p90",
        "p99",
        "p99.9",
        "max",
        "spread",
        "× pipe",
        "× futex",
    ];
    const STREAM_HOT: &[&str] = &["stream, hot", "bytes", "a message", "rate", "spread", "× pipe"];
    const ROUND_TRIP_BLOCKING: &[&str] = &[
        "round trip, blocking",
        "bytes",
        "typical",
        "p90",
        "p99",
        "p99.9",
        "max",
        "spread",
        "× pipe",
        "× line",
    ];
    const STREAM_BLOCKING: &[&str] =
        &["stream, blocking calls", "bytes", "a message", "rate", "spread", "× pipe"];
    const LOCK_ALONE: &[&str] = &["lock, alone", "lock and unlock", "spread", "baseline", "×"];
    const LOCK_CONTENDED: &[&str] =
        &["lock, two processes", "a section", "changes hands", "spread", "baseline", "×"];

    let all = [
        (Work::RoundTrip, Mode::Hot, "Round trips between polling processes", ROUND_TRIP_HOT),
        (Work::RoundTrip, Mode::Blocking, "Round trips by blocking calls, a CPU each", ROUND_TRIP_BLOCKING),
        (Work::RoundTrip, Mode::Parked, "Round trips between sleeping processes", ROUND_TRIP_PARKED),
        (Work::Stream, Mode::Hot, "Streams between polling processes", STREAM_HOT),
        (Work::Stream, Mode::Blocking, "Streams in blocking calls", STREAM_BLOCKING),
        (Work::Lock, Mode::Alone, "Uncontended locks", LOCK_ALONE),
        (Work::Lock, Mode::Contended, "Locks contended by two processes", LOCK_CONTENDED),
    ];
    let sections = all.into_iter().map(|(work, mode, title, head)| {
        let mut outcomes: Vec<&Outcome> = outcomes
            .iter()
            .filter(|outcome| outcome.case == work && outcome.mode == mode && outcome.metric == "time")
            .collect();
        outcomes.sort_by_key(|outcome| outcome.bytes);
        let rows: Vec<Vec<String>> = outcomes.iter().map(|outcome| row(outcome)).collect();
        let groups = (1..outcomes.len()).filter(|n| outcomes[*n].bytes != outcomes[*n - 1].bytes).collect();
        Section { title, head, rows, groups }
    });
    sections.filter(|section| !section.rows.is_empty()).collect()
}

fn row(outcome: &Outcome) -> Vec<String> {
    let peer = outcome.peer.to_owned();
    let spread = format!("{}..{}", time(outcome.min), time(outcome.max));
    let pipe = ratio(outcome.ratio_to_pipe);
    match outcome.case {
        Work::RoundTrip => {
            let percentiles = [outcome.p90, outcome.p99, outcome.p999];
            let mut row = vec![peer, outcome.bytes.to_string(), time(outcome.median)];
            row.extend(percentiles.map(|nanos| nanos.map_or_else(|| "-".to_owned(), time)));
            row.extend([time(outcome.slowest), spread, pipe, ratio(outcome.ratio_to_baseline)]);
            row
        }
        Work::Stream => {
            let rate = rate(outcome.bytes as f64 / outcome.median);
            vec![peer, outcome.bytes.to_string(), time(outcome.median), rate, spread, pipe]
        }
        Work::Lock => {
            let baseline = outcome.baseline.unwrap_or("").to_owned();
            let mut row =
                vec![peer, time(outcome.median), spread, baseline, ratio(outcome.ratio_to_baseline)];
            if outcome.mode == Mode::Contended {
                row.insert(2, outcome.handovers.map_or_else(|| "-".to_owned(), share));
            }
            row
        }
    }
}

/// Nanoseconds, in the unit that makes it a number of up to three digits.
pub fn time(nanos: f64) -> String {
    match nanos {
        ..999.5 => format!("{} ns", digits(nanos)),
        ..999_500.0 => format!("{} µs", digits(nanos / 1e3)),
        ..999_500_000.0 => format!("{} ms", digits(nanos / 1e6)),
        _ => format!("{} s", digits(nanos / 1e9)),
    }
}

/// [`time`] of a round number: without zeros after the point.
pub fn round_time(nanos: f64) -> String {
    time(nanos).replace(".00", "").replace(".0", "")
}

/// Gigabytes a second, in the unit that keeps significant digits.
fn rate(rate: f64) -> String {
    match rate {
        0.1.. => format!("{} GB/s", digits(rate)),
        0.000_1.. => format!("{} MB/s", digits(rate * 1e3)),
        _ => format!("{} kB/s", digits(rate * 1e6)),
    }
}

/// [`rate`] of a round number, in the unit that makes it an integer.
pub fn round_rate(rate: f64) -> String {
    match rate {
        0.99.. => format!("{rate:.0} GB/s"),
        0.000_99.. => format!("{:.0} MB/s", rate * 1e3),
        _ => format!("{:.0} kB/s", rate * 1e6),
    }
}

fn share(share: f64) -> String {
    format!("{} %", digits(share * 100.0))
}

fn ratio(ratio: Option<f64>) -> String {
    ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{} ×", digits(ratio)))
}

/// Three significant digits, or all before the point.
fn digits(number: f64) -> String {
    match number {
        ..9.995 => format!("{number:.2}"),
        ..99.95 => format!("{number:.1}"),
        _ => format!("{number:.0}"),
    }
}
