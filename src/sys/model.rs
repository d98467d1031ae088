//! The operating system under loom: the barriers, the futex, and deadlines that never pass.
//!
//! A sleeper sleeps until it is woken, and there are no spurious wakes. So a lost wake-up is a
//! deadlock, which loom reports.

/// Each barrier is a full fence, which is what the two amount to together.
pub(crate) mod barrier {
    use crate::primitive::{Ordering, fence};

    pub(crate) fn light() {
        fence(Ordering::SeqCst);
    }

    #[must_use]
    pub(crate) fn heavy() -> bool {
        fence(Ordering::SeqCst);
        true
    }
}

/// Deadlines that never pass, and a clock that a model moves.
pub(crate) mod clock {
    use std::cell::Cell;

    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Deadline;

    thread_local! {
        // loom runs all threads of a scene in one thread of the system.
        static NOW: Cell<u64> = const { Cell::new(1) };
    }

    pub(crate) fn monotonic_nanos() -> u64 {
        NOW.get()
    }

    /// Sets the clock: a scene begins with that.
    pub(crate) fn set(nanos: u64) {
        NOW.set(nanos);
    }
}

/// The kernel's queue of sleepers, under one lock.
#[allow(unsafe_code)] // Pointers to words.
pub(crate) mod futex {
    use loom::sync::{Condvar, Mutex, MutexGuard};

    use super::clock::Deadline;
    use crate::primitive::{AtomicU32, Ordering};

    pub(crate) const WAKE_ALL: u32 = i32::MAX as u32;

    /// The sleepers: the address of a word, and a number for each sleep. A sleeper on several words
    /// has an entry for each until it runs again, so a wake can be spent on a sleeper that another
    /// word has woken already.
    #[derive(Default)]
    struct FutexQueue {
        asleep: Vec<(usize, u64)>,
        sleeps: u64,
    }

    loom::lazy_static! {
        static ref FUTEX_QUEUE: Mutex<FutexQueue> = Mutex::new(FutexQueue::default());
        static ref WOKEN: Condvar = Condvar::new();
    }

    fn lock() -> MutexGuard<'static, FutexQueue> {
        FUTEX_QUEUE.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn address(word: &AtomicU32) -> usize {
        std::ptr::from_ref(word).addr()
    }

    pub(crate) fn wait(word: &AtomicU32, expected: u32, _: Deadline) {
        sleep(&[(word, expected)]);
    }

    fn sleep(words: &[(&AtomicU32, u32)]) {
        let mut sleepers = lock();
        // ORDER: relaxed; the lock orders it after the change by a waker that found no sleeper.
        if words.iter().any(|(word, expected)| word.load(Ordering::Relaxed) != *expected) {
            return;
        }
        let this = sleepers.sleeps;
        sleepers.sleeps += 1;
        sleepers.asleep.extend(words.iter().map(|(word, _)| (address(word), this)));
        while sleepers.asleep.iter().filter(|(_, sleep)| *sleep == this).count() == words.len() {
            sleepers = WOKEN.wait(sleepers).unwrap_or_else(|poisoned| poisoned.into_inner());
        }
        sleepers.asleep.retain(|(_, sleep)| *sleep != this);
    }

    /// Words to sleep on at the same time, each with its expected value.
    #[derive(Default)]
    pub(crate) struct FutexSet(Vec<(*const AtomicU32, u32)>);

    impl FutexSet {
        pub(crate) fn clear(&mut self) {
            self.0.clear();
        }

        /// Adds a word. It is accessed when sleeping, so models keep it alive until then.
        pub(crate) fn push(&mut self, word: *const u32, expected: u32) {
            self.0.push((word.cast(), expected));
        }

        /// Sleeps while each word has its expected value, until it is woken at one of them.
        pub(crate) fn sleep(&self, _: (&AtomicU32, u32), _: Deadline) {
            // SAFETY: an event count is an `AtomicU32`, and the models keep it alive.
            let words = self.0.iter().map(|(word, expected)| (unsafe { &**word }, *expected));
            sleep(&words.collect::<Vec<_>>());
        }
    }

    /// Wakes one sleeper on the word.
    pub(crate) fn wake_at(word: *const u32) {
        // SAFETY: as in `sleep`.
        wake(unsafe { &*word.cast() }, 1);
    }

    pub(crate) fn wake(word: &AtomicU32, count: u32) -> u32 {
        let mut sleepers = lock();
        let mut woken = 0;
        sleepers.asleep.retain(|(asleep, _)| {
            let wakes = *asleep == address(word) && woken < count;
            woken += u32::from(wakes);
            !wakes
        });
        if woken > 0 {
            WOKEN.notify_all();
        }
        woken
    }

    /// How many sleepers the word has.
    #[cfg(test)]
    pub(crate) fn asleep(word: &AtomicU32) -> usize {
        lock().asleep.iter().filter(|(asleep, _)| *asleep == address(word)).count()
    }
}
