//! `Value`: it is the old one or the new one, never torn, and readers never wait.

use std::fmt::Debug;

use breezeway::{Shareable, Value};
use bytemuck::AnyBitPattern;

use super::lock_watch::{LockWatch, SURVIVOR_TIMEOUT};
use crate::child::Child;
use crate::kill::{self, Death, Scenario};
use crate::kill_counts::KillCounts;

/// What the child does: it replaces the old value by the new one.
type Operation<T> = fn(&Value<T>, T, T);

/// A child changes a value.
pub(super) struct Change<T: Shareable> {
    name: String,
    value: Value<T>,
    pub(super) watch: LockWatch,
    old: T,
    new: T,
    operation: Operation<T>,
    /// What a reader has read last.
    seen: T,
}

impl<T: Shareable + AnyBitPattern + PartialEq + Debug> Change<T> {
    pub(super) fn new(name: &str, old: T, new: T, operation: Operation<T>) -> Self {
        let value = Value::create(name, old).unwrap();
        let watch = LockWatch::of(value.segment());
        Self { name: name.to_owned(), value, watch, old, new, operation, seen: old }
    }

    pub(super) fn check_value(&self, death: &Death) -> &'static str {
        let found = self.value.get();
        assert_eq!(found, self.seen, "a death changes nothing");
        assert!(!death.completed || found == self.new, "a completed operation has taken effect: {found:?}");
        if found == self.new { "new" } else { "old" }
    }

    pub(super) fn check_lock(&self, holder_died: bool) {
        let mut guard = self.value.lock_timeout(SURVIVOR_TIMEOUT).expect("the lock is available");
        assert_eq!(guard.recovered(), holder_died, "whether the holder died");
        assert_eq!(*guard, self.seen, "the value under the lock");
        *guard = self.new;
        drop(guard);
        assert_eq!(self.value.get(), self.new);
        self.value.update(|value| *value = self.old).expect("the lock still works");
        assert_eq!(self.value.get(), self.old);
        assert!(!self.value.lock_timeout(SURVIVOR_TIMEOUT).unwrap().recovered(), "a death is reported once");
    }
}

impl<T: Shareable + AnyBitPattern + PartialEq + Debug> Scenario for Change<T> {
    type Handle = Value<T>;

    fn reset(&mut self) {
        self.value.set(self.old).unwrap();
        self.seen = self.old;
    }

    fn open(&self) -> Value<T> {
        Value::open(&self.name).unwrap()
    }

    fn operate(&self, value: &Value<T>) {
        (self.operation)(value, self.old, self.new);
    }

    /// A reader does not wait for a stopped writer, and never reads a torn value.
    fn observe(&mut self, child: &Child) {
        self.watch.observe(child);
        let found = self.value.get();
        assert!(found == self.seen || found == self.new, "torn: {found:?}");
        self.seen = found;
    }

    fn check_survivors(&mut self, death: &Death) -> &'static str {
        let outcome = self.check_value(death);
        self.check_lock(self.watch.was_held_by(death));
        outcome
    }
}

/// Values in which every word identifies its place.
fn words<const N: usize>(first: u64) -> [u64; N] {
    core::array::from_fn(|n| first + n as u64)
}

pub(crate) fn set_8_bytes(name: &str) -> KillCounts {
    kill::at_every_instruction(&mut Change::new(name, 1_u64, u64::MAX - 1, |value, _, new| {
        value.set(new).unwrap()
    }))
}

pub(crate) fn update_8_bytes(name: &str) -> KillCounts {
    kill::at_every_instruction(&mut Change::new(name, 1_u64, 11, |value, _, _| {
        value.update(|x| *x += 10).unwrap()
    }))
}

pub(crate) fn lock_8_bytes(name: &str) -> KillCounts {
    kill::at_every_instruction(&mut Change::new(name, 1_u64, 11, |value, _, new| {
        *value.lock().unwrap() = new
    }))
}

pub(crate) fn replace_8_bytes(name: &str) -> KillCounts {
    kill::at_every_instruction(&mut Change::new(name, 1_u64, 11, |value, old, new| {
        assert_eq!(value.replace(new).unwrap(), old)
    }))
}

pub(crate) fn compare_exchange_8_bytes(name: &str) -> KillCounts {
    kill::at_every_instruction(&mut Change::new(name, 1_u64, 11, |value, old, new| {
        assert_eq!(value.compare_exchange(old, new).unwrap(), Ok(old));
    }))
}

pub(crate) fn set_3_bytes(name: &str) -> KillCounts {
    kill::at_every_instruction(&mut Change::new(name, [1_u8, 2, 3], [0xff, 0xfe, 0xfd], |value, _, new| {
        value.set(new).unwrap()
    }))
}

pub(crate) fn set_32_bytes(name: &str) -> KillCounts {
    let operation: Operation<[u64; 4]> = |value, _, new| value.set(new).unwrap();
    kill::at_every_instruction(&mut Change::new(name, words(1), words(u64::MAX / 2), operation))
}

pub(crate) fn lock_32_bytes(name: &str) -> KillCounts {
    let operation: Operation<[u64; 4]> = |value, _, new| *value.lock().unwrap() = new;
    kill::at_every_instruction(&mut Change::new(name, words(1), words(u64::MAX / 2), operation))
}

pub(crate) fn set_128_bytes(name: &str) -> KillCounts {
    let operation: Operation<[u64; 16]> = |value, _, new| value.set(new).unwrap();
    kill::at_every_instruction(&mut Change::new(name, words(1), words(u64::MAX / 2), operation))
}

pub(crate) fn update_128_bytes(name: &str) -> KillCounts {
    let operation: Operation<[u64; 16]> =
        |value, _, _| value.update(|words| words.iter_mut().for_each(|x| *x += 100)).unwrap();
    kill::at_every_instruction(&mut Change::new(name, words(1), words(101), operation))
}
