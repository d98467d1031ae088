//! Which charts are drawn.

use std::collections::BTreeSet;

use breezeway_bench::case::{Key, Mode, Work};
use breezeway_bench::catalogue::{FUTEX, ONE_LINE, ONE_LINE_PAUSING, OUR_PIPE, PIPE};
use breezeway_bench::outcome::Measured;

use super::Report;
use super::chart::{Axis, COLOURS, Chart, Line, Panel, Style};
use super::table;
use crate::Failure;

/// The length of the messages whose distribution is drawn.
const TYPICAL: usize = 64;

/// The charts that have something in them, with their names.
pub fn all(report: &Report) -> Result<Vec<(&'static str, String)>, Failure> {
    let charts = [
        ("latency", latency(report)),
        ("throughput", throughput(report)),
        ("distribution", distribution(report)),
    ];
    let drawn = charts.into_iter().filter(|(_, chart)| !chart.panels.is_empty());
    drawn.map(|(name, chart)| Ok((name, chart.svg()?))).collect()
}

fn latency(report: &Report) -> Chart {
    let panel = |mode, title| {
        let time = |measured: &Measured| measured.record.median();
        by_size(report, Work::RoundTrip, mode, title, time, table::round_time)
    };
    Chart {
        title: "Round trips by message size",
        subtitle: format!("Median time; less is better. {}", report.machine.cpu),
        panels: [
            panel(Mode::Hot, "Both processes poll"),
            panel(Mode::Parked, "Both processes sleep until the message comes"),
        ]
        .into_iter()
        .flatten()
        .collect(),
    }
}

fn throughput(report: &Report) -> Chart {
    let rate = |measured: &Measured| measured.key.bytes as f64 / measured.record.median();
    let panel = |mode, title| by_size(report, Work::Stream, mode, title, rate, table::round_rate);
    Chart {
        title: "Streams by message size",
        subtitle: format!("Median rate; more is better. {}", report.machine.cpu),
        panels: [
            panel(Mode::Hot, "Both processes poll"),
            panel(Mode::Blocking, "Both processes use blocking calls"),
        ]
        .into_iter()
        .flatten()
        .collect(),
    }
}

fn distribution(report: &Report) -> Chart {
    Chart {
        title: "Round trips of 64 bytes: percentiles",
        subtitle: format!(
            "The time that a share of all round trips does not exceed; less is better. {}",
            report.machine.cpu
        ),
        panels: [
            percentiles(report, Mode::Hot, "Both processes poll"),
            percentiles(report, Mode::Parked, "Both processes sleep until the message comes"),
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
    label: fn(f64) -> String,
) -> Option<Panel> {
    let chosen: Vec<&Measured> = matching(report, |key| key.work == work && key.mode == mode);
    let sizes: BTreeSet<usize> = chosen.iter().map(|measured| measured.key.bytes).collect();
    let mut lines: Vec<Line> = Vec::new();
    for measured in chosen {
        let key = measured.key;
        let point = (key.bytes as f64, value(measured));
        match lines.iter_mut().find(|line| line.name == name(key.peer)) {
            Some(line) => line.points.push(point),
            None => lines.push(Line { name: name(key.peer), style: style(key.peer), points: vec![point] }),
        }
    }
    let marks: Vec<f64> = sizes.into_iter().map(|bytes| bytes as f64).collect();
    let range = *marks.first()?..*marks.last()?;
    let x = Axis { title: Some("bytes a message"), range, marks, label: Box::new(size) };
    panel(title, x, |values| Axis::around(values, label), lines)
}

/// Percentiles, on an axis of how few times are slower: half, a tenth, a hundredth.
fn percentiles(report: &Report, mode: Mode, title: &'static str) -> Option<Panel> {
    /// Points of a line in each factor of ten.
    const STEPS: i32 = 8;
    /// One in this many is the least share drawn.
    const MAX: f64 = 1e4;
    let matches = |key: &Key| {
        let is_typical = key.bytes == TYPICAL || [ONE_LINE, ONE_LINE_PAUSING, FUTEX].contains(&key.peer);
        key.work == Work::RoundTrip && key.mode == mode && is_typical
    };
    let lines = matching(report, matches).into_iter().map(|Measured { key, record, .. }| {
        let most = MAX.min(record.count() as f64);
        let one_in = (0..=5 * STEPS).map(|n| 2.0 * 10_f64.powf(f64::from(n) / f64::from(STEPS)));
        let points = one_in
            .filter(|one_in| *one_in <= most)
            .map(|one_in| (one_in, record.quantile(1.0 - 1.0 / one_in)));
        let style = if let Style::Bound = style(key.peer) { Style::Dashed(1) } else { style(key.peer) };
        Line { name: name(key.peer), style, points: points.collect() }
    });
    let x = Axis {
        title: Some("share of all round trips"),
        range: 2.0..MAX,
        marks: vec![2.0, 10.0, 100.0, 1000.0, MAX],
        label: Box::new(|one_in| format!("{} %", ((1.0 - 1.0 / one_in) * 1e4).round() / 100.0)),
    };
    panel(title, x, |values| Axis::around(values, table::round_time), lines.collect())
}

/// `None` without lines, or without an axis to draw them along.
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

/// The matching cases; of the two kinds of one line, the faster.
fn matching(report: &Report, matches: impl Fn(&Key) -> bool) -> Vec<&Measured> {
    let is_line = |key: &Key| [ONE_LINE, ONE_LINE_PAUSING].contains(&key.peer);
    let lines = report.measured.iter().filter(|measured| is_line(&measured.key));
    let fastest = lines.min_by(|a, b| a.record.median().total_cmp(&b.record.median())).map(|line| line.key);
    let all = report.measured.iter().filter(|measured| matches(&measured.key));
    all.filter(|measured| !is_line(&measured.key) || fastest == Some(measured.key)).collect()
}

/// The name of a peer in charts: both kinds of one line have the same.
fn name(peer: &'static str) -> &'static str {
    if peer == ONE_LINE_PAUSING { ONE_LINE } else { peer }
}

/// The style of a peer, which is the same in each chart.
fn style(peer: &str) -> Style {
    match peer {
        "spsc" => Style::Solid(COLOURS[0]),
        "Queue" => Style::Solid(COLOURS[1]),
        "bytes" => Style::Solid(COLOURS[2]),
        "MessageQueue" => Style::Solid(COLOURS[3]),
        "spsc, batches" => Style::Solid(COLOURS[4]),
        OUR_PIPE => Style::Solid(COLOURS[5]),
        PIPE => Style::Solid(COLOURS[6]),
        "unix stream" => Style::Dashed(8),
        "unix seqpacket" => Style::Dashed(5),
        ONE_LINE | ONE_LINE_PAUSING | FUTEX => Style::Bound,
        _ => Style::Dashed(3),
    }
}

fn size(bytes: f64) -> String {
    if bytes < 1024.0 { format!("{bytes} B") } else { format!("{} KiB", bytes / 1024.0) }
}
