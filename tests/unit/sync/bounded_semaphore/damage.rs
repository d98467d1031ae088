//! Semaphores with invalid words.

use std::time::Duration;

use breezeway::sync::BoundedSemaphore;
use breezeway::{Segment, SegmentError, SemaphoreError};
use support::Watchdog;
use support::scratch::{Scratch, patch, peek};
use support::waiting::asleep;

/// Where the permits' words begin.
const WORDS: u64 = 128;
const PERMITS: usize = 3;
const PARTICIPANTS: u32 = 4;
const FORGOTTEN: u32 = 1 << 31;
const SOON: Duration = Duration::from_millis(150);
const CORRUPT: SemaphoreError = SemaphoreError::Corrupt { what: "the permits of a semaphore" };

/// One in a file, so that it can be damaged.
struct Damaged {
    segment: Segment,
    semaphore: BoundedSemaphore,
    at: u64,
    scratch: Scratch,
}

impl Damaged {
    fn new(what: &str) -> Self {
        let scratch = Scratch::new(what);
        let path = scratch.file("segment");
        let segment = Segment::builder().participants(PARTICIPANTS).create_file(&path, 1 << 16).unwrap();
        let semaphore = segment.add::<BoundedSemaphore>("semaphore", PERMITS).unwrap();
        let at = segment.objects().unwrap()[0].offset;
        Self { segment, semaphore, at, scratch }
    }

    fn set(&self, permit: usize, word: u32) {
        patch(&self.scratch.file("segment"), self.at + WORDS + 4 * permit as u64, &word.to_ne_bytes());
    }

    fn get(&self, permit: usize) -> u32 {
        u32::from_ne_bytes(peek(&self.scratch.file("segment"), self.at + WORDS + 4 * permit as u64))
    }

    fn set_all(&self, word: u32) {
        (0..PERMITS).for_each(|permit| self.set(permit, word));
    }

    fn me(&self) -> u32 {
        self.segment.participant_id().unwrap()
    }
}

#[test]
fn acquire_with_impossible_owner_returns_corrupt() {
    let _watchdog = Watchdog::start(120);
    let damaged = Damaged::new("bounded-owner");
    let semaphore = &damaged.semaphore;
    let owners =
        [PARTICIPANTS + 1, (PARTICIPANTS + 1) | FORGOTTEN, 128, 1 << 30, FORGOTTEN, !FORGOTTEN, u32::MAX];
    for word in owners {
        damaged.set_all(word);
        assert_eq!(semaphore.try_acquire().err(), Some(CORRUPT), "{word:#x}");
        assert_eq!(semaphore.acquire().err(), Some(CORRUPT), "{word:#x}");
        assert_eq!(semaphore.acquire_timeout(Duration::ZERO).err(), Some(CORRUPT), "{word:#x}");
        assert_eq!(semaphore.release().err(), Some(SemaphoreError::NotHeld), "not a permit anybody can free");
        assert_eq!(semaphore.available(), 0);
        damaged.segment.reap().unwrap();
        assert_eq!(damaged.get(0), word);
        // One that is behind a free one need not be met.
        damaged.set_all(0);
        for permit in 0..PERMITS {
            damaged.set(permit, word);
            assert_eq!(semaphore.available(), PERMITS - 1);
            let done = [semaphore.try_acquire().map(drop), semaphore.acquire().map(drop)];
            assert!(done.iter().all(|result| matches!(result, Ok(()) | Err(CORRUPT))), "{done:?}");
            damaged.set(permit, 0);
        }
        drop(semaphore.acquire().unwrap());
    }
}

#[test]
fn acquire_with_unattached_owner_returns_corrupt() {
    let _watchdog = Watchdog::start(120);
    let damaged = Damaged::new("bounded-nobody");
    let (semaphore, me) = (&damaged.semaphore, damaged.me());
    for nobody in (1..=PARTICIPANTS).filter(|id| *id != me) {
        for word in [nobody, nobody | FORGOTTEN] {
            damaged.set_all(word);
            assert_eq!(semaphore.try_acquire().err(), Some(SemaphoreError::WouldBlock));
            assert_eq!(semaphore.acquire_timeout(SOON).err(), Some(CORRUPT));
            assert_eq!(semaphore.acquire().err(), Some(CORRUPT), "and not waited for");
            assert_eq!(semaphore.release().err(), Some(SemaphoreError::NotHeld));
            // Free ones can be had, whatever the others are.
            damaged.set(1, 0);
            drop(semaphore.acquire().unwrap());
        }
    }
    // It comes to a sleeper, too.
    damaged.set_all(me);
    let clone = semaphore.clone();
    let sleeper = asleep(move || clone.acquire().map(drop).err());
    damaged.set_all(u32::MAX);
    assert_eq!(sleeper.wake(), Some(CORRUPT));
    damaged.set_all(0);
    assert_eq!(semaphore.available(), PERMITS);
}

#[test]
fn permit_overwritten_meanwhile_drop_changes_nothing() {
    let _watchdog = Watchdog::start(60);
    let damaged = Damaged::new("bounded-robbed");
    let (semaphore, me) = (&damaged.semaphore, damaged.me());
    for word in [0, me | FORGOTTEN, me % PARTICIPANTS + 1, FORGOTTEN, u32::MAX] {
        damaged.set_all(0);
        let [kept, forgotten, third] = [(); PERMITS].map(|()| semaphore.acquire().unwrap());
        damaged.set_all(word);
        drop(kept);
        forgotten.forget();
        drop(third);
        assert!((0..PERMITS).all(|permit| damaged.get(permit) == word), "{word:#x} is as it was");
        let released = (0..PERMITS).filter(|_| semaphore.release().is_ok()).count();
        assert_eq!(released, if word == me | FORGOTTEN { PERMITS } else { 0 });
    }
    // Permits that it is said to have without knowing are for its end, or for who repairs after it.
    damaged.set_all(me);
    assert_eq!(semaphore.acquire_timeout(SOON).err(), Some(SemaphoreError::Timeout));
    drop(semaphore.acquire_timeout(Duration::ZERO));
    damaged.set_all(0);
    drop(semaphore.acquire().unwrap());
}

#[test]
fn get_with_permit_count_mismatch_returns_corrupt() {
    let damaged = Damaged::new("bounded-shape");
    let path = damaged.scratch.file("segment");
    assert_eq!(damaged.segment.objects().unwrap()[0].length, WORDS + 16);
    let entry = (0..16384_u64).step_by(8).find(|at| peek::<9>(&path, *at) == *b"semaphore").unwrap();
    let word_at = |at: &u64| u64::from_ne_bytes(peek(&path, entry + at));
    let count_at = entry + (64..192).step_by(8).find(|at| word_at(at) == PERMITS as u64).unwrap();
    for count in [0, 1, 2, 5, 65_536, 65_537, 1 << 32, u64::MAX] {
        patch(&path, count_at, &count.to_ne_bytes());
        let found = damaged.segment.get::<BoundedSemaphore>("semaphore");
        assert!(matches!(found, Err(SegmentError::Corrupt { .. })), "{count}: {found:?}");
        // Who leaves, and whoever repairs after the dead, lets it alone.
        drop(Segment::open_file(&path).unwrap());
    }
    patch(&path, count_at, &(PERMITS as u64).to_ne_bytes());
    assert!(damaged.segment.get::<BoundedSemaphore>("semaphore").is_ok());
}
