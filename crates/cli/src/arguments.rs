//! What the command can be asked for.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand};

/// Looks at shared memory segments, and tidies them up.
///
/// Looking takes no lock and writes nothing: who uses a segment does not notice. A damaged one is shown as far as it makes sense.
#[derive(Debug, Parser)]
#[command(name = "breezeway", version, after_help = EXAMPLES, after_long_help = EXAMPLES_AND_MORE)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "Examples:
  breezeway ls                      every segment of this user
  breezeway inspect plant           its processes, its objects, who holds what
  breezeway watch plant             the same, live, with rates
  breezeway bench --quick           what shared memory buys over pipes, on this machine
  breezeway gc --dry-run            what would be removed
  breezeway ls --json | jq -r '.segments[] | select(.stale) | .name'";

const EXAMPLES_AND_MORE: &str = "Examples:
  breezeway ls                      every segment of this user
  breezeway inspect plant           its processes, its objects, who holds what
  breezeway watch plant             the same, live, with rates
  breezeway bench --quick           what shared memory buys over pipes, on this machine
  breezeway gc --dry-run            what would be removed
  breezeway ls --json | jq -r '.segments[] | select(.stale) | .name'

Exit status:
  0  done
  1  failed; the reason is on standard error
  2  not understood

With --json, standard output is one JSON object whose field \"schema\" is 1 (watch: one for each look, a line each). Fields may be
added under this number; none is taken away or changes its meaning.";

const INSPECT_HELP: &str = "Examples:
  breezeway inspect plant
  breezeway inspect plant --json | jq '.segment.objects[] | {name, facts, counters}'

What is counted:
  pushes, pops      messages in and out (of a byte queue: bytes)
  full, empty, …    calls that did not find room, a message or a permit, and went to sleep
  parks, wakes      sleeps, and those of them behind which it was there
  recoveries        holders of the lock that died, each counted when the next one has it
  repairs           what was taken back from the dead: slots, ends, permits, readers

Who waits for a lock or a queue is known where this user may look into the waiting process; \"awaited\" says whether
anybody does in any case.";

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Lists the segments of this user
    #[command(visible_alias = "list", after_help = "Examples:\n  breezeway ls\n  breezeway ls --json")]
    Ls {
        /// Prints {"schema", "segments": […]}
        #[arg(long)]
        json: bool,
    },
    /// Shows a segment: its header, the processes that have it, and each object with what its state says
    #[command(after_help = INSPECT_HELP)]
    Inspect {
        /// The segment's name
        name: String,
        /// Prints {"schema", "segment": {…}}
        #[arg(long)]
        json: bool,
    },
    /// Shows a segment, or all, again and again until Ctrl-C, with what has happened per second
    #[command(after_help = "Examples:
  breezeway watch
  breezeway watch plant --every 0.2
  breezeway watch plant --json | jq -c '.rates'")]
    Watch {
        /// The segment's name; all segments of this user without it
        name: Option<String>,
        /// Seconds between two looks
        #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds)]
        every: Duration,
        /// How many looks; no end without it
        #[arg(long, value_name = "LOOKS")]
        count: Option<u64>,
        /// Prints {"schema", "at", "segments": […], "rates": […]} for each look, a line each
        #[arg(long)]
        json: bool,
    },
    /// Removes stale segments: those that nobody alive has, and that were not made to outlive their processes
    #[command(after_help = "Asks first where there is a terminal to ask at.

Examples:
  breezeway gc --dry-run
  breezeway gc --yes
  breezeway gc plant")]
    Gc {
        /// Only these, if they are stale; all segments of this user without it
        #[arg(value_name = "NAME")]
        names: Vec<String>,
        /// Only says which
        #[arg(long)]
        dry_run: bool,
        /// Does not ask
        #[arg(long)]
        yes: bool,
        /// Prints {"schema", "dry_run", "stale": […], "removed": […], "failed": […]}
        #[arg(long)]
        json: bool,
    },
    /// Measures, on this machine, what shared memory buys over pipes, sockets and message queues
    Bench(crate::bench::Options),
    /// Removes segments by name, whoever uses them
    #[command(after_help = "Who has a segment attached keeps it; nobody else can open it any more.

Example:
  breezeway rm plant")]
    Rm {
        /// The segments' names
        #[arg(required = true, value_name = "NAME")]
        names: Vec<String>,
        /// Prints {"schema", "removed": […], "failed": […]}
        #[arg(long)]
        json: bool,
    },
    /// Writes the manual pages and the completions of all shells into a folder
    #[command(after_help = "Example:
  breezeway generate target/assets
  sudo cp target/assets/*.1 /usr/local/share/man/man1/")]
    Generate {
        /// The folder; it is made if need be
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| "a positive number of seconds is needed".to_owned())
}
