//! [`breezeway::sync::BoundedSemaphore`]: so many at a time, between threads and processes, and whose the permits are, living and dying.

#[path = "sync_bounded_semaphore/damage.rs"]
mod damage;
#[path = "sync_bounded_semaphore/deaths.rs"]
mod deaths;
#[allow(unreachable_pub)]
mod support;

use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use breezeway::sync::{BoundedSemaphore, Semaphore};
use breezeway::{Atomic, LockError, Segment, SegmentError};
use support::fork::fork;
use support::process::{thread_id, until};
use support::waiting::asleep;
use support::{Role, Watchdog, listen, role, say, unique};

const MOST: usize = BoundedSemaphore::MAX_PERMITS;

#[test]
fn in_a_child() {
    let Some(arguments) = role() else { return };
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["hold", name, kept, forgotten] => {
            hold(&BoundedSemaphore::open(name).unwrap(), kept.parse().unwrap(), forgotten.parse().unwrap())
        }
        ["wait", name] => wait(&BoundedSemaphore::open(name).unwrap()),
        ["crowd", name, rounds] => crowd(&Segment::open(name).unwrap(), rounds.parse().unwrap()),
        ["fork", name] => fork_with_permits(&BoundedSemaphore::open(name).unwrap()),
        ["storm", name] => deaths::storm(&Segment::open(name).unwrap()),
        _ => unreachable!("{arguments:?}"),
    }
}

/// Takes so many permits, and so many to forget; lets all go when told to.
fn hold(semaphore: &BoundedSemaphore, kept: usize, forgotten: usize) {
    let permits: Vec<_> = (0..kept).map(|_| semaphore.acquire().unwrap()).collect();
    (0..forgotten).for_each(|_| semaphore.acquire().unwrap().forget());
    say("holding");
    if listen() == "end" {
        return std::mem::forget(permits);
    }
    drop(permits);
    (0..forgotten).for_each(|_| semaphore.release().unwrap());
    assert_eq!(semaphore.release(), Err(LockError::NotHeld));
    say("released");
    listen();
}

fn wait(semaphore: &BoundedSemaphore) {
    say(&thread_id());
    let permit = semaphore.acquire().unwrap();
    say("acquired");
    listen();
    drop(permit);
    say("released");
    listen();
}

/// Goes in and out, and sees how many are in.
fn crowd(segment: &Segment, rounds: u32) {
    let semaphore = segment.get::<BoundedSemaphore>("semaphore").unwrap();
    let inside = segment.get::<Atomic<u64>>("inside").unwrap();
    say("ready");
    listen();
    for round in 0..rounds {
        let permit = match round % 4 {
            0 => Some(semaphore.acquire().unwrap()),
            1 => Some(semaphore.acquire_timeout(Duration::MAX).unwrap()),
            2 => {
                semaphore.acquire().unwrap().forget();
                None
            }
            _ => loop {
                match semaphore.try_acquire() {
                    Err(LockError::WouldBlock) => std::thread::yield_now(),
                    other => break Some(other.unwrap()),
                }
            },
        };
        assert!(inside.fetch_add(1, Relaxed) < 2, "three at a time");
        if round % 16 == 0 {
            std::thread::yield_now();
        }
        inside.fetch_sub(1, Relaxed);
        match permit {
            Some(permit) => drop(permit),
            None => semaphore.release().unwrap(),
        }
    }
}

/// A forked child has copies of its parent's permits, which are nothing, and takes and releases as itself.
fn fork_with_permits(semaphore: &BoundedSemaphore) {
    let mut permits = [Some(semaphore.acquire().unwrap()), Some(semaphore.acquire().unwrap())];
    semaphore.acquire().unwrap().forget();
    assert_eq!(semaphore.available(), 2);
    fork(|| {
        drop(permits[0].take());
        if let Some(permit) = permits[1].take() {
            permit.forget();
        }
        assert_eq!(semaphore.available(), 2, "the copies release nothing");
        assert_eq!(semaphore.release(), Err(LockError::NotHeld), "the parent forgot it, not the child");
        let own = semaphore.acquire().unwrap();
        assert_eq!(semaphore.available(), 1);
        drop(own);
        semaphore.acquire().unwrap().forget();
        semaphore.release().unwrap();
        // It dies with one.
        std::mem::forget(semaphore.acquire().unwrap());
    })
    .join();
    semaphore.release().unwrap();
    assert_eq!(semaphore.release(), Err(LockError::NotHeld), "its child has not forgotten a permit of its");
    drop(permits);
    until(|| {
        semaphore.segment().reap().unwrap();
        semaphore.available() == 5
    });
    say("done");
    listen();
}

#[test]
fn the_short_forms_make_open_and_find() {
    let name = unique("bounded");
    assert!(matches!(BoundedSemaphore::open(&name), Err(SegmentError::NotFound { .. })));
    let made = BoundedSemaphore::open_or_create(&name, 3).unwrap();
    let found = BoundedSemaphore::open_or_create(&name, 3).unwrap();
    assert!(made.segment().was_created() && !found.segment().was_created());
    assert_eq!((found.available(), found.total()), (3, 3));
    let permit = made.acquire().unwrap();
    assert_eq!((found.available(), found.clone().available(), found.total()), (2, 2, 3));
    assert!(format!("{made:?} {permit:?}").contains("available: 2"));
    drop(permit);
    let with_four = BoundedSemaphore::open_or_create(&name, 4);
    assert!(matches!(with_four, Err(SegmentError::TypeMismatch { .. })), "{with_four:?}");
    assert!(matches!(BoundedSemaphore::create(&name, 1), Err(SegmentError::AlreadyExists { .. })));
    assert!(matches!(Semaphore::open(&name), Err(SegmentError::TypeMismatch { .. })));
    let segment = Segment::new(1 << 16).unwrap();
    segment.add::<BoundedSemaphore>("one", 1).unwrap();
    let other = segment.add::<BoundedSemaphore>("other", 17).unwrap();
    assert_eq!((other.total(), other.available()), (17, 17));
    let no_room = segment.add::<BoundedSemaphore>("vast", MOST);
    assert!(matches!(no_room, Err(SegmentError::OutOfSpace { .. })));
}

#[test]
fn there_is_at_least_one_and_no_more_than_there_may_be() {
    let refusal = |result: Result<BoundedSemaphore, SegmentError>| match result {
        Err(SegmentError::InvalidOption { option, allowed }) => {
            assert_eq!((option, allowed), ("permits", "1 to 65536"));
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(MOST, 65_536);
    let name = unique("bounded-most");
    for permits in [0, MOST + 1, usize::MAX] {
        refusal(BoundedSemaphore::new(permits));
        refusal(BoundedSemaphore::create(&name, permits));
        refusal(BoundedSemaphore::open_or_create(&name, permits));
        refusal(Segment::new(1 << 16).unwrap().add("it", permits));
    }
    let all = BoundedSemaphore::new(MOST).unwrap();
    let mut permits: Vec<_> = (0..MOST).map(|_| all.try_acquire().unwrap()).collect();
    assert_eq!((all.available(), all.try_acquire().err()), (0, Some(LockError::WouldBlock)));
    // Wherever the free one is, it is found.
    for at in [0, 1, MOST / 2, MOST - 1] {
        drop(permits.swap_remove(at));
        permits.push(all.try_acquire().unwrap());
        assert_eq!(all.available(), 0);
    }
    drop(permits);
    assert_eq!(all.available(), MOST);
    let one = BoundedSemaphore::new(1).unwrap();
    let permit = one.acquire().unwrap();
    assert_eq!(one.try_acquire().err(), Some(LockError::WouldBlock));
    drop(permit);
    assert_eq!(one.available(), 1);
}

#[test]
fn nothing_is_released_that_one_does_not_have() {
    let _watchdog = Watchdog::start(20);
    let name = unique("bounded-over");
    let semaphore = BoundedSemaphore::create(&name, 3).unwrap();
    assert_eq!(semaphore.release(), Err(LockError::NotHeld), "nobody has any");
    let permit = semaphore.acquire().unwrap();
    assert_eq!(semaphore.release(), Err(LockError::NotHeld), "that one is its holder's to drop");
    semaphore.acquire().unwrap().forget();
    let mut other = Role::spawn("in_a_child", &["hold", &name, "0", "1"]);
    assert_eq!(other.hear(), "holding");
    assert_eq!(semaphore.available(), 0);
    semaphore.release().unwrap();
    assert_eq!(semaphore.release(), Err(LockError::NotHeld), "what is left is another's");
    // It does so itself, and once.
    other.tell("release");
    assert_eq!(other.hear(), "released");
    assert_eq!(semaphore.available(), 2);
    drop(permit);
    assert_eq!(semaphore.available(), 3);
    // By any clone, in any thread.
    semaphore.acquire().unwrap().forget();
    let clone = semaphore.clone();
    std::thread::scope(|scope| scope.spawn(move || clone.release().unwrap()).join().unwrap());
    assert_eq!((semaphore.available(), semaphore.release()), (3, Err(LockError::NotHeld)));
    // A permit that is lost without a word is none that anybody can name.
    std::mem::forget(semaphore.acquire().unwrap());
    assert_eq!((semaphore.available(), semaphore.release()), (2, Err(LockError::NotHeld)));
}

#[test]
fn a_permit_may_end_in_another_thread() {
    let semaphore = BoundedSemaphore::new(2).unwrap();
    let permit = semaphore.acquire_timeout(Duration::ZERO).unwrap();
    std::thread::scope(|scope| scope.spawn(|| drop(permit)).join().unwrap());
    let permit = semaphore.acquire().unwrap();
    std::thread::scope(|scope| scope.spawn(|| permit.forget()).join().unwrap());
    assert_eq!((semaphore.available(), semaphore.release(), semaphore.available()), (1, Ok(()), 2));
}

#[test]
fn a_permit_is_waited_for_no_shorter_than_asked() {
    let _watchdog = Watchdog::start(60);
    let semaphore = BoundedSemaphore::new(1).unwrap();
    let _permit = semaphore.acquire().unwrap();
    for millis in [0, 1, 7, 99, 100, 101, 250] {
        let begin = Instant::now();
        let timeout = Duration::from_millis(millis);
        assert_eq!(semaphore.acquire_timeout(timeout).err(), Some(LockError::Timeout));
        assert!(begin.elapsed() >= timeout);
    }
}

#[test]
fn each_permit_that_comes_back_wakes_a_sleeper() {
    let _watchdog = Watchdog::start(60);
    let semaphore = BoundedSemaphore::new(4).unwrap();
    let mut permits: Vec<_> = (0..2).map(|_| semaphore.acquire().unwrap()).collect();
    (0..2).for_each(|_| semaphore.acquire().unwrap().forget());
    let acquire = || {
        let semaphore = semaphore.clone();
        asleep(move || semaphore.acquire().unwrap().forget())
    };
    let sleepers: Vec<_> = (0..4).map(|_| acquire()).collect();
    let done = || sleepers.iter().filter(|sleeper| sleeper.is_done()).count();
    permits.pop();
    until(|| done() == 1);
    semaphore.release().unwrap();
    until(|| done() == 2);
    assert_eq!(semaphore.available(), 0);
    permits.pop();
    semaphore.release().unwrap();
    until(|| done() == 4);
    sleepers.into_iter().for_each(|sleeper| sleeper.wake());
    assert_eq!(semaphore.available(), 0);
    (0..4).for_each(|_| semaphore.release().unwrap());
    assert_eq!((semaphore.available(), semaphore.release()), (4, Err(LockError::NotHeld)));
}

#[test]
fn no_more_than_so_many_processes_at_a_time() {
    let _watchdog = Watchdog::start(120);
    let name = unique("bounded-crowd");
    let segment = Segment::create(&name, 1 << 16).unwrap();
    let semaphore = segment.add::<BoundedSemaphore>("semaphore", 2).unwrap();
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
    let semaphore = BoundedSemaphore::new(1).unwrap();
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
fn a_forked_childs_copy_of_a_permit_does_nothing() {
    let _watchdog = Watchdog::start(60);
    let name = unique("bounded-fork");
    let semaphore = BoundedSemaphore::create(&name, 5).unwrap();
    let mut parent = Role::spawn("in_a_child", &["fork", &name]);
    assert_eq!(parent.hear(), "done");
    assert_eq!(semaphore.available(), 5);
}
