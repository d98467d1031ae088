//! Holders and waiters that are killed or stopped, or that leave.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use breezeway::sync::BoundedSemaphore;
use breezeway::{Atomic, Segment, SemaphoreError};
use support::process::{kill_running, resume, stop, until, until_parked};
use support::scratch::Scratch;
use support::{Role, Watchdog, say, unique};

const LONG: Duration = Duration::from_secs(60);

fn holder(name: &str, kept: u32, forgotten: u32) -> Role {
    let mut holder =
        Role::spawn(super::in_a_child, &["hold", name, &kept.to_string(), &forgotten.to_string()]);
    assert_eq!(holder.hear(), "holding");
    holder
}

fn waiter(name: &str) -> Role {
    let mut waiter = Role::spawn(super::in_a_child, &["wait", name]);
    until_parked(&waiter.hear());
    waiter
}

#[test]
fn acquire_reclaims_permits_of_dead_holder() {
    let _watchdog = Watchdog::start(60);
    let name = unique("bounded-killed");
    let semaphore = BoundedSemaphore::create(&name, 2).unwrap();
    for (kept, forgotten) in [(2, 0), (1, 1), (0, 2)] {
        for round in 0..4 {
            let holder = holder(&name, kept, forgotten);
            assert_eq!(semaphore.try_acquire().err(), Some(SemaphoreError::WouldBlock), "it lives");
            match round {
                0 => {
                    holder.kill();
                    drop((semaphore.acquire().unwrap(), semaphore.acquire().unwrap()));
                }
                1 => {
                    holder.kill();
                    drop(semaphore.acquire_timeout(LONG).unwrap());
                }
                2 => {
                    holder.kill();
                    until(|| semaphore.try_acquire().is_ok());
                }
                _ => {
                    let mut waiters = [waiter(&name), waiter(&name)];
                    holder.kill();
                    // One permit each: none waits for the other to go.
                    waiters.iter_mut().for_each(|waiter| assert_eq!(waiter.hear(), "acquired"));
                    waiters.iter_mut().for_each(|waiter| waiter.tell("release"));
                    waiters.iter_mut().for_each(|waiter| assert_eq!(waiter.hear(), "released"));
                }
            }
            assert_eq!(semaphore.available(), 2);
            assert_eq!(semaphore.release(), Err(SemaphoreError::NotHeld), "they are nobody's");
        }
    }
}

#[test]
fn acquire_reclaims_permits_of_departed_holder() {
    let _watchdog = Watchdog::start(60);
    let name = unique("bounded-gone");
    let semaphore = BoundedSemaphore::create(&name, 3).unwrap();
    for (kept, forgotten) in [(3, 0), (1, 2)] {
        let mut waiting = holder(&name, kept, forgotten);
        let mut waiter = waiter(&name);
        waiting.tell("end");
        assert!(waiting.join().success());
        assert_eq!(waiter.hear(), "acquired");
        assert_eq!(semaphore.available(), 2);
        waiter.kill();
        drop([(); 3].map(|()| semaphore.acquire().unwrap()));
    }
    // A process that lives on, but lets go of the segment.
    let mut keeper = holder(&name, 1, 0);
    semaphore.acquire().unwrap().forget();
    let again = BoundedSemaphore::open(&name).unwrap();
    assert_eq!(again.available(), 1);
    assert_eq!(again.release(), Ok(()), "opened again is the same participant");
    semaphore.acquire().unwrap().forget();
    semaphore.segment().persist(true);
    drop((semaphore, again));
    let semaphore = BoundedSemaphore::open(&name).unwrap();
    breezeway::Segment::remove(&name).unwrap();
    assert_eq!(semaphore.available(), 2);
    assert_eq!(semaphore.release(), Err(SemaphoreError::NotHeld));
    keeper.tell("end");
    assert!(keeper.join().success());
}

#[test]
fn acquire_timeout_elapses_while_holder_is_stopped() {
    let _watchdog = Watchdog::start(60);
    let name = unique("bounded-stopped");
    let semaphore = BoundedSemaphore::create(&name, 2).unwrap();
    let mut holder = holder(&name, 1, 1);
    stop(holder.pid());
    assert_eq!(semaphore.acquire_timeout(Duration::from_millis(300)).err(), Some(SemaphoreError::Timeout));
    assert_eq!(semaphore.segment().reap().unwrap(), 0);
    assert_eq!(semaphore.available(), 0);
    resume(holder.pid());
    holder.tell("release");
    assert_eq!(holder.hear(), "released");
    assert_eq!(semaphore.available(), 2);
}

#[test]
fn acquire_not_lost_to_killed_or_stopped_waiter() {
    let _watchdog = Watchdog::start(60);
    let name = unique("bounded-waiter");
    let semaphore = BoundedSemaphore::create(&name, 2).unwrap();
    let permits = [semaphore.acquire().unwrap(), semaphore.acquire().unwrap()];
    let mut waiters: Vec<_> = (0..3).map(|_| waiter(&name)).collect();
    waiters.remove(0).kill();
    // The first in the kernel's line, which is the one it wakes.
    stop(waiters[0].pid());
    let [first, second] = permits;
    drop(first);
    assert_eq!(waiters[1].hear(), "acquired");
    drop(second);
    resume(waiters[0].pid());
    assert_eq!(waiters[0].hear(), "acquired");
    waiters.into_iter().for_each(kill_running);
    drop((semaphore.acquire().unwrap(), semaphore.acquire().unwrap()));
    assert_eq!(semaphore.available(), 2);
}

/// A copy of the file is what the disk has of it after a power failure.
#[test]
fn permits_held_at_power_loss_come_back() {
    let scratch = Scratch::new("bounded-outage");
    let (before, after) = (scratch.file("before"), scratch.file("after"));
    let segment = Segment::create_file(&before, 1 << 16).unwrap();
    let semaphore = segment.add::<BoundedSemaphore>("semaphore", 2).unwrap();
    let _permit = semaphore.acquire().unwrap();
    semaphore.acquire().unwrap().forget();
    std::fs::copy(&before, &after).unwrap();
    let copy = Segment::open_file(&after).unwrap().get::<BoundedSemaphore>("semaphore").unwrap();
    drop((copy.acquire().unwrap(), copy.acquire().unwrap()));
    assert_eq!((copy.available(), copy.release()), (2, Err(SemaphoreError::NotHeld)));
    assert_eq!(semaphore.available(), 0);
}

/// Takes permits of two semaphores on and on, in every way.
pub(crate) fn storm(segment: &Segment) {
    let [single, several] = ["single", "several"].map(|name| segment.get::<BoundedSemaphore>(name).unwrap());
    let [inside, passes] = ["inside", "passes"].map(|name| segment.get::<Atomic<u64>>(name).unwrap());
    let me = u64::from(std::process::id());
    say("storming");
    for round in 0_u32.. {
        let permit = several.acquire().unwrap();
        if round.is_multiple_of(3) {
            // Where it is killed now, two are to be given back.
            let _ = several.try_acquire().map(|permit| permit.forget());
        }
        let alone = single.acquire().unwrap();
        inside.store(me, Relaxed);
        std::thread::yield_now();
        assert_eq!(inside.load(Relaxed), me, "two have the only permit");
        passes.fetch_add(1, Relaxed);
        drop(alone);
        drop(permit);
        if several.release().is_ok() {
            assert_eq!(several.release(), Err(SemaphoreError::NotHeld));
        }
    }
}

#[test]
fn acquire_release_storm_of_deaths_loses_no_permit() {
    const PROCESSES: usize = 4;
    const KILLS: usize = 100;
    const SEVERAL: usize = 3;
    let _watchdog = Watchdog::start(240);
    let name = unique("bounded-storm");
    let segment = Segment::create(&name, 1 << 16).unwrap();
    let single = segment.add::<BoundedSemaphore>("single", 1).unwrap();
    let several = segment.add::<BoundedSemaphore>("several", SEVERAL).unwrap();
    let [_inside, passes] = ["inside", "passes"].map(|name| segment.add::<Atomic<u64>>(name, 0).unwrap());
    let start = || Role::spawn(super::in_a_child, &["storm", &name]);
    let mut roles: Vec<Role> = (0..PROCESSES).map(|_| start()).collect();
    roles.iter_mut().for_each(|role| assert_eq!(role.hear(), "storming"));
    let mut random = std::process::id();
    for _ in 0..KILLS {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let mut successor = start();
        assert_eq!(successor.hear(), "storming");
        let victim = std::mem::replace(&mut roles[(random >> 16) as usize % PROCESSES], successor);
        kill_running(victim);
        let before = passes.load(Relaxed);
        until(|| passes.load(Relaxed) > before);
    }
    roles.into_iter().for_each(kill_running);
    let permits: Vec<_> = (0..SEVERAL).map(|_| several.acquire().unwrap()).collect();
    let only = single.acquire().unwrap();
    assert_eq!((several.available(), single.available()), (0, 0));
    drop((permits, only));
    assert_eq!((several.available(), single.available()), (SEVERAL, 1));
}
