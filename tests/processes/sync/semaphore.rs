//! [`breezeway::sync::Semaphore`] between processes, living and dying: at most n holders at a time.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use breezeway::sync::Semaphore;
use breezeway::{Atomic, Segment, SemaphoreError};
use support::fork::fork;
use support::process::{kill_running, resume, stop, thread_id, until, until_parked};
use support::{Role, Watchdog, listen, role, say, unique};

#[test]
fn in_a_child() {
    let Some(arguments) = role() else { return };
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["hold", name] => hold(&Semaphore::open(name).unwrap()),
        ["wait", name] => wait(&Semaphore::open(name).unwrap()),
        ["contend", name, rounds] => contend(&Segment::open(name).unwrap(), rounds.parse().unwrap()),
        ["consume", name] => consume(&Segment::open(name).unwrap()),
        ["fork", name] => fork_with_a_permit(&Semaphore::open(name).unwrap()),
        ["no slot"] => fork_without_participant_slot(),
        _ => unreachable!("{arguments:?}"),
    }
}

/// Holds a permit until told to let it go.
fn hold(semaphore: &Semaphore) {
    let permit = semaphore.acquire().unwrap();
    say("holding");
    listen();
    drop(permit);
    say("released");
    listen();
}

fn wait(semaphore: &Semaphore) {
    say(&thread_id());
    let permit = semaphore.acquire().unwrap();
    say("acquired");
    listen();
    drop(permit);
}

/// Goes in and out, and sees how many are in.
fn contend(segment: &Segment, rounds: u32) {
    let semaphore = segment.get::<Semaphore>("semaphore").unwrap();
    let inside = segment.get::<Atomic<u64>>("inside").unwrap();
    say("ready");
    listen();
    for round in 0..rounds {
        let permit = match round % 3 {
            0 => semaphore.acquire().unwrap(),
            1 => semaphore.acquire_timeout(Duration::MAX).unwrap(),
            _ => loop {
                match semaphore.try_acquire() {
                    Err(SemaphoreError::WouldBlock) => std::thread::yield_now(),
                    other => break other.unwrap(),
                }
            },
        };
        assert!(inside.fetch_add(1, Relaxed) < 2, "three at a time");
        if round % 16 == 0 {
            std::thread::yield_now();
        }
        inside.fetch_sub(1, Relaxed);
        drop(permit);
    }
}

/// Takes what others produce, for ever.
fn consume(segment: &Segment) {
    let semaphore = segment.get::<Semaphore>("semaphore").unwrap();
    let taken = segment.get::<Atomic<u64>>("taken").unwrap();
    say("consuming");
    loop {
        semaphore.acquire().unwrap().forget();
        taken.fetch_add(1, Relaxed);
    }
}

fn fork_with_a_permit(semaphore: &Semaphore) {
    let mut permit = Some(semaphore.acquire().unwrap());
    assert_eq!(semaphore.available(), 1);
    fork(|| {
        drop(permit.take());
        assert_eq!(semaphore.available(), 1, "the copy releases nothing");
        let own = semaphore.acquire().unwrap();
        assert_eq!(semaphore.available(), 0);
        drop(own);
        semaphore.release(1).unwrap();
    })
    .join();
    assert_eq!(semaphore.available(), 2);
    drop(permit);
    say("done");
    listen();
}

/// The child cannot be a participant.
fn fork_without_participant_slot() {
    let segment = Segment::builder().participants(1).create_anonymous(1 << 16).unwrap();
    let semaphore = segment.add::<Semaphore>("it", 1).unwrap();
    fork(|| {
        let refused = Some(SemaphoreError::NotAttached);
        assert_eq!(semaphore.acquire().err(), refused);
        assert_eq!(semaphore.try_acquire().err(), refused);
        assert_eq!(semaphore.acquire_timeout(Duration::MAX).err(), refused);
        assert_eq!(semaphore.release(1).err(), refused);
        assert_eq!(semaphore.available(), 1);
    })
    .join();
    drop(semaphore.acquire().unwrap());
}

#[test]
fn acquire_admits_at_most_limit_processes() {
    let _watchdog = Watchdog::start(120);
    let name = unique("semaphore-contended");
    let segment = Segment::create(&name, 1 << 16).unwrap();
    let semaphore = segment.add::<Semaphore>("semaphore", 2).unwrap();
    segment.add::<Atomic<u64>>("inside", 0).unwrap();
    let mut contenders: Vec<_> =
        (0..4).map(|_| Role::spawn(in_a_child, &["contend", &name, "5000"])).collect();
    contenders.iter_mut().for_each(|one| assert_eq!(one.hear(), "ready"));
    contenders.iter_mut().for_each(|one| one.tell("go"));
    contenders.into_iter().for_each(|one| assert!(one.join().success()));
    assert_eq!(semaphore.available(), 2);
}

#[test]
fn release_by_any_process_after_holder_death() {
    let _watchdog = Watchdog::start(60);
    let name = unique("semaphore-holder");
    let semaphore = Semaphore::create(&name, 1).unwrap();
    let mut holder = Role::spawn(in_a_child, &["hold", &name]);
    assert_eq!(holder.hear(), "holding");
    let mut waiter = Role::spawn(in_a_child, &["wait", &name]);
    until_parked(&waiter.hear());
    holder.kill();
    semaphore.segment().reap().unwrap();
    assert_eq!(semaphore.try_acquire().err(), Some(SemaphoreError::WouldBlock));
    semaphore.release(1).unwrap();
    assert_eq!(waiter.hear(), "acquired");
    waiter.tell("go on");
    assert!(waiter.join().success());
    assert_eq!(semaphore.available(), 1);
}

#[test]
fn acquire_not_lost_to_killed_or_stopped_waiter() {
    let _watchdog = Watchdog::start(60);
    let name = unique("semaphore-waiter");
    let semaphore = Semaphore::create(&name, 0).unwrap();
    let mut waiters: Vec<_> = (0..3)
        .map(|_| {
            let mut waiter = Role::spawn(in_a_child, &["wait", &name]);
            until_parked(&waiter.hear());
            waiter
        })
        .collect();
    waiters.remove(0).kill();
    // The first in the kernel's line, which is the one it wakes.
    stop(waiters[0].pid());
    semaphore.release(1).unwrap();
    assert_eq!(waiters[1].hear(), "acquired");
    semaphore.release(1).unwrap();
    resume(waiters[0].pid());
    assert_eq!(waiters[0].hear(), "acquired");
    waiters.into_iter().for_each(kill_running);
    assert_eq!(semaphore.available(), 0);
}

/// A consumer may be killed between taking a permit and saying so.
#[test]
fn acquire_release_storm_of_deaths_loses_no_count() {
    const KILLS: u64 = 30;
    let _watchdog = Watchdog::start(120);
    let name = unique("semaphore-storm");
    let segment = Segment::create(&name, 1 << 16).unwrap();
    let semaphore = segment.add::<Semaphore>("semaphore", 0).unwrap();
    let taken = segment.add::<Atomic<u64>>("taken", 0).unwrap();
    let consumer = || {
        let mut role = Role::spawn(in_a_child, &["consume", &name]);
        assert_eq!(role.hear(), "consuming");
        role
    };
    let mut consumers = vec![consumer(), consumer()];
    let mut made = 0;
    for kill in 0..KILLS {
        for burst in 0..200 {
            let permits = burst % 3 + 1;
            semaphore.release(permits).unwrap();
            made += permits as u64;
            if burst % 64 == kill as usize {
                std::thread::yield_now();
            }
        }
        kill_running(std::mem::replace(&mut consumers[kill as usize % 2], consumer()));
    }
    until(|| semaphore.available() == 0 && made - taken.load(Relaxed) <= KILLS);
    consumers.into_iter().for_each(kill_running);
}

#[test]
fn permit_copy_in_forked_child_has_no_effect() {
    let _watchdog = Watchdog::start(60);
    let name = unique("semaphore-fork");
    let semaphore = Semaphore::create(&name, 2).unwrap();
    let mut parent = Role::spawn(in_a_child, &["fork", &name]);
    assert_eq!(parent.hear(), "done");
    assert_eq!(semaphore.available(), 3);
}

#[test]
fn acquire_without_participant_slot_returns_not_attached() {
    let _watchdog = Watchdog::start(60);
    assert!(Role::spawn(in_a_child, &["no slot"]).join().success());
}
