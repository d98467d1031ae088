//! What the command can be asked for.

use std::time::Duration;

use clap::{Parser, Subcommand};

/// Looks at shared memory segments, and tidies them up.
#[derive(Debug, Parser)]
#[command(name = "breezeway", version, after_help = EXAMPLES)]
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
  breezeway ls --json | jq '.[].name'";

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Lists the segments of this user
    Ls {
        /// Prints an array of reports
        #[arg(long)]
        json: bool,
    },
    /// Shows a segment: its header, the processes that have it, and each object with what its state says
    Inspect {
        /// The segment's name
        name: String,
        /// Prints the report
        #[arg(long)]
        json: bool,
    },
    /// Shows a segment, or all, again and again until Ctrl-C, with what has happened per second
    Watch {
        /// The segment's name; all segments of this user without it
        name: Option<String>,
        /// Seconds between two looks
        #[arg(long, default_value = "1", value_parser = seconds)]
        every: Duration,
        /// How many looks; no end without it
        #[arg(long)]
        count: Option<u64>,
    },
    /// Removes stale segments: those that nobody alive has, and that were not made to outlive their processes
    Gc {
        /// Only says which
        #[arg(long)]
        dry_run: bool,
        /// Does not ask
        #[arg(long)]
        yes: bool,
        /// Prints an array of names
        #[arg(long)]
        json: bool,
    },
    /// Measures, on this machine, what shared memory buys over pipes, sockets and message queues
    Bench(crate::bench::Options),
    /// Removes segments by name; who has one attached keeps it
    Rm {
        /// The segments' names
        #[arg(required = true)]
        names: Vec<String>,
    },
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| "a positive number of seconds is needed".to_owned())
}
