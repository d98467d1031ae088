//! `Value`: the old value or the new one, never a mixture; readers never wait.

use std::fmt::Debug;

use breezeway::{Shareable, Value};
use bytemuck::AnyBitPattern;

use super::locked::{SOON, Watched};
use crate::kill::child::Child;
use crate::kill::drive::{self, Death, Point, Subject};
use crate::kill::tally::Tally;
use crate::kill::trace::Trace;
use crate::kill::window::Holder;

/// What the child does: from the old value to the new one.
type Act<T> = fn(&Value<T>, T, T);

/// A child changes a value.
struct Change<T: Shareable> {
    name: String,
    value: Value<T>,
    watched: Watched,
    old: T,
    new: T,
    act: Act<T>,
    /// What a reader has seen last.
    seen: T,
}

impl<T: Shareable + AnyBitPattern + PartialEq + Debug> Change<T> {
    fn new(name: &str, old: T, new: T, act: Act<T>) -> Self {
        let value = Value::create(name, old).unwrap();
        let watched = Watched::of(value.segment());
        Self { name: name.to_owned(), value, watched, old, new, act, seen: old }
    }

    fn check_value(&self, death: &Death) -> &'static str {
        let found = self.value.get();
        assert_eq!(found, self.seen, "a death changes nothing");
        assert!(!death.completed || found == self.new, "what has returned has happened: {found:?}");
        if found == self.new { "new" } else { "old" }
    }

    fn check_lock(&self, died_in_it: bool) {
        let mut guard = self.value.lock_timeout(SOON).expect("the lock passes on");
        assert_eq!(guard.recovered(), died_in_it, "whether the holder died");
        assert_eq!(*guard, self.seen, "the value under the lock");
        *guard = self.new;
        drop(guard);
        assert_eq!(self.value.get(), self.new);
        self.value.update(|value| *value = self.old).expect("the lock works on");
        assert_eq!(self.value.get(), self.old);
        assert!(!self.value.lock_timeout(SOON).unwrap().recovered(), "that is told once");
    }
}

impl<T: Shareable + AnyBitPattern + PartialEq + Debug> Subject for Change<T> {
    type Handle = Value<T>;

    fn reset(&mut self) {
        self.value.set(self.old).unwrap();
        self.seen = self.old;
    }

    fn open(&self) -> Value<T> {
        Value::open(&self.name).unwrap()
    }

    fn operate(&self, value: &Value<T>) {
        (self.act)(value, self.old, self.new);
    }

    /// A reader does not wait for a writer that is stopped, and never sees it half done.
    fn observe(&mut self, child: &Child) {
        self.watched.observe(child);
        let found = self.value.get();
        assert!(found == self.seen || found == self.new, "neither old nor new: {found:?}");
        self.seen = found;
    }

    fn survive(&mut self, death: &Death) -> &'static str {
        let outcome = self.check_value(death);
        self.check_lock(self.watched.was_held_by(death));
        outcome
    }
}

/// Values in which every word tells where it belongs.
fn words<const N: usize>(first: u64) -> [u64; N] {
    core::array::from_fn(|n| first + n as u64)
}

pub(crate) fn set_8_bytes(name: &str) -> Tally {
    drive::every(&mut Change::new(name, 1_u64, u64::MAX - 1, |value, _, new| value.set(new).unwrap()))
}

pub(crate) fn update_8_bytes(name: &str) -> Tally {
    drive::every(&mut Change::new(name, 1_u64, 11, |value, _, _| value.update(|x| *x += 10).unwrap()))
}

pub(crate) fn lock_8_bytes(name: &str) -> Tally {
    drive::every(&mut Change::new(name, 1_u64, 11, |value, _, new| *value.lock().unwrap() = new))
}

pub(crate) fn replace_8_bytes(name: &str) -> Tally {
    drive::every(&mut Change::new(name, 1_u64, 11, |value, old, new| {
        assert_eq!(value.replace(new).unwrap(), old)
    }))
}

pub(crate) fn compare_exchange_8_bytes(name: &str) -> Tally {
    drive::every(&mut Change::new(name, 1_u64, 11, |value, old, new| {
        assert_eq!(value.compare_exchange(old, new).unwrap(), Ok(old));
    }))
}

pub(crate) fn set_3_bytes(name: &str) -> Tally {
    drive::every(&mut Change::new(name, [1_u8, 2, 3], [0xff, 0xfe, 0xfd], |value, _, new| {
        value.set(new).unwrap()
    }))
}

pub(crate) fn set_32_bytes(name: &str) -> Tally {
    let act: Act<[u64; 4]> = |value, _, new| value.set(new).unwrap();
    drive::every(&mut Change::new(name, words(1), words(u64::MAX / 2), act))
}

pub(crate) fn lock_32_bytes(name: &str) -> Tally {
    let act: Act<[u64; 4]> = |value, _, new| *value.lock().unwrap() = new;
    drive::every(&mut Change::new(name, words(1), words(u64::MAX / 2), act))
}

pub(crate) fn set_128_bytes(name: &str) -> Tally {
    let act: Act<[u64; 16]> = |value, _, new| value.set(new).unwrap();
    drive::every(&mut Change::new(name, words(1), words(u64::MAX / 2), act))
}

pub(crate) fn update_128_bytes(name: &str) -> Tally {
    let act: Act<[u64; 16]> =
        |value, _, _| value.update(|words| words.iter_mut().for_each(|x| *x += 100)).unwrap();
    drive::every(&mut Change::new(name, words(1), words(101), act))
}

/// A value set by one who has no guard to be told by that the last one died.
struct Quiet {
    first: Change<u64>,
    trace: Trace,
    point: usize,
}

impl Subject for Quiet {
    type Handle = Value<u64>;

    fn reset(&mut self) {
        drive::die(&mut self.first, &self.trace, Point::after(self.point));
        assert_eq!(self.first.watched.lock.holder(), Holder::Dead, "the first one died holding the lock");
    }

    fn open(&self) -> Value<u64> {
        self.first.open()
    }

    fn operate(&self, value: &Value<u64>) {
        value.set(self.first.new).unwrap();
    }

    fn observe(&mut self, child: &Child) {
        self.first.observe(child);
    }

    fn survive(&mut self, death: &Death) -> &'static str {
        let outcome = self.first.check_value(death);
        self.first.check_lock(true);
        outcome
    }
}

/// A holder killed, then one that sets the value killed at every instruction: the next locker is told in any case.
pub(crate) fn set_after_death(name: &str) -> Tally {
    let mut first = Change::new(name, 1_u64, 11, |value, _, new| *value.lock().unwrap() = new);
    let mut held = Vec::new();
    let trace = drive::trace(&mut first, |first, child, trace| {
        if first.watched.lock.holder() == Holder::Thread(child.pid()) {
            held.push(trace.last());
        }
    });
    let point = held[held.len() / 2];
    drive::every(&mut Quiet { first, trace, point })
}
