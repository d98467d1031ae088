//! [`breezeway::sync::ReentrantMutex`] between processes, some of which die holding it.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use breezeway::sync::ReentrantMutex;
use breezeway::{Atomic, LockError, Segment};
use support::process::until_parked;
use support::{Role, Watchdog, fork, listen, role, say, unique};

const SOON: Duration = Duration::from_secs(20);

#[test]
fn in_a_child() {
    let Some(arguments) = role() else { return };
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["hold", name] => {
            let mutex = ReentrantMutex::open(name).unwrap();
            let guards = [mutex.lock(), mutex.try_lock(), mutex.lock_timeout(SOON)].map(Result::unwrap);
            for guard in guards {
                say("holding");
                listen();
                drop(guard);
            }
            say("released");
            listen();
        }
        ["wait", name] => {
            let mutex = ReentrantMutex::open(name).unwrap();
            say(&support::process::thread_id());
            let guard = mutex.lock().unwrap();
            say(if guard.recovered() { "recovered" } else { "locked" });
            listen();
        }
        ["count", name, rounds] => count(&Segment::open(name).unwrap(), rounds.parse().unwrap()),
        ["fork", name] => forked_copies(&ReentrantMutex::create(name).unwrap()),
        _ => unreachable!("{arguments:?}"),
    }
}

/// Counts in steps that are no use without the lock.
fn count(segment: &Segment, rounds: u64) {
    let mutex = segment.get::<ReentrantMutex>("mutex").unwrap();
    let counter = segment.get::<Atomic<u64>>("count").unwrap();
    for round in 0..rounds {
        let first = mutex.lock().unwrap();
        let count = counter.load(Relaxed);
        let second = mutex.lock().unwrap();
        drop(if round % 2 == 0 { first } else { mutex.lock().unwrap() });
        counter.store(count + 1, Relaxed);
        drop(second);
    }
}

/// Whether another thread can have the lock right now.
fn is_free(mutex: &ReentrantMutex) -> bool {
    let attempt = std::thread::scope(|scope| {
        scope.spawn(|| mutex.try_lock().map(|guard| assert!(!guard.recovered()))).join().unwrap()
    });
    assert!(matches!(attempt, Ok(()) | Err(LockError::WouldBlock)), "{attempt:?}");
    attempt.is_ok()
}

#[test]
fn processes_take_turns() {
    const PROCESSES: u64 = 3;
    const ROUNDS: u64 = 2000;
    let _watchdog = Watchdog::start(120);
    let name = unique("reentrant-turns");
    let segment = Segment::create(&name, 1 << 16).unwrap();
    segment.add::<ReentrantMutex>("mutex", ()).unwrap();
    let counter = segment.add::<Atomic<u64>>("count", 0).unwrap();
    let counters: Vec<_> =
        (0..PROCESSES).map(|_| Role::spawn(in_a_child, &["count", &name, &ROUNDS.to_string()])).collect();
    counters.into_iter().for_each(|counter| assert!(counter.join().success()));
    assert_eq!(counter.load(Relaxed), PROCESSES * ROUNDS);
}

#[test]
fn another_process_holds_it_until_its_last_guard_is_gone() {
    let _watchdog = Watchdog::start(60);
    let name = unique("reentrant-process");
    let mutex = ReentrantMutex::create(&name).unwrap();
    let mut holder = Role::spawn(in_a_child, &["hold", &name]);
    for _ in 0..3 {
        assert_eq!(holder.hear(), "holding");
        assert_eq!(mutex.try_lock().err(), Some(LockError::WouldBlock));
        assert_eq!(mutex.lock_timeout(Duration::from_millis(5)).err(), Some(LockError::Timeout));
        holder.tell("go on");
    }
    assert_eq!(holder.hear(), "released");
    assert!(!mutex.try_lock().unwrap().recovered());
}

#[test]
fn a_holder_of_three_levels_is_killed() {
    let _watchdog = Watchdog::start(60);
    let name = unique("reentrant-killed");
    let mutex = ReentrantMutex::create(&name).unwrap();
    for _ in 0..2 {
        let mut holder = Role::spawn(in_a_child, &["hold", &name]);
        assert_eq!(holder.hear(), "holding");
        let mut waiter = Role::spawn(in_a_child, &["wait", &name]);
        until_parked(&waiter.hear());
        holder.kill();
        assert_eq!(waiter.hear(), "recovered");
        waiter.kill();
        let first = mutex.lock().unwrap();
        let second = mutex.lock().unwrap();
        assert!(first.recovered() && !second.recovered());
        drop(first);
        assert!(!is_free(&mutex));
        drop(second);
        assert!(is_free(&mutex));
    }
}

/// Child: its own child drops copies of its guards.
fn forked_copies(mutex: &ReentrantMutex) {
    let mut guards = Some((mutex.lock().unwrap(), mutex.lock().unwrap()));
    fork::fork(|| {
        guards = None;
        assert_eq!(mutex.try_lock().err(), Some(LockError::WouldBlock));
    })
    .join();
    assert!(!is_free(mutex));
    let (first, second) = guards.take().unwrap();
    drop(second);
    assert!(!is_free(mutex));
    drop(first);
    assert!(is_free(mutex));
    say("done");
    listen();
}

#[test]
fn a_forked_child_drops_copies_of_guards() {
    let _watchdog = Watchdog::start(60);
    let mut parent = Role::spawn(in_a_child, &["fork", &unique("reentrant-fork")]);
    assert_eq!(parent.hear(), "done");
    parent.tell("end");
    assert!(parent.join().success());
}
