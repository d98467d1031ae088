//! The table: a line for each work, a column for each peer.

use breezeway_bench::report;
use breezeway_bench::runner::Entry;

use super::{OURS, PEERS, WORKS, name_of};

/// The cell of a work that a peer does not do.
const NOTHING: &str = "-";
/// The width of the longest work.
const WORK_WIDTH: usize = 37;
/// The width of the other columns.
const CELL_WIDTH: usize = 20;

/// Prints the works that were measured, with the factor to breezeway's time, and what is missing.
pub fn report(entries: &[Entry<'_>], missing: &[String]) {
    let median = |work: &str, peer: &str| report::median(entries, &name_of(work, peer));
    let works: Vec<_> =
        WORKS.into_iter().filter(|work| PEERS.iter().any(|peer| median(work, peer).is_some())).collect();
    if works.is_empty() {
        return;
    }
    println!();
    print_line("peers: work", PEERS.map(str::to_owned));
    for work in works {
        let ours = median(work, OURS);
        print_line(work, PEERS.map(|peer| cell(median(work, peer), ours.filter(|_| peer != OURS))));
    }
    missing.iter().for_each(|what| println!("not measured: {what}"));
}

fn print_line(work: &str, cells: [String; PEERS.len()]) {
    let cells = cells.map(|cell| format!("{cell:>CELL_WIDTH$}"));
    println!("{work:<WORK_WIDTH$} | {}", cells.join(" | "));
}

fn cell(median: Option<f64>, ours: Option<f64>) -> String {
    match (median, ours) {
        (None, _) => NOTHING.to_owned(),
        (Some(nanoseconds), None) => time(nanoseconds),
        (Some(nanoseconds), Some(ours)) => format!("{} {:>6}", time(nanoseconds), factor(nanoseconds / ours)),
    }
}

fn time(nanoseconds: f64) -> String {
    match nanoseconds {
        ..10.0 => format!("{nanoseconds:.1} ns"),
        ..1e3 => format!("{nanoseconds:.0} ns"),
        ..1e4 => format!("{:.2} µs", nanoseconds / 1e3),
        _ => format!("{:.1} µs", nanoseconds / 1e3),
    }
}

fn factor(factor: f64) -> String {
    if factor < 10.0 { format!("x{factor:.2}") } else { format!("x{factor:.0}") }
}
