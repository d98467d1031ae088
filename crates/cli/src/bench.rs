//! What shared memory buys, on this machine: measured, printed and drawn.
//!
//! - [`chart`]: pictures, as SVG
//! - [`json`]: for programs
//! - [`page`]: all of it on one page, as HTML
//! - [`plots`]: which pictures
//! - [`table`]: for people

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
use breezeway_bench::measure::{Bench, Settings};
use breezeway_bench::outcome::{self, Measured, Outcome};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use crate::{Failure, show};

/// What to measure, where, and what to do with it.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = EXAMPLES_AND_SCHEMA)]
pub struct Options {
    /// Only what has all these words in its name, and what that is compared with: "round-trip hot spsc 64 B", "lock", "pipe"
    #[arg(long, value_name = "PATTERN", value_parser = pattern)]
    only: Option<String>,
    /// A few seconds instead of minutes; the numbers wander more
    #[arg(long)]
    quick: bool,
    /// How often everything is measured; a number is the median over these
    #[arg(long, value_name = "N")]
    rounds: Option<NonZero<usize>>,
    /// The CPUs of the two processes [default: two of different cores]
    #[arg(long, value_name = "A,B", value_parser = two, conflicts_with = "unpinned")]
    cpus: Option<Two>,
    /// Leaves it to the scheduler where the two processes run
    #[arg(long)]
    unpinned: bool,
    /// Writes the numbers there, as JSON; to the standard output instead of the tables where it is `-`
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Draws into this folder: latency.svg, throughput.svg, distribution.svg, and report.html with all of it
    #[arg(long, value_name = "DIR")]
    plot: Option<PathBuf>,
}

const EXAMPLES: &str = "Examples:
  breezeway bench --quick
  breezeway bench --cpus 2,4 --plot report --json numbers.json
  breezeway bench --only 'round-trip 64 B'
  breezeway bench --quick --json - | jq '.results[] | select(.peer == \"spsc\")'

Run it where nothing else does: hot round trips need two CPUs of their own.";

const EXAMPLES_AND_SCHEMA: &str = "Examples:
  breezeway bench --quick
  breezeway bench --cpus 2,4 --plot report --json numbers.json
  breezeway bench --only 'round-trip 64 B'
  breezeway bench --quick --json - | jq '.results[] | select(.peer == \"spsc\")'

Run it where nothing else does: hot round trips need two CPUs of their own.

The JSON is one object:
  schema    1; fields may be added under this number, none is taken away or changes its meaning
  machine   cpu, cpus (how many this process may use), kernel, architecture, load (average of a minute, before), pinned_to [A, B],
            clock, clock_cost (ns a look), clock_step (ns), breezeway (version)
  rounds    how many whole rounds there were
  left_out  [\"what: why\"], what this machine could not measure
  warnings  [\"…\"], why the numbers may mean little
  results   [{…}], one for each thing and metric:
    case, peer      what was done (round-trip, stream, lock), and with what
    bytes           how long a message was; 0 for a lock
    mode            hot, parked; for a lock alone, contended
    metric, unit    time in ns (of a round trip, a message, a section), or throughput in GB/s
    median          of the rounds, each the mean of the middle half of what was measured in it
    min, max        the round with the least, and with the most
    p50, p90, p99, p999, slowest
                    so many of all were as good or better: single round trips, or batches on their average; null where there were
                    too few to say
    turns           of a contended lock: the share of sections before which it went to the other process, 0 to 1; else null
    ratio_to_pipe   how many times better than a pipe in blocking calls; null where there is none
    ratio_to_line   how many times as long as a cache line that goes to and fro; null where that was not measured
    baseline, ratio_to_baseline
                    what does the same work, and how many times as long as that this takes";

/// Two CPUs.
#[derive(Clone, Copy, Debug)]
struct Two([usize; 2]);

/// All there is to be told.
struct Report {
    machine: Machine,
    rounds: usize,
    measured: Vec<Measured>,
    outcomes: Vec<Outcome>,
    /// What could not be measured, and why.
    left_out: Vec<String>,
}

pub fn bench(options: &Options) -> Result<(), Failure> {
    // What cannot be written is to be known before minutes are spent on it.
    let json = options.json.as_deref().map(Numbers::open).transpose()?;
    options.plot.as_deref().map_or(Ok(()), made)?;
    let report = measure(options)?;
    // Everything is tried, whatever fails; and a reader who has had enough takes nothing from the others.
    let printed = match json {
        Some(Numbers::Printed) => show::print(&json::text(&report)?),
        _ => show::print(&table::text(&report)),
    };
    let written = match json {
        Some(Numbers::File(path, file)) => json::text(&report).and_then(|text| keep(path, file, &text)),
        _ => Ok(()),
    };
    let drawn = options.plot.as_ref().map_or(Ok(()), |folder| draw(&report, folder));
    written.and(drawn).and(printed)
}

/// Where the numbers for programs go.
enum Numbers<'a> {
    Printed,
    /// Open already, and still as it was.
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
    let mut settings = if options.quick { Settings::quick(cpus) } else { Settings::full(cpus) };
    settings.rounds = options.rounds.map_or(settings.rounds, NonZero::get);

    let bench = Bench::new(catalogue::matching(options.only.as_deref().unwrap_or_default()), settings)?;
    let machine = Machine::here(cpus, bench.ticks());
    let left_out = bench.left_out.iter().map(|(key, why)| format!("{key}: {why}")).collect();
    // Nothing is drawn where the standard error is no terminal.
    let bar = ProgressBar::new(0);
    bar.set_style(ProgressStyle::with_template("measuring {wide_bar} {percent:>3} %  {eta} left")?);
    let measured = bench.run(|done, all| {
        bar.set_length(all as u64);
        bar.set_position(done as u64);
    });
    bar.finish_and_clear();
    let measured = measured?;
    let outcomes = outcome::outcomes(&measured);
    let rounds = measured.first().map_or(0, Measured::rounds);
    Ok(Report { machine, rounds, measured, outcomes, left_out })
}

/// Instead of what was in the file.
fn keep(path: &Path, mut file: File, text: &str) -> Result<(), Failure> {
    // What is no file, as a pipe, has no length.
    let cut = if file.metadata().is_ok_and(|metadata| metadata.is_file()) { file.set_len(0) } else { Ok(()) };
    cut.and_then(|()| writeln!(file, "{text}")).map_err(|error| at(path, &error))
}

fn draw(report: &Report, folder: &Path) -> Result<(), Failure> {
    let plots = plots::all(report);
    for (name, svg) in &plots {
        writing(&folder.join(format!("{name}.svg")), svg)?;
    }
    writing(&folder.join("report.html"), page::html(report, &plots))
}

/// A folder that can be written into.
fn made(folder: &Path) -> Result<(), Failure> {
    fs::create_dir_all(folder).map_err(|error| at(folder, &error))?;
    let trial = folder.join("report.html");
    // It is left as it is where it is there, and goes where it was not.
    let is_new = !trial.exists();
    File::options().append(true).create(true).open(&trial).map_err(|error| at(&trial, &error))?;
    if is_new {
        fs::remove_file(&trial).map_err(|error| at(&trial, &error))?;
    }
    Ok(())
}

fn writing(path: &Path, text: impl AsRef<str>) -> Result<(), Failure> {
    fs::write(path, text.as_ref()).map_err(|error| at(path, &error))
}

/// Not as an `io::Error`: a pipe that breaks there is a failure.
fn at(path: &Path, error: &io::Error) -> Failure {
    format!("{}: {error}", path.display()).into()
}

fn pattern(text: &str) -> Result<String, String> {
    if catalogue::matching(text).is_empty() {
        return Err("nothing that is measured has all these words in its name".to_owned());
    }
    Ok(text.to_owned())
}

fn two(text: &str) -> Result<Two, String> {
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
