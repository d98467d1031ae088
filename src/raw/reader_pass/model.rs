//! loom's exploration of [`ReaderPass`]: readers that ask, living and dying, and writers of a value
//! of four slots, as [`Value`](crate::Value) has it.
//!
//! The clock stands still unless a scene moves it. So a writer that waits for nothing is a scene
//! that does not end, which loom reports.
//!
//! Run by `RUSTFLAGS="--cfg loom" cargo test --release --lib`.

#![allow(unsafe_code)]
#![allow(clippy::unwrap_used)] // Tests, in a module that clippy does not take for one.

use core::cell::Cell;
use core::mem::MaybeUninit;
use std::rc::Rc;

use loom::sync::{Arc, Mutex};
use loom::thread::{self, JoinHandle};

use super::{LONGEST, ReaderPass};
use crate::primitive::{AtomicU64, Ordering};
use crate::raw::atomic_copy::{WORD, word_of};
use crate::raw::model;
use crate::raw::seqlock::Versioned;
use crate::sys::clock;

const SLOTS: usize = 4;

/// Words of a value: the fewest that can be a mixture.
const WORDS: usize = 2;

/// When each scene begins.
const BEGIN: u64 = 1;

/// The value, its writers' lock, and the word by which readers ask.
struct Shared {
    version: AtomicU64,
    slots: Vec<AtomicU64>,
    lock: Mutex<()>,
    pass: AtomicU64,
}

impl Shared {
    fn new() -> Arc<Self> {
        clock::set(BEGIN);
        Arc::new(Self {
            version: AtomicU64::new(0),
            slots: (0..SLOTS * WORDS).map(|_| AtomicU64::new(0)).collect(),
            lock: Mutex::new(()),
            pass: AtomicU64::new(0),
        })
    }

    fn pass(&self) -> ReaderPass<'_> {
        ReaderPass(&self.pass)
    }

    fn value(&self) -> Versioned<'_, { SLOTS as u64 }> {
        Versioned::new(&self.version, &self.slots)
    }

    /// Publishes the next number, after a reader that asks.
    fn write(&self) {
        self.pass().wait_for_reader();
        let _held = self.lock.lock().unwrap();
        let next = number(|bytes| self.value().read_locked(bytes)) + 1;
        self.value().publish(bytemuck::bytes_of(&[next; WORDS]));
    }

    /// Reads, and returns the number and whether it had to ask.
    fn read(&self) -> (u64, bool) {
        let mut asked = None;
        let found = loop {
            let mut copy = [MaybeUninit::new(0); WORDS * WORD];
            if self.value().try_read(&mut copy) {
                break number(|bytes| bytes.copy_from_slice(&copy));
            }
            if let Ok(_held) = self.lock.try_lock() {
                break number(|bytes| self.value().read_locked(bytes));
            }
            asked = Some(self.pass().ask());
            thread::yield_now();
        };
        if let Some(until) = asked {
            self.pass().finish(until);
        }
        (found, asked.is_some())
    }

    fn start<R: 'static>(this: &Arc<Self>, act: impl FnOnce(&Self) -> R + 'static) -> JoinHandle<R> {
        let this = Arc::clone(this);
        thread::spawn(move || act(&this))
    }
}

/// The number in the words that `fill` writes.
fn number(fill: impl FnOnce(&mut [MaybeUninit<u8>])) -> u64 {
    let mut bytes = [MaybeUninit::new(0_u8); WORDS * WORD];
    fill(&mut bytes);
    // SAFETY: initialised above, and `fill` puts nothing uninitialised in their place.
    let bytes = bytes.map(|byte| unsafe { byte.assume_init() });
    assert_eq!(bytes[..WORD], bytes[WORD..], "a mixture");
    word_of(&bytes[..WORD])
}

/// A writer that comes after a reader has asked begins nothing until it has finished.
#[test]
fn reader_pass_ask_holds_writer_back_until_finish() {
    model::explore(3, || {
        let shared = Shared::new();
        let until = shared.pass().ask();
        // In the order in which the threads really run, which loom's atomics need not show.
        let is_reading = Rc::new(Cell::new(true));
        let writer = Shared::start(&shared, {
            let is_reading = Rc::clone(&is_reading);
            move |shared| {
                shared.pass().wait_for_reader();
                assert!(!is_reading.get(), "a writer that has not waited");
            }
        });
        thread::yield_now();
        is_reading.set(false);
        shared.pass().finish(until);
        writer.join().unwrap();
    });
}

/// A reader is killed while it asks: a writer waits until the time is over, and no longer; the next
/// one does not wait.
#[test]
fn reader_pass_dead_reader_delays_writer_until_the_time() {
    const END: u64 = BEGIN + LONGEST.as_nanos() as u64;
    model::explore(3, || {
        let shared = Shared::new();
        shared.pass().ask();
        let writer = Shared::start(&shared, |shared| {
            shared.pass().wait_for_reader();
            assert_eq!(clock::monotonic_nanos(), END);
        });
        thread::yield_now();
        clock::set(END);
        writer.join().unwrap();
        shared.pass().wait_for_reader();
        assert_eq!(shared.pass.load(Ordering::Relaxed), 0, "nobody asks any more");
    });
}

/// A reader beside a writer that comes round to the slot which it copies: it gets a whole value, and
/// nobody is left waiting.
#[test]
fn reader_pass_read_beside_writer() {
    let seen = model::explore(2, || {
        let shared = Shared::new();
        let reader = Shared::start(&shared, |shared| shared.read());
        (0..5).for_each(|_| shared.write());
        let (found, has_asked) = reader.join().unwrap();
        assert!(found <= 5);
        assert_eq!(shared.pass.load(Ordering::Relaxed), 0, "nobody asks any more");
        shared.write();
        has_asked
    });
    assert_eq!(seen.len(), 2, "it has to ask, and it has not: {seen:?}");
}

/// Two readers, of which one finishes while the other still asks, and a writer.
#[test]
fn reader_pass_two_readers_beside_writer() {
    model::explore(1, || {
        let shared = Shared::new();
        let readers = [(); 2].map(|()| Shared::start(&shared, |shared| shared.read().0));
        (0..4).for_each(|_| shared.write());
        assert!(readers.map(|reader| reader.join().unwrap()).iter().all(|found| *found <= 4));
        shared.write();
        assert_eq!(shared.read(), (5, false));
    });
}
