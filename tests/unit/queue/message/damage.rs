//! A queue whose bytes are damaged gives errors, and never panics or hangs.

use breezeway::queue::{Limits, MessageQueue};
use breezeway::{PopError, PushError, Segment, SegmentError};
use support::Watchdog;
use support::scratch::{Scratch, patch};

/// Where a queue has its slots, its records, and the entries of its blocks.
const SLOTS: u64 = 512;
const RECORDS: u64 = SLOTS + 3 * 128;
const ENTRIES: u64 = RECORDS + 32 * 128;
const BLOCKS: u64 = 8;

const LIMITS: Limits = Limits { messages: 3, bytes: 560 };

/// A queue in a file with two messages, in the slot and in 3 blocks, in which `places` are overwritten with these words.
fn damaged(places: &[(u64, u64)], then: impl FnOnce(&MessageQueue<Vec<u8>>)) {
    let scratch = Scratch::new("message-damage");
    let path = scratch.file("segment");
    let segment = Segment::builder().participants(2).objects(1).create_file(&path, 8192).unwrap();
    let queue = segment.add::<MessageQueue<Vec<u8>>>("queue", LIMITS).unwrap();
    queue.push(vec![1; 20]).unwrap();
    queue.push(vec![2; 300]).unwrap();
    let at = segment.objects().unwrap()[0].offset;
    for (place, word) in places {
        patch(&path, at + place, &word.to_ne_bytes());
    }
    then(&queue);
}

#[test]
fn any_damaged_word_never_panics_or_hangs() {
    let _watchdog = Watchdog::start(100);
    let places = (0..RECORDS + 3 * 128).chain(ENTRIES..ENTRIES + BLOCKS * 16 + 64);
    for place in places.step_by(8) {
        for word in [0, 1, 2, 11, 1 << 20 | 5, 2 << 20 | 2, 1 << 62, u64::MAX] {
            damaged(&[(place, word)], |queue| {
                for _ in 0..6 {
                    let _ = queue.try_push(vec![3; 60]);
                    let _ = queue.try_pop();
                    let _ = queue.try_push(vec![4; 300]);
                    let _ = (queue.len(), queue.is_closed());
                }
                let _ = queue.segment().reap();
            });
        }
    }
}

#[test]
fn try_pop_damaged_message_returns_corrupt() {
    let (length, first_block, second) = (8, 16, 128);
    let next = |block: u64| ENTRIES + 16 * block + 8;
    damaged(&[(SLOTS + length, u64::MAX)], |queue| {
        for _ in 0..3 {
            assert!(matches!(queue.try_pop(), Err(PopError::Corrupt { .. })));
        }
    });
    for place in [
        (SLOTS + second + length, 561),
        (SLOTS + second + first_block, 8),
        (SLOTS + second + first_block, u64::MAX),
        (next(0), 8),
        (next(1), u64::MAX),
        (ENTRIES + 16, 0),
        (ENTRIES + 32, 5 << 4 | 2),
    ] {
        damaged(&[place], |queue| {
            // The length of the second message, its first block, a link, the word of a block.
            assert_eq!(queue.pop().unwrap(), [1; 20]);
            for _ in 0..3 {
                assert!(matches!(queue.try_pop(), Err(PopError::Corrupt { .. })), "{place:?}");
                assert!(matches!(queue.pop(), Err(PopError::Corrupt { .. })), "{place:?}");
            }
        });
    }
}

#[test]
fn try_push_damaged_slot_returns_corrupt() {
    // A slot that is free for an earlier lap, and one in a state that none has.
    for word in [u64::MAX, 1 << 63] {
        damaged(&[(SLOTS + 2 * 128, word)], |queue| {
            assert!(matches!(queue.try_push(vec![]), Err(PushError::Corrupt { .. })), "{word:#x}");
            assert!(matches!(queue.push(vec![]), Err(PushError::Corrupt { .. })), "{word:#x}");
        });
    }
}

#[test]
fn get_with_size_mismatch_returns_corrupt() {
    let scratch = Scratch::new("message-size");
    let path = scratch.file("segment");
    let options = Segment::builder().participants(2).objects(4);
    drop(options.create_file(&path, 1 << 16).unwrap().add::<MessageQueue<u8>>("queue", LIMITS).unwrap());
    // The directory begins behind the header and two participants; an entry has the number of elements at byte 96.
    for word in [0, 2, 1 << 32, u64::MAX] {
        patch(&path, 384 + 96, &u64::to_ne_bytes(word));
        let found = Segment::open_file(&path).and_then(|segment| segment.get::<MessageQueue<u8>>("queue"));
        assert!(matches!(found, Err(SegmentError::Corrupt { .. })), "{word}");
    }
}
