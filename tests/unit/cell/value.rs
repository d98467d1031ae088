//! [`breezeway::Value`]: the types it holds, and its methods.

use std::fmt::Debug;
use std::num::{NonZeroU32, Wrapping};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use breezeway::{LockError, Segment, SegmentError, Shareable, Value};
use bytemuck::{CheckedBitPattern, NoUninit, Pod, Zeroable};
use support::scratch::{Name, peek};
use support::{Role, Watchdog, role, unique};

#[derive(Clone, Copy, Debug, PartialEq, NoUninit, CheckedBitPattern)]
#[repr(u8)]
enum Gear {
    Neutral = 0,
    First = 1,
    Reverse = 7,
}

#[derive(Clone, Copy, Debug, PartialEq, NoUninit, CheckedBitPattern)]
#[repr(i64)]
enum Depth {
    Shallow = 1,
    Deep = 0x7fff_ffff_ffff_ffff,
}

/// Some fields that any bytes are, and some that not.
#[derive(Clone, Copy, Debug, PartialEq, NoUninit, CheckedBitPattern)]
#[repr(C)]
struct Car {
    plate: char,
    gear: Gear,
    lights: bool,
    wheels: u16,
}

const CAR: Car = Car { plate: '本', gear: Gear::Neutral, lights: true, wheels: 4 };

/// Several words, of which some fields are any bytes, and some are not.
#[derive(Clone, Copy, Debug, PartialEq, NoUninit, CheckedBitPattern)]
#[repr(C)]
struct Dive {
    path: [f64; 9],
    end: Depth,
}

const DIVE: Dive = Dive { path: [0.5; 9], end: Depth::Shallow };

#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
#[repr(C)]
struct Quote {
    bid: f64,
    ask: f64,
    volume: u32,
    flags: [u16; 2],
}

/// As long as one likes.
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
#[repr(transparent)]
struct Bytes<const N: usize>([u8; N]);

impl<const N: usize> Bytes<N> {
    /// No two neighbours alike.
    fn counting_from(start: u8) -> Self {
        Self(std::array::from_fn(|n| start.wrapping_add(n as u8)))
    }
}

trait Visitor {
    fn visit<T: Shareable + PartialEq + Debug>(&mut self, name: &str, old: T, new: T);
}

fn every_type(visitor: &mut impl Visitor) {
    visitor.visit("u8", 1_u8, u8::MAX);
    visitor.visit("u16", 1_u16, u16::MAX);
    visitor.visit("u32", 1_u32, u32::MAX);
    visitor.visit("u64", 1_u64, u64::MAX);
    visitor.visit("u128", 1_u128, u128::MAX - 1);
    visitor.visit("usize", 1_usize, usize::MAX);
    visitor.visit("i8", -1_i8, i8::MIN);
    visitor.visit("i16", -1_i16, i16::MIN);
    visitor.visit("i32", -1_i32, i32::MIN);
    visitor.visit("i64", -1_i64, i64::MIN);
    visitor.visit("i128", -1_i128, i128::MIN);
    visitor.visit("isize", -1_isize, isize::MIN);
    visitor.visit("f32", 0.1_f32, f32::NEG_INFINITY);
    visitor.visit("f64", 0.1_f64, f64::MIN_POSITIVE);
    visitor.visit("bool", true, false);
    visitor.visit("char", 'ß', char::MAX);
    visitor.visit("unit", (), ());
    visitor.visit("empty array", [0_u64; 0], []);
    visitor.visit("wrapping", Wrapping(1_u16), Wrapping(2));
    visitor.visit("non-zero", NonZeroU32::MIN, NonZeroU32::MAX);
    visitor.visit("optional", Some(NonZeroU32::MIN), None);
    visitor.visit("enum", Gear::First, Gear::Reverse);
    visitor.visit("wide enum", Depth::Shallow, Depth::Deep);
    visitor.visit("array of arrays", [[1_i16; 3]; 5], [[-1_i16; 3]; 5]);
    visitor.visit("mixed struct", CAR, Car { gear: Gear::Reverse, lights: false, ..CAR });
    visitor.visit("long mixed struct", DIVE, Dive { end: Depth::Deep, ..DIVE });
    let quote = Quote { bid: 1.5, ask: 1.75, volume: 3, flags: [1, 2] };
    visitor.visit("struct", quote, Quote { flags: [3, 4], ..quote });
    visit_bytes::<1>(visitor);
    visit_bytes::<2>(visitor);
    visit_bytes::<3>(visitor);
    visit_bytes::<4>(visitor);
    visit_bytes::<5>(visitor);
    visit_bytes::<6>(visitor);
    visit_bytes::<7>(visitor);
    visit_bytes::<8>(visitor);
    visit_bytes::<12>(visitor);
    visit_bytes::<16>(visitor);
    visit_bytes::<24>(visitor);
    visit_bytes::<63>(visitor);
    visit_bytes::<64>(visitor);
    visit_bytes::<65>(visitor);
    visit_bytes::<72>(visitor);
    visit_bytes::<200>(visitor);
    visit_bytes::<4096>(visitor);
}

fn visit_bytes<const N: usize>(visitor: &mut impl Visitor) {
    visitor.visit(&format!("{N} bytes"), Bytes::<N>::counting_from(1), Bytes::counting_from(100));
}

struct Add<'a>(&'a Segment);

impl Visitor for Add<'_> {
    fn visit<T: Shareable + PartialEq + Debug>(&mut self, name: &str, old: T, _: T) {
        let value = self.0.add::<Value<T>>(name, old).unwrap();
        assert_eq!(value.get_checked(), Ok(old), "{name}");
    }
}

/// Finds the old value and sets the new one.
struct Set<'a>(&'a Segment);

impl Visitor for Set<'_> {
    fn visit<T: Shareable + PartialEq + Debug>(&mut self, name: &str, old: T, new: T) {
        let value = self.0.get::<Value<T>>(name).unwrap();
        assert_eq!(value.get_checked(), Ok(old), "{name}");
        value.set(new).unwrap();
    }
}

/// Finds the new value and tries every verb, seen from a second handle.
struct Verbs<'a>(&'a Segment);

impl Visitor for Verbs<'_> {
    fn visit<T: Shareable + PartialEq + Debug>(&mut self, name: &str, old: T, new: T) {
        let value = self.0.get::<Value<T>>(name).unwrap();
        let seen = self.0.get::<Value<T>>(name).unwrap();
        assert_eq!(seen.get_checked(), Ok(new), "{name}");

        assert_eq!(value.replace(old), Ok(new), "{name}");
        assert_eq!(seen.get_checked(), Ok(old), "{name}");

        assert_eq!(value.update(|v| std::mem::replace(v, new)), Ok(old), "{name}");
        assert_eq!(seen.get_checked(), Ok(new), "{name}");

        assert_eq!(value.compare_exchange(new, old), Ok(Ok(new)), "{name}");
        assert_eq!(seen.get_checked(), Ok(old), "{name}");
        if old != new {
            assert_eq!(value.compare_exchange(new, new), Ok(Err(old)), "{name}");
            assert_eq!(seen.get_checked(), Ok(old), "{name}");
        }

        let mut guard = value.lock().unwrap();
        assert!(!guard.recovered());
        assert_eq!(*guard, old, "{name}");
        *guard = new;
        assert_eq!(seen.get_checked(), Ok(old), "{name}: published too early");
        drop(guard);
        assert_eq!(seen.get_checked(), Ok(new), "{name}");

        *value.try_lock().unwrap() = old;
        assert_eq!(seen.get_checked(), Ok(old), "{name}");
        *value.lock_timeout(Duration::ZERO).unwrap() = new;
        assert_eq!(seen.get_checked(), Ok(new), "{name}");
        let mut guard = value.lock().unwrap();
        *guard = old;
        guard.discard();
        assert_eq!(seen.get_checked(), Ok(new), "{name}: published what was discarded");
    }
}

#[test]
fn in_a_child() {
    let Some(arguments) = role() else { return };
    every_type(&mut Set(&Segment::open(&arguments[0]).unwrap()));
}

#[test]
fn get_set_every_type_across_processes() {
    let _watchdog = Watchdog::start(60);
    let name = unique("value-types");
    let segment = Segment::builder().objects(100).create(&name, 1 << 20).unwrap();
    every_type(&mut Add(&segment));
    assert!(Role::spawn(in_a_child, &[&name]).join().success());
    every_type(&mut Verbs(&segment));
}

#[test]
fn open_or_create_creates_then_opens() {
    let name = unique("value");
    assert!(matches!(Value::<u32>::open(&name), Err(SegmentError::NotFound { .. })));
    let made = Value::<u32>::open_or_create(&name, 7).unwrap();
    let found = Value::<u32>::open_or_create(&name, 8).unwrap();
    assert!(made.segment().was_created() && !found.segment().was_created());
    assert_eq!(found.get(), 7);
    found.set(9).unwrap();
    assert_eq!(Value::<u32>::open(&name).unwrap().get(), 9);
    assert!(matches!(Value::<u32>::create(&name, 1), Err(SegmentError::AlreadyExists { .. })));
    assert!(matches!(Value::<f32>::open(&name), Err(SegmentError::TypeMismatch { .. })));
    assert_eq!(Value::new([1_u8, 2, 3]).unwrap().get(), [1, 2, 3]);
}

/// Another type under the same tag writes what is no `T`.
fn damaged<T: Shareable + PartialEq + Debug, B: Shareable>(good: T, bad: B) {
    let segment = Segment::new(1 << 16).unwrap();
    let bytes = segment.tagged(1).add::<Value<B>>("value", bad).unwrap();
    let value = segment.tagged(1).get::<Value<T>>("value").unwrap();
    let corrupt = LockError::Corrupt { what: "a value" };
    assert_eq!(value.get_checked(), Err(corrupt));
    assert_eq!(value.lock().err(), Some(corrupt));
    assert_eq!(value.update(|_| ()), Err(corrupt));
    assert_eq!(value.replace(good), Err(corrupt));
    assert_eq!(value.compare_exchange(good, good), Err(corrupt));
    assert!(bytes.try_lock().is_ok(), "an error left the lock locked");
    value.set(good).unwrap();
    assert_eq!(value.get_checked(), Ok(good));
}

#[test]
fn get_checked_of_invalid_bytes_is_corrupt_until_set() {
    damaged(true, 2_u8);
    damaged('x', 0xd800_u32);
    damaged(Gear::First, 2_u8);
    damaged(Depth::Deep, 0_i64);
    damaged(CAR, [u32::MAX; 2]);
    damaged(DIVE, [0_u64; 10]);
}

#[test]
fn panic_in_section_changes_nothing_and_unlocks() {
    fn check<T: Shareable + PartialEq + Debug>(old: T, new: T) {
        let value = Value::new(old).unwrap();
        let in_guard = catch_unwind(AssertUnwindSafe(|| {
            let mut guard = value.lock().unwrap();
            *guard = new;
            panic!("in a section");
        }));
        assert!(in_guard.is_err());
        assert_eq!(value.get_checked(), Ok(old));
        let in_update = catch_unwind(AssertUnwindSafe(|| {
            value.update(|v| {
                *v = new;
                panic!("in an update");
            })
        }));
        assert!(in_update.is_err());
        assert_eq!(value.get_checked(), Ok(old));
        let guard = value.try_lock().expect("a panic left the lock locked");
        assert!(!guard.recovered(), "a panic is no death");
    }
    check(1_u32, 2);
    check([1_u64; 4], [2; 4]);
    check([1_u64; 40], [2; 40]);
}

#[test]
fn lock_section_begun_during_unwinding_publishes() {
    struct AddsWhenDropped(Value<u64>);
    impl Drop for AddsWhenDropped {
        fn drop(&mut self) {
            *self.0.lock().unwrap() += 1;
            self.0.update(|v| *v += 10).unwrap();
        }
    }
    let value = Value::new(0_u64).unwrap();
    let unwound = catch_unwind(AssertUnwindSafe(|| {
        let _adds = AddsWhenDropped(value.clone());
        panic!("elsewhere");
    }));
    assert!(unwound.is_err());
    assert_eq!(value.get(), 11);
}

#[test]
fn lock_by_holder_returns_deadlock_reads_work() {
    let _watchdog = Watchdog::start(20);
    let value = Value::new(1_u64).unwrap();
    let same = value.clone();
    let mut guard = value.lock().unwrap();
    *guard = 2;
    for value in [&value, &same] {
        assert_eq!(value.lock().err(), Some(LockError::Deadlock));
        assert_eq!(value.try_lock().err(), Some(LockError::Deadlock));
        assert_eq!(value.lock_timeout(Duration::from_secs(1)).err(), Some(LockError::Deadlock));
        assert_eq!(value.set(3), Err(LockError::Deadlock));
        assert_eq!(value.update(|v| *v = 3), Err(LockError::Deadlock));
        assert_eq!(value.replace(3), Err(LockError::Deadlock));
        assert_eq!(value.compare_exchange(1, 3), Err(LockError::Deadlock));
        assert_eq!((value.get(), value.get_checked()), (1, Ok(1)));
    }
    drop(guard);
    assert_eq!(value.get(), 2);
    assert_eq!(value.update(|_| value.set(3)), Ok(Err(LockError::Deadlock)));
}

#[test]
fn lock_timeout_elapses_while_held_by_other_thread() {
    let _watchdog = Watchdog::start(20);
    let value = Value::new(1_u64).unwrap();
    let guard = value.lock().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            assert_eq!(value.try_lock().err(), Some(LockError::WouldBlock));
            for timeout in [Duration::ZERO, Duration::from_millis(3), Duration::from_millis(150)] {
                let begin = Instant::now();
                assert_eq!(value.lock_timeout(timeout).err(), Some(LockError::Timeout));
                assert!(begin.elapsed() >= timeout);
            }
            assert_eq!(value.get(), 1);
        });
    });
    drop(guard);
}

#[test]
fn clone_and_threads_share_value() {
    let _watchdog = Watchdog::start(60);
    let value = Value::new([0_u64; 3]).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let clone = value.clone();
            let shared = &value;
            scope.spawn(move || {
                for _ in 0..1000 {
                    clone.lock().unwrap()[0] += 1;
                    shared.update(|v| v[1] += 1).unwrap();
                    shared.lock_timeout(Duration::from_secs(60)).unwrap()[2] += 1;
                }
            });
        }
    });
    assert_eq!(value.get(), [4000; 3]);
}

#[test]
fn debug_does_not_show_value() {
    let value = Value::new(987_654_321_u64).unwrap();
    assert!(!format!("{value:?}").contains("987654321"));
    assert!(!format!("{:?}", value.lock().unwrap()).contains("987654321"));
}

/// What nobody borrowed mutably is not written back: readers are left alone.
#[test]
fn lock_section_only_read_publishes_nothing() {
    let name = Name::new("value-reads");
    let value = Value::create(&name, [1_u64; 4]).unwrap();
    let offset = value.segment().objects().unwrap()[0].offset;
    let version = || u64::from_ne_bytes(peek(&name.path(), offset + 56));
    assert_eq!(value.lock().unwrap()[3], 1);
    assert_eq!(value.compare_exchange([9; 4], [2; 4]).unwrap(), Err([1; 4]));
    assert_eq!(version(), 0);
    value.lock().unwrap()[3] = 2;
    assert_eq!(version(), 1);
}
