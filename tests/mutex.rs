//! [`breezeway::sync::Mutex`]: one at a time, between threads and processes.

#[allow(unreachable_pub)]
mod support;

use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use breezeway::sync::Mutex;
use breezeway::{Array, Atomic, LockError, Segment, SegmentError, Value};
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
fn the_short_forms_make_open_and_find() {
    let name = unique("mutex");
    assert!(matches!(Mutex::open(&name), Err(SegmentError::NotFound { .. })));
    let made = Mutex::open_or_create(&name).unwrap();
    let found = Mutex::open_or_create(&name).unwrap();
    assert!(made.segment().was_created() && !found.segment().was_created());
    let guard = made.lock().unwrap();
    assert_eq!(found.try_lock().err(), Some(LockError::Deadlock));
    drop(guard);
    assert!(Mutex::open(&name).unwrap().try_lock().is_ok());
    assert!(matches!(Mutex::create(&name), Err(SegmentError::AlreadyExists { .. })));
    assert!(matches!(Value::<u32>::open(&name), Err(SegmentError::TypeMismatch { .. })));
    assert!(Mutex::new().unwrap().try_lock().is_ok());
}

#[test]
fn processes_take_turns() {
    const PROCESSES: u64 = 4;
    const ROUNDS: u64 = 10_000;
    let _watchdog = Watchdog::start(120);
    let name = unique("mutex-turns");
    let segment = Segment::create(&name, 1 << 16).unwrap();
    segment.add::<Mutex>("mutex", ()).unwrap();
    let counters = (0..PROCESSES).map(|_| Role::spawn("in_a_child", &["count", &name, &ROUNDS.to_string()]));
    let mut counters: Vec<_> = counters.collect();
    counters.iter_mut().for_each(|counter| assert_eq!(counter.hear(), "ready"));
    counters.iter_mut().for_each(|counter| counter.tell("go"));
    for counter in counters {
        assert!(counter.join().success());
    }
    assert_eq!(counter(&segment, "high").load(Relaxed), PROCESSES * ROUNDS);
}

#[test]
fn threads_take_turns() {
    let _watchdog = Watchdog::start(120);
    let mutex = Mutex::new().unwrap();
    let sum = std::sync::atomic::AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let clone = mutex.clone();
            let (shared, sum) = (&mutex, &sum);
            scope.spawn(move || {
                for round in 0..5000 {
                    let _guard = if round % 2 == 0 { clone.lock() } else { shared.lock() };
                    sum.store(sum.load(Relaxed) + 1, Relaxed);
                }
            });
        }
    });
    assert_eq!(sum.into_inner(), 20_000);
}

#[test]
fn a_mutex_held_by_another_process_is_waited_for_no_shorter_than_asked() {
    let _watchdog = Watchdog::start(60);
    let name = unique("mutex-timeout");
    let mutex = Mutex::create(&name).unwrap();
    let mut holder = Role::spawn("in_a_child", &["hold", &name]);
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

#[test]
fn a_thread_that_holds_it_is_told_so() {
    let _watchdog = Watchdog::start(20);
    let mutex = Mutex::new().unwrap();
    let clone = mutex.clone();
    let guard = mutex.lock().unwrap();
    for mutex in [&mutex, &clone] {
        assert_eq!(mutex.lock().err(), Some(LockError::Deadlock));
        assert_eq!(mutex.try_lock().err(), Some(LockError::Deadlock));
        assert_eq!(mutex.lock_timeout(Duration::from_secs(1)).err(), Some(LockError::Deadlock));
    }
    std::thread::scope(|scope| {
        let other = scope.spawn(|| clone.try_lock().err());
        assert_eq!(other.join().unwrap(), Some(LockError::WouldBlock));
    });
    drop(guard);
    assert!(clone.lock().is_ok());
}

/// On a private one, its own process alone could wake it.
#[test]
fn a_waiter_sleeps_on_a_shared_futex() {
    const PRIVATE: u32 = 128;
    let _watchdog = Watchdog::start(60);
    let name = unique("mutex-futex");
    let mutex = Mutex::create(&name).unwrap();
    let _guard = mutex.lock().unwrap();
    let mut waiter = Role::spawn("in_a_child", &["wait", &name, "lock"]);
    let thread = waiter.hear();
    let mut operation = None;
    until(|| {
        operation = futex_operation(&thread);
        operation.is_some()
    });
    assert_eq!(operation.unwrap() & PRIVATE, 0);
}

#[test]
fn it_guards_the_other_objects_of_its_segment() {
    let segment = Segment::new(1 << 16).unwrap();
    let mutex = segment.add::<Mutex>("mutex", ()).unwrap();
    let value = segment.add::<Value<u64>>("value", 1).unwrap();
    let array = segment.add::<Array<u64>>("array", 4).unwrap();
    let second = segment.add::<Mutex>("second", ()).unwrap();
    let _guard = mutex.lock().unwrap();
    *value.lock().unwrap() += 1;
    array.lock().unwrap().fill(2);
    assert!(second.try_lock().is_ok());
    assert_eq!(segment.get::<Mutex>("mutex").unwrap().try_lock().err(), Some(LockError::Deadlock));
    assert_eq!((value.get(), array.to_vec()), (2, vec![2; 4]));
}

#[test]
fn guards_of_several_mutexes_are_dropped_in_any_order() {
    let segment = Segment::builder().objects(8).create_anonymous(1 << 16).unwrap();
    let mutexes: Vec<_> = (0..5).map(|n| segment.add::<Mutex>(&n.to_string(), ()).unwrap()).collect();
    let orders = [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [2, 0, 4, 1, 3], [3, 4, 0, 2, 1]];
    for order in orders {
        let mut guards: Vec<_> = mutexes.iter().map(|mutex| Some(mutex.lock().unwrap())).collect();
        for (nth, index) in order.into_iter().enumerate() {
            guards[index] = None;
            assert!(mutexes[index].try_lock().is_ok());
            for still in &order[nth + 1..] {
                assert_eq!(mutexes[*still].try_lock().err(), Some(LockError::Deadlock));
            }
        }
    }
}
