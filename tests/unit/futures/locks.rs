//! Locks for tasks of one thread and of several, beside threads that block.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use breezeway::sync::Mutex;
use breezeway::{Array, LockError, Value};
use support::Watchdog;
use support::executors::{Executor, LocalTask, Task, block_on, pause};
use support::polled::Polled;
use support::process::until;

/// Counts both numbers up, and lets others run in between.
async fn count(value: Value<[u64; 2]>, rounds: u64) {
    for n in 0..rounds {
        let mut section = value.lock_async().await.unwrap();
        assert!(!section.recovered());
        let [a, b] = *section;
        assert_eq!(a, b, "nobody else is in it");
        section[0] = a + 1;
        if n % 3 == 0 {
            pause().await;
        }
        section[1] = b + 1;
    }
}

#[test]
fn lock_async_waits_for_guard_of_same_thread() {
    let _watchdog = Watchdog::start(60);
    let mutex = Mutex::new().unwrap();
    let guard = mutex.lock().unwrap();
    let waiter = Polled::waiting(mutex.lock_async());
    drop(guard);
    drop(waiter.finish().unwrap());
    assert!(mutex.try_lock().is_ok());
}

#[test]
fn lock_async_sections_span_awaits_on_one_thread() {
    const ROUNDS: u64 = 200;
    let _watchdog = Watchdog::start(120);
    for executor in Executor::ALL {
        let value = Value::<[u64; 2]>::new([0; 2]).unwrap();
        let tasks = (0..5).map(|_| -> LocalTask { Box::pin(count(value.clone(), ROUNDS)) });
        executor.run_here(tasks.collect());
        assert_eq!(value.get(), [5 * ROUNDS; 2], "{executor:?}");
    }
}

/// A task moves between threads with its guards.
#[test]
fn lock_async_sections_span_awaits_of_moving_tasks() {
    const ROUNDS: u64 = 200;
    let _watchdog = Watchdog::start(120);
    for executor in Executor::ALL {
        let (value, mutex) = (Value::<[u64; 2]>::new([0; 2]).unwrap(), Mutex::new().unwrap());
        let task = |_| -> Task {
            let (value, mutex) = (value.clone(), mutex.clone());
            Box::pin(async move {
                count(value, ROUNDS).await;
                let guard = mutex.lock_async().await.unwrap();
                pause().await;
                assert!(!guard.recovered());
                drop(guard);
            })
        };
        executor.run((0..5).map(task).collect());
        assert_eq!(value.get(), [5 * ROUNDS; 2], "{executor:?}");
        assert!(mutex.try_lock().is_ok());
    }
}

/// The guard is dropped in another thread than the one that polled the future.
#[test]
fn lock_async_guard_dropped_by_other_thread_unlocks() {
    let _watchdog = Watchdog::start(60);
    let mutex = Mutex::new().unwrap();
    let guard = block_on(mutex.lock_async()).unwrap();
    assert_eq!(mutex.try_lock().err(), Some(LockError::WouldBlock), "it is no thread's");
    std::thread::scope(|scope| {
        scope.spawn(move || drop(guard));
    });
    assert!(!mutex.try_lock().unwrap().recovered());
}

#[test]
fn lock_async_excludes_tasks_of_many_threads() {
    const ROUNDS: u64 = 500;
    let _watchdog = Watchdog::start(120);
    for executor in Executor::ALL {
        let array = Array::<u64>::new(2).unwrap();
        let mutex = Mutex::new().unwrap();
        let inside = Arc::new(AtomicU64::new(0));
        let task = |n: u64| -> Task {
            let (array, mutex, inside) = (array.clone(), mutex.clone(), Arc::clone(&inside));
            Box::pin(async move {
                for _ in 0..ROUNDS {
                    {
                        let mut section = array.lock_async().await.unwrap();
                        assert_eq!(section[0], section[1]);
                        section[0] += n;
                        section[1] += n;
                    }
                    let _guard = mutex.lock_async().await.unwrap();
                    assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                    inside.fetch_sub(1, Ordering::SeqCst);
                }
            })
        };
        executor.run((1..=4).map(task).collect());
        assert_eq!(array.lock().unwrap()[..], [10 * ROUNDS; 2], "{executor:?}");
    }
}

/// Threads that hold the lock nearly all the time do not keep tasks from it.
#[test]
fn lock_async_and_lock_both_make_progress() {
    const EACH: u64 = 5;
    let _watchdog = Watchdog::start(120);
    let mutex = Mutex::new().unwrap();
    let [by_threads, by_tasks] = [const { AtomicU64::new(0) }; 2];
    let are_done = || [&by_threads, &by_tasks].iter().all(|count| count.load(Ordering::Relaxed) >= EACH);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !are_done() {
                    let guard = mutex.lock().unwrap();
                    std::thread::sleep(Duration::from_millis(1));
                    drop(guard);
                    by_threads.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for _ in 0..2 {
            scope.spawn(|| {
                block_on(async {
                    while !are_done() {
                        let guard = mutex.lock_async().await.unwrap();
                        std::thread::sleep(Duration::from_millis(1));
                        drop(guard);
                        by_tasks.fetch_add(1, Ordering::Relaxed);
                    }
                });
            });
        }
    });
}

/// Two tasks wait: if the woken one is dropped, the other one is woken.
#[test]
fn lock_async_woken_and_dropped_wakes_other_task() {
    let _watchdog = Watchdog::start(60);
    let mutex = Mutex::new().unwrap();
    for round in 0..30 {
        let guard = mutex.lock().unwrap();
        let first = Polled::waiting(mutex.lock_async());
        let second = Polled::waiting(mutex.lock_async());
        drop(guard);
        until(|| first.counter.calls() + second.counter.calls() > 0);
        let (called, other) = if first.counter.calls() > 0 { (first, second) } else { (second, first) };
        drop(called);
        drop(other.finish().unwrap_or_else(|error| panic!("{error} in round {round}")));
    }
}

/// A task and a blocked thread wait: if the task is dropped, the thread is woken.
#[test]
fn lock_async_woken_and_dropped_wakes_blocked_thread() {
    let _watchdog = Watchdog::start(60);
    let mutex = Mutex::new().unwrap();
    for _ in 0..10 {
        let guard = mutex.lock().unwrap();
        let task = Polled::waiting(mutex.lock_async());
        let clone = mutex.clone();
        let thread = support::waiting::asleep(move || drop(clone.lock().unwrap()));
        drop(guard);
        // One of them is woken.
        until(|| task.counter.calls() > 0 || thread.is_done());
        drop(task);
        thread.wake();
    }
}

#[test]
fn lock_async_dropped_after_unlock_holds_no_section() {
    let _watchdog = Watchdog::start(60);
    let array = Array::<u32>::new(3).unwrap();
    let value = Value::<u32>::new(1).unwrap();
    let held = Rc::new(Cell::new(0));
    for _ in 0..50 {
        let (one, other) = (array.lock().unwrap(), value.lock().unwrap());
        let waiters = (Polled::waiting(array.lock_async()), Polled::waiting(value.lock_async()));
        drop((one, other));
        drop(waiters);
        assert!(array.try_lock().is_ok() && value.try_lock().is_ok());
        held.set(held.get() + 1);
    }
    assert_eq!(held.get(), 50);
}
