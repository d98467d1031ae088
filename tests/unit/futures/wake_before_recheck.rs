//! A notification wakes its task at once, and not only at the waiter thread's recheck 10 or 100 ms
//! later.

use std::time::{Duration, Instant};

use breezeway::queue::Queue;
use breezeway::sync::{Event, Mutex, Semaphore};
use support::Watchdog;
use support::polled::Polled;
use support::process::until;

/// The earliest recheck of the waiter thread.
const FIRST_RECHECK: Duration = Duration::from_millis(9);
const ROUNDS: usize = 30;

/// Runs rounds, each of which returns how long the wake took, and asserts that many of them took
/// less than the first recheck. Not all need to: the machine may be busy.
pub fn assert_woken_before_recheck(mut round: impl FnMut() -> Duration) {
    let _watchdog = Watchdog::start(120);
    let took: Vec<Duration> = (0..ROUNDS).map(|_| round()).collect();
    let prompt = took.iter().filter(|took| **took < FIRST_RECHECK).count();
    assert!(prompt > ROUNDS / 3, "tasks are woken by the recheck only: {took:?}");
}

/// Polls pending tasks until the waiter thread sleeps for them, and its last recheck is over.
pub fn settle<T>(tasks: &mut [Polled<'_, T>]) {
    for _ in 0..25 {
        std::thread::sleep(Duration::from_millis(1));
        for task in tasks.iter_mut().filter(|task| task.is_called()) {
            assert!(task.poll().is_none(), "nothing has been published yet");
        }
    }
}

/// Polls a new task until the waiter thread sleeps for it.
pub fn settled<'a, T>(future: impl Future<Output = T> + 'a) -> Polled<'a, T> {
    let mut task = Polled::waiting(future);
    settle(std::slice::from_mut(&mut task));
    task
}

#[test]
fn push_wakes_pop_async_before_recheck() {
    let queue = Queue::<u64>::new(4).unwrap();
    assert_woken_before_recheck(|| {
        let task = settled(queue.pop_async());
        let start = Instant::now();
        queue.push(1).unwrap();
        task.finish().unwrap();
        start.elapsed()
    });
}

#[test]
fn pop_wakes_push_async_before_recheck() {
    let queue = Queue::<u64>::new(1).unwrap();
    queue.push(0).unwrap();
    assert_woken_before_recheck(|| {
        let task = settled(queue.push_async(1));
        let start = Instant::now();
        queue.pop().unwrap();
        task.finish().unwrap();
        start.elapsed()
    });
}

#[test]
fn unlock_wakes_lock_async_before_recheck() {
    let mutex = Mutex::new().unwrap();
    assert_woken_before_recheck(|| {
        let guard = mutex.lock().unwrap();
        let task = settled(mutex.lock_async());
        let start = Instant::now();
        drop(guard);
        drop(task.finish().unwrap());
        start.elapsed()
    });
}

#[test]
fn permit_drop_wakes_acquire_async_before_recheck() {
    let semaphore = Semaphore::new(1).unwrap();
    assert_woken_before_recheck(|| {
        let permit = semaphore.acquire().unwrap();
        let task = settled(semaphore.acquire_async());
        let start = Instant::now();
        drop(permit);
        drop(task.finish().unwrap());
        start.elapsed()
    });
}

#[test]
fn set_wakes_all_wait_async_before_recheck() {
    let event = Event::new().unwrap();
    assert_woken_before_recheck(|| {
        let mut tasks: Vec<_> = (0..20).map(|_| Polled::waiting(event.wait_async())).collect();
        settle(&mut tasks);
        let start = Instant::now();
        event.set();
        tasks.into_iter().for_each(|task| task.finish().unwrap());
        let took = start.elapsed();
        event.clear();
        took
    });
}

/// The waiter thread already sleeps on one word when a task registers another.
#[test]
fn pop_async_on_new_word_is_watched_at_once() {
    let (old, new) = (Queue::<u64>::new(1).unwrap(), Queue::<u64>::new(1).unwrap());
    let mut waiting = settled(old.pop_async());
    assert_woken_before_recheck(|| {
        settle(std::slice::from_mut(&mut waiting));
        let task = Polled::waiting(new.pop_async());
        let start = Instant::now();
        new.push(1).unwrap();
        task.finish().unwrap();
        start.elapsed()
    });
}

/// A task that was woken and found nothing is woken by the next push.
#[test]
fn pop_async_woken_without_value_is_woken_again() {
    let queue = Queue::<u64>::new(1).unwrap();
    assert_woken_before_recheck(|| {
        let mut task = settled(queue.pop_async());
        // Another consumer is faster.
        queue.push(1).unwrap();
        task.until_called();
        queue.pop().unwrap();
        settle(std::slice::from_mut(&mut task));
        let start = Instant::now();
        queue.push(2).unwrap();
        task.finish().unwrap();
        start.elapsed()
    });
}

/// One push wakes one task. If that task is dropped, the next one is woken.
#[test]
fn pop_async_woken_and_dropped_wakes_other_task() {
    let queue = Queue::<u64>::new(4).unwrap();
    assert_woken_before_recheck(|| {
        let mut tasks = vec![Polled::waiting(queue.pop_async()), Polled::waiting(queue.pop_async())];
        settle(&mut tasks);
        let start = Instant::now();
        queue.push(1).unwrap();
        until(|| tasks.iter().any(Polled::is_called));
        let called = usize::from(tasks[1].is_called());
        drop(tasks.swap_remove(called));
        tasks.remove(0).finish().unwrap();
        start.elapsed()
    });
}

/// Several pushes may wake the waiter thread once: a task that got a value wakes the next.
#[test]
fn push_of_many_wakes_as_many_pop_async() {
    const MANY: u64 = 20;
    let queue = Queue::<u64>::new(MANY as usize).unwrap();
    assert_woken_before_recheck(|| {
        let mut tasks: Vec<_> = (0..MANY).map(|_| Polled::waiting(queue.pop_async())).collect();
        settle(&mut tasks);
        let start = Instant::now();
        (0..MANY).for_each(|n| queue.push(n).unwrap());
        while !tasks.is_empty() {
            tasks.retain_mut(|task| !task.is_called() || task.poll().is_none());
        }
        start.elapsed()
    });
}

/// Of many tasks that wait at a queue, a push wakes one or a few, and not all.
#[test]
fn push_does_not_wake_all_pop_async() {
    const MANY: usize = 60;
    let _watchdog = Watchdog::start(60);
    let queue = Queue::<u64>::new(4).unwrap();
    let mut tasks: Vec<_> = (0..MANY).map(|_| Polled::waiting(queue.pop_async())).collect();
    settle(&mut tasks);
    queue.push(1).unwrap();
    let called = || tasks.iter().filter(|task| task.is_called()).count();
    until(|| called() > 0);
    std::thread::sleep(Duration::from_millis(5));
    assert!(called() < MANY / 2, "{} were called for one", called());
}
