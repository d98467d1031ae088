//! [`breezeway::sync::Semaphore`]: so many at a time, between threads and processes, and what deaths and damage do to it.

#[allow(unreachable_pub)]
mod support;

use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use breezeway::sync::Semaphore;
use breezeway::{Atomic, LockError, Segment, SegmentError, Value};
use support::fork::fork;
use support::process::{kill_running, resume, stop, thread_id, until, until_parked};
use support::scratch::patch;
use support::waiting::asleep;
use support::{Role, Watchdog, listen, role, say, unique};

const MOST: usize = Semaphore::MAX_PERMITS;

#[test]
fn in_a_child() {
    let Some(arguments) = role() else { return };
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["hold", name] => hold(&Semaphore::open(name).unwrap()),
        ["wait", name] => wait(&Semaphore::open(name).unwrap()),
        ["crowd", name, rounds] => crowd(&Segment::open(name).unwrap(), rounds.parse().unwrap()),
        ["consume", name] => consume(&Segment::open(name).unwrap()),
        ["fork", name] => fork_with_a_permit(&Semaphore::open(name).unwrap()),
        ["no place"] => fork_where_no_place_is(),
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
fn crowd(segment: &Segment, rounds: u32) {
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
                    Err(LockError::WouldBlock) => std::thread::yield_now(),
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
fn fork_where_no_place_is() {
    let segment = Segment::builder().participants(1).create_anonymous(1 << 16).unwrap();
    let semaphore = segment.add::<Semaphore>("it", 1).unwrap();
    fork(|| {
        let refused = Some(LockError::NotAttached);
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
fn the_short_forms_make_open_and_find() {
    let name = unique("semaphore");
    assert!(matches!(Semaphore::open(&name), Err(SegmentError::NotFound { .. })));
    let made = Semaphore::open_or_create(&name, 3).unwrap();
    let found = Semaphore::open_or_create(&name, 5).unwrap();
    assert!(made.segment().was_created() && !found.segment().was_created());
    assert_eq!(found.available(), 3, "what there is stays");
    let permit = made.acquire().unwrap();
    assert_eq!((found.available(), found.clone().available()), (2, 2));
    assert!(format!("{made:?} {permit:?}").contains("available: 2"));
    drop(permit);
    assert!(matches!(Semaphore::create(&name, 1), Err(SegmentError::AlreadyExists { .. })));
    assert!(matches!(Value::<u32>::open(&name), Err(SegmentError::TypeMismatch { .. })));
    assert_eq!(Semaphore::new(0).unwrap().available(), 0);
}

#[test]
fn permits_are_taken_released_forgotten_and_made() {
    let _watchdog = Watchdog::start(20);
    let semaphore = Semaphore::new(2).unwrap();
    let permits = [semaphore.acquire().unwrap(), semaphore.try_acquire().unwrap()];
    assert_eq!(semaphore.try_acquire().err(), Some(LockError::WouldBlock));
    assert_eq!(semaphore.acquire_timeout(Duration::from_millis(3)).err(), Some(LockError::Timeout));
    drop(permits);
    assert_eq!(semaphore.available(), 2);
    semaphore.acquire().unwrap().forget();
    assert_eq!(semaphore.available(), 1);
    semaphore.release(1).unwrap();
    semaphore.release(3).unwrap();
    semaphore.release(0).unwrap();
    assert_eq!(semaphore.available(), 5);
    // A permit may end in another thread.
    let permit = semaphore.acquire_timeout(Duration::ZERO).unwrap();
    std::thread::scope(|scope| scope.spawn(|| drop(permit)).join().unwrap());
    assert_eq!(semaphore.available(), 5);
}

#[test]
fn there_are_never_more_than_there_may_be() {
    let refusal = |result: Result<Semaphore, SegmentError>| match result {
        Err(SegmentError::InvalidOption { option, allowed }) => {
            assert_eq!((option, allowed), ("permits", format!("0 to {MOST}").as_str()));
        }
        other => panic!("{other:?}"),
    };
    let name = unique("semaphore-most");
    refusal(Semaphore::new(MOST + 1));
    refusal(Semaphore::create(&name, usize::MAX));
    refusal(Semaphore::open_or_create(&name, usize::MAX));
    refusal(Segment::new(1 << 16).unwrap().add("it", MOST + 1));
    let too_many = Err(LockError::TooMany { limit: MOST });
    let semaphore = Semaphore::new(MOST).unwrap();
    assert_eq!(semaphore.release(1), too_many);
    let permit = semaphore.acquire().unwrap();
    assert_eq!(semaphore.release(2), too_many);
    assert_eq!(semaphore.release(usize::MAX), too_many);
    semaphore.release(1).unwrap();
    // There is no room left for this one.
    drop(permit);
    assert_eq!(semaphore.available(), MOST);
}

#[test]
fn a_permit_is_waited_for_no_shorter_than_asked() {
    let _watchdog = Watchdog::start(60);
    let semaphore = Semaphore::new(0).unwrap();
    for millis in [0, 1, 7, 99, 100, 101, 250] {
        let begin = Instant::now();
        let timeout = Duration::from_millis(millis);
        assert_eq!(semaphore.acquire_timeout(timeout).err(), Some(LockError::Timeout));
        assert!(begin.elapsed() >= timeout);
    }
}

#[test]
fn a_release_wakes_as_many_as_it_has_permits_for() {
    let _watchdog = Watchdog::start(60);
    let semaphore = Semaphore::new(0).unwrap();
    let acquire = || {
        let semaphore = semaphore.clone();
        asleep(move || semaphore.acquire().unwrap().forget())
    };
    let sleepers: Vec<_> = (0..5).map(|_| acquire()).collect();
    semaphore.release(3).unwrap();
    until(|| sleepers.iter().filter(|sleeper| sleeper.is_done()).count() == 3);
    assert_eq!(semaphore.available(), 0);
    semaphore.release(4).unwrap();
    sleepers.into_iter().for_each(|sleeper| sleeper.wake());
    assert_eq!(semaphore.available(), 2);
}

#[test]
fn no_more_than_so_many_processes_at_a_time() {
    let _watchdog = Watchdog::start(120);
    let name = unique("semaphore-crowd");
    let segment = Segment::create(&name, 1 << 16).unwrap();
    let semaphore = segment.add::<Semaphore>("semaphore", 2).unwrap();
    segment.add::<Atomic<u64>>("inside", 0).unwrap();
    let mut crowd: Vec<_> = (0..4).map(|_| Role::spawn("in_a_child", &["crowd", &name, "5000"])).collect();
    crowd.iter_mut().for_each(|one| assert_eq!(one.hear(), "ready"));
    crowd.iter_mut().for_each(|one| one.tell("go"));
    crowd.into_iter().for_each(|one| assert!(one.join().success()));
    assert_eq!(semaphore.available(), 2);
}

#[test]
fn threads_take_turns() {
    let _watchdog = Watchdog::start(120);
    let semaphore = Semaphore::new(1).unwrap();
    let sum = std::sync::atomic::AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let clone = semaphore.clone();
                for round in 0..5000 {
                    let _permit = if round % 2 == 0 { clone.acquire() } else { semaphore.acquire() };
                    sum.store(sum.load(Relaxed) + 1, Relaxed);
                }
            });
        }
    });
    assert_eq!((sum.into_inner(), semaphore.available()), (20_000, 1));
}

#[test]
fn a_killed_holders_permit_is_any_others_to_release() {
    let _watchdog = Watchdog::start(60);
    let name = unique("semaphore-holder");
    let semaphore = Semaphore::create(&name, 1).unwrap();
    let mut holder = Role::spawn("in_a_child", &["hold", &name]);
    assert_eq!(holder.hear(), "holding");
    let mut waiter = Role::spawn("in_a_child", &["wait", &name]);
    until_parked(&waiter.hear());
    holder.kill();
    semaphore.segment().reap().unwrap();
    assert_eq!(semaphore.try_acquire().err(), Some(LockError::WouldBlock));
    semaphore.release(1).unwrap();
    assert_eq!(waiter.hear(), "acquired");
    waiter.tell("go on");
    assert!(waiter.join().success());
    assert_eq!(semaphore.available(), 1);
}

#[test]
fn a_killed_or_stopped_waiter_keeps_nothing_from_the_others() {
    let _watchdog = Watchdog::start(60);
    let name = unique("semaphore-waiter");
    let semaphore = Semaphore::create(&name, 0).unwrap();
    let mut waiters: Vec<_> = (0..3)
        .map(|_| {
            let mut waiter = Role::spawn("in_a_child", &["wait", &name]);
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
fn a_storm_of_deaths_loses_no_count() {
    const KILLS: u64 = 30;
    let _watchdog = Watchdog::start(120);
    let name = unique("semaphore-storm");
    let segment = Segment::create(&name, 1 << 16).unwrap();
    let semaphore = segment.add::<Semaphore>("semaphore", 0).unwrap();
    let taken = segment.add::<Atomic<u64>>("taken", 0).unwrap();
    let consumer = || {
        let mut role = Role::spawn("in_a_child", &["consume", &name]);
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
fn a_forked_childs_copy_of_a_permit_does_nothing() {
    let _watchdog = Watchdog::start(60);
    let name = unique("semaphore-fork");
    let semaphore = Semaphore::create(&name, 2).unwrap();
    let mut parent = Role::spawn("in_a_child", &["fork", &name]);
    assert_eq!(parent.hear(), "done");
    assert_eq!(semaphore.available(), 3);
}

#[test]
fn who_cannot_be_a_participant_acquires_and_releases_nothing() {
    let _watchdog = Watchdog::start(60);
    assert!(Role::spawn("in_a_child", &["no place"]).join().success());
}

#[test]
fn any_words_there_make_errors_at_worst() {
    let _watchdog = Watchdog::start(60);
    let name = unique("semaphore-damage");
    let semaphore = Semaphore::create(&name, 1).unwrap();
    let path = semaphore.segment().path().unwrap();
    let at = semaphore.segment().objects().unwrap()[0].offset;
    let corrupt = Some(LockError::Corrupt { what: "the count of a semaphore" });
    let soon = Duration::from_millis(2);
    for sleepers in [0_u32, 1, 2, 3, u32::MAX - 1, u32::MAX] {
        patch(&path, at + 8, &sleepers.to_ne_bytes());
        for count in [MOST as u64 + 1, 1 << 32, 1 << 63, u64::MAX] {
            patch(&path, at, &count.to_ne_bytes());
            assert_eq!(semaphore.acquire().err(), corrupt);
            assert_eq!(semaphore.try_acquire().err(), corrupt);
            assert_eq!(semaphore.acquire_timeout(soon).err(), corrupt);
            assert_eq!(semaphore.release(1).err(), corrupt);
            assert_eq!(semaphore.available(), MOST);
            assert_eq!(Semaphore::open(&name).unwrap().release(0).err(), corrupt);
        }
        patch(&path, at, &0_u64.to_ne_bytes());
        assert_eq!(semaphore.acquire_timeout(soon).err(), Some(LockError::Timeout));
        semaphore.release(1).unwrap();
        drop(semaphore.acquire().unwrap());
    }
    // It comes to a sleeper, too.
    semaphore.acquire().unwrap().forget();
    let clone = semaphore.clone();
    let sleeper = asleep(move || clone.acquire().map(drop).err());
    patch(&path, at, &u64::MAX.to_ne_bytes());
    assert_eq!(sleeper.wake(), corrupt);
}
