//! The workers' function: takes tasks from the task ring until none come any more.

#![allow(unsafe_code)]

use std::io;

use serde::{Deserialize, Serialize};

use super::overflow::OverflowFile;
use super::task_ring::{BODY_CAPACITY, TaskRing};
use super::wire::{self, BodyLocation};
use crate::cell::Array;
use crate::process::call::{CallOutcome, FunctionCall};

/// What a worker is told.
#[derive(Serialize, Deserialize)]
pub(super) struct WorkerConfig {
    pub(super) task_ring: Array<u64>,
    pub(super) slots: usize,
    pub(super) workers: usize,
    /// As whom it works: its place in the pool.
    pub(super) worker: u32,
    /// The pool's process, and its descriptor of the overflow file.
    pub(super) pool: u32,
    pub(super) overflow: i32,
    /// Which of all workers that there ever were.
    pub(super) number: u64,
    pub(super) initializer: Option<(FunctionCall, Vec<u8>)>,
    /// So many, and it ends.
    pub(super) tasks: Option<u64>,
}

/// How far a worker is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WorkerStage {
    /// It has not come to its first task.
    Starting,
    Working,
    /// It could not begin. Why lies at the start of its part of the overflow file: so many bytes.
    Failed {
        len: u64,
    },
}

const STAGE_WORKING: u64 = 1;
const STAGE_FAILED: u64 = 2;
const STAGE_RADIX: u64 = 4;

impl WorkerStage {
    /// What a worker has said on the task ring.
    pub(super) fn of(word: u64) -> Self {
        match word % STAGE_RADIX {
            STAGE_WORKING => Self::Working,
            STAGE_FAILED => Self::Failed { len: word / STAGE_RADIX },
            _ => Self::Starting,
        }
    }
}

/// A worker's life.
pub(super) fn run_worker(config: WorkerConfig) {
    let WorkerConfig { task_ring, slots, workers, worker, pool, overflow, number, initializer, tasks } =
        config;
    let Some(task_ring) = TaskRing::attach(task_ring, slots, workers) else { return };
    let Ok(mut overflow) = OverflowFile::open(pool, overflow, number) else { return };
    if let Some((call, args)) = initializer {
        // SAFETY: the pool has made the call, and runs the same build, as every child has checked by now.
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
            // The pool sees a result too few for each item, and that it was not its turn to read.
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
        // Of refusals that are too many, those count that fit.
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
