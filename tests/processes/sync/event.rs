//! [`breezeway::sync::Event`] that processes wait for, some of which are killed or stopped.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use breezeway::sync::Event;
use breezeway::{Atomic, EventError, Segment};
use support::fork::fork;
use support::process::{kill_running, resume, stop, thread_id, until_parked};
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
        ["no slot"] => fork_without_participant_slot(),
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
fn fork_without_participant_slot() {
    let segment = Segment::builder().participants(1).create_anonymous(1 << 16).unwrap();
    let event = segment.add::<Event>("it", ()).unwrap();
    fork(|| {
        assert_eq!(event.wait(), Err(EventError::NotAttached));
        assert_eq!(event.wait_timeout(Duration::MAX), Err(EventError::NotAttached));
        assert_eq!(event.try_wait(), Err(EventError::WouldBlock));
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
fn set_wakes_all_waiting_threads_and_processes() {
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
        let mut processes: Vec<_> = (0..3).map(|_| Role::spawn(in_a_child, &["wait", &name])).collect();
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
fn set_by_other_process_wakes_waiter() {
    let _watchdog = Watchdog::start(60);
    let name = unique("event-set");
    let event = Event::create(&name).unwrap();
    let clone = event.clone();
    let sleeper = asleep(move || clone.wait());
    assert!(Role::spawn(in_a_child, &["set", &name]).join().success());
    sleeper.wake().unwrap();
    assert!(event.is_set());
}

#[test]
fn set_reaches_waiters_beside_killed_and_stopped_ones() {
    let _watchdog = Watchdog::start(60);
    let name = unique("event-waiter");
    let event = Event::create(&name).unwrap();
    let waiter = || {
        let mut waiter = Role::spawn(in_a_child, &["wait", &name]);
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
fn wait_in_forked_child_set_by_parent() {
    let _watchdog = Watchdog::start(60);
    let name = unique("event-fork");
    let event = Event::create(&name).unwrap();
    let mut parent = Role::spawn(in_a_child, &["fork", &name]);
    until_parked(&parent.hear());
    parent.tell("set");
    assert_eq!(parent.hear(), "done");
    assert!(!event.is_set());
}

#[test]
fn wait_without_participant_slot_returns_not_attached() {
    let _watchdog = Watchdog::start(60);
    assert!(Role::spawn(in_a_child, &["no slot"]).join().success());
}

/// Who clears the event before it looks for work misses none, and whoever replaces a killed one finds what that one left.
#[test]
fn set_clear_lose_no_work_while_workers_are_killed() {
    const ROUNDS: u64 = 20_000;
    let _watchdog = Watchdog::start(120);
    let name = unique("event-work");
    let segment = Segment::create(&name, 1 << 16).unwrap();
    let event = segment.add::<Event>("event", ()).unwrap();
    let (made, done) = (counter(&segment, "made"), counter(&segment, "done"));
    let worker = || {
        let mut worker = Role::spawn(in_a_child, &["work", &name]);
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
