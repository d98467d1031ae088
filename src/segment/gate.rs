//! The gate of a segment: attaching, replacing and removing exclude each other.
//!
//! An OFD lock on byte 0 of the segment's file. Whoever holds it and finds the name to be this file knows that it stays
//! so. A process that dies in the gate opens it by dying.

use std::os::fd::BorrowedFd;
use std::path::Path;
use std::time::Duration;

use super::place::Place;
use crate::error::SegmentError;
use crate::primitive::{AtomicU32, Ordering};
use crate::sys::clock::Deadline;
use crate::sys::file::{self, FileId};
use crate::sys::{fork, liveness};

const GATE_BYTE: u32 = 0;

/// How long a segment's gate may stay closed. Behind it are a few system calls, so only a stopped process takes this long.
const PATIENCE: Duration = Duration::from_secs(10);

/// Which process (by fork generation) has one of its threads in the gate, or 0. The file's lock belongs to the whole process
/// (to its description of the file), so threads that share one take turns by this word; a child forked meanwhile finds
/// another generation than its own, and its turn free.
#[derive(Debug, Default)]
pub(super) struct Turn(AtomicU32);

impl Turn {
    fn try_take(&self) -> bool {
        let mine = fork::generation();
        let found = self.0.load(Ordering::Relaxed);
        // ORDER: Acquire pairs with the Release in `give`: the thread before us has opened the gate.
        found != mine && self.0.compare_exchange(found, mine, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    fn give(&self) {
        // ORDER: Release pairs with the Acquire in `try_take`.
        self.0.store(0, Ordering::Release);
    }
}

/// The gate is closed behind us; dropping this opens it.
pub(super) struct Gate<'a> {
    file: BorrowedFd<'a>,
    turn: Option<&'a Turn>,
}

impl<'a> Gate<'a> {
    /// Waits until nobody else is in the gate of a file that only this thread has open like this.
    pub(super) fn enter(file: BorrowedFd<'a>, place: &Place) -> Result<Self, SegmentError> {
        let lock =
            || liveness::try_lock(file, GATE_BYTE).map_err(SegmentError::os("lock the segment's file"));
        wait_until(lock, place)?;
        Ok(Self { file, turn: None })
    }

    /// The same for a file that this process's threads share.
    pub(super) fn enter_in_turn(
        file: BorrowedFd<'a>,
        place: &Place,
        turn: &'a Turn,
    ) -> Result<Self, SegmentError> {
        wait_until(|| Ok(turn.try_take()), place)?;
        let entered = Self::enter(file, place).map(|mut gate| {
            gate.turn = Some(turn);
            gate
        });
        if entered.is_err() {
            turn.give();
        }
        entered
    }

    /// The same without waiting: `None` where somebody is in the gate.
    pub(super) fn try_enter_in_turn(file: BorrowedFd<'a>, turn: &'a Turn) -> Option<Self> {
        if !turn.try_take() {
            return None;
        }
        if !liveness::try_lock(file, GATE_BYTE).unwrap_or(false) {
            turn.give();
            return None;
        }
        Some(Self { file, turn: Some(turn) })
    }

    /// Whether the path names this file; inside the gate it stays so.
    pub(super) fn is_named(&self, id: FileId, path: &Path) -> Result<bool, SegmentError> {
        Ok(file::id_of_path(path).map_err(SegmentError::os("look up the segment's name"))? == Some(id))
    }

    /// Removes the name, if it is this file's.
    pub(super) fn unlink(&self, id: FileId, path: &Path) -> Result<bool, SegmentError> {
        if !self.is_named(id, path)? {
            return Ok(false);
        }
        file::unlink(path).map_err(SegmentError::os("remove the segment's name"))?;
        Ok(true)
    }
}

impl Drop for Gate<'_> {
    fn drop(&mut self) {
        // Fails only for a descriptor that is none, and `file` is borrowed from one that is.
        let _ = liveness::unlock(self.file, GATE_BYTE);
        if let Some(turn) = self.turn {
            turn.give();
        }
    }
}

fn wait_until(done: impl Fn() -> Result<bool, SegmentError>, place: &Place) -> Result<(), SegmentError> {
    let deadline = Deadline::after(PATIENCE);
    let mut pause = Duration::from_micros(20);
    while !done()? {
        if deadline.has_passed() {
            return Err(SegmentError::Busy { name: place.to_string() });
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(5));
    }
    Ok(())
}
