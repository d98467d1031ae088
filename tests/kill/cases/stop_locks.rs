//! A process is stopped in an operation on a lock: a peer has the lock if the stopped process does
//! not hold it, and waits or is refused as long as it does.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use breezeway::sync::{Mutex, ReentrantMutex, RwLock};
use breezeway::{Atomic, Initial, LockError, Object, Segment, Value};

use super::stop_case::{Functions, run};
use crate::kill_counts::KillCounts;
use crate::observe::{LockHolder, LockView};

/// Longer than a recheck interval, in which a waiter looks whether the holder lives.
const WAIT_TIMEOUT: Duration = Duration::from_millis(60);

/// At every how many points a peer waits for what is held.
const WAIT_EVERY: usize = 64;

/// What a peer finds: nothing is held, or the stopped process holds it.
const FREE: &str = "free";
const HELD: &str = "held by the stopped";

/// A lock, what it looks like from outside, and a word that is 1 while the stopped process is in its
/// section.
type Locked<L> = (L, LockView, Atomic<u64>);

fn open<L: Object>(segment: &Segment) -> Locked<L>
where
    (): Initial<L>,
{
    let lock = segment.get_or_add("lock", ()).unwrap();
    let inside = segment.get_or_add("inside", 0).unwrap();
    (lock, LockView::of(segment), inside)
}

/// In the child: a section under the lock.
fn section(inside: &Atomic<u64>) {
    assert_eq!(inside.swap(1, Relaxed), 0, "alone");
    assert_eq!(inside.swap(0, Relaxed), 1, "alone to the end");
}

/// A peer has what it tries for exactly where the stopped process does not hold it.
fn judge<G>(attempt: Result<G, LockError>, is_held: bool, recovered: fn(&G) -> bool) -> &'static str {
    match attempt {
        Ok(guard) => {
            assert!(!is_held, "the stopped process is robbed");
            assert!(!recovered(&guard), "no process has died");
            FREE
        }
        Err(LockError::WouldBlock) => {
            assert!(is_held, "held up by a process that does not hold the lock");
            HELD
        }
        Err(error) => panic!("{error}"),
    }
}

pub(crate) fn mutex_lock_unlock(name: &str) -> KillCounts {
    run(
        name,
        Functions {
            open: open::<Mutex>,
            reset: |_| {},
            prepare: |_| {},
            operate: |(mutex, _, inside)| {
                let guard = mutex.lock().unwrap();
                assert!(!guard.recovered());
                section(inside);
            },
            go_around: |(mutex, view, _), stopped, point| {
                let is_held = view.holder() == LockHolder::Thread(stopped);
                if is_held && point.is_multiple_of(WAIT_EVERY) {
                    assert!(matches!(mutex.lock_timeout(WAIT_TIMEOUT), Err(LockError::Timeout)));
                }
                if !is_held {
                    assert!(!mutex.lock().unwrap().recovered(), "no process has died");
                }
                judge(mutex.try_lock(), is_held, |guard| guard.recovered())
            },
            check: |(mutex, ..)| assert!(!mutex.lock().unwrap().recovered()),
        },
    )
}

pub(crate) fn reentrant_mutex_lock_unlock_nested(name: &str) -> KillCounts {
    run(
        name,
        Functions {
            open: open::<ReentrantMutex>,
            reset: |_| {},
            prepare: |_| {},
            operate: |(mutex, _, inside)| {
                let (_outer, _inner) = (mutex.lock().unwrap(), mutex.lock().unwrap());
                section(inside);
            },
            go_around: |(mutex, view, _), stopped, _| {
                let is_held = view.holder() == LockHolder::Thread(stopped);
                judge(mutex.try_lock(), is_held, |guard| guard.recovered())
            },
            check: |(mutex, ..)| assert!(!mutex.lock().unwrap().recovered()),
        },
    )
}

/// A reader that is stopped lets other readers in, and no writer.
pub(crate) fn rwlock_read(name: &str) -> KillCounts {
    run(
        name,
        Functions {
            open: open::<RwLock>,
            reset: |_| {},
            prepare: |_| {},
            operate: |(lock, _, inside)| {
                let _guard = lock.read().unwrap();
                section(inside);
            },
            go_around: |(lock, _, inside), _, _| {
                assert!(!lock.read().unwrap().recovered());
                let attempt = lock.try_write();
                assert!(attempt.is_err() || inside.load(Relaxed) == 0, "a writer beside a reader");
                let is_held = attempt.is_err();
                let found = judge(attempt, is_held, |guard| guard.recovered());
                assert!(!lock.read().unwrap().recovered());
                found
            },
            check: |(lock, ..)| assert!(!lock.write().unwrap().recovered()),
        },
    )
}

/// A writer that is stopped where it holds the lock lets nobody in.
pub(crate) fn rwlock_write(name: &str) -> KillCounts {
    run(
        name,
        Functions {
            open: open::<RwLock>,
            reset: |_| {},
            prepare: |_| {},
            operate: |(lock, _, inside)| {
                let _guard = lock.write().unwrap();
                section(inside);
            },
            go_around: |(lock, _, inside), _, point| {
                let write = lock.try_write().map(drop);
                let read = lock.try_read().map(drop);
                let is_inside = inside.load(Relaxed) != 0;
                assert!(!is_inside || write.is_err() && read.is_err(), "the writer is robbed");
                match (write, read) {
                    (Ok(()), Ok(())) => FREE,
                    (Err(LockError::WouldBlock), Ok(())) => "no writer beside it",
                    (Err(LockError::WouldBlock), Err(LockError::WouldBlock)) => {
                        if point.is_multiple_of(WAIT_EVERY) {
                            assert!(matches!(lock.read_timeout(WAIT_TIMEOUT), Err(LockError::Timeout)));
                        }
                        HELD
                    }
                    attempts => panic!("{attempts:?}"),
                }
            },
            check: |(lock, ..)| assert!(!lock.write().unwrap().recovered()),
        },
    )
}

type Words = [u64; 4];

const OLD: Words = [1, 2, 3, 4];
const NEW: Words = [11, 12, 13, 14];
const PEERS: Words = [21, 22, 23, 24];

type Watched = (Value<Words>, LockView);

fn value(segment: &Segment) -> Watched {
    (segment.get_or_add("value", OLD).unwrap(), LockView::of(segment))
}

/// A reader is not held up by a stopped writer, and reads the old value or the new one. A peer writes
/// if the stopped process does not hold the lock.
fn around_value((value, view): &Watched, stopped: u32, _: usize) -> &'static str {
    let before = value.get();
    assert!(before == OLD || before == NEW, "torn: {before:?}");
    let attempt = value.try_lock().map(|mut guard| {
        assert_eq!(*guard, before);
        *guard = before;
        guard
    });
    let is_held = view.holder() == LockHolder::Thread(stopped);
    let found = judge(attempt, is_held, |guard| guard.recovered());
    assert_eq!(value.get(), before);
    found
}

fn value_writer(name: &str, operate: fn(&Watched)) -> KillCounts {
    run(
        name,
        Functions {
            open: value,
            reset: |(value, _)| value.set(OLD).unwrap(),
            prepare: |_| {},
            operate,
            go_around: around_value,
            check: |(value, _)| assert_eq!(value.get(), NEW),
        },
    )
}

pub(crate) fn value_set(name: &str) -> KillCounts {
    value_writer(name, |(value, _)| value.set(NEW).unwrap())
}

pub(crate) fn value_update(name: &str) -> KillCounts {
    value_writer(name, |(value, _)| {
        value.update(|words| words.iter_mut().for_each(|word| *word += 10)).unwrap()
    })
}

/// A reader that is stopped holds up no writer, and reads a whole value however often peers write.
pub(crate) fn value_get(name: &str) -> KillCounts {
    run(
        name,
        Functions {
            open: value,
            reset: |(value, _)| value.set(OLD).unwrap(),
            prepare: |_| {},
            operate: |(value, _)| {
                let found = value.get();
                assert!([OLD, NEW, PEERS].contains(&found), "torn: {found:?}");
            },
            go_around: |(value, _), _, _| {
                for words in [NEW, PEERS, NEW, OLD, PEERS] {
                    value.set(words).unwrap();
                    assert_eq!(value.get(), words);
                }
                FREE
            },
            check: |(value, _)| assert!([OLD, PEERS].contains(&value.get())),
        },
    )
}
