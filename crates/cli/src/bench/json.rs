//! The numbers for programs. `breezeway bench --help` explains the fields, as do [`Outcome`] and
//! [`Machine`].

use breezeway_bench::machine::Machine;
use breezeway_bench::outcome::Outcome;
use serde::Serialize;

use super::Report;
use crate::Failure;

/// Raised when a field is removed or changes its meaning.
const SCHEMA: u32 = 1;

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    machine: &'a Machine,
    rounds: usize,
    left_out: &'a [String],
    warnings: Vec<String>,
    results: &'a [Outcome],
}

pub fn text(report: &Report) -> Result<String, Failure> {
    Ok(serde_json::to_string_pretty(&Document {
        schema: SCHEMA,
        machine: &report.machine,
        rounds: report.rounds,
        left_out: &report.left_out,
        warnings: report.machine.warnings(),
        results: &report.outcomes,
    })?)
}
