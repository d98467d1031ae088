//! `Array`, one element: the old one or the new one, and its neighbours untouched.

use std::fmt::Debug;

use breezeway::{Array, Shareable};
use bytemuck::AnyBitPattern;

use super::locked::{SOON, Watched};
use crate::child::Child;
use crate::drive::{self, Death, Point, Subject};
use crate::tally::Tally;
use crate::trace::Trace;
use crate::window::Holder;

const LEN: usize = 5;
const INDEX: usize = 2;

/// What the child does: from the old element to the new one.
type Act<T> = fn(&Array<T>, T, T);

/// A child changes one element.
struct Change<T: Shareable> {
    name: String,
    array: Array<T>,
    watched: Watched,
    old: [T; LEN],
    new: [T; LEN],
    act: Act<T>,
}

impl<T: Shareable + AnyBitPattern + PartialEq + Debug> Change<T> {
    const IS_SMALL: bool = size_of::<T>() <= 8;

    fn new(name: &str, old: [T; LEN], element: T, act: Act<T>) -> Self {
        let array = Array::create(name, old).unwrap();
        let watched = Watched::of(array.segment());
        let mut new = old;
        new[INDEX] = element;
        Self { name: name.to_owned(), array, watched, old, new, act }
    }

    /// What there is must be what one was, or is to be.
    fn outcome(&self, found: &[T], death: &Death) -> &'static str {
        if found == self.new {
            return "new";
        }
        assert_eq!(found, self.old, "the element is old or new, its neighbours are old");
        assert!(!death.completed, "what has returned has happened");
        "old"
    }

    fn check(&self, death: &Death, died_in_it: bool) -> &'static str {
        // Every other time, a reader comes first. It may not swallow the news.
        let elements: Option<Vec<T>> =
            (!death.point.is_multiple_of(2)).then(|| (0..LEN).map(|n| self.array.get(n).unwrap()).collect());
        let guard = self.array.lock_timeout(SOON).expect("the lock passes on");
        assert_eq!(guard.recovered(), died_in_it, "whether the holder died");
        let outcome = self.outcome(&guard, death);
        assert!(elements.is_none_or(|elements| elements == *guard), "what a reader saw");
        drop(guard);
        self.array.set(INDEX, self.new[INDEX]).expect("the lock works on");
        assert_eq!(self.array.to_vec(), self.new);
        self.array.update(INDEX, |element| *element = self.old[INDEX]).unwrap();
        assert_eq!(self.array.to_vec(), self.old);
        assert!(!self.array.lock_timeout(SOON).unwrap().recovered(), "that is told once");
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
        (self.act)(array, self.old[INDEX], self.new[INDEX]);
    }

    /// A small element is read without the lock, whoever is stopped holding it.
    fn observe(&mut self, child: &Child) {
        self.watched.observe(child);
        if Self::IS_SMALL {
            let found: Vec<T> = (0..LEN).map(|n| self.array.get(n).unwrap()).collect();
            assert!(found == self.old || found == self.new, "the element is old or new: {found:?}");
        }
    }

    fn survive(&mut self, death: &Death) -> &'static str {
        self.check(death, self.watched.was_held_by(death))
    }
}

pub(crate) fn set_4_bytes(name: &str) -> Tally {
    let act: Act<u32> = |array, _, new| array.set(INDEX, new).unwrap();
    drive::every(&mut Change::new(name, [1, 2, 3, 4, 5], u32::MAX, act))
}

pub(crate) fn update_4_bytes(name: &str) -> Tally {
    let act: Act<u32> = |array, _, _| array.update(INDEX, |x| *x += 10).unwrap();
    drive::every(&mut Change::new(name, [1, 2, 3, 4, 5], 13, act))
}

pub(crate) fn set_3_bytes(name: &str) -> Tally {
    let act: Act<[u8; 3]> = |array, _, new| array.set(INDEX, new).unwrap();
    drive::every(&mut Change::new(name, core::array::from_fn(|n| [n as u8; 3]), [0xff, 0xfe, 0xfd], act))
}

pub(crate) fn update_3_bytes(name: &str) -> Tally {
    let act: Act<[u8; 3]> = |array, _, new| array.update(INDEX, |x| *x = new).unwrap();
    drive::every(&mut Change::new(name, core::array::from_fn(|n| [n as u8; 3]), [0xff, 0xfe, 0xfd], act))
}

/// Elements in which every word tells where it belongs.
fn large(n: usize) -> [u64; 3] {
    core::array::from_fn(|word| (100 * n + word) as u64)
}

pub(crate) fn set_24_bytes(name: &str) -> Tally {
    let act: Act<[u64; 3]> = |array, _, new| array.set(INDEX, new).unwrap();
    drive::every(&mut Change::new(name, core::array::from_fn(large), large(7), act))
}

pub(crate) fn update_24_bytes(name: &str) -> Tally {
    let act: Act<[u64; 3]> = |array, _, new| array.update(INDEX, |x| *x = new).unwrap();
    drive::every(&mut Change::new(name, core::array::from_fn(large), large(7), act))
}

/// An element larger than a word and no whole number of them.
pub(crate) fn set_13_bytes(name: &str) -> Tally {
    let act: Act<[u8; 13]> = |array, _, new| array.set(INDEX, new).unwrap();
    drive::every(&mut Change::new(name, core::array::from_fn(|n| [n as u8; 13]), [0xff; 13], act))
}

/// A reader of a large element, whose writer died while it overwrote it.
struct Reader {
    first: Change<[u64; 3]>,
    trace: Trace,
    point: usize,
}

impl Subject for Reader {
    type Handle = Array<[u64; 3]>;

    fn reset(&mut self) {
        drive::die(&mut self.first, &self.trace, Point::after(self.point));
        assert_eq!(self.first.watched.lock.holder(), Holder::Dead, "the first one died holding the lock");
        assert_ne!(self.first.watched.lock.pending(), 0, "the first one died in the element");
    }

    fn open(&self) -> Array<[u64; 3]> {
        self.first.open()
    }

    fn operate(&self, array: &Array<[u64; 3]>) {
        assert_eq!(array.get(INDEX), Some(self.first.old[INDEX]), "undone");
    }

    fn observe(&mut self, child: &Child) {
        self.first.observe(child);
    }

    /// The reader has told nobody of the first death, so the next locker is told in any case.
    fn survive(&mut self, death: &Death) -> &'static str {
        let outcome = self.first.check(&Death { completed: false, ..*death }, true);
        assert_eq!(outcome, "old");
        if self.first.watched.was_left_behind(death) {
            "undone by the survivor"
        } else {
            "undone by the reader"
        }
    }
}

/// A writer killed at the first, a middle and the last point where an element is half written, then one that reads it killed
/// at every instruction.
pub(crate) fn get_after_death(name: &str) -> Tally {
    let act: Act<[u64; 3]> = |array, _, new| array.set(INDEX, new).unwrap();
    let mut first = Change::new(name, core::array::from_fn(large), large(7), act);
    let mut armed = Vec::new();
    let trace = drive::trace(&mut first, |first, _, trace| {
        if first.watched.lock.pending() != 0 {
            armed.push(trace.last());
        }
    });
    let mut tally = Tally::default();
    let mut second = Reader { first, trace, point: 0 };
    for point in [armed[0], armed[armed.len() / 2], armed[armed.len() - 1]] {
        second.point = point;
        tally.merge(&drive::every(&mut second));
    }
    tally
}
