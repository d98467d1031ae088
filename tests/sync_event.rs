//! [`breezeway::sync::Event`]: a flag that threads and processes wait for, and what deaths and damage do to it.

#[allow(unreachable_pub)]
mod support;

use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use breezeway::sync::Event;
use breezeway::{Atomic, LockError, Segment, SegmentError, Value};
use support::fork::fork;
use support::process::{kill_running, resume, stop, thread_id, until_parked};
use support::scratch::patch;
use support::waiting::asleep;
use support::{Role, Watchdog, listen, role, say, unique};

#[test]
fn in_a_child() {
    let Some(arguments) = role() else { return };
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["wait", name] => wait(&Event::open(name).unwrap()),
        ["set", name] => assert!(Event::open(name).unwrap().set()),
        ["fork", name] => fork_and_wait(&Event::open(name).unwrap()),
        ["no place"] => fork_where_no_place_is(),
        ["work", name] => work(&Segment::open(name).unwrap()),
        _ => unreachable!("{arguments:?}"),
    }
}

fn wait(event: &Event) {
    say(&thread_id());
    event.wait().unwrap();
    say("through");
    listen();
}

/// A child waits, which its parent sets.
fn fork_and_wait(event: &Event) {
    let child = fork(|| {
        say(&thread_id());
        event.wait().unwrap();
        event.clear();
    });
    listen();
    event.set();
    child.join();
    assert!(!event.is_set());
    say("done");
    listen();
}

/// The child cannot be a participant. It can do what it need not be one for.
fn fork_where_no_place_is() {
    let segment = Segment::builder().participants(1).create_anonymous(1 << 16).unwrap();
    let event = segment.add::<Event>("it", ()).unwrap();
    fork(|| {
        assert_eq!(event.wait(), Err(LockError::NotAttached));
        assert_eq!(event.wait_timeout(Duration::MAX), Err(LockError::NotAttached));
        assert_eq!(event.try_wait(), Err(LockError::WouldBlock));
        assert!(event.set());
        assert_eq!((event.wait(), event.is_set()), (Ok(()), true));
    })
    .join();
    event.wait().unwrap();
}

/// Does what there is to do, and waits for more, for ever.
fn work(segment: &Segment) {
    let event = segment.get::<Event>("event").unwrap();
    let (made, done) = (counter(segment, "made"), counter(segment, "done"));
    say("working");
    loop {
        event.wait().unwrap();
        event.clear();
        done.store(made.load(Relaxed), Relaxed);
    }
}

fn counter(segment: &Segment, name: &str) -> Atomic<u64> {
    segment.get_or_add::<Atomic<u64>>(name, 0).unwrap()
}

#[test]
fn the_short_forms_make_open_and_find() {
    let name = unique("event");
    assert!(matches!(Event::open(&name), Err(SegmentError::NotFound { .. })));
    let made = Event::open_or_create(&name).unwrap();
    assert!(!made.is_set());
    assert!(made.set());
    let found = Event::open_or_create(&name).unwrap();
    assert!(made.segment().was_created() && !found.segment().was_created());
    assert!(found.is_set(), "what there is stays");
    assert!(format!("{found:?}").contains("is_set: true"));
    assert!(matches!(Event::create(&name), Err(SegmentError::AlreadyExists { .. })));
    assert!(matches!(Value::<u32>::open(&name), Err(SegmentError::TypeMismatch { .. })));
    assert!(!Event::new().unwrap().is_set());
}

#[test]
fn it_is_set_and_cleared() {
    let _watchdog = Watchdog::start(20);
    let event = Event::new().unwrap();
    let clone = event.clone();
    for _ in 0..3 {
        assert_eq!(event.try_wait(), Err(LockError::WouldBlock));
        assert_eq!(event.wait_timeout(Duration::from_millis(2)), Err(LockError::Timeout));
        assert!(!event.clear());
        assert!(event.set() && !clone.set());
        assert!(event.is_set() && clone.is_set());
        // As often as one likes.
        for _ in 0..2 {
            assert_eq!(
                (event.wait(), clone.try_wait(), event.wait_timeout(Duration::ZERO)),
                (Ok(()), Ok(()), Ok(()))
            );
        }
        assert!(clone.clear() && !event.is_set());
    }
}

#[test]
fn it_is_waited_for_no_shorter_than_asked() {
    let _watchdog = Watchdog::start(60);
    let event = Event::new().unwrap();
    for millis in [0, 1, 7, 99, 100, 101, 250] {
        let begin = Instant::now();
        assert_eq!(event.wait_timeout(Duration::from_millis(millis)), Err(LockError::Timeout));
        assert!(begin.elapsed() >= Duration::from_millis(millis));
    }
}

#[test]
fn all_who_sleep_get_through_in_threads_and_processes() {
    let _watchdog = Watchdog::start(60);
    let name = unique("event-all");
    let event = Event::create(&name).unwrap();
    for is_pulse in [false, true] {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let event = event.clone();
                asleep(move || event.wait())
            })
            .collect();
        let mut processes: Vec<_> = (0..3).map(|_| Role::spawn("in_a_child", &["wait", &name])).collect();
        processes.iter_mut().for_each(|process| until_parked(&process.hear()));
        assert!(event.set());
        if is_pulse {
            event.clear();
        }
        threads.into_iter().for_each(|thread| thread.wake().unwrap());
        for mut process in processes {
            assert_eq!(process.hear(), "through");
        }
        assert_eq!(event.clear(), !is_pulse);
    }
}

#[test]
fn another_process_sets_it() {
    let _watchdog = Watchdog::start(60);
    let name = unique("event-set");
    let event = Event::create(&name).unwrap();
    let clone = event.clone();
    let sleeper = asleep(move || clone.wait());
    assert!(Role::spawn("in_a_child", &["set", &name]).join().success());
    sleeper.wake().unwrap();
    assert!(event.is_set());
}

#[test]
fn a_killed_or_stopped_waiter_keeps_nobody() {
    let _watchdog = Watchdog::start(60);
    let name = unique("event-waiter");
    let event = Event::create(&name).unwrap();
    let waiter = || {
        let mut waiter = Role::spawn("in_a_child", &["wait", &name]);
        until_parked(&waiter.hear());
        waiter
    };
    for _ in 0..3 {
        let [dead, mut stopped, mut live] = [waiter(), waiter(), waiter()];
        dead.kill();
        stop(stopped.pid());
        assert!(event.set() && event.clear());
        assert_eq!(live.hear(), "through");
        resume(stopped.pid());
        assert_eq!(stopped.hear(), "through", "it was waiting when the event was set");
    }
}

#[test]
fn a_forked_child_waits_for_its_parent() {
    let _watchdog = Watchdog::start(60);
    let name = unique("event-fork");
    let event = Event::create(&name).unwrap();
    let mut parent = Role::spawn("in_a_child", &["fork", &name]);
    until_parked(&parent.hear());
    parent.tell("set");
    assert_eq!(parent.hear(), "done");
    assert!(!event.is_set());
}

#[test]
fn who_cannot_be_a_participant_waits_for_nothing() {
    let _watchdog = Watchdog::start(60);
    assert!(Role::spawn("in_a_child", &["no place"]).join().success());
}

/// Who clears the event before it looks for work misses none, and whoever replaces a killed one finds what that one left.
#[test]
fn work_is_not_missed_while_workers_are_killed() {
    const ROUNDS: u64 = 20_000;
    let _watchdog = Watchdog::start(120);
    let name = unique("event-work");
    let segment = Segment::create(&name, 1 << 16).unwrap();
    let event = segment.add::<Event>("event", ()).unwrap();
    let (made, done) = (counter(&segment, "made"), counter(&segment, "done"));
    let worker = || {
        let mut worker = Role::spawn("in_a_child", &["work", &name]);
        assert_eq!(worker.hear(), "working");
        worker
    };
    let mut at_work = worker();
    for round in 1..=ROUNDS {
        made.store(round, Relaxed);
        event.set();
        if round % 8 == 0 {
            while done.load(Relaxed) != round {
                std::thread::yield_now();
            }
        }
        if round % 2000 == 0 {
            kill_running(at_work);
            at_work = worker();
        } else if round % 2000 == 1001 {
            // It may have cleared the event and done nothing yet.
            kill_running(at_work);
            at_work = worker();
            event.set();
        }
    }
    kill_running(at_work);
}

#[test]
fn any_words_there_do_no_harm() {
    let _watchdog = Watchdog::start(60);
    let name = unique("event-damage");
    let event = Event::create(&name).unwrap();
    let path = event.segment().path().unwrap();
    let at = event.segment().objects().unwrap()[0].offset;
    for sleepers in [0_u32, 1, 2, 3, u32::MAX - 1, u32::MAX] {
        for word in [0_u64, 1, 2, 3, 1 << 63, (1 << 63) + 1, u64::MAX - 1, u64::MAX] {
            patch(&path, at, &word.to_ne_bytes());
            patch(&path, at + 8, &sleepers.to_ne_bytes());
            let event = Event::open(&name).unwrap();
            let expected = if word % 2 == 1 { Ok(()) } else { Err(LockError::Timeout) };
            assert_eq!(event.wait_timeout(Duration::from_millis(1)), expected);
            assert_eq!(event.is_set(), word % 2 == 1);
            event.set();
            assert_eq!(event.wait(), Ok(()));
            assert!(event.clear() && event.set() && event.clear());
        }
    }
}
