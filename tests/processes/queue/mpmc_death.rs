//! [`breezeway::queue::Queue`] when processes are killed or stopped during an operation. Storms are
//! in `tests/chaos/queue`.

mod child;
mod leases;

use std::time::Duration;

use breezeway::queue::Queue;
use breezeway::{PopError, PushError, Segment};
use child::{ask, spawn};
use support::death::kill_and_keep;
use support::numbered::Numbered;
use support::process::{kill_running, resume, stop, until};
use support::waiting::asleep;
use support::{Role, Watchdog, unique};

/// Kills producers wherever they are, in a segment for four: each leaves a queue that works, and a run of values without a gap.
fn producers_are_killed<T: Numbered>(hammer: &str, capacity: usize) {
    const KILLS: u64 = 50;
    let _watchdog = Watchdog::start(120);
    let name = unique("queue-midstream");
    let segment = Segment::builder().participants(4).create(&name, 1 << 20).unwrap();
    let queue = segment.add::<Queue<T>>("queue", capacity).unwrap();
    for round in 0..KILLS {
        let producer = Role::spawn(child::in_a_child, &[hammer, &name]);
        let mut next = 0;
        let mut take = |value: T| {
            assert!(value.is_whole() && value == T::of(next), "{next} of round {round}");
            next += 1;
        };
        for _ in 0..=round * 3 {
            take(queue.pop().unwrap());
        }
        kill_running(producer);
        // All it pushed is there, and nobody is in the way.
        loop {
            match queue.try_pop() {
                Ok(value) => take(value),
                Err(error) => break assert!(matches!(error, PopError::Empty), "{error:?}"),
            }
        }
        (0..capacity as u64).for_each(|n| queue.try_push(T::of(n)).unwrap());
        assert!(matches!(queue.try_push(T::of(0)), Err(PushError::Full(_))));
        (0..capacity as u64).for_each(|n| assert_eq!(queue.try_pop().unwrap(), T::of(n)));
    }
}

#[test]
fn push_killed_small_values_leave_no_gap() {
    producers_are_killed::<u64>("hammer", 5);
}

#[test]
fn push_killed_large_values_leave_no_gap() {
    producers_are_killed::<[u64; 512]>("hammer pages", 3);
}

/// Consumers are killed wherever they are. Each leaves a full queue's worth of values without a gap.
fn consumers_are_killed<T: Numbered>(eat: &str) {
    const KILLS: u64 = 30;
    let _watchdog = Watchdog::start(120);
    let name = unique("queue-eaters");
    let segment = Segment::builder().participants(4).create(&name, 1 << 20).unwrap();
    let queue = segment.add::<Queue<T>>("queue", 8).unwrap();
    let mut pushed = 0;
    for round in 0..KILLS {
        let consumer = Role::spawn(child::in_a_child, &[eat, &name]);
        for _ in 0..20 + round * 7 {
            queue.push(T::of(pushed)).unwrap();
            pushed += 1;
        }
        kill_running(consumer);
        // A large value may be leased to the dead process.
        segment.reap().unwrap();
        while queue.try_push(T::of(pushed)).is_ok() {
            pushed += 1;
        }
        let mut left: Vec<T> = std::iter::from_fn(|| queue.try_pop().ok()).collect();
        assert!(left.iter().all(|value| value.is_whole()));
        // That one comes out of order.
        left.sort_by_key(|value| value.number());
        let numbers: Vec<u64> = left.iter().map(|value| value.number()).collect();
        assert_eq!(numbers, (pushed - 8..pushed).collect::<Vec<_>>());
        (0..8).for_each(|n| queue.try_push(T::of(n)).unwrap());
        assert!(matches!(queue.try_push(T::of(0)), Err(PushError::Full(_))));
        (0..8).for_each(|n| assert_eq!(queue.try_pop().unwrap(), T::of(n)));
    }
}

#[test]
fn pop_killed_small_values_leave_the_rest() {
    consumers_are_killed::<u64>("eat");
}

#[test]
fn pop_killed_large_values_leave_the_rest() {
    consumers_are_killed::<[u64; 512]>("eat pages");
}

/// A slot that a stopped process is at work in stays its own.
#[test]
fn push_by_stopped_producer_keeps_slot_and_order() {
    const STOPS: u64 = 60;
    let _watchdog = Watchdog::start(120);
    let name = unique("queue-stopped");
    let segment = Segment::builder().participants(4).create(&name, 1 << 20).unwrap();
    let queue = segment.add::<Queue<[u64; 512]>>("queue", 3).unwrap();
    let producer = Role::spawn(child::in_a_child, &["hammer pages", &name]);
    let mut next = 0;
    for _ in 0..STOPS {
        stop(producer.pid());
        while let Ok(page) = queue.pop_timeout(Duration::from_millis(1)) {
            assert!(page.is_whole() && page.number() == next);
            next += 1;
        }
        resume(producer.pid());
        for _ in 0..20 {
            assert_eq!(queue.pop().unwrap().number(), next);
            next += 1;
        }
    }
    kill_running(producer);
}

#[test]
fn pop_waiter_woken_when_other_waiters_are_killed() {
    let _watchdog = Watchdog::start(120);
    let name = unique("queue-sleepers");
    let segment = Segment::builder().participants(4).create(&name, 1 << 16).unwrap();
    let queue = segment.add::<Queue<u64>>("queue", 2).unwrap();
    for round in 0..10 {
        let clone = queue.clone();
        let popper = asleep(move || clone.pop().unwrap());
        // Killed asleep beside it, before and behind it in the kernel's list.
        let mut others = [spawn(&name), spawn(&name)];
        for other in &mut others {
            let thread = ask(other, "wait");
            support::process::until_parked(&thread);
        }
        let [one, two] = others;
        kill_and_keep(&one);
        queue.push(round).unwrap();
        drop(one);
        two.kill();
        // One of them may have been woken in its stead, and have died with the value.
        until(|| popper.is_done() || queue.try_push(round).is_ok() && popper.is_done());
        assert_eq!(popper.wake(), round);
        while queue.try_pop().is_ok() {}
    }
}
