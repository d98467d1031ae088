//! loom's exploration of [`Versioned`]: a reader and writers, living and dying, in the orders that
//! the memory model allows.
//!
//! A value here is two words that both hold the number of its publication, so a mixture shows.
//!
//! Run by `RUSTFLAGS="--cfg loom" cargo test --release --lib`.
//!
//! loom remembers only the last access of a location. A reader's load of a word is forgotten once
//! the writer itself loads the word, as `publish` does, and the orders that follow from the
//! reader's load are never played. So in each scene the writers come first (they are the scene's
//! own thread, or spawned before the reader), from where loom moves the reader forward. And each
//! scene asserts that the results which it is about did occur.

#![allow(unsafe_code)]
#![allow(clippy::unwrap_used)] // Tests, in a module that clippy does not take for one.

use core::mem::MaybeUninit;
use std::collections::BTreeSet;

use loom::model::Builder;
use loom::sync::{Arc, Mutex};
use loom::thread::{self, JoinHandle};

use super::Versioned;
use crate::primitive::{AtomicU64, Ordering, fence};
use crate::raw::atomic_copy::{WORD, word_of};

/// Words of a value: the fewest that can be a mixture.
const WORDS: usize = 2;

/// The value, its writers' lock, and a word that writers write before they publish.
struct Shared<const K: u64> {
    version: AtomicU64,
    slots: Vec<AtomicU64>,
    lock: Mutex<()>,
    message: AtomicU64,
}

/// The results of a reader's two attempts.
type Read = [Option<u64>; 2];

impl<const K: u64> Shared<K> {
    /// The state with publication 0.
    fn new() -> Arc<Self> {
        Arc::new(Self {
            version: AtomicU64::new(0),
            slots: (0..K as usize * WORDS).map(|_| AtomicU64::new(0)).collect(),
            lock: Mutex::new(()),
            message: AtomicU64::new(0),
        })
    }

    fn value(&self) -> Versioned<'_, K> {
        Versioned::new(&self.version, &self.slots)
    }

    /// Takes the lock and publishes the next number, after a message of that number.
    fn publish_next(&self) {
        let _held = self.lock.lock().unwrap();
        let next = publication(words(|bytes| self.value().read_locked(bytes))) + 1;
        self.message.store(next, Ordering::Relaxed);
        self.value().publish(bytemuck::bytes_of(&[next; WORDS]));
    }

    /// Takes the lock, begins a publication, and dies once its first word is written. The lock is
    /// free then.
    fn die_publishing(&self) {
        let _held = self.lock.lock().unwrap();
        // As `publish` begins.
        let next = self.version.load(Ordering::Relaxed) + 1;
        fence(Ordering::Release);
        self.slots[(next % K) as usize * WORDS].store(u64::MAX, Ordering::Relaxed);
    }

    /// One attempt to read. Asserts that an accepted value is a publication, and that its message
    /// is there.
    fn read(&self) -> Option<u64> {
        let mut accepted = false;
        let words = words(|bytes| accepted = self.value().try_read(bytes));
        accepted.then(|| {
            let number = publication(words);
            let message = self.message.load(Ordering::Relaxed);
            assert!(message >= number, "publication {number} without its message");
            number
        })
    }

    /// A reader that tries twice. Asserts that it does not read an older publication after a newer
    /// one.
    fn reader(shared: &Arc<Self>) -> JoinHandle<Read> {
        let shared = Arc::clone(shared);
        thread::spawn(move || {
            let read = [shared.read(), shared.read()];
            if let [Some(first), Some(second)] = read {
                assert!(first <= second, "publication {second} after {first}");
            }
            read
        })
    }
}

/// The words that `fill` writes.
fn words(fill: impl FnOnce(&mut [MaybeUninit<u8>])) -> [u64; WORDS] {
    let mut bytes = [MaybeUninit::new(0_u8); WORDS * WORD];
    fill(&mut bytes);
    // SAFETY: initialised above, and `fill` puts nothing uninitialised in their place.
    let bytes = bytes.map(|byte| unsafe { byte.assume_init() });
    [word_of(&bytes[..WORD]), word_of(&bytes[WORD..])]
}

/// The number of the publication that these words are.
fn publication(words: [u64; WORDS]) -> u64 {
    assert_eq!(words[0], words[1], "a mixture");
    words[0]
}

/// Plays the scene in every interleaving with at most `preemptions` preemptions. Asserts that among
/// them each publication up to `last` was read, and that an attempt failed.
fn explore(preemptions: usize, last: u64, scene: impl Fn() -> Read + Send + Sync + 'static) {
    let seen = std::sync::Arc::new(std::sync::Mutex::new(BTreeSet::new()));
    let mut model = Builder::new();
    model.preemption_bound = Some(preemptions);
    model.check({
        let seen = std::sync::Arc::clone(&seen);
        move || seen.lock().unwrap().extend(scene())
    });
    let seen: Vec<_> = seen.lock().unwrap().iter().copied().collect();
    let all: Vec<_> = std::iter::once(None).chain((0..=last).map(Some)).collect();
    assert_eq!(seen, all, "the interleavings show each result");
}

/// A reader, and a writer that comes round to the slot which the reader copies.
fn living<const K: u64>(preemptions: usize, publications: u64) {
    explore(preemptions, publications, move || {
        let shared = Shared::<K>::new();
        let reader = Shared::reader(&shared);
        for _ in 0..publications {
            shared.publish_next();
        }
        reader.join().unwrap()
    });
}

/// A reader, a writer that dies while it writes the slot which the reader copies, and its
/// successor.
fn dying<const K: u64>(preemptions: usize, publications: u64) {
    explore(preemptions, publications + 1, move || {
        let shared = Shared::<K>::new();
        let successor = thread::spawn({
            let shared = Arc::clone(&shared);
            move || shared.publish_next()
        });
        let reader = Shared::reader(&shared);
        for _ in 0..publications {
            shared.publish_next();
        }
        shared.die_publishing();
        successor.join().unwrap();
        let read = reader.join().unwrap();
        assert_eq!(shared.read(), Some(publications + 1));
        read
    });
}

#[test]
fn seqlock_read_four_slots_living_writer() {
    living::<4>(2, 5);
}

#[test]
fn seqlock_read_four_slots_dying_writer() {
    dying::<4>(2, 3);
}
