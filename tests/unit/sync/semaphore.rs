//! [`breezeway::sync::Semaphore`] in one process: at most n holders at a time, and damaged words.

use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use breezeway::sync::Semaphore;
use breezeway::{Segment, SegmentError, SemaphoreError, Value};
use support::process::until;
use support::scratch::patch;
use support::waiting::asleep;
use support::{Watchdog, unique};

const MOST: usize = Semaphore::MAX_PERMITS;

#[test]
fn open_or_create_creates_then_opens() {
    let name = unique("semaphore");
    assert!(matches!(Semaphore::open(&name), Err(SegmentError::NotFound { .. })));
    let made = Semaphore::open_or_create(&name, 3).unwrap();
    let found = Semaphore::open_or_create(&name, 5).unwrap();
    assert!(made.segment().was_created() && !found.segment().was_created());
    assert_eq!(found.available(), 3, "what there is stays");
    let permit = made.acquire().unwrap();
    assert_eq!((found.available(), found.clone().available()), (2, 2));
    assert!(format!("{made:?} {permit:?}").contains("available: 2"));
    drop(permit);
    assert!(matches!(Semaphore::create(&name, 1), Err(SegmentError::AlreadyExists { .. })));
    assert!(matches!(Value::<u32>::open(&name), Err(SegmentError::TypeMismatch { .. })));
    assert_eq!(Semaphore::new(0).unwrap().available(), 0);
}

#[test]
fn acquire_release_forget_and_add_permits() {
    let _watchdog = Watchdog::start(20);
    let semaphore = Semaphore::new(2).unwrap();
    let permits = [semaphore.acquire().unwrap(), semaphore.try_acquire().unwrap()];
    assert_eq!(semaphore.try_acquire().err(), Some(SemaphoreError::WouldBlock));
    assert_eq!(semaphore.acquire_timeout(Duration::from_millis(3)).err(), Some(SemaphoreError::Timeout));
    drop(permits);
    assert_eq!(semaphore.available(), 2);
    semaphore.acquire().unwrap().forget();
    assert_eq!(semaphore.available(), 1);
    semaphore.release(1).unwrap();
    semaphore.release(3).unwrap();
    semaphore.release(0).unwrap();
    assert_eq!(semaphore.available(), 5);
    // A permit may end in another thread.
    let permit = semaphore.acquire_timeout(Duration::ZERO).unwrap();
    std::thread::scope(|scope| scope.spawn(|| drop(permit)).join().unwrap());
    assert_eq!(semaphore.available(), 5);
}

#[test]
fn new_and_release_beyond_max_permits_are_refused() {
    let refusal = |result: Result<Semaphore, SegmentError>| match result {
        Err(SegmentError::InvalidOption { option, allowed }) => {
            assert_eq!((option, allowed), ("permits", format!("0 to {MOST}").as_str()));
        }
        other => panic!("{other:?}"),
    };
    let name = unique("semaphore-most");
    refusal(Semaphore::new(MOST + 1));
    refusal(Semaphore::create(&name, usize::MAX));
    refusal(Semaphore::open_or_create(&name, usize::MAX));
    refusal(Segment::new(1 << 16).unwrap().add("it", MOST + 1));
    let too_many = Err(SemaphoreError::TooMany { limit: MOST });
    let semaphore = Semaphore::new(MOST).unwrap();
    assert_eq!(semaphore.release(1), too_many);
    let permit = semaphore.acquire().unwrap();
    assert_eq!(semaphore.release(2), too_many);
    assert_eq!(semaphore.release(usize::MAX), too_many);
    semaphore.release(1).unwrap();
    // There is no room left for this one.
    drop(permit);
    assert_eq!(semaphore.available(), MOST);
}

#[test]
fn acquire_timeout_elapses_no_earlier() {
    let _watchdog = Watchdog::start(60);
    let semaphore = Semaphore::new(0).unwrap();
    for millis in [0, 1, 7, 99, 100, 101, 250] {
        let begin = Instant::now();
        let timeout = Duration::from_millis(millis);
        assert_eq!(semaphore.acquire_timeout(timeout).err(), Some(SemaphoreError::Timeout));
        assert!(begin.elapsed() >= timeout);
    }
}

#[test]
fn release_of_n_wakes_n_waiters() {
    let _watchdog = Watchdog::start(60);
    let semaphore = Semaphore::new(0).unwrap();
    let acquire = || {
        let semaphore = semaphore.clone();
        asleep(move || semaphore.acquire().unwrap().forget())
    };
    let sleepers: Vec<_> = (0..5).map(|_| acquire()).collect();
    semaphore.release(3).unwrap();
    until(|| sleepers.iter().filter(|sleeper| sleeper.is_done()).count() == 3);
    assert_eq!(semaphore.available(), 0);
    semaphore.release(4).unwrap();
    sleepers.into_iter().for_each(|sleeper| sleeper.wake());
    assert_eq!(semaphore.available(), 2);
}

#[test]
fn acquire_by_threads_excludes() {
    let _watchdog = Watchdog::start(120);
    let semaphore = Semaphore::new(1).unwrap();
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
fn acquire_release_with_damaged_words_return_corrupt() {
    let _watchdog = Watchdog::start(60);
    let name = unique("semaphore-damage");
    let semaphore = Semaphore::create(&name, 1).unwrap();
    let path = semaphore.segment().path().unwrap();
    let at = semaphore.segment().objects().unwrap()[0].offset;
    let corrupt = Some(SemaphoreError::Corrupt { what: "the count of a semaphore" });
    let soon = Duration::from_millis(2);
    for sleepers in [0_u32, 1, 2, 3, u32::MAX - 1, u32::MAX] {
        patch(&path, at + 8, &sleepers.to_ne_bytes());
        for count in [MOST as u64 + 1, 1 << 32, 1 << 63, u64::MAX] {
            patch(&path, at, &count.to_ne_bytes());
            assert_eq!(semaphore.acquire().err(), corrupt);
            assert_eq!(semaphore.try_acquire().err(), corrupt);
            assert_eq!(semaphore.acquire_timeout(soon).err(), corrupt);
            assert_eq!(semaphore.release(1).err(), corrupt);
            assert_eq!(semaphore.available(), MOST);
            assert_eq!(Semaphore::open(&name).unwrap().release(0).err(), corrupt);
        }
        patch(&path, at, &0_u64.to_ne_bytes());
        assert_eq!(semaphore.acquire_timeout(soon).err(), Some(SemaphoreError::Timeout));
        semaphore.release(1).unwrap();
        drop(semaphore.acquire().unwrap());
    }
    // It comes to a sleeper, too.
    semaphore.acquire().unwrap().forget();
    let clone = semaphore.clone();
    let sleeper = asleep(move || clone.acquire().map(drop).err());
    patch(&path, at, &u64::MAX.to_ne_bytes());
    assert_eq!(sleeper.wake(), corrupt);
}
