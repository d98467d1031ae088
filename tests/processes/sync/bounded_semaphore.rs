//! [`breezeway::sync::BoundedSemaphore`] between processes: at most n holders at a time, and the
//! ownership of permits.

mod damage;
mod deaths;

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use breezeway::sync::BoundedSemaphore;
use breezeway::{Atomic, Segment, SemaphoreError};
use support::fork::fork;
use support::process::{thread_id, until};
use support::{Role, Watchdog, listen, role, say, unique};

#[test]
fn in_a_child() {
    let Some(arguments) = role() else { return };
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["hold", name, kept, forgotten] => {
            hold(&BoundedSemaphore::open(name).unwrap(), kept.parse().unwrap(), forgotten.parse().unwrap())
        }
        ["wait", name] => wait(&BoundedSemaphore::open(name).unwrap()),
        ["contend", name, rounds] => contend(&Segment::open(name).unwrap(), rounds.parse().unwrap()),
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
    assert_eq!(semaphore.release(), Err(SemaphoreError::NotHeld));
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
fn contend(segment: &Segment, rounds: u32) {
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
                    Err(SemaphoreError::WouldBlock) => std::thread::yield_now(),
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
        assert_eq!(semaphore.release(), Err(SemaphoreError::NotHeld), "the parent forgot it, not the child");
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
    assert_eq!(
        semaphore.release(),
        Err(SemaphoreError::NotHeld),
        "its child has not forgotten a permit of its"
    );
    drop(permits);
    until(|| {
        semaphore.segment().reap().unwrap();
        semaphore.available() == 5
    });
    say("done");
    listen();
}

#[test]
fn release_without_forgotten_permit_returns_not_held() {
    let _watchdog = Watchdog::start(20);
    let name = unique("bounded-over");
    let semaphore = BoundedSemaphore::create(&name, 3).unwrap();
    assert_eq!(semaphore.release(), Err(SemaphoreError::NotHeld), "nobody has any");
    let permit = semaphore.acquire().unwrap();
    assert_eq!(semaphore.release(), Err(SemaphoreError::NotHeld), "that one is its holder's to drop");
    semaphore.acquire().unwrap().forget();
    let mut other = Role::spawn(in_a_child, &["hold", &name, "0", "1"]);
    assert_eq!(other.hear(), "holding");
    assert_eq!(semaphore.available(), 0);
    semaphore.release().unwrap();
    assert_eq!(semaphore.release(), Err(SemaphoreError::NotHeld), "what is left is another's");
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
    assert_eq!((semaphore.available(), semaphore.release()), (3, Err(SemaphoreError::NotHeld)));
    // A permit that is lost without a word is none that anybody can name.
    std::mem::forget(semaphore.acquire().unwrap());
    assert_eq!((semaphore.available(), semaphore.release()), (2, Err(SemaphoreError::NotHeld)));
}

#[test]
fn acquire_admits_at_most_limit_processes() {
    let _watchdog = Watchdog::start(120);
    let name = unique("bounded-contended");
    let segment = Segment::create(&name, 1 << 16).unwrap();
    let semaphore = segment.add::<BoundedSemaphore>("semaphore", 2).unwrap();
    segment.add::<Atomic<u64>>("inside", 0).unwrap();
    let mut contenders: Vec<_> =
        (0..4).map(|_| Role::spawn(in_a_child, &["contend", &name, "5000"])).collect();
    contenders.iter_mut().for_each(|one| assert_eq!(one.hear(), "ready"));
    contenders.iter_mut().for_each(|one| one.tell("go"));
    contenders.into_iter().for_each(|one| assert!(one.join().success()));
    assert_eq!(semaphore.available(), 2);
}

#[test]
fn permit_copy_in_forked_child_has_no_effect() {
    let _watchdog = Watchdog::start(60);
    let name = unique("bounded-fork");
    let semaphore = BoundedSemaphore::create(&name, 5).unwrap();
    let mut parent = Role::spawn(in_a_child, &["fork", &name]);
    assert_eq!(parent.hear(), "done");
    assert_eq!(semaphore.available(), 5);
}
