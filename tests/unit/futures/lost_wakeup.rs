//! Wakes that could be lost: their task is dropped or already has its result, or the word looks
//! unchanged to the waiter thread.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Wake, Waker};
use std::thread::sleep;
use std::time::{Duration, Instant};

use breezeway::queue::Queue;
use breezeway::sync::{Event, Mutex};
use support::Watchdog;
use support::executors::block_on;
use support::locking::poll_when_called;
use support::polled::Polled;
use support::process::until;
use support::waiting::{Asleep, asleep};

use super::wake_before_recheck::{assert_woken_before_recheck, settle, settled};

/// A thread that pops a value and returns when it came.
fn sleeper(queue: &Queue<u64>) -> Asleep<Instant> {
    let queue = queue.clone();
    let thread = asleep(move || {
        queue.pop().unwrap();
        Instant::now()
    });
    // By then it has looked once more, and sleeps for long.
    sleep(Duration::from_millis(15));
    thread
}

/// One push wakes one sleeper, here the waiter thread, whose task is dropped before it can check.
#[test]
fn pop_async_dropped_after_push_loses_no_wakeup() {
    let queue = Queue::<u64>::new(4).unwrap();
    assert_woken_before_recheck(|| {
        // The waiter thread sleeps first, so it is woken first.
        let task = settled(queue.pop_async());
        let thread = sleeper(&queue);
        let start = Instant::now();
        queue.push(1).unwrap();
        drop(task);
        thread.wake() - start
    });
}

/// The waiter thread does not sleep for a dropped task.
#[test]
fn pop_async_dropped_before_push_loses_no_wakeup() {
    let queue = Queue::<u64>::new(4).unwrap();
    assert_woken_before_recheck(|| {
        let task = settled(queue.pop_async());
        let thread = sleeper(&queue);
        drop(task);
        sleep(Duration::from_millis(1));
        let start = Instant::now();
        queue.push(1).unwrap();
        thread.wake() - start
    });
}

/// Two tasks that wait for a lock that was released: the one that was woken, and the other one.
fn woken_and_not<T>(mut tasks: [Polled<'_, T>; 2]) -> [Polled<'_, T>; 2] {
    until(|| tasks.iter().any(Polled::is_called));
    if !tasks[0].is_called() {
        tasks.reverse();
    }
    tasks
}

/// The lock's word has not changed since the first task was woken, so it does not show that there is
/// a wake to pass on.
#[test]
fn lock_async_woken_and_dropped_loses_no_wakeup() {
    let mutex = Mutex::new().unwrap();
    assert_woken_before_recheck(|| {
        let guard = mutex.lock().unwrap();
        let mut tasks = [(); 2].map(|()| Polled::waiting(mutex.lock_async()));
        settle(&mut tasks);
        drop(guard);
        let [called, other] = woken_and_not(tasks);
        sleep(Duration::from_millis(1));
        let start = Instant::now();
        drop(called);
        drop(other.finish().unwrap());
        start.elapsed()
    });
}

/// The lock has been taken and released since the first task was woken, so its word is as it was.
#[test]
fn lock_async_lock_and_unlock_loses_no_wakeup_of_other() {
    let mutex = Mutex::new().unwrap();
    assert_woken_before_recheck(|| {
        let guard = mutex.lock().unwrap();
        let mut tasks = [(); 2].map(|()| Polled::waiting(mutex.lock_async()));
        settle(&mut tasks);
        drop(guard);
        let [mut called, mut other] = woken_and_not(tasks);
        let guard = called.poll().expect("the lock is free").unwrap();
        sleep(Duration::from_millis(1));
        if other.is_called() {
            assert!(other.poll().is_none(), "the lock is held");
        }
        let start = Instant::now();
        drop(guard);
        drop(other.finish().unwrap());
        start.elapsed()
    });
}

/// Tasks with a thread each get the lock one after the other.
#[test]
fn lock_async_passes_from_task_to_task_without_recheck() {
    const TASKS: usize = 3;
    let mutex = Mutex::new().unwrap();
    assert_woken_before_recheck(|| {
        let guard = mutex.lock().unwrap();
        std::thread::scope(|scope| {
            for _ in 0..TASKS {
                scope.spawn(|| {
                    let guard = block_on(mutex.lock_async()).unwrap();
                    sleep(Duration::from_micros(300));
                    drop(guard);
                });
            }
            sleep(Duration::from_millis(25));
            let start = Instant::now();
            drop(guard);
            start
        })
        .elapsed()
    });
}

/// Sets the event when it is dropped, and does nothing else.
struct Sets(Event);

impl Wake for Sets {
    fn wake(self: Arc<Self>) {}
}

impl Drop for Sets {
    fn drop(&mut self) {
        self.0.set();
    }
}

/// Keeps the waking thread for less than the first recheck.
#[derive(Default)]
struct Slow(AtomicBool);

impl Wake for Slow {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
        sleep(Duration::from_millis(3));
    }
}

/// A task finds what is published between its first check and its registration when it checks again.
/// But the word is registered as it is by then. That it has changed for other tasks the waiter
/// thread, which is busy meanwhile, has to learn from elsewhere.
#[test]
fn wait_async_registering_takes_no_wakeup_from_others() {
    let (event, queue) = (Event::new().unwrap(), Queue::<u64>::new(1).unwrap());
    assert_woken_before_recheck(|| {
        event.clear();
        let task = settled(event.wait_async());
        let (mut other, mut busy) = (pin!(event.wait_async()), pin!(queue.pop_async()));
        let slow = Arc::new(Slow::default());
        assert!(busy.as_mut().poll(&mut Context::from_waker(&Arc::clone(&slow).into())).is_pending());
        let old = Waker::from(Arc::new(Sets(event.clone())));
        assert!(other.as_mut().poll(&mut Context::from_waker(&old)).is_pending());
        drop(old);
        queue.push(1).unwrap();
        while !slow.0.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
        let start = Instant::now();
        // It has looked when it is given another waker for the old one, and marks the word behind that.
        assert!(other.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
        task.finish().unwrap();
        let took = start.elapsed();
        assert!(busy.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
        took
    });
}

/// An executor may hold a lock on the task while it polls it, and the waker may take that lock:
/// neither waits for the other.
#[test]
fn pop_async_ready_does_not_wait_for_its_waker() {
    let _watchdog = Watchdog::start(60);
    let queue = Queue::<u64>::new(1).unwrap();
    let pop = pin!(queue.pop_async());
    assert_eq!(poll_when_called(pop, || queue.push(7).unwrap()).unwrap(), 7);
}
