//! `Array`, several elements in one locked section: each is old or new; in a journaled array, all are.

use std::fmt::Debug;

use breezeway::{Array, Journaled, Shareable};
use bytemuck::AnyBitPattern;

use super::locked::{SOON, Watched};
use crate::child::Child;
use crate::drive::{self, Death, Point, Subject};
use crate::tally::Tally;
use crate::trace::Trace;
use crate::window::Holder;

const LEN: usize = 6;

/// What the child does: makes the array the new one.
type Act<T> = fn(&Array<T>, &[T; LEN]);

/// A child changes several elements.
struct Change<T: Shareable> {
    name: String,
    array: Array<T>,
    watched: Watched,
    old: [T; LEN],
    new: [T; LEN],
    act: Act<T>,
    /// Whether the child had begun what must be undone, when it was seen last.
    was_armed: bool,
}

impl<T: Shareable + AnyBitPattern + PartialEq + Debug> Change<T> {
    fn plain(name: &str, element: fn(usize) -> T, act: Act<T>) -> Self {
        let old = core::array::from_fn(element);
        Self::of(name, Array::create(name, old).unwrap(), old, element, act)
    }

    fn journaled(name: &str, element: fn(usize) -> T, act: Act<T>) -> Self {
        let old = core::array::from_fn(element);
        Self::of(name, Array::create(name, Journaled(old)).unwrap(), old, element, act)
    }

    /// All elements but the first and the fourth are to be others.
    fn of(name: &str, array: Array<T>, old: [T; LEN], element: fn(usize) -> T, act: Act<T>) -> Self {
        let watched = Watched::of(array.segment());
        let new = core::array::from_fn(|n| if n % 3 == 0 { old[n] } else { element(n + 50) });
        Self { name: name.to_owned(), array, watched, old, new, act, was_armed: false }
    }

    fn outcome(&self, found: &[T], death: &Death) -> &'static str {
        if found == self.new {
            return "new";
        }
        assert!(!death.completed, "what has returned has happened: {found:?}");
        if found == self.old {
            return "old";
        }
        assert!(!self.array.is_journaled(), "rolled back as a whole, or not at all: {found:?}");
        let each = (0..LEN).all(|n| found[n] == self.old[n] || found[n] == self.new[n]);
        assert!(each, "each element is old or new: {found:?}");
        "some of each"
    }

    fn check(&self, death: &Death, died_in_it: bool) -> &'static str {
        let guard = self.array.lock_timeout(SOON).expect("the lock passes on");
        assert_eq!(guard.recovered(), died_in_it, "whether the holder died");
        let outcome = self.outcome(&guard, death);
        drop(guard);
        if self.array.is_journaled() {
            assert_eq!(self.watched.lock.pending(), 0, "the journal is settled");
        }
        self.array.write(.., &self.new).expect("the lock works on");
        assert_eq!(self.array.to_vec(), self.new);
        let guard = self.array.lock_timeout(SOON).unwrap();
        assert!(!guard.recovered(), "that is told once");
        assert_eq!(*guard, self.new);
        outcome
    }
}

impl<T: Shareable + AnyBitPattern + PartialEq + Debug> Subject for Change<T> {
    type Handle = Array<T>;

    fn reset(&mut self) {
        self.array.write(.., &self.old).unwrap();
    }

    fn open(&self) -> Array<T> {
        Array::open(&self.name).unwrap()
    }

    fn operate(&self, array: &Array<T>) {
        (self.act)(array, &self.new);
    }

    fn observe(&mut self, child: &Child) {
        self.watched.observe(child);
        self.was_armed = self.watched.lock.pending() != 0;
    }

    fn survive(&mut self, death: &Death) -> &'static str {
        let outcome = self.check(death, self.watched.was_held_by(death));
        if self.array.is_journaled() {
            assert!(!self.was_armed || outcome == "old", "begun and not committed: {outcome}");
        }
        outcome
    }
}

fn in_a_section<T: Shareable>(array: &Array<T>, new: &[T; LEN]) {
    array.lock().unwrap().copy_from_slice(new);
}

/// Without the first element, which stays what it is.
fn in_a_range<T: Shareable>(array: &Array<T>, new: &[T; LEN]) {
    array.lock_range(1..).unwrap().copy_from_slice(&new[1..]);
}

/// Without the first element, which stays what it is.
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

pub(crate) fn section_4_bytes(name: &str) -> Tally {
    drive::every(&mut Change::plain(name, number_32, in_a_section))
}

pub(crate) fn section_3_bytes(name: &str) -> Tally {
    drive::every(&mut Change::plain(name, byte_3, in_a_section))
}

pub(crate) fn section_16_bytes(name: &str) -> Tally {
    drive::every(&mut Change::plain(name, pair, in_a_section))
}

pub(crate) fn write_4_bytes(name: &str) -> Tally {
    drive::every(&mut Change::plain(name, number_32, at_once))
}

pub(crate) fn journaled_section_8_bytes(name: &str) -> Tally {
    drive::every(&mut Change::journaled(name, number_64, in_a_section))
}

pub(crate) fn journaled_section_3_bytes(name: &str) -> Tally {
    drive::every(&mut Change::journaled(name, byte_3, in_a_section))
}

pub(crate) fn journaled_section_16_bytes(name: &str) -> Tally {
    drive::every(&mut Change::journaled(name, pair, in_a_range))
}

pub(crate) fn journaled_write_8_bytes(name: &str) -> Tally {
    drive::every(&mut Change::journaled(name, number_64, at_once))
}

pub(crate) fn journaled_write_16_bytes(name: &str) -> Tally {
    drive::every(&mut Change::journaled(name, pair, at_once))
}

/// One that takes the lock of a journaled array from the dead.
struct Recoverer<T: Shareable> {
    first: Change<T>,
    trace: Trace,
    point: usize,
}

impl<T: Shareable + AnyBitPattern + PartialEq + Debug> Subject for Recoverer<T> {
    type Handle = Array<T>;

    fn reset(&mut self) {
        drive::die(&mut self.first, &self.trace, Point::after(self.point));
        assert_eq!(self.first.watched.lock.holder(), Holder::Dead, "the first one died holding the lock");
        assert_ne!(self.first.watched.lock.pending(), 0, "the first one died in its commit");
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

    fn survive(&mut self, death: &Death) -> &'static str {
        let left_behind = self.first.watched.was_left_behind(death);
        // The recoverer changes nothing, so its end is no new array.
        let outcome = self.first.check(&Death { completed: false, ..*death }, left_behind);
        assert_eq!(outcome, "old", "rolled back");
        if left_behind { "rolled back by the survivor" } else { "rolled back by the second" }
    }
}

/// The first one killed at the first, a middle and the last point where its journal counts, then the one that rolls it back
/// killed at every instruction.
fn recoverer<T: Shareable + AnyBitPattern + PartialEq + Debug>(mut first: Change<T>) -> Tally {
    let mut armed = Vec::new();
    let trace = drive::trace(&mut first, |first, _, trace| {
        if first.was_armed {
            armed.push(trace.last());
        }
    });
    let mut tally = Tally::default();
    let mut second = Recoverer { first, trace, point: 0 };
    for point in [armed[0], armed[armed.len() / 2], armed[armed.len() - 1]] {
        second.point = point;
        tally.merge(&drive::every(&mut second));
    }
    tally
}

pub(crate) fn journaled_recoverer_8_bytes(name: &str) -> Tally {
    recoverer(Change::journaled(name, number_64, in_a_section))
}

pub(crate) fn journaled_recoverer_16_bytes(name: &str) -> Tally {
    recoverer(Change::journaled(name, pair, in_a_section))
}
