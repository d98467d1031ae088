//! A process is stopped in an operation on a semaphore, an event or a condition variable:
//! peers get what is left.

use std::sync::atomic::Ordering::Relaxed;

use breezeway::sync::{Condvar, Event, Mutex, Semaphore};
use breezeway::{Atomic, LockError, Segment, SemaphoreError};

use super::stop_case::{Functions, run};
use crate::kill_counts::KillCounts;

/// A semaphore, whose permits are two before the operation.
fn semaphore(segment: &Segment) -> Semaphore {
    segment.get_or_add("semaphore", 2).unwrap()
}

fn set_permits(semaphore: &Semaphore) {
    while let Ok(permit) = semaphore.try_acquire() {
        permit.forget();
    }
    semaphore.release(2).unwrap();
}

/// Takes all permits that there are and returns them. There are as many as the stopped process has
/// left: each is had by one process.
fn around_semaphore(semaphore: &Semaphore, _: u32, _: usize) -> &'static str {
    let mut permits = Vec::new();
    loop {
        match semaphore.try_acquire() {
            Ok(permit) => permits.push(permit),
            Err(SemaphoreError::WouldBlock) => break,
            Err(error) => panic!("{error}"),
        }
    }
    match permits.len() {
        1 => "one left",
        2 => "two left",
        3 => "one more",
        other => panic!("{other} permits"),
    }
}

pub(crate) fn semaphore_acquire(name: &str) -> KillCounts {
    run(
        name,
        Functions {
            open: semaphore,
            reset: set_permits,
            prepare: |_| {},
            operate: |semaphore| semaphore.acquire().unwrap().forget(),
            go_around: around_semaphore,
            check: |semaphore| assert_eq!(semaphore.available(), 1, "one is taken, once"),
        },
    )
}

pub(crate) fn semaphore_release(name: &str) -> KillCounts {
    run(
        name,
        Functions {
            open: semaphore,
            reset: set_permits,
            prepare: |_| {},
            operate: |semaphore| semaphore.release(1).unwrap(),
            go_around: around_semaphore,
            check: |semaphore| assert_eq!(semaphore.available(), 3, "one is added, once"),
        },
    )
}

pub(crate) fn event_set(name: &str) -> KillCounts {
    run(
        name,
        Functions {
            open: |segment: &Segment| segment.get_or_add::<Event>("event", ()).unwrap(),
            reset: |event| {
                event.clear();
            },
            prepare: |_| {},
            operate: |event| assert!(event.set()),
            go_around: |event, _, _| {
                if !event.is_set() {
                    return "not set";
                }
                event.wait().unwrap();
                "set"
            },
            check: |event| assert!(event.is_set()),
        },
    )
}

type Condition = (Mutex, Condvar, Atomic<u64>);

/// A notifier that is stopped holds up no other notifier and no process that takes the lock, unless it
/// holds the lock.
pub(crate) fn condvar_notify_one(name: &str) -> KillCounts {
    run(
        name,
        Functions {
            open: |segment: &Segment| -> Condition {
                let (mutex, condvar) = (segment.get_or_add("lock", ()), segment.get_or_add("condvar", ()));
                (mutex.unwrap(), condvar.unwrap(), segment.get_or_add("items", 0).unwrap())
            },
            reset: |(_, _, items)| items.store(0, Relaxed),
            prepare: |_| {},
            operate: |(mutex, condvar, items)| {
                let guard = mutex.lock().unwrap();
                items.store(items.load(Relaxed) + 1, Relaxed);
                drop(guard);
                condvar.notify_one();
            },
            go_around: |(mutex, condvar, items), _, _| {
                assert_eq!(condvar.notify_all(), 0, "no process waits");
                match mutex.try_lock() {
                    Ok(guard) => {
                        assert!(!guard.recovered(), "no process has died");
                        if items.load(Relaxed) == 0 { "not added" } else { "added" }
                    }
                    Err(LockError::WouldBlock) => "held by the stopped",
                    Err(error) => panic!("{error}"),
                }
            },
            check: |(_, _, items)| assert_eq!(items.load(Relaxed), 1, "added once"),
        },
    )
}
