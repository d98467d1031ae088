//! The arguments that the command accepts, and its help.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand};

/// Shows and removes shared memory segments, and measures what shared memory buys.
///
/// Showing a segment takes no lock and writes nothing, so its users do not notice. A damaged
/// segment is shown as far as it makes sense.
#[derive(Debug, Parser)]
#[command(name = "breezeway", version, after_help = EXAMPLES, after_long_help = EXAMPLES_AND_MORE)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

macro_rules! examples {
    () => {
        "Examples:
  breezeway ls                      every segment of this user
  breezeway inspect plant           its processes, its objects, their holders
  breezeway top plant               live, with rates
  breezeway bench --quick           what shared memory buys over pipes, on this machine
  breezeway gc --dry-run            what would be removed
  breezeway ls --json | jq -r '.segments[] | select(.stale) | .name'"
    };
}

const EXAMPLES: &str = examples!();

const EXAMPLES_AND_MORE: &str = concat!(
    examples!(),
    "

Exit status:
  0  done
  1  failed; the reason is on standard error
  2  wrong arguments

With --json, standard output is one JSON object whose field \"schema\" is 1 (top: one object for each
snapshot, on a line). Fields may be added under this number; none is removed or changes its meaning."
);

const INSPECT_HELP: &str = "Examples:
  breezeway inspect plant
  breezeway inspect plant --json | jq '.segment.objects[] | {name, facts, counters}'

Counters:
  pushes, pops      messages in and out (of a byte queue: bytes)
  full, empty, …    calls that found no room, message or permit, and went to sleep
  parks, wakes      sleeps, and those after which the caller found what it waited for
  recoveries        holders of the lock that died, each counted when the next holder has it
  repairs           what was reclaimed from dead processes: slots, endpoints, permits, readers

The waiters of a lock or a queue are listed if this user may inspect the waiting processes; \"awaited\" says in any case
whether there are any.";

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Lists the segments of this user
    #[command(visible_alias = "list", after_help = "Examples:\n  breezeway ls\n  breezeway ls --json")]
    Ls {
        /// Prints {"schema", "segments": […]}
        #[arg(long)]
        json: bool,
    },
    /// Shows a segment: its header, the processes attached to it, and the state of each object
    #[command(after_help = INSPECT_HELP)]
    Inspect {
        /// The segment's name
        name: String,
        /// Prints {"schema", "segment": {…}}
        #[arg(long)]
        json: bool,
    },
    /// Shows a segment, or all, again and again until Ctrl-C, with the rates of all counters
    #[command(
        visible_alias = "watch",
        after_help = "Examples:
  breezeway top
  breezeway top plant --every 0.2
  breezeway top plant --json | jq -c '.rates'"
    )]
    Top {
        /// The segment's name; all segments of this user without it
        name: Option<String>,
        /// Seconds between two snapshots
        #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds)]
        every: Duration,
        /// How many snapshots; endless without it
        #[arg(long, value_name = "N")]
        count: Option<u64>,
        /// Prints {"schema", "at", "segments": […], "rates": […]} for each snapshot, on a line
        #[arg(long)]
        json: bool,
    },
    /// Removes stale segments: those that no live process has attached and that were not created to
    /// persist
    #[command(after_help = "Asks first if its input is a terminal.

Examples:
  breezeway gc --dry-run
  breezeway gc --yes
  breezeway gc plant")]
    Gc {
        /// Only these, if they are stale; all segments of this user without it
        #[arg(value_name = "NAME")]
        names: Vec<String>,
        /// Prints them and removes nothing
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
    /// Removes segments by name, even if they are in use
    #[command(after_help = "Processes that have a segment attached keep it; no other can open it any more.

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
        /// The folder, created if necessary
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
