//! The workers' function: takes tasks from the board until none come any more.

#![allow(unsafe_code)]

use std::io;

use serde::{Deserialize, Serialize};

use super::board::{BODY, Board};
use super::overflow::Overflow;
use super::wire::{self, Place};
use crate::cell::Array;
use crate::process::call::{Answer, Call};

/// What a worker is told.
#[derive(Serialize, Deserialize)]
pub(super) struct Orders {
    pub(super) board: Array<u64>,
    pub(super) slots: usize,
    pub(super) workers: usize,
    /// As whom it works: its place in the pool.
    pub(super) worker: u32,
    /// The pool's process, and its descriptor of the overflow file.
    pub(super) pool: u32,
    pub(super) overflow: i32,
    /// Which of all workers that there ever were.
    pub(super) number: u64,
    pub(super) initializer: Option<(Call, Vec<u8>)>,
    /// So many, and it ends.
    pub(super) tasks: Option<u64>,
}

/// How far a worker is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// It has not come to its first task.
    Beginning,
    Working,
    /// It could not begin. Why lies at the start of its part of the overflow file: so many bytes.
    Failed {
        len: u64,
    },
}

const WORKING: u64 = 1;
const FAILED: u64 = 2;
const SHORTEST: u64 = 4;

impl Stage {
    /// What a worker has said on the board.
    pub(super) fn of(word: u64) -> Self {
        match word % SHORTEST {
            WORKING => Self::Working,
            FAILED => Self::Failed { len: word / SHORTEST },
            _ => Self::Beginning,
        }
    }
}

/// A worker's life.
pub(super) fn work(orders: Orders) {
    let Orders { board, slots, workers, worker, pool, overflow, number, initializer, tasks } = orders;
    let Some(board) = Board::attach(board, slots, workers) else { return };
    let Ok(mut overflow) = Overflow::open(pool, overflow, number) else { return };
    if let Some((call, args)) = initializer {
        // SAFETY: the pool has made the call, and runs the same build, as every child has checked by now.
        let message = match unsafe { call.run(&args, &mut || {}) } {
            Some(Answer::Returned(_)) => None,
            Some(Answer::Panicked(message)) => Some(format!("the initializer panicked: {message}")),
            Some(Answer::Undecodable(message)) => {
                Some(format!("a worker could not decode the initializer's arguments: {message}"))
            }
            Some(Answer::Unencodable(message)) => Some(message),
            None => Some("the initializer lies outside of the executable".to_owned()),
        };
        if let Some(message) = message {
            let is_written = overflow.write(message.as_bytes()).is_ok();
            let len = if is_written { message.len() as u64 } else { 0 };
            board.set_stage(worker, len * SHORTEST + FAILED);
            return;
        }
    }
    board.set_stage(worker, WORKING);
    let (mut items, mut results) = (Vec::new(), Vec::new());
    for _ in 0..tasks.unwrap_or(u64::MAX) {
        let Some(claim) = board.claim(worker) else { return };
        items.clear();
        results.clear();
        let (call, len, place) = wire::read_note(board.note(claim.slot));
        match take(&board, &overflow, claim.slot, len, place, &mut items) {
            // SAFETY: as above.
            Ok(()) => unsafe { wire::work(call, &items, &mut results) },
            // The pool sees a result too few for each item, and that it was not its turn to read.
            Err(error) => results = wire::refuse(1, &format!("its arguments could not be read: {error}")),
        }
        let place = if results.len() <= BODY {
            Place::Here
        } else {
            overflow.write(&results).map_or_else(
                |error| {
                    results =
                        wire::refuse(wire::count(&items), &format!("it could not be handed over: {error}"));
                    Place::Here
                },
                Place::Overflow,
            )
        };
        // Of refusals that are too many, those count that fit.
        let note = wire::note(None, results.len(), place);
        let body = if place == Place::Here { &*results } else { &[] };
        board.finish(worker, claim, &note, body);
    }
}

fn take(
    board: &Board,
    overflow: &Overflow,
    slot: usize,
    len: u64,
    place: Place,
    items: &mut Vec<u8>,
) -> io::Result<()> {
    match place {
        Place::Here => {
            board.read(slot, len as usize, items);
            Ok(())
        }
        Place::Overflow(at) => overflow.read(at, len, items),
    }
}
