//! Objects with invalid bytes: locks, values of no bit pattern of their type, journals.

use std::time::Duration;

use breezeway::sync::Mutex;
use breezeway::{Array, ArrayError, Journaled, LockError, Segment, Value};
use bytemuck::{CheckedBitPattern, NoUninit};
use support::Watchdog;
use support::scratch::peek;

use super::refused_lock;
use super::victim::Victim;

/// Bytes of a lock, before the word beside it.
const LOCK_BYTES: usize = 56;
const BESIDE: u64 = LOCK_BYTES as u64;
/// Where what the lock protects begins.
const BODY: u64 = 64;

const SOON: Duration = Duration::from_millis(30);

#[derive(Clone, Copy, Debug, PartialEq, NoUninit, CheckedBitPattern)]
#[repr(u8)]
enum Light {
    Red = 1,
    Green = 2,
}

/// Longer than a word: bytes 16 to 20 are its last letter.
#[derive(Clone, Copy, Debug, PartialEq, NoUninit, CheckedBitPattern)]
#[repr(C)]
struct Letters {
    first: char,
    middle: [u32; 3],
    last: char,
}

impl Letters {
    const fn all(letter: char) -> Self {
        Self { first: letter, middle: [0; 3], last: letter }
    }
}

/// So long that it has four slots.
#[derive(Clone, Copy, Debug, PartialEq, NoUninit, CheckedBitPattern)]
#[repr(C)]
struct Page {
    text: [u8; 99],
    is_last: bool,
}

/// A victim with one more object, its bytes at `at` replaced, opened.
fn damaged(fill: impl Fn(&Segment), at: u64, bytes: &[u8]) -> [(Victim, Segment); 2] {
    Victim::both(fill).map(|victim| {
        victim.patch(victim.offset_of("it") + at, bytes);
        let segment = victim.open().unwrap();
        (victim, segment)
    })
}

fn assert_corrupt<T, E: Into<ArrayError>>(result: Result<T, E>) {
    match refused_lock(result) {
        ArrayError::Lock(LockError::Corrupt { what }) => assert!(!what.is_empty()),
        other => panic!("{other:?}"),
    }
}

/// A lock of any bytes is one: free, or held by a participant that does not live, and then it
/// passes on.
#[test]
fn lock_of_any_bytes_works() {
    let _watchdog = Watchdog::start(60);
    let ff = [0xff; LOCK_BYTES];
    for (at, bytes) in
        [(0, &ff[..]), (0, &ff[..8]), (8, &ff[..4]), (12, &ff[..4]), (16, &ff[..24]), (40, &ff[..16])]
    {
        let is_held = at == 0;
        for (_victim, segment) in damaged(|s| drop(s.add::<Mutex>("it", ())), at, bytes) {
            let mutex = segment.get::<Mutex>("it").unwrap();
            assert_eq!(mutex.lock().unwrap().recovered(), is_held);
            assert!(!mutex.lock_timeout(SOON).unwrap().recovered());
        }
        for (_victim, segment) in damaged(|s| drop(s.add::<Value<[u64; 3]>>("it", [1; 3])), at, bytes) {
            let value = segment.get::<Value<[u64; 3]>>("it").unwrap();
            assert_eq!(value.lock().unwrap().recovered(), is_held);
            assert_eq!(value.get(), [1; 3]);
        }
        for (_victim, segment) in damaged(|s| drop(s.add::<Array<u8>>("it", 3)), at, bytes) {
            assert_eq!(segment.get::<Array<u8>>("it").unwrap().lock().unwrap().recovered(), is_held);
        }
    }
}

/// No kernel and no living process knows of the holders that such a lock names.
#[test]
fn lock_held_by_nonexistent_participant_is_recovered() {
    let _watchdog = Watchdog::start(60);
    for word in [1, 99 << 22, 99 << 22 | 1 << 39, 1 << 39, 1 << 63, u64::MAX] {
        for (_victim, segment) in damaged(|s| drop(s.add::<Mutex>("it", ())), 0, &u64::to_ne_bytes(word)) {
            let mutex = segment.get::<Mutex>("it").unwrap();
            assert!(mutex.lock().unwrap().recovered());
            assert!(!mutex.lock().unwrap().recovered());
        }
    }
}

#[test]
fn try_lock_and_lock_timeout_return_on_damaged_lock() {
    let _watchdog = Watchdog::start(60);
    for victim in Victim::both(|s| drop(s.add::<Mutex>("it", ()))) {
        let mutex = victim.open().unwrap().get::<Mutex>("it").unwrap();
        let lock_at = victim.offset_of("it");
        let guard = mutex.lock().unwrap();
        let word = u64::from_ne_bytes(peek(victim.path(), lock_at));
        drop(guard);
        // Held, to all appearances, by a task of a process that lives.
        victim.patch(lock_at, &(word & !0x3f_ffff).to_ne_bytes());
        assert!(matches!(refused_lock(mutex.try_lock()), ArrayError::Lock(LockError::WouldBlock)));
        assert!(matches!(refused_lock(mutex.lock_timeout(SOON)), ArrayError::Lock(LockError::Timeout)));
        victim.patch(lock_at, &[0; 8]);
        drop(mutex.lock().unwrap());
        // Held by a participant that does not exist: a locker asks.
        victim.patch(lock_at, &(99_u64 << 22).to_ne_bytes());
        assert!(mutex.lock_timeout(SOON).unwrap().recovered());
    }
}

#[test]
fn value_with_invalid_bit_pattern_returns_corrupt() {
    let _watchdog = Watchdog::start(60);
    for (_victim, segment) in damaged(|s| drop(s.add::<Value<bool>>("it", true)), BESIDE, &[2]) {
        none_of_its_type(&segment, false);
    }
    for (_victim, segment) in
        damaged(|s| drop(s.add::<Value<char>>("it", 'a')), BESIDE, &0xd800_u32.to_ne_bytes())
    {
        none_of_its_type(&segment, 'b');
    }
    for (_victim, segment) in damaged(|s| drop(s.add::<Value<Light>>("it", Light::Red)), BESIDE, &[0]) {
        none_of_its_type(&segment, Light::Green);
    }
    // Longer ones lie in slots, of which the first counts.
    let letters = |s: &Segment| drop(s.add::<Value<Letters>>("it", Letters::all('a')));
    for (_victim, segment) in damaged(letters, BODY + 16, &[0xff; 4]) {
        none_of_its_type(&segment, Letters::all('b'));
    }
    let page = |s: &Segment| drop(s.add::<Value<Page>>("it", Page { text: [1; 99], is_last: true }));
    for (_victim, segment) in damaged(page, BODY + 99, &[0x80]) {
        none_of_its_type(&segment, Page { text: [2; 99], is_last: false });
    }
}

fn none_of_its_type<T>(segment: &Segment, other: T)
where
    T: breezeway::Shareable + PartialEq + std::fmt::Debug,
{
    let value = segment.get::<Value<T>>("it").unwrap();
    assert_corrupt(value.get_checked());
    assert_corrupt(value.lock());
    assert_corrupt(value.try_lock());
    assert_corrupt(value.lock_timeout(SOON));
    assert_corrupt(value.update(|_| ()));
    assert_corrupt(value.replace(other));
    assert_corrupt(value.compare_exchange(other, other));
    // No refusal has left the lock taken, and a new value mends it.
    value.set(other).unwrap();
    assert_eq!(value.get_checked().unwrap(), other);
    assert_eq!(*value.lock().unwrap(), other);
}

#[test]
fn array_element_with_invalid_bit_pattern_is_corrupt() {
    let _watchdog = Watchdog::start(60);
    for (_victim, segment) in damaged(|s| drop(s.add::<Array<bool>>("it", [true; 20])), BODY + 19, &[7]) {
        element_is_none_of_its_type(&segment, 19, false);
    }
    let lights = |s: &Segment| drop(s.add::<Array<Light>>("it", Journaled([Light::Red; 3])));
    // Three records of two words, in whole lines.
    for (_victim, segment) in damaged(lights, BODY + 64 + 1, &[0]) {
        element_is_none_of_its_type(&segment, 1, Light::Green);
    }
    // One record of four words and, again, whole lines.
    let letters = |s: &Segment| drop(s.add::<Array<Letters>>("it", [Letters::all('a'); 3]));
    for (_victim, segment) in damaged(letters, BODY + 64 + 20 + 16, &[0xff; 4]) {
        element_is_none_of_its_type(&segment, 1, Letters::all('b'));
    }
}

fn element_is_none_of_its_type<T>(segment: &Segment, index: usize, other: T)
where
    T: breezeway::Shareable + PartialEq + std::fmt::Debug,
{
    let array = segment.get::<Array<T>>("it").unwrap();
    assert_corrupt(array.get_checked(index));
    assert_corrupt(array.to_vec_checked());
    assert_corrupt(array.lock());
    assert_corrupt(array.try_lock());
    assert_corrupt(array.lock_timeout(SOON));
    assert_corrupt(array.lock_range(index..));
    assert_corrupt(array.update(index, |_| ()));
    // The others are as good as ever, and a new one mends it.
    array.get_checked(0).unwrap();
    array.lock_range(..index).unwrap().discard();
    array.set(index, other).unwrap();
    assert_eq!(array.get_checked(index).unwrap(), other);
    array.to_vec_checked().unwrap();
}

#[test]
fn value_get_set_work_with_any_version_word() {
    for version in [1, 3, u64::MAX - 1, u64::MAX] {
        for (_victim, segment) in
            damaged(|s| drop(s.add::<Value<[u64; 2]>>("it", [1; 2])), BESIDE, &u64::to_ne_bytes(version))
        {
            let value = segment.get::<Value<[u64; 2]>>("it").unwrap();
            let _ = value.get();
            for n in 2..6 {
                value.set([n; 2]).unwrap();
                assert_eq!((value.get(), *value.lock().unwrap()), ([n; 2], [n; 2]));
            }
        }
    }
}

#[test]
fn array_journal_with_too_many_records_is_corrupt() {
    let _watchdog = Watchdog::start(60);
    for pending in [5, 1 << 32, u64::MAX / 2, u64::MAX] {
        let journaled = |s: &Segment| drop(s.add::<Array<u16>>("it", Journaled([1, 2, 3, 4])));
        let large = |s: &Segment| drop(s.add::<Array<[u64; 3]>>("it", [[1; 3], [2; 3]]));
        for (_victim, segment) in damaged(journaled, BESIDE, &u64::to_ne_bytes(pending)) {
            let array = segment.get::<Array<u16>>("it").unwrap();
            journal_is_corrupt(&array, 9);
            assert_eq!((array.get(1), array.to_vec().len()), (Some(2), 4));
        }
        for (_victim, segment) in damaged(large, BESIDE, &u64::to_ne_bytes(pending)) {
            let array = segment.get::<Array<[u64; 3]>>("it").unwrap();
            journal_is_corrupt(&array, [9; 3]);
            assert_eq!((array.get(1), array.to_vec().len()), (Some([2; 3]), 2));
        }
    }
}

#[test]
fn array_journal_with_invalid_index_is_corrupt() {
    let _watchdog = Watchdog::start(60);
    for index in [100, 1 << 32, u64::MAX / 2, u64::MAX] {
        let journaled = |s: &Segment| drop(s.add::<Array<u16>>("it", Journaled([1, 2, 3, 4])));
        let large = |s: &Segment| drop(s.add::<Array<[u64; 3]>>("it", [[1; 3], [2; 3]]));
        for victim in Victim::both(journaled) {
            victim.patch(victim.offset_of("it") + BESIDE, &1_u64.to_ne_bytes());
            victim.patch(victim.offset_of("it") + BODY, &u64::to_ne_bytes(index));
            journal_is_corrupt(&victim.open().unwrap().get::<Array<u16>>("it").unwrap(), 9);
        }
        for victim in Victim::both(large) {
            victim.patch(victim.offset_of("it") + BESIDE, &1_u64.to_ne_bytes());
            victim.patch(victim.offset_of("it") + BODY, &u64::to_ne_bytes(index));
            journal_is_corrupt(&victim.open().unwrap().get::<Array<[u64; 3]>>("it").unwrap(), [9; 3]);
        }
    }
}

fn journal_is_corrupt<T>(array: &Array<T>, other: T)
where
    T: breezeway::Shareable + bytemuck::AnyBitPattern + PartialEq + std::fmt::Debug,
{
    // Twice: no refusal leaves the lock taken.
    for _ in 0..2 {
        assert_corrupt(array.lock());
        assert_corrupt(array.try_lock());
        assert_corrupt(array.lock_range(0..1));
        assert_corrupt(array.set(0, other));
        assert_corrupt(array.update(0, |_| ()));
        assert_corrupt(array.write(0..1, &[other]));
    }
    // Reads that can say so refuse, too. The others go on: whatever the bytes say is what they say.
    assert_corrupt(array.read_into(0..1, &mut [other]));
    assert_corrupt(array.to_vec_checked());
    if size_of::<T>() > 8 {
        assert_corrupt(array.get_checked(0));
    }
    assert_ne!(array.get(0), Some(other));
    assert!(!array.to_vec().is_empty());
}
