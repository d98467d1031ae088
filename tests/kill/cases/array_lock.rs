//! `Array`, several elements in one locked section: each is old or new; in a journaled array, all
//! are.

use std::fmt::Debug;

use breezeway::{Array, Journaled, Shareable};
use bytemuck::AnyBitPattern;

use super::lock_watch::{LockWatch, SURVIVOR_TIMEOUT};
use crate::child::Child;
use crate::kill::{self, Death, KillPoint, Scenario};
use crate::kill_counts::KillCounts;
use crate::observe::LockHolder;
use crate::trace::Trace;

const LEN: usize = 6;

/// What the child does: it makes the array the new one.
type Operation<T> = fn(&Array<T>, &[T; LEN]);

/// A child changes several elements.
struct Change<T: Shareable> {
    name: String,
    array: Array<T>,
    watch: LockWatch,
    old: [T; LEN],
    new: [T; LEN],
    operation: Operation<T>,
    /// Whether the journal was armed when the child was last observed.
    was_armed: bool,
}

impl<T: Shareable + AnyBitPattern + PartialEq + Debug> Change<T> {
    fn plain(name: &str, element: fn(usize) -> T, operation: Operation<T>) -> Self {
        let old = core::array::from_fn(element);
        Self::of(name, Array::create(name, old).unwrap(), old, element, operation)
    }

    fn journaled(name: &str, element: fn(usize) -> T, operation: Operation<T>) -> Self {
        let old = core::array::from_fn(element);
        Self::of(name, Array::create(name, Journaled(old)).unwrap(), old, element, operation)
    }

    /// All elements change but the first and the fourth.
    fn of(
        name: &str,
        array: Array<T>,
        old: [T; LEN],
        element: fn(usize) -> T,
        operation: Operation<T>,
    ) -> Self {
        let watch = LockWatch::of(array.segment());
        let new = core::array::from_fn(|n| if n % 3 == 0 { old[n] } else { element(n + 50) });
        Self { name: name.to_owned(), array, watch, old, new, operation, was_armed: false }
    }

    fn outcome(&self, found: &[T], death: &Death) -> &'static str {
        if found == self.new {
            return "new";
        }
        assert!(!death.completed, "a completed operation has taken effect: {found:?}");
        if found == self.old {
            return "old";
        }
        assert!(!self.array.is_journaled(), "rolled back as a whole, or not at all: {found:?}");
        let each = (0..LEN).all(|n| found[n] == self.old[n] || found[n] == self.new[n]);
        assert!(each, "each element is old or new: {found:?}");
        "some of each"
    }

    fn check(&self, death: &Death, holder_died: bool) -> &'static str {
        let guard = self.array.lock_timeout(SURVIVOR_TIMEOUT).expect("the lock is available");
        assert_eq!(guard.recovered(), holder_died, "whether the holder died");
        let outcome = self.outcome(&guard, death);
        drop(guard);
        if self.array.is_journaled() {
            assert_eq!(self.watch.lock.pending(), 0, "the journal is settled");
        }
        self.array.write(.., &self.new).expect("the lock still works");
        assert_eq!(self.array.to_vec(), self.new);
        let guard = self.array.lock_timeout(SURVIVOR_TIMEOUT).unwrap();
        assert!(!guard.recovered(), "a death is reported once");
        assert_eq!(*guard, self.new);
        outcome
    }
}

impl<T: Shareable + AnyBitPattern + PartialEq + Debug> Scenario for Change<T> {
    type Handle = Array<T>;

    fn reset(&mut self) {
        self.array.write(.., &self.old).unwrap();
    }

    fn open(&self) -> Array<T> {
        Array::open(&self.name).unwrap()
    }

    fn operate(&self, array: &Array<T>) {
        (self.operation)(array, &self.new);
    }

    fn observe(&mut self, child: &Child) {
        self.watch.observe(child);
        self.was_armed = self.watch.lock.pending() != 0;
    }

    fn check_survivors(&mut self, death: &Death) -> &'static str {
        let outcome = self.check(death, self.watch.was_held_by(death));
        if self.array.is_journaled() {
            assert!(!self.was_armed || outcome == "old", "begun and not committed: {outcome}");
        }
        outcome
    }
}

fn in_a_section<T: Shareable>(array: &Array<T>, new: &[T; LEN]) {
    array.lock().unwrap().copy_from_slice(new);
}

/// Writes all but the first element, which does not change.
fn in_a_range<T: Shareable>(array: &Array<T>, new: &[T; LEN]) {
    array.lock_range(1..).unwrap().copy_from_slice(&new[1..]);
}

/// Writes all but the first element, which does not change.
fn at_once<T: Shareable>(array: &Array<T>, new: &[T; LEN]) {
    array.write(1.., &new[1..]).unwrap();
}

fn byte_3(n: usize) -> [u8; 3] {
    [n as u8, 0x80 | n as u8, 0xff]
}

fn number_32(n: usize) -> u32 {
    0x0101_0101 * n as u32
}

fn number_64(n: usize) -> i64 {
    -1_000_000_007 * n as i64
}

fn pair(n: usize) -> [u64; 2] {
    [n as u64, u64::MAX - n as u64]
}

pub(crate) fn lock_4_bytes(name: &str) -> KillCounts {
    kill::at_every_instruction(&mut Change::plain(name, number_32, in_a_section))
}

pub(crate) fn lock_3_bytes(name: &str) -> KillCounts {
    kill::at_every_instruction(&mut Change::plain(name, byte_3, in_a_section))
}

pub(crate) fn lock_16_bytes(name: &str) -> KillCounts {
    kill::at_every_instruction(&mut Change::plain(name, pair, in_a_section))
}

pub(crate) fn write_4_bytes(name: &str) -> KillCounts {
    kill::at_every_instruction(&mut Change::plain(name, number_32, at_once))
}

pub(crate) fn journaled_lock_8_bytes(name: &str) -> KillCounts {
    kill::at_every_instruction(&mut Change::journaled(name, number_64, in_a_section))
}

pub(crate) fn journaled_lock_3_bytes(name: &str) -> KillCounts {
    kill::at_every_instruction(&mut Change::journaled(name, byte_3, in_a_section))
}

pub(crate) fn journaled_lock_range_16_bytes(name: &str) -> KillCounts {
    kill::at_every_instruction(&mut Change::journaled(name, pair, in_a_range))
}

pub(crate) fn journaled_write_8_bytes(name: &str) -> KillCounts {
    kill::at_every_instruction(&mut Change::journaled(name, number_64, at_once))
}

pub(crate) fn journaled_write_16_bytes(name: &str) -> KillCounts {
    kill::at_every_instruction(&mut Change::journaled(name, pair, at_once))
}

/// A child takes over the lock of a journaled array from a dead holder.
struct Recoverer<T: Shareable> {
    first: Change<T>,
    trace: Trace,
    point: usize,
}

impl<T: Shareable + AnyBitPattern + PartialEq + Debug> Scenario for Recoverer<T> {
    type Handle = Array<T>;

    fn reset(&mut self) {
        kill::at_point(&mut self.first, &self.trace, KillPoint::after(self.point));
        assert_eq!(
            self.first.watch.lock.holder(),
            LockHolder::Dead,
            "the first process died holding the lock"
        );
        assert_ne!(self.first.watch.lock.pending(), 0, "the first process died in its commit");
    }

    fn open(&self) -> Array<T> {
        self.first.open()
    }

    fn operate(&self, array: &Array<T>) {
        let guard = array.lock().unwrap();
        assert!(guard.recovered());
        assert_eq!(*guard, self.first.old);
    }

    fn observe(&mut self, child: &Child) {
        self.first.observe(child);
    }

    fn check_survivors(&mut self, death: &Death) -> &'static str {
        let left_behind = self.first.watch.was_left_behind(death);
        // The recoverer changes nothing, so its completion does not make the array new.
        let outcome = self.first.check(&Death { completed: false, ..*death }, left_behind);
        assert_eq!(outcome, "old", "rolled back");
        if left_behind { "rolled back by the survivor" } else { "rolled back by the second" }
    }
}

/// Kills the first process at the first, a middle and the last point at which its journal is armed,
/// then the process that rolls back at every instruction.
fn recoverer<T: Shareable + AnyBitPattern + PartialEq + Debug>(mut first: Change<T>) -> KillCounts {
    let mut armed = Vec::new();
    let trace = kill::trace_operation(&mut first, |first, _, trace| {
        if first.was_armed {
            armed.push(trace.last());
        }
    });
    let mut kills = KillCounts::default();
    let mut second = Recoverer { first, trace, point: 0 };
    for point in [armed[0], armed[armed.len() / 2], armed[armed.len() - 1]] {
        second.point = point;
        kills.merge(&kill::at_every_instruction(&mut second));
    }
    kills
}

pub(crate) fn journaled_lock_after_death_8_bytes(name: &str) -> KillCounts {
    recoverer(Change::journaled(name, number_64, in_a_section))
}

pub(crate) fn journaled_lock_after_death_16_bytes(name: &str) -> KillCounts {
    recoverer(Change::journaled(name, pair, in_a_section))
}
