//! `Array`, one element: it is the old one or the new one, and its neighbours do not change.

use std::fmt::Debug;

use breezeway::{Array, Shareable};
use bytemuck::AnyBitPattern;

use super::lock_watch::{LockWatch, SURVIVOR_TIMEOUT};
use crate::child::Child;
use crate::kill::{self, Death, KillPoint, Scenario};
use crate::kill_counts::KillCounts;
use crate::observe::LockHolder;
use crate::trace::Trace;

const LEN: usize = 5;
const INDEX: usize = 2;

/// What the child does: it replaces the old element by the new one.
type Operation<T> = fn(&Array<T>, T, T);

/// A child changes one element.
struct Change<T: Shareable> {
    name: String,
    array: Array<T>,
    watch: LockWatch,
    old: [T; LEN],
    new: [T; LEN],
    operation: Operation<T>,
}

impl<T: Shareable + AnyBitPattern + PartialEq + Debug> Change<T> {
    const IS_SMALL: bool = size_of::<T>() <= 8;

    fn new(name: &str, old: [T; LEN], element: T, operation: Operation<T>) -> Self {
        let array = Array::create(name, old).unwrap();
        let watch = LockWatch::of(array.segment());
        let mut new = old;
        new[INDEX] = element;
        Self { name: name.to_owned(), array, watch, old, new, operation }
    }

    /// The elements are the old ones or the new ones.
    fn outcome(&self, found: &[T], death: &Death) -> &'static str {
        if found == self.new {
            return "new";
        }
        assert_eq!(found, self.old, "the element is old or new, its neighbours are old");
        assert!(!death.completed, "a completed operation has taken effect");
        "old"
    }

    fn check(&self, death: &Death, holder_died: bool) -> &'static str {
        // Every other time, a reader comes first. It must not consume the report of the death.
        let elements: Option<Vec<T>> =
            (!death.point.is_multiple_of(2)).then(|| (0..LEN).map(|n| self.array.get(n).unwrap()).collect());
        let guard = self.array.lock_timeout(SURVIVOR_TIMEOUT).expect("the lock is available");
        assert_eq!(guard.recovered(), holder_died, "whether the holder died");
        let outcome = self.outcome(&guard, death);
        assert!(elements.is_none_or(|elements| elements == *guard), "what a reader has read");
        drop(guard);
        self.array.set(INDEX, self.new[INDEX]).expect("the lock still works");
        assert_eq!(self.array.to_vec(), self.new);
        self.array.update(INDEX, |element| *element = self.old[INDEX]).unwrap();
        assert_eq!(self.array.to_vec(), self.old);
        assert!(!self.array.lock_timeout(SURVIVOR_TIMEOUT).unwrap().recovered(), "a death is reported once");
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
        (self.operation)(array, self.old[INDEX], self.new[INDEX]);
    }

    /// A small element is read without the lock, whichever process is stopped while it holds the
    /// lock.
    fn observe(&mut self, child: &Child) {
        self.watch.observe(child);
        if Self::IS_SMALL {
            let found: Vec<T> = (0..LEN).map(|n| self.array.get(n).unwrap()).collect();
            assert!(found == self.old || found == self.new, "the element is old or new: {found:?}");
        }
    }

    fn check_survivors(&mut self, death: &Death) -> &'static str {
        self.check(death, self.watch.was_held_by(death))
    }
}

pub(crate) fn set_4_bytes(name: &str) -> KillCounts {
    let operation: Operation<u32> = |array, _, new| array.set(INDEX, new).unwrap();
    kill::at_every_instruction(&mut Change::new(name, [1, 2, 3, 4, 5], u32::MAX, operation))
}

pub(crate) fn update_4_bytes(name: &str) -> KillCounts {
    let operation: Operation<u32> = |array, _, _| array.update(INDEX, |x| *x += 10).unwrap();
    kill::at_every_instruction(&mut Change::new(name, [1, 2, 3, 4, 5], 13, operation))
}

pub(crate) fn set_3_bytes(name: &str) -> KillCounts {
    let operation: Operation<[u8; 3]> = |array, _, new| array.set(INDEX, new).unwrap();
    kill::at_every_instruction(&mut Change::new(
        name,
        core::array::from_fn(|n| [n as u8; 3]),
        [0xff, 0xfe, 0xfd],
        operation,
    ))
}

pub(crate) fn update_3_bytes(name: &str) -> KillCounts {
    let operation: Operation<[u8; 3]> = |array, _, new| array.update(INDEX, |x| *x = new).unwrap();
    kill::at_every_instruction(&mut Change::new(
        name,
        core::array::from_fn(|n| [n as u8; 3]),
        [0xff, 0xfe, 0xfd],
        operation,
    ))
}

/// Elements in which every word identifies its place.
fn large(n: usize) -> [u64; 3] {
    core::array::from_fn(|word| (100 * n + word) as u64)
}

pub(crate) fn set_24_bytes(name: &str) -> KillCounts {
    let operation: Operation<[u64; 3]> = |array, _, new| array.set(INDEX, new).unwrap();
    kill::at_every_instruction(&mut Change::new(name, core::array::from_fn(large), large(7), operation))
}

pub(crate) fn update_24_bytes(name: &str) -> KillCounts {
    let operation: Operation<[u64; 3]> = |array, _, new| array.update(INDEX, |x| *x = new).unwrap();
    kill::at_every_instruction(&mut Change::new(name, core::array::from_fn(large), large(7), operation))
}

/// An element larger than a word whose size is no multiple of it.
pub(crate) fn set_13_bytes(name: &str) -> KillCounts {
    let operation: Operation<[u8; 13]> = |array, _, new| array.set(INDEX, new).unwrap();
    kill::at_every_instruction(&mut Change::new(
        name,
        core::array::from_fn(|n| [n as u8; 13]),
        [0xff; 13],
        operation,
    ))
}

/// A child reads a large element whose writer died while it overwrote it.
struct Reader {
    first: Change<[u64; 3]>,
    trace: Trace,
    point: usize,
}

impl Scenario for Reader {
    type Handle = Array<[u64; 3]>;

    fn reset(&mut self) {
        kill::at_point(&mut self.first, &self.trace, KillPoint::after(self.point));
        assert_eq!(
            self.first.watch.lock.holder(),
            LockHolder::Dead,
            "the first process died holding the lock"
        );
        assert_ne!(self.first.watch.lock.pending(), 0, "the first process died in the element");
    }

    fn open(&self) -> Array<[u64; 3]> {
        self.first.open()
    }

    fn operate(&self, array: &Array<[u64; 3]>) {
        assert_eq!(array.get(INDEX), Some(self.first.old[INDEX]), "rolled back");
    }

    fn observe(&mut self, child: &Child) {
        self.first.observe(child);
    }

    /// The read reports the first death to no caller, so the next locker is told in any case.
    fn check_survivors(&mut self, death: &Death) -> &'static str {
        let outcome = self.first.check(&Death { completed: false, ..*death }, true);
        assert_eq!(outcome, "old");
        if self.first.watch.was_left_behind(death) {
            "rolled back by the survivor"
        } else {
            "rolled back by the reader"
        }
    }
}

/// Kills a writer at the first, a middle and the last point at which an element is half written,
/// then the reader at every instruction.
pub(crate) fn get_after_death(name: &str) -> KillCounts {
    let operation: Operation<[u64; 3]> = |array, _, new| array.set(INDEX, new).unwrap();
    let mut first = Change::new(name, core::array::from_fn(large), large(7), operation);
    let mut armed = Vec::new();
    let trace = kill::trace_operation(&mut first, |first, _, trace| {
        if first.watch.lock.pending() != 0 {
            armed.push(trace.last());
        }
    });
    let mut kills = KillCounts::default();
    let mut second = Reader { first, trace, point: 0 };
    for point in [armed[0], armed[armed.len() / 2], armed[armed.len() - 1]] {
        second.point = point;
        kills.merge(&kill::at_every_instruction(&mut second));
    }
    kills
}
