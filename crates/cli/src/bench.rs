//! `breezeway bench`: measures what shared memory buys on this machine.
//!
//! - [`table`]: the numbers as tables
//! - [`json`]: the numbers for programs
//! - [`plots`]: which charts are drawn; [`chart`]: drawing one
//! - [`page`]: tables and charts on one HTML page

#[path = "bench/chart.rs"]
mod chart;
#[path = "bench/json.rs"]
mod json;
#[path = "bench/page.rs"]
mod page;
#[path = "bench/plots.rs"]
mod plots;
#[path = "bench/table.rs"]
mod table;

use std::fs::{self, File};
use std::io::{self, Write};
use std::num::NonZero;
use std::path::{Path, PathBuf};

use breezeway_bench::catalogue;
use breezeway_bench::kernel::affinity::{self, Cpu};
use breezeway_bench::machine::{Machine, two_cpus};
use breezeway_bench::measure::Bench;
use breezeway_bench::outcome::{self, Measured, Outcome};
use breezeway_bench::runner::Runner;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use crate::{Failure, show};

/// What to measure, where, and what to make of the numbers.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = EXAMPLES_AND_SCHEMA)]
pub struct Options {
    /// Only what has all these words in its name, and its baselines: "round-trip hot spsc 64 B",
    /// "lock", "pipe"
    #[arg(long, value_name = "PATTERN", value_parser = pattern)]
    only: Option<String>,
    /// Takes seconds instead of minutes; the numbers vary more
    #[arg(long)]
    quick: bool,
    /// The number of rounds; a result is the median of the rounds
    #[arg(long, value_name = "N")]
    rounds: Option<NonZero<usize>>,
    /// The CPUs of the two processes [default: two of different cores]
    #[arg(long, value_name = "A,B", value_parser = two_cpu_numbers, conflicts_with = "unpinned")]
    cpus: Option<Two>,
    /// Lets the scheduler choose where the two processes run
    #[arg(long)]
    unpinned: bool,
    /// Writes the numbers to this file as JSON; with `-`, to standard output instead of the tables
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Draws latency.svg, throughput.svg, distribution.svg and report.html, which has all of it,
    /// into this folder
    #[arg(long, value_name = "DIR")]
    plot: Option<PathBuf>,
}

macro_rules! examples {
    () => {
        "Examples:
  breezeway bench --quick
  breezeway bench --cpus 2,4 --plot report --json numbers.json
  breezeway bench --only 'round-trip 64 B'
  breezeway bench --quick --json - | jq '.results[] | select(.peer == \"spsc\")'

Run it on an idle machine: hot round trips need two CPUs of their own."
    };
}

const EXAMPLES: &str = examples!();

const EXAMPLES_AND_SCHEMA: &str = concat!(
    examples!(),
    "

The JSON is one object:
  schema    1; fields may be added under this number, none is removed or changes its meaning
  machine   cpu, cpus (that this process may use), kernel, architecture, load (average of the minute before),
            pinned_to [A, B], clock, clock_cost (ns a read), clock_step (ns), breezeway (version)
  rounds    the number of complete rounds
  left_out  [\"what: why\"], what this machine could not measure
  warnings  [\"…\"], why the numbers may mean little
  results   [{…}], one for each case and metric:
    case, peer      what was done (round-trip, stream, lock), and with what
    bytes           the length of a message; 0 for a lock
    mode            hot, blocking, parked (both on one CPU); for a lock alone, contended
    metric, unit    time in ns (of a round trip, a message, a section), or throughput in GB/s
    median          of the rounds, each the mean of the middle half of its times
    min, max        the rounds with the lowest and the highest number
    p50, p90, p99, p999, slowest
                    percentiles of all round trips, or of all batches by their mean; null if there are too few
    handovers       of a contended lock: the share of sections before which it went to the other process; else null
    ratio_to_pipe   how many times better than a pipe in blocking calls; null if there is none
    ratio_to_line   how many times as long as one cache line that goes to and fro; null if that was not measured
    baseline, ratio_to_baseline
                    the peer with the least that does this work, and how many times as long this takes"
);

/// Two CPUs.
#[derive(Clone, Copy, Debug)]
struct Two([usize; 2]);

/// What was measured.
struct Report {
    machine: Machine,
    rounds: usize,
    measured: Vec<Measured>,
    outcomes: Vec<Outcome>,
    /// What could not be measured, and why.
    left_out: Vec<String>,
}

pub fn bench(options: &Options) -> Result<(), Failure> {
    // A file that cannot be written is an error before minutes are spent on measuring.
    let json = options.json.as_deref().map(Numbers::open).transpose()?;
    options.plot.as_deref().map_or(Ok(()), create_folder)?;
    let report = measure(options)?;
    // A failure of one output, such as a closed pipe, does not keep the others from being written.
    let printed = match json {
        Some(Numbers::Printed) => show::print(&json::text(&report)?),
        _ => show::print(&table::text(&report)),
    };
    let written = match json {
        Some(Numbers::File(path, file)) => json::text(&report).and_then(|text| overwrite(path, file, &text)),
        _ => Ok(()),
    };
    let drawn = options.plot.as_ref().map_or(Ok(()), |folder| draw(&report, folder));
    written.and(drawn).and(printed)
}

/// Where the numbers for programs go.
enum Numbers<'a> {
    Printed,
    /// Open, with its old content.
    File(&'a Path, File),
}

impl<'a> Numbers<'a> {
    fn open(path: &'a Path) -> Result<Self, Failure> {
        if path == Path::new("-") {
            return Ok(Self::Printed);
        }
        let file = File::options().write(true).create(true).truncate(false).open(path);
        Ok(Self::File(path, file.map_err(|error| at(path, &error))?))
    }
}

fn measure(options: &Options) -> Result<Report, Failure> {
    let cpus = match options.cpus {
        Some(Two(cpus)) => cpus.map(Some),
        None if options.unpinned => [Cpu::None; 2],
        None => two_cpus(),
    };
    let mut runner = if options.quick { Runner::quick() } else { Runner::full() };
    runner.rounds = options.rounds.map_or(runner.rounds, NonZero::get);

    let bench = Bench::new(catalogue::matching(options.only.as_deref().unwrap_or_default()), runner, cpus)?;
    let machine = Machine::here(cpus, bench.ticks());
    let left_out = bench.left_out.iter().map(|(key, why)| format!("{key}: {why}")).collect();
    // The bar is hidden unless standard error is a terminal.
    let bar = ProgressBar::new(0);
    bar.set_style(ProgressStyle::with_template("measuring {wide_bar} {percent:>3} %  {eta} left")?);
    let measured = bench.run(|done, all| {
        bar.set_length(all as u64);
        bar.set_position(done as u64);
    });
    bar.finish_and_clear();
    let measured = measured?;
    let outcomes = outcome::outcomes(&measured);
    let rounds = measured.first().map_or(0, |measured| measured.record.rounds());
    Ok(Report { machine, rounds, measured, outcomes, left_out })
}

/// Replaces what was in the file.
fn overwrite(path: &Path, mut file: File, text: &str) -> Result<(), Failure> {
    // Only a regular file has a length to cut.
    let cut = if file.metadata().is_ok_and(|metadata| metadata.is_file()) { file.set_len(0) } else { Ok(()) };
    cut.and_then(|()| writeln!(file, "{text}")).map_err(|error| at(path, &error))
}

fn draw(report: &Report, folder: &Path) -> Result<(), Failure> {
    let plots = plots::all(report)?;
    for (name, svg) in &plots {
        write(&folder.join(format!("{name}.svg")), svg)?;
    }
    write(&folder.join("report.html"), page::html(report, &plots))
}

/// Creates the folder, and makes sure that it can be written to.
fn create_folder(folder: &Path) -> Result<(), Failure> {
    fs::create_dir_all(folder).map_err(|error| at(folder, &error))?;
    let trial = folder.join("report.html");
    // An existing file keeps its content; a new one is removed again.
    let is_new = !trial.exists();
    File::options().append(true).create(true).open(&trial).map_err(|error| at(&trial, &error))?;
    if is_new {
        fs::remove_file(&trial).map_err(|error| at(&trial, &error))?;
    }
    Ok(())
}

fn write(path: &Path, text: impl AsRef<str>) -> Result<(), Failure> {
    fs::write(path, text.as_ref()).map_err(|error| at(path, &error))
}

/// A failure that names the path. It is no `io::Error`, so that a broken pipe at this path counts
/// as a failure.
fn at(path: &Path, error: &io::Error) -> Failure {
    format!("{}: {error}", path.display()).into()
}

fn pattern(text: &str) -> Result<String, String> {
    if catalogue::matching(text).is_empty() {
        return Err("no case has all these words in its name".to_owned());
    }
    Ok(text.to_owned())
}

fn two_cpu_numbers(text: &str) -> Result<Two, String> {
    let numbers: Result<Vec<usize>, _> = text.split(',').map(|number| number.trim().parse()).collect();
    let Ok([a, b]) = numbers.as_deref() else {
        return Err("two numbers are needed, as in 0,1".to_owned());
    };
    let allowed = affinity::allowed();
    match [a, b].into_iter().find(|cpu| !allowed.contains(cpu)) {
        Some(cpu) => {
            let allowed: Vec<String> = allowed.iter().map(usize::to_string).collect();
            Err(format!("this process may not use CPU {cpu}, only {}", allowed.join(", ")))
        }
        None => Ok(Two([*a, *b])),
    }
}
