//! [`breezeway::Atomic`]: processes count together.

use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};

use breezeway::{Atomic, AtomicInteger, Segment};
use support::{Role, Watchdog, listen, role, say, unique};

#[test]
fn in_a_child() {
    let Some(arguments) = role() else { return };
    let segment = Segment::open(&arguments[0]).unwrap();
    let rounds: u64 = arguments[1].parse().unwrap();
    let seen = segment.get::<Atomic<u64>>("seen").unwrap();
    say("ready");
    listen();
    for _ in 0..rounds {
        count::<u8>(&segment, 1);
        count::<u16>(&segment, 1);
        count::<u32>(&segment, 1);
        count::<u64>(&segment, 1);
        count::<i8>(&segment, -1);
        count::<i64>(&segment, -1);
        segment.get::<Atomic<i16>>("i16").unwrap().fetch_sub(1, Relaxed);
        seen.fetch_update(AcqRel, Acquire, |n| n.checked_add(1)).unwrap();
    }
    let flag = segment.get::<Atomic<bool>>("flag").unwrap();
    let turns = segment.get::<Atomic<u32>>("turns").unwrap();
    for _ in 0..rounds {
        // A lock of its own making: what it guards is not changed in one step.
        while flag.compare_exchange(false, true, Acquire, Relaxed).is_err() {
            std::thread::yield_now();
        }
        turns.store(turns.load(Relaxed) + 1, Relaxed);
        flag.store(false, Release);
    }
}

fn count<T: AtomicInteger>(segment: &Segment, by: T) {
    let name = std::any::type_name::<T>();
    segment.get::<Atomic<T>>(name).unwrap().fetch_add(by, Relaxed);
}

#[test]
fn fetch_and_compare_exchange_count_exactly() {
    const PROCESSES: u64 = 4;
    const ROUNDS: u64 = 2000;
    const ALL: u64 = PROCESSES * ROUNDS;
    let _watchdog = Watchdog::start(120);
    let name = unique("atomic-sum");
    let segment = Segment::create(&name, 1 << 16).unwrap();
    let small = segment.add::<Atomic<u8>>("u8", 0).unwrap();
    let short = segment.add::<Atomic<u16>>("u16", 0).unwrap();
    let word = segment.add::<Atomic<u32>>("u32", 0).unwrap();
    let long = segment.add::<Atomic<u64>>("u64", 0).unwrap();
    let down = segment.add::<Atomic<i8>>("i8", 0).unwrap();
    let far_down = segment.add::<Atomic<i64>>("i64", 0).unwrap();
    let subtracted = segment.add::<Atomic<i16>>("i16", 0).unwrap();
    let seen = segment.add::<Atomic<u64>>("seen", 0).unwrap();
    segment.add::<Atomic<bool>>("flag", false).unwrap();
    let turns = segment.add::<Atomic<u32>>("turns", 0).unwrap();

    let counters = (0..PROCESSES).map(|_| Role::spawn(in_a_child, &[&name, &ROUNDS.to_string()]));
    let mut counters: Vec<_> = counters.collect();
    counters.iter_mut().for_each(|counter| assert_eq!(counter.hear(), "ready"));
    counters.iter_mut().for_each(|counter| counter.tell("go"));
    for counter in counters {
        assert!(counter.join().success());
    }
    assert_eq!(small.load(Relaxed), ALL as u8);
    assert_eq!(short.load(Relaxed), ALL as u16);
    assert_eq!(word.load(Relaxed), ALL as u32);
    assert_eq!(long.load(Relaxed), ALL);
    assert_eq!(down.load(Relaxed), (ALL as i8).wrapping_neg());
    assert_eq!(far_down.load(Relaxed), -(ALL as i64));
    assert_eq!(subtracted.load(Relaxed), (ALL as i16).wrapping_neg());
    assert_eq!(seen.load(Relaxed), ALL);
    assert_eq!(u64::from(turns.load(Relaxed)), ALL);
}
