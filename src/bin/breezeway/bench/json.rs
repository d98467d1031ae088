//! The numbers for programs.
//!
//! ```text
//! {
//!   "schema": 1,
//!   "machine": {"cpu", "cpus", "kernel", "architecture", "load", "pinned_to": [A, B], "clock", "clock_cost", "clock_step", "breezeway"},
//!   "rounds": N,
//!   "left_out": ["what: why", ...],
//!   "results": [{"case", "peer", "bytes", "mode", "metric", "unit", "median", "p50", "p90", "p99", "p999", "slowest", "min",
//!                "max", "ratio_to_pipe", "ratio_to_line", "yardstick", "ratio_to_yardstick"}, ...]
//! }
//! ```
//!
//! What each means is written at the fields of [`Outcome`] and [`Machine`]. A ratio is null where what it is to was not measured,
//! or does other work. Fields may be added to schema 1; none changes its meaning.

use breezeway::bench::machine::Machine;
use breezeway::bench::outcome::Outcome;
use serde::Serialize;

use super::Report;
use crate::Failure;

/// What the fields mean.
const SCHEMA: u32 = 1;

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    machine: &'a Machine,
    rounds: usize,
    left_out: &'a [String],
    results: &'a [Outcome],
}

pub fn text(report: &Report) -> Result<String, Failure> {
    Ok(serde_json::to_string_pretty(&Document {
        schema: SCHEMA,
        machine: &report.machine,
        rounds: report.rounds,
        left_out: &report.left_out,
        results: &report.outcomes,
    })?)
}
