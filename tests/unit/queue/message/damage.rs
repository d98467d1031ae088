//! A queue whose bytes are damaged gives errors, and never panics or hangs.

use breezeway::queue::{Limits, MessageQueue};
use breezeway::{PopError, PushError, Segment, SegmentError};
use support::Watchdog;
use support::scratch::{Scratch, patch};

/// Where a queue has its stale mark, its index and its first slot.
const STALE: u64 = 64;
const INDEX: u64 = STALE + 24;
const SLOTS: u64 = 64 + 320;

const LIMITS: Limits = Limits { messages: 3, bytes: 10 * 56 };

/// A queue in a file with two messages, of 1 and of 2 blocks, in which `places` are overwritten with these words.
fn damaged(places: &[(u64, u64)], then: impl FnOnce(&MessageQueue<Vec<u8>>)) {
    let scratch = Scratch::new("message-damage");
    let path = scratch.file("segment");
    let segment = Segment::builder().participants(2).objects(1).create_file(&path, 4096).unwrap();
    let queue = segment.add::<MessageQueue<Vec<u8>>>("queue", LIMITS).unwrap();
    queue.push(vec![1; 20]).unwrap();
    queue.push(vec![2; 90]).unwrap();
    let at = segment.objects().unwrap()[0].offset;
    for (place, word) in places {
        patch(&path, at + place, &word.to_ne_bytes());
    }
    then(&queue);
}

#[test]
fn any_damaged_word_never_panics_or_hangs() {
    let _watchdog = Watchdog::start(100);
    for place in (STALE..STALE + 320 + 3 * 32 + 10 * 64).step_by(8) {
        for word in [0, 1, 2, 11, 1 << 62, 2 << 62, u64::MAX] {
            for stale in [0, 1] {
                damaged(&[(place, word), (STALE, stale)], |queue| {
                    for _ in 0..6 {
                        let _ = queue.try_push(vec![3; 60]);
                        let _ = queue.try_pop();
                        let _ = queue.try_push(vec![4; 300]);
                        let _ = (queue.len(), queue.is_closed());
                    }
                });
            }
        }
    }
}

#[test]
fn pop_rebuilds_damaged_index() {
    for place in (INDEX..INDEX + 72).step_by(8) {
        damaged(&[(place, 99), (STALE, 1)], |queue| {
            assert_eq!(queue.len(), 2);
            assert_eq!(queue.pop().unwrap(), [1; 20]);
            assert_eq!(queue.pop().unwrap(), [2; 90]);
            queue.try_push(vec![3; 500]).unwrap();
            assert_eq!(queue.pop().unwrap(), [3; 500]);
        });
    }
}

#[test]
fn try_pop_try_push_damaged_slots_return_corrupt() {
    let (second, unknown) = (32, 3 << 62);
    // The tag, the first block, the length of a message, two messages in one block, a chain that goes in circles.
    let chain = SLOTS + second + 8;
    for place in [(SLOTS, unknown), (chain, 0), (chain, 11), (SLOTS + 16, u64::MAX), (chain, 1)] {
        damaged(&[place, (STALE, 1)], |queue| {
            for _ in 0..3 {
                assert!(matches!(queue.try_pop(), Err(PopError::Corrupt { .. })), "{place:?}");
                assert!(matches!(queue.try_push(vec![]), Err(PushError::Corrupt { .. })), "{place:?}");
            }
        });
    }
    let (second_block_next, blocks) = (64, SLOTS + 3 * 32);
    damaged(&[(blocks + second_block_next, 2), (STALE, 1)], |queue| {
        assert!(matches!(queue.pop(), Err(PopError::Corrupt { .. })));
    });
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
