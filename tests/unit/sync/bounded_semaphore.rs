//! [`breezeway::sync::BoundedSemaphore`] in one process: at most n holders at a time, and the
//! ownership of permits.

mod damage;

use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use breezeway::sync::{BoundedSemaphore, Semaphore};
use breezeway::{Segment, SegmentError, SemaphoreError};
use support::process::until;
use support::waiting::asleep;
use support::{Watchdog, unique};

const MOST: usize = BoundedSemaphore::MAX_PERMITS;

#[test]
fn open_or_create_creates_then_opens() {
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
fn new_permits_out_of_range_returns_invalid_option() {
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
    assert_eq!((all.available(), all.try_acquire().err()), (0, Some(SemaphoreError::WouldBlock)));
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
    assert_eq!(one.try_acquire().err(), Some(SemaphoreError::WouldBlock));
    drop(permit);
    assert_eq!(one.available(), 1);
}

#[test]
fn permit_dropped_or_forgotten_in_other_thread() {
    let semaphore = BoundedSemaphore::new(2).unwrap();
    let permit = semaphore.acquire_timeout(Duration::ZERO).unwrap();
    std::thread::scope(|scope| scope.spawn(|| drop(permit)).join().unwrap());
    let permit = semaphore.acquire().unwrap();
    std::thread::scope(|scope| scope.spawn(|| permit.forget()).join().unwrap());
    assert_eq!((semaphore.available(), semaphore.release(), semaphore.available()), (1, Ok(()), 2));
}

#[test]
fn acquire_timeout_elapses_no_earlier() {
    let _watchdog = Watchdog::start(60);
    let semaphore = BoundedSemaphore::new(1).unwrap();
    let _permit = semaphore.acquire().unwrap();
    for millis in [0, 1, 7, 99, 100, 101, 250] {
        let begin = Instant::now();
        let timeout = Duration::from_millis(millis);
        assert_eq!(semaphore.acquire_timeout(timeout).err(), Some(SemaphoreError::Timeout));
        assert!(begin.elapsed() >= timeout);
    }
}

#[test]
fn release_and_permit_drop_wake_one_waiter_each() {
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
    assert_eq!((semaphore.available(), semaphore.release()), (4, Err(SemaphoreError::NotHeld)));
}

#[test]
fn acquire_by_threads_excludes() {
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
