//! [`breezeway::Atomic`]: std's verbs on every type, and counting between processes.

#[allow(unreachable_pub)]
mod support;

use std::sync::atomic::Ordering::{self, AcqRel, Acquire, Relaxed, Release, SeqCst};
use std::sync::atomic::{
    AtomicBool, AtomicI8, AtomicI16, AtomicI32, AtomicI64, AtomicIsize, AtomicU8, AtomicU16, AtomicU32,
    AtomicU64, AtomicUsize,
};

use breezeway::{Atomic, AtomicInteger, Segment, SegmentError, Value};
use support::scratch::patch;
use support::{Role, Watchdog, listen, role, say, unique};

/// The orderings that each kind of access takes.
const LOADS: [Ordering; 3] = [Relaxed, Acquire, SeqCst];
const STORES: [Ordering; 3] = [Relaxed, Release, SeqCst];
const BOTH: [Ordering; 5] = [Relaxed, Acquire, Release, AcqRel, SeqCst];

/// Does the same to ours and to std's with every pair of `$samples`, and compares answers and outcomes.
macro_rules! compare_verbs {
    ($ours:ident, $std:ident, $samples:expr, [$($verb:ident)*]) => {
        for (start, operand) in $samples.iter().flat_map(|a| $samples.iter().map(move |b| (*a, *b))) {
            for order in BOTH {
                $(
                    $ours.store(start, Relaxed);
                    $std.store(start, Relaxed);
                    assert_eq!($ours.$verb(operand, order), $std.$verb(operand, order));
                    assert_eq!($ours.load(Relaxed), $std.load(Relaxed), "{start} {operand} {}", stringify!($verb));
                )*
            }
            for order in STORES {
                $ours.store(operand, order);
                assert_eq!($ours.load(Relaxed), operand);
            }
            for failure in LOADS {
                assert_eq!($ours.load(failure), operand);
                for success in BOTH {
                    for current in [start, operand] {
                        $ours.store(operand, Relaxed);
                        $std.store(operand, Relaxed);
                        let answer = $std.compare_exchange(current, start, success, failure);
                        assert_eq!($ours.compare_exchange(current, start, success, failure), answer);
                        assert_eq!($ours.load(Relaxed), $std.load(Relaxed));
                    }
                    $ours.store(start, Relaxed);
                    assert_eq!($ours.fetch_update(success, failure, |_| Some(operand)), Ok(start));
                    assert_eq!($ours.fetch_update(success, failure, |_| None), Err(operand));
                    assert_eq!($ours.load(Relaxed), operand);
                }
            }
        }
    };
}

macro_rules! integers_behave_as_in_std {
    ($($test:ident: $integer:ident, $std:ident;)*) => {$(
        #[test]
        fn $test() {
            let ours = Atomic::<$integer>::new(3).unwrap();
            assert_eq!(ours.load(SeqCst), 3);
            let std = $std::new(3);
            let samples = [$integer::MIN, 0, 1, 5, $integer::MAX / 3, $integer::MAX - 1, $integer::MAX];
            compare_verbs!(ours, std, samples, [swap fetch_add fetch_sub fetch_max fetch_min fetch_and fetch_or fetch_xor fetch_nand]);
        }
    )*};
}

integers_behave_as_in_std! {
    u8_behaves_as_in_std: u8, AtomicU8;
    u16_behaves_as_in_std: u16, AtomicU16;
    u32_behaves_as_in_std: u32, AtomicU32;
    u64_behaves_as_in_std: u64, AtomicU64;
    usize_behaves_as_in_std: usize, AtomicUsize;
    i8_behaves_as_in_std: i8, AtomicI8;
    i16_behaves_as_in_std: i16, AtomicI16;
    i32_behaves_as_in_std: i32, AtomicI32;
    i64_behaves_as_in_std: i64, AtomicI64;
    isize_behaves_as_in_std: isize, AtomicIsize;
}

#[test]
fn bool_behaves_as_in_std() {
    let ours = Atomic::<bool>::new(true).unwrap();
    assert!(ours.load(SeqCst));
    let std = AtomicBool::new(true);
    compare_verbs!(ours, std, [false, true], [swap fetch_and fetch_or fetch_xor fetch_nand]);
}

#[test]
#[should_panic(expected = "there is no such thing as a release load")]
fn an_ordering_that_std_refuses_is_refused() {
    Atomic::<u32>::new(0).unwrap().load(Release);
}

#[test]
fn the_short_forms_make_open_and_find() {
    let name = unique("atomic");
    assert!(matches!(Atomic::<u32>::open(&name), Err(SegmentError::NotFound { .. })));
    let made = Atomic::<u32>::open_or_create(&name, 7).unwrap();
    let found = Atomic::<u32>::open_or_create(&name, 8).unwrap();
    assert!(made.segment().was_created() && !found.segment().was_created());
    assert_eq!(found.fetch_add(1, Relaxed), 7);
    assert_eq!(Atomic::<u32>::open(&name).unwrap().load(Relaxed), 8);
    assert!(matches!(Atomic::<u32>::create(&name, 1), Err(SegmentError::AlreadyExists { .. })));
    assert!(matches!(Atomic::<i32>::open(&name), Err(SegmentError::TypeMismatch { .. })));
    assert!(matches!(Value::<u32>::open(&name), Err(SegmentError::TypeMismatch { .. })));
}

/// Whatever byte is there, a bool is true or false, and no verb runs for ever.
#[test]
fn a_byte_that_is_no_bool_counts_as_true() {
    let name = unique("atomic-bool");
    let segment = Segment::create(&name, 1 << 16).unwrap();
    let atomic = segment.add::<Atomic<bool>>("flag", false).unwrap();
    let at = segment.objects().unwrap()[0].offset;
    let spoil = || patch(&segment.path().unwrap(), at, &[2]);

    spoil();
    assert!(atomic.load(SeqCst));
    assert!(atomic.swap(true, SeqCst));
    assert_eq!(atomic.compare_exchange(true, false, SeqCst, SeqCst), Ok(true));
    spoil();
    let mut calls = 0;
    let updated = atomic.fetch_update(SeqCst, SeqCst, |flag| {
        calls += 1;
        (calls < 1000).then_some(!flag)
    });
    assert_eq!((updated, calls), (Ok(true), 1), "nobody else is there");
    assert!(!atomic.load(SeqCst));
}

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
fn processes_count_exactly() {
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

    let counters = (0..PROCESSES).map(|_| Role::spawn("in_a_child", &[&name, &ROUNDS.to_string()]));
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

#[test]
fn clones_and_threads_share_the_atomic() {
    let atomic = Atomic::<u32>::new(0).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let clone = atomic.clone();
            scope.spawn(move || {
                for _ in 0..1000 {
                    clone.fetch_add(1, Relaxed);
                }
            });
        }
    });
    assert_eq!(atomic.load(Relaxed), 4000);
}

#[test]
fn debug_output_does_not_tell_the_value() {
    assert!(!format!("{:?}", Atomic::<u64>::new(987_654_321).unwrap()).contains("987654321"));
}
