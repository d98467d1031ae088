//! [`breezeway::sync::Mutex`] between living processes.

use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use breezeway::sync::Mutex;
use breezeway::{Atomic, LockError, Segment};
use support::process::{futex_operation, thread_id, until};
use support::{Role, Watchdog, listen, role, say, unique};

#[test]
fn in_a_child() {
    let Some(arguments) = role() else { return };
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["hold", name] => hold(&Mutex::open(name).unwrap()),
        ["wait", name, verb] => wait(&Mutex::open(name).unwrap(), verb),
        ["count", name, rounds] => count(&Segment::open(name).unwrap(), rounds.parse().unwrap()),
        _ => unreachable!("{arguments:?}"),
    }
}

/// Holds the lock until told to let it go, once or more.
fn hold(mutex: &Mutex) {
    loop {
        let guard = mutex.lock().unwrap();
        say("holding");
        listen();
        drop(guard);
        say("released");
        listen();
    }
}

fn wait(mutex: &Mutex, verb: &str) {
    say(&thread_id());
    let guard = match verb {
        "lock" => mutex.lock(),
        _ => mutex.lock_timeout(Duration::MAX),
    };
    say(if guard.unwrap().recovered() { "recovered" } else { "locked" });
    listen();
}

/// Counts in steps that are no use without the lock.
fn count(segment: &Segment, rounds: u64) {
    let mutex = segment.get::<Mutex>("mutex").unwrap();
    let (low, high) = (counter(segment, "low"), counter(segment, "high"));
    say("ready");
    listen();
    for round in 0..rounds {
        let guard = match round % 3 {
            0 => mutex.lock().unwrap(),
            1 => mutex.lock_timeout(Duration::MAX).unwrap(),
            _ => loop {
                match mutex.try_lock() {
                    Err(LockError::WouldBlock) => std::thread::yield_now(),
                    other => break other.unwrap(),
                }
            },
        };
        let count = low.load(Relaxed);
        low.store(count + 1, Relaxed);
        assert_eq!(high.load(Relaxed), count, "two at a time");
        high.store(count + 1, Relaxed);
        drop(guard);
    }
}

fn counter(segment: &Segment, name: &str) -> Atomic<u64> {
    segment.get_or_add::<Atomic<u64>>(name, 0).unwrap()
}

#[test]
fn lock_by_processes_counts_exactly() {
    const PROCESSES: u64 = 4;
    const ROUNDS: u64 = 10_000;
    let _watchdog = Watchdog::start(120);
    let name = unique("mutex-turns");
    let segment = Segment::create(&name, 1 << 16).unwrap();
    segment.add::<Mutex>("mutex", ()).unwrap();
    let counters = (0..PROCESSES).map(|_| Role::spawn(in_a_child, &["count", &name, &ROUNDS.to_string()]));
    let mut counters: Vec<_> = counters.collect();
    counters.iter_mut().for_each(|counter| assert_eq!(counter.hear(), "ready"));
    counters.iter_mut().for_each(|counter| counter.tell("go"));
    for counter in counters {
        assert!(counter.join().success());
    }
    assert_eq!(counter(&segment, "high").load(Relaxed), PROCESSES * ROUNDS);
}

#[test]
fn lock_timeout_elapses_while_held_by_other_process() {
    let _watchdog = Watchdog::start(60);
    let name = unique("mutex-timeout");
    let mutex = Mutex::create(&name).unwrap();
    let mut holder = Role::spawn(in_a_child, &["hold", &name]);
    assert_eq!(holder.hear(), "holding");
    assert_eq!(mutex.try_lock().err(), Some(LockError::WouldBlock));
    for millis in [0, 1, 7, 99, 100, 101, 250, 1001] {
        let begin = Instant::now();
        assert_eq!(mutex.lock_timeout(Duration::from_millis(millis)).err(), Some(LockError::Timeout));
        assert!(begin.elapsed() >= Duration::from_millis(millis));
    }
    holder.tell("release");
    assert_eq!(holder.hear(), "released");
    assert!(!mutex.lock_timeout(Duration::ZERO).unwrap().recovered());
}

/// On a private one, its own process alone could wake it.
#[test]
fn lock_waiter_sleeps_on_shared_futex() {
    const PRIVATE: u32 = 128;
    let _watchdog = Watchdog::start(60);
    let name = unique("mutex-futex");
    let mutex = Mutex::create(&name).unwrap();
    let _guard = mutex.lock().unwrap();
    let mut waiter = Role::spawn(in_a_child, &["wait", &name, "lock"]);
    let thread = waiter.hear();
    let mut operation = None;
    until(|| {
        operation = futex_operation(&thread);
        operation.is_some()
    });
    assert_eq!(operation.unwrap() & PRIVATE, 0);
}
