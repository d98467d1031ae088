//! The function that workers run: it claims tasks from the task ring until the pool ends.

#![allow(unsafe_code)]

use std::io;

use serde::{Deserialize, Serialize};

use super::overflow::OverflowFile;
use super::task_ring::{BODY_CAPACITY, TaskRing};
use super::wire::{self, BodyLocation};
use crate::cell::Array;
use crate::process::call::{CallOutcome, FunctionCall};
use crate::sys::keeper::FileAddress;

/// A worker's arguments.
#[derive(Serialize, Deserialize)]
pub(super) struct WorkerConfig {
    pub(super) task_ring: Array<u64>,
    pub(super) slots: usize,
    pub(super) workers: usize,
    /// The worker's place in the pool.
    pub(super) worker: u32,
    /// Where the pool's process has the overflow file.
    pub(super) overflow: FileAddress,
    /// The worker's number among all workers that the pool has started.
    pub(super) number: u64,
    pub(super) initializer: Option<(FunctionCall, Vec<u8>)>,
    /// The number of tasks after which the worker ends.
    pub(super) tasks: Option<u64>,
}

/// How far a worker has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WorkerStage {
    /// The worker has not reached its first task.
    Starting,
    Working,
    /// The worker could not start. The reason is the first `len` bytes of its part of the overflow
    /// file.
    Failed {
        len: u64,
    },
}

const STAGE_WORKING: u64 = 1;
const STAGE_FAILED: u64 = 2;
const STAGE_RADIX: u64 = 4;

impl WorkerStage {
    /// Decodes the stage that a worker has stored on the task ring.
    pub(super) fn of(word: u64) -> Self {
        match word % STAGE_RADIX {
            STAGE_WORKING => Self::Working,
            STAGE_FAILED => Self::Failed { len: word / STAGE_RADIX },
            _ => Self::Starting,
        }
    }
}

/// Runs the initializer, then tasks until the pool ends or the worker has done its number of them.
pub(super) fn run_worker(config: WorkerConfig) {
    let WorkerConfig { task_ring, slots, workers, worker, overflow, number, initializer, tasks } = config;
    let Some(task_ring) = TaskRing::attach(task_ring, slots, workers) else { return };
    let Ok(mut overflow) = OverflowFile::open(overflow, number) else { return };
    if let Some((call, args)) = initializer {
        // SAFETY: the pool has made the call, and runs the same build, as every child has checked.
        let message = match unsafe { call.run(&args, &mut || {}) } {
            Some(CallOutcome::Returned(_)) => None,
            Some(CallOutcome::Panicked(message)) => Some(format!("the initializer panicked: {message}")),
            Some(CallOutcome::Undecodable(message)) => {
                Some(format!("a worker could not decode the initializer's arguments: {message}"))
            }
            Some(CallOutcome::Unencodable(message)) => Some(message),
            None => Some("the initializer lies outside of the executable".to_owned()),
        };
        if let Some(message) = message {
            let is_written = overflow.write(message.as_bytes()).is_ok();
            let len = if is_written { message.len() as u64 } else { 0 };
            task_ring.set_stage(worker, len * STAGE_RADIX + STAGE_FAILED);
            return;
        }
    }
    task_ring.set_stage(worker, STAGE_WORKING);
    let (mut items, mut results) = (Vec::new(), Vec::new());
    for _ in 0..tasks.unwrap_or(u64::MAX) {
        let Some(claim) = task_ring.claim(worker) else { return };
        items.clear();
        results.clear();
        let (call, len, location) = wire::decode_header(task_ring.header(claim.slot));
        match read_items(&task_ring, &overflow, claim.slot, len, location, &mut items) {
            // SAFETY: as above.
            Ok(()) => unsafe { wire::run_task(call, &items, &mut results) },
            // The pool finds one result, and reports the missing ones of other items as errors.
            Err(error) => results = wire::refuse(1, &format!("its arguments could not be read: {error}")),
        }
        let location = if results.len() <= BODY_CAPACITY {
            BodyLocation::Inline
        } else {
            overflow.write(&results).map_or_else(
                |error| {
                    results =
                        wire::refuse(wire::count(&items), &format!("it could not be handed over: {error}"));
                    BodyLocation::Inline
                },
                BodyLocation::Overflow,
            )
        };
        // Refusals that do not fit into the slot are cut off; the pool reports them as missing.
        let header = wire::encode_header(None, results.len(), location);
        let body = if location == BodyLocation::Inline { &*results } else { &[] };
        task_ring.finish(worker, claim, &header, body);
    }
}

fn read_items(
    task_ring: &TaskRing,
    overflow: &OverflowFile,
    slot: usize,
    len: u64,
    location: BodyLocation,
    items: &mut Vec<u8>,
) -> io::Result<()> {
    match location {
        BodyLocation::Inline => {
            task_ring.read(slot, len as usize, items);
            Ok(())
        }
        BodyLocation::Overflow(at) => overflow.read(at, len, items),
    }
}
