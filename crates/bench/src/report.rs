//! What benches print: medians, ratios to a baseline, and which promises are kept.

use super::runner::{Entry, Runner};

/// The width of the first column.
const NAME_WIDTH: usize = 44;

/// A bound on the time of an entry.
pub struct Promise {
    /// What is promised, in words.
    pub what: &'static str,
    /// The entry's name.
    pub of: &'static str,
    /// The names of the entries whose fastest it is divided by. Without any, the bound is in
    /// nanoseconds.
    pub to: &'static [&'static str],
    /// The limit.
    pub bound: Bound,
}

/// A limit.
pub enum Bound {
    /// An upper limit.
    AtMost(f64),
    /// A lower limit.
    AtLeast(f64),
}

/// Measures the entries of a group and prints them with their ratios to the first, the baseline.
///
/// Without `--bench` among the program's arguments, each entry runs once and nothing is printed.
pub fn run_group(title: &str, entries: Vec<Entry<'_>>) {
    let mut entries = entries;
    if run(&mut entries) {
        println!("{title:<NAME_WIDTH$} {:>11} {:>22} {:>8}", "median", "fastest..slowest round", "ratio");
        let baseline = entries[0].record().median();
        for entry in &entries {
            let ratio = format!("x{:.2}", entry.record().median() / baseline);
            println!("{} {ratio:>8}{}", row(entry), rate(entry));
        }
        println!();
    }
}

/// Measures the entries and returns whether there is something to print: without `--bench` among
/// the program's arguments, each entry only runs once. `--rounds N` sets the number of rounds.
pub fn run(entries: &mut [Entry<'_>]) -> bool {
    let is_bench = std::env::args().any(|argument| argument == "--bench");
    (if is_bench { runner() } else { Runner::CHECK }).run(entries, |_, _| {});
    is_bench
}

/// The default runner, with as many rounds as `--rounds N` asks for.
pub fn runner() -> Runner {
    let rounds = argument("--rounds").map(|rounds| rounds.parse().expect("a number of rounds"));
    let default = Runner::default();
    Runner { rounds: rounds.unwrap_or(default.rounds), ..default }
}

/// What follows `option` among the program's arguments.
pub fn argument(option: &str) -> Option<String> {
    std::env::args().skip_while(|argument| argument != option).nth(1)
}

/// Prints the entries.
pub fn print(entries: &[Entry<'_>]) {
    println!("{:<NAME_WIDTH$} {:>11} {:>22}", "entry", "median", "fastest..slowest round");
    entries.iter().for_each(|entry| println!("{}{}", row(entry), rate(entry)));
}

fn row(entry: &Entry<'_>) -> String {
    let record = entry.record();
    let spread = format!("{:.2}..{:.2}", record.fastest_round(), record.slowest_round());
    format!("{:<NAME_WIDTH$} {:>8.2} ns {spread:>22}", entry.name(), record.median())
}

fn rate(entry: &Entry<'_>) -> String {
    entry.gigabytes_per_second().map_or_else(String::new, |rate| format!(" {rate:>8.2} GB/s"))
}

/// Prints which promises are kept. A promise is left out if one of its entries was not measured.
pub fn print_promises(entries: &[Entry<'_>], promises: &[Promise]) {
    println!("\n{:<NAME_WIDTH$} {:>11} {:>11}", "promise", "measured", "promised");
    for Promise { what, of, to, bound } in promises {
        let Some(measured) = ratio(entries, of, to) else { continue };
        let (promised, is_kept) = match *bound {
            Bound::AtMost(most) => (format!("<= {most:.2}"), measured <= most),
            Bound::AtLeast(least) => (format!(">= {least:.2}"), measured >= least),
        };
        let verdict = if is_kept { "kept" } else { "MISSED" };
        println!("{what:<NAME_WIDTH$} {measured:>11.2} {promised:>11} {verdict}");
    }
}

/// Prints how many sections a process has in a row before a contended lock changes hands. A lock
/// that seldom does looks fast: most of its sections are uncontended.
pub fn print_handovers(entries: &[Entry<'_>]) {
    println!("\n{:<NAME_WIDTH$} {:>11}", "entry", "sections before the lock changes hands");
    for entry in entries {
        if let Some(share) = entry.record().handovers() {
            println!("{:<NAME_WIDTH$} {:>11.1}", entry.name(), 1.0 / share);
        }
    }
}

/// The median of the entry with this name, in nanoseconds, if it was measured.
pub fn median(entries: &[Entry<'_>], name: &str) -> Option<f64> {
    entries.iter().find(|entry| entry.name() == name).map(|entry| entry.record().median())
}

fn ratio(entries: &[Entry<'_>], of: &str, to: &[&str]) -> Option<f64> {
    let baselines: Option<Vec<f64>> = to.iter().map(|name| median(entries, name)).collect();
    let baseline = baselines?.into_iter().reduce(f64::min).unwrap_or(1.0);
    Some(median(entries, of)? / baseline)
}
