//! Locks with invalid words.

use std::time::Duration;

use breezeway::sync::RwLock;
use breezeway::{LockError, Segment, SegmentError};
use support::Watchdog;
use support::scratch::{Scratch, patch, peek};

const WRITER: u64 = 128;
const COUNTS: u64 = 384;
/// Where the header has the highest id of a participant.
const HIGHEST_ID: u64 = 200;
const PARTICIPANTS: u32 = 3;
const LENGTH: u64 = COUNTS + 64 * PARTICIPANTS as u64;
const SOON: Duration = Duration::from_millis(150);

const EVIL: [u64; 9] = [1, 2, 3, 1 << 30, 1 << 31 | 1, 0xffff_ffff, 1 << 32, 1 << 63, u64::MAX];

/// Works with the lock, whatever comes of it.
fn work(lock: &RwLock) -> [Result<(), LockError>; 4] {
    [
        lock.try_read().map(drop),
        lock.try_write().map(drop),
        lock.read_timeout(SOON).map(drop),
        lock.write_timeout(SOON).map(drop),
    ]
}

#[test]
fn read_write_with_any_damaged_word_fail_as_documented() {
    let _watchdog = Watchdog::start(200);
    let scratch = Scratch::new("rwlock-damage");
    let path = scratch.file("segment");
    let segment = Segment::builder().participants(PARTICIPANTS).create_file(&path, 1 << 16).unwrap();
    let lock = segment.add::<RwLock>("lock", ()).unwrap();
    let at = segment.objects().unwrap()[0].offset;
    // As if there had been as many participants at a time.
    patch(&path, HIGHEST_ID, &PARTICIPANTS.to_ne_bytes());
    let places = [WRITER, 256].into_iter().chain((COUNTS..LENGTH).step_by(64));
    for place in places {
        for word in EVIL {
            patch(&path, at + place, &word.to_ne_bytes());
            let done = work(&lock);
            for result in done {
                let is_foreseen = matches!(
                    result,
                    Ok(()) | Err(LockError::WouldBlock | LockError::Timeout | LockError::Corrupt { .. })
                );
                assert!(is_foreseen, "{result:?}, {word:#x} at {place}");
            }
            let my_count = segment.participants().unwrap()[0].id;
            let is_nobodys_count = place >= COUNTS && (place - COUNTS) / 64 + 1 != u64::from(my_count);
            if is_nobodys_count {
                assert!(matches!(done[3], Err(LockError::Corrupt { .. })), "{done:?}, {word:#x} at {place}");
            }
            if place == WRITER {
                assert_eq!(
                    done,
                    [Ok(()); 4],
                    "whoever has the lock knows that there is no writer: {word:#x}"
                );
            }
            patch(&path, at + place, &[0; 8]);
            assert_eq!(work(&lock), [Ok(()); 4], "sound again");
        }
    }
}

#[test]
fn get_with_participant_count_mismatch_is_corrupt() {
    let scratch = Scratch::new("rwlock-shape");
    let path = scratch.file("segment");
    let segment = Segment::builder().participants(PARTICIPANTS).create_file(&path, 1 << 16).unwrap();
    segment.add::<RwLock>("lock", ()).unwrap();
    let object = &segment.objects().unwrap()[0];
    assert_eq!(object.length, LENGTH);
    let entry_of_it = (0..4096_u64).step_by(8).find(|at| peek::<4>(&path, *at) == *b"lock").unwrap();
    let count_at = entry_of_it
        + (64..192)
            .step_by(8)
            .find(|at| u64::from_ne_bytes(peek(&path, entry_of_it + at)) == u64::from(PARTICIPANTS))
            .unwrap();
    for count in [0, 1, 2, 4, 1 << 20, u64::MAX] {
        patch(&path, count_at, &count.to_ne_bytes());
        assert!(matches!(segment.get::<RwLock>("lock"), Err(SegmentError::Corrupt { .. })), "{count}");
        // Who leaves, and whoever repairs after the dead, lets it alone.
        drop(Segment::open_file(&path).unwrap());
    }
    patch(&path, count_at, &u64::from(PARTICIPANTS).to_ne_bytes());
    // A writers' lock whose holder no participant is passes on, as a dead holder's does.
    patch(&path, object.offset, &[0xff; 48]);
    assert_eq!(work(&segment.get::<RwLock>("lock").unwrap()), [Ok(()); 4]);
}
