//! Which pictures are drawn.

use std::collections::BTreeSet;

use breezeway_bench::case::{Key, Mode, Work};
use breezeway_bench::catalogue::{FUTEX, LINE, LINE_PAUSING, OUR_PIPE, PIPE};
use breezeway_bench::outcome::Measured;

use super::Report;
use super::chart::{Axis, Chart, Ink, Line, PIPES_COLOUR, Panel};
use super::table;

/// How long the messages are whose times are shown in full.
const TYPICAL: usize = 64;

/// Those that there is something to draw for, with their names.
pub fn all(report: &Report) -> Vec<(&'static str, String)> {
    let charts = [
        ("latency", latency(report)),
        ("throughput", throughput(report)),
        ("distribution", distribution(report)),
    ];
    let drawn = charts.into_iter().filter(|(_, chart)| !chart.panels.is_empty());
    drawn.map(|(name, chart)| (name, chart.svg())).collect()
}

fn latency(report: &Report) -> Chart {
    let panel = |mode, title| {
        by_size(report, Work::RoundTrip, mode, title, |measured| measured.median(), "time", table::round_time)
    };
    Chart {
        title: "A round trip, by the length of the message",
        subtitle: format!("Median; less is better. {}", report.machine.cpu),
        panels: [
            panel(Mode::Hot, "Both sides look all the time"),
            panel(Mode::Parked, "Both sides sleep until the message comes"),
        ]
        .into_iter()
        .flatten()
        .collect(),
    }
}

fn throughput(report: &Report) -> Chart {
    let rate = |measured: &Measured| measured.key.bytes as f64 / measured.median();
    let panel = |mode, title| by_size(report, Work::Stream, mode, title, rate, "rate", table::round_rate);
    Chart {
        title: "A stream, by the length of the message",
        subtitle: format!("Median; more is better. {}", report.machine.cpu),
        panels: [
            panel(Mode::Hot, "Both sides try until it works"),
            panel(Mode::Parked, "Both sides use blocking calls"),
        ]
        .into_iter()
        .flatten()
        .collect(),
    }
}

fn distribution(report: &Report) -> Chart {
    Chart {
        title: "Round trips of 64 bytes: how long the slow ones take",
        subtitle: format!("So many of all were that fast or faster; less is better. {}", report.machine.cpu),
        panels: [
            quantiles(report, Mode::Hot, "Both sides look all the time"),
            quantiles(report, Mode::Parked, "Both sides sleep until the message comes"),
        ]
        .into_iter()
        .flatten()
        .collect(),
    }
}

fn by_size(
    report: &Report,
    work: Work,
    mode: Mode,
    title: &'static str,
    value: impl Fn(&Measured) -> f64,
    unit: &'static str,
    mark: impl Fn(f64) -> String,
) -> Option<Panel> {
    let chosen: Vec<&Measured> = of(report, |key| key.work == work && key.mode == mode);
    let sizes: BTreeSet<usize> = chosen.iter().map(|measured| measured.key.bytes).collect();
    let mut lines: Vec<Line> = Vec::new();
    for measured in &chosen {
        let point = (measured.key.bytes as f64, value(measured));
        match lines.iter_mut().find(|line| line.name == name(measured.key.peer)) {
            Some(line) => line.points.push(point),
            None => lines.push(line(measured.key.peer, vec![point])),
        }
    }
    panel(
        title,
        Axis {
            title: "bytes a message",
            marks: sizes.into_iter().map(|bytes| (bytes as f64, size(bytes))).collect(),
        },
        |values| Axis::of_tens(unit, values, mark),
        lines,
    )
}

/// Shares are drawn by how few are left: half, a tenth, a hundredth.
fn quantiles(report: &Report, mode: Mode, title: &'static str) -> Option<Panel> {
    const SHARES: [(f64, &str); 5] =
        [(0.5, "50 %"), (0.9, "90 %"), (0.99, "99 %"), (0.999, "99.9 %"), (0.9999, "99.99 %")];
    /// Points of a line, for each factor of ten.
    const STEPS: usize = 8;
    let is_meant = |key: &Key| {
        let is_typical = key.bytes == TYPICAL || [LINE, LINE_PAUSING, FUTEX].contains(&key.peer);
        key.work == Work::RoundTrip && key.mode == mode && is_typical
    };
    let lines = of(report, is_meant).into_iter().map(|measured| {
        let most = 1e4_f64.min(measured.count() as f64);
        let lefts = (0..=5 * STEPS).map(|n| 2.0 * 10_f64.powf(n as f64 / STEPS as f64));
        let points = lefts.filter(|left| *left <= most).map(|left| (left, measured.at(1.0 - 1.0 / left)));
        let ink = match ink(measured.key.peer) {
            Ink::Bound => Ink::Floor,
            other => other,
        };
        Line { name: name(measured.key.peer), ink, points: points.collect() }
    });
    panel(
        title,
        Axis {
            title: "share of all round trips",
            marks: SHARES.iter().map(|(share, mark)| (1.0 / (1.0 - share), (*mark).to_owned())).collect(),
        },
        |values| Axis::of_tens("time", values, table::round_time),
        lines.collect(),
    )
}

/// Nothing where there is no line, or nothing along which it could go.
fn panel(
    title: &'static str,
    x: Axis,
    y: impl FnOnce(std::vec::IntoIter<f64>) -> Axis,
    lines: Vec<Line>,
) -> Option<Panel> {
    let values: Vec<f64> = lines.iter().flat_map(|line| &line.points).map(|(_, y)| *y).collect();
    let is_drawn = !values.is_empty() && x.marks.len() > 1;
    is_drawn.then(|| Panel { title, x, y: y(values.into_iter()), lines })
}

fn of(report: &Report, is_meant: impl Fn(&Key) -> bool) -> Vec<&Measured> {
    // Of the two one lines the faster, as everywhere.
    let lines = report.measured.iter().filter(|measured| [LINE, LINE_PAUSING].contains(&measured.key.peer));
    let line = lines.min_by(|a, b| a.median().total_cmp(&b.median())).map(|measured| measured.key);
    let is_slower =
        |key: &Key| [LINE, LINE_PAUSING].contains(&key.peer) && line.is_some_and(|line| line != *key);
    let meant = report.measured.iter().filter(|measured| is_meant(&measured.key));
    meant.filter(|measured| !is_slower(&measured.key)).collect()
}

fn line(peer: &'static str, points: Vec<(f64, f64)>) -> Line {
    Line { name: name(peer), ink: ink(peer), points }
}

/// The line is the line, however it is looked at.
fn name(peer: &'static str) -> &'static str {
    if peer == LINE_PAUSING { LINE } else { peer }
}

/// Everybody looks the same in each picture.
fn ink(peer: &str) -> Ink {
    match peer {
        "spsc" => Ink::Colour(0),
        "Queue" => Ink::Colour(1),
        "bytes" => Ink::Colour(2),
        "MessageQueue" => Ink::Colour(3),
        "spsc, batches" => Ink::Colour(4),
        OUR_PIPE => Ink::Colour(5),
        PIPE => Ink::Colour(PIPES_COLOUR),
        "unix stream" => Ink::Grey(0),
        "unix seqpacket" => Ink::Grey(1),
        LINE | LINE_PAUSING | FUTEX => Ink::Bound,
        _ => Ink::Grey(2),
    }
}

fn size(bytes: usize) -> String {
    if bytes < 1024 { format!("{bytes} B") } else { format!("{} KiB", bytes / 1024) }
}
