//! [`breezeway::Atomic`]: std's methods on every type.

use std::sync::atomic::Ordering::{self, AcqRel, Acquire, Relaxed, Release, SeqCst};
use std::sync::atomic::{
    AtomicBool, AtomicI8, AtomicI16, AtomicI32, AtomicI64, AtomicIsize, AtomicU8, AtomicU16, AtomicU32,
    AtomicU64, AtomicUsize,
};

use breezeway::{Atomic, Segment, SegmentError, Value};
use support::scratch::patch;
use support::unique;

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

macro_rules! integer_operations_match_std {
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

integer_operations_match_std! {
    u8_operations_match_std: u8, AtomicU8;
    u16_operations_match_std: u16, AtomicU16;
    u32_operations_match_std: u32, AtomicU32;
    u64_operations_match_std: u64, AtomicU64;
    usize_operations_match_std: usize, AtomicUsize;
    i8_operations_match_std: i8, AtomicI8;
    i16_operations_match_std: i16, AtomicI16;
    i32_operations_match_std: i32, AtomicI32;
    i64_operations_match_std: i64, AtomicI64;
    isize_operations_match_std: isize, AtomicIsize;
}

#[test]
fn bool_operations_match_std() {
    let ours = Atomic::<bool>::new(true).unwrap();
    assert!(ours.load(SeqCst));
    let std = AtomicBool::new(true);
    compare_verbs!(ours, std, [false, true], [swap fetch_and fetch_or fetch_xor fetch_nand]);
}

#[test]
#[should_panic(expected = "there is no such thing as a release load")]
fn load_with_release_ordering_panics() {
    Atomic::<u32>::new(0).unwrap().load(Release);
}

#[test]
fn open_or_create_creates_then_opens() {
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
fn bool_with_invalid_byte_counts_as_true() {
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
fn clone_and_threads_share_atomic() {
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
fn debug_does_not_show_value() {
    assert!(!format!("{:?}", Atomic::<u64>::new(987_654_321).unwrap()).contains("987654321"));
}
