//! Queues with invalid indices, slots and headers.

use std::fs;
use std::time::Duration;

use breezeway::queue::{Queue, bytes, spsc};
use breezeway::{Initial, Object, PopError, PushError, Segment, SegmentError};
use support::Watchdog;

use super::assert_refused;
use super::victim::{DIRECTORY_AT, Victim};

/// Where a queue has its indices, the word of its ends, and what is behind the state.
const TAIL: u64 = 0;
const HEAD: u64 = 128;
const ENDS: u64 = 256;
const BODY: u64 = 384;

/// The entry of the victim's second object: its count and its flags.
const COUNT: u64 = DIRECTORY_AT + 192 + 96;
const FLAGS: u64 = DIRECTORY_AT + 192 + 112;

const SOON: Duration = Duration::from_millis(2);

/// Words that make trouble: small ones, slots' words of all states with owners and laps, sums that overflow.
const EVIL: [u64; 22] = [
    0,
    1,
    2,
    3,
    4,
    7,
    8,
    15,
    0x11,
    0x13,
    0x21,
    0xffff3,
    0xffff1,
    1 << 20,
    1 << 20 | 2,
    1 << 20 | 4,
    2 << 20 | 0x23,
    1 << 32 | 5,
    2 << 32 | 80,
    1 << 63,
    u64::MAX - 1,
    u64::MAX,
];

/// Damages a queue in all its words, one by one, before it is opened and when it is, and has somebody work with it.
fn damage_everything(fill: impl Fn(&Segment), length: u64, work: impl Fn(&Segment, &mut dyn FnMut())) {
    let victim = Victim::file(fill);
    let at = victim.offset_of("it");
    let image = fs::read(victim.path()).unwrap();
    for place in (0..length)
        .step_by(8)
        .filter(|place| ![8..HEAD, HEAD + 8..ENDS, 296..BODY].iter().any(|gap| gap.contains(place)))
    {
        for word in EVIL {
            for is_open in [false, true] {
                victim.patch(0, &image);
                let damage = || victim.patch(at + place, &word.to_ne_bytes());
                if !is_open {
                    damage();
                }
                let segment = victim.open().unwrap();
                work(&segment, &mut || {
                    if is_open {
                        damage();
                    }
                });
            }
        }
    }
}

#[test]
fn spsc_any_damaged_word_never_panics_or_hangs() {
    let _watchdog = Watchdog::start(100);
    let fill = |s: &Segment| {
        let (mut tx, mut rx) = spsc::add::<u64>(s, "it", 3).unwrap();
        tx.push_slice(&[1, 2]).unwrap();
        rx.pop().unwrap();
        tx.push_slice(&[3, 4]).unwrap();
        tx.release();
        rx.release();
    };
    damage_everything(fill, BODY, |segment, damage| {
        let (tx, rx) = (segment.get::<spsc::Producer<u64>>("it"), segment.get::<spsc::Consumer<u64>>("it"));
        damage();
        if let Ok(mut tx) = tx {
            let _ = (tx.try_push(1), tx.push_timeout(2, SOON), tx.try_push_slice(&[3; 5]));
            let _ = (tx.len(), tx.is_closed(), tx.is_connected());
        }
        if let Ok(mut rx) = rx {
            let _ = (rx.try_pop(), rx.pop_timeout(SOON), rx.try_pop_slice(&mut [0; 5]), rx.len());
        }
    });
}

#[test]
fn bytes_any_damaged_word_never_panics_or_hangs() {
    let _watchdog = Watchdog::start(100);
    let fill = |s: &Segment| {
        let (mut tx, mut rx) = bytes::add(s, "it", 64).unwrap();
        tx.push(&[1; 24]).unwrap();
        drop(rx.read().unwrap());
        // One behind the other, over a pad.
        tx.push(&[2; 10]).unwrap();
        tx.push(&[3; 9]).unwrap();
        tx.release();
        rx.release();
    };
    damage_everything(fill, BODY + 64, |segment, damage| {
        let (tx, rx) = (segment.get::<bytes::BytesProducer>("it"), segment.get::<bytes::BytesConsumer>("it"));
        damage();
        if let Ok(mut tx) = tx {
            for len in [0, 1, 8, 24] {
                let _ = (tx.try_push(&vec![7; len]), tx.push_timeout(&vec![8; len], Duration::ZERO));
            }
            let _ = (tx.len(), tx.is_empty());
        }
        if let Ok(mut rx) = rx {
            for _ in 0..3 {
                let _ = rx.try_read().map(|read| read.iter().map(|byte| u64::from(*byte)).sum::<u64>());
                let _ = rx.read_timeout(Duration::ZERO).map(|read| read.len());
            }
        }
    });
}

#[test]
fn mpmc_any_damaged_word_never_panics_or_hangs() {
    let _watchdog = Watchdog::start(100);
    let fill = |s: &Segment| {
        let queue = s.add::<Queue<u64>>("it", 3).unwrap();
        queue.push_slice(&[1, 2, 3]).unwrap();
        queue.pop().unwrap();
        queue.push(4).unwrap();
        drop(queue.lease().unwrap());
        std::mem::forget(queue.lease().unwrap());
    };
    damage_everything(fill, BODY + 48, |segment, damage| {
        let queue = segment.get::<Queue<u64>>("it").unwrap();
        damage();
        for _ in 0..2 {
            let _ = (queue.try_push(5), queue.push_timeout(6, SOON), queue.len(), queue.is_closed());
            let _ = queue.try_lease().map(|lease| {
                if *lease % 2 == 0 {
                    let _ = lease.ack();
                }
            });
            let _ = (queue.try_pop(), queue.pop_timeout(SOON), queue.try_pop_slice(&mut [0; 4]));
        }
        let _ = (segment.reap(), queue.close(), queue.try_pop(), queue.try_push(7));
    });
}

#[test]
fn spsc_get_contradictory_indices_returns_corrupt() {
    let _watchdog = Watchdog::start(60);
    for (tail, head) in [(5_u64, 0_u64), (0, 1), (1 << 63, 0), (0, u64::MAX - 4), (7, 8), (u64::MAX, 0)] {
        for victim in Victim::both(|s| drop(s.add::<spsc::Producer<u64>>("it", 4))) {
            let at = victim.offset_of("it");
            victim.patch(at + TAIL, &tail.to_ne_bytes());
            victim.patch(at + HEAD, &head.to_ne_bytes());
            let segment = victim.open().unwrap();
            for _ in 0..2 {
                let corrupt = segment.get::<spsc::Producer<u64>>("it");
                assert_refused!(corrupt, SegmentError::Corrupt { offset, .. } if offset == at);
                assert_refused!(segment.get::<spsc::Consumer<u64>>("it"), SegmentError::Corrupt { .. });
            }
            // Put right, it is as good as ever: no refusal has kept an end.
            victim.patch(at + TAIL, &head.to_ne_bytes());
            let mut tx = segment.get::<spsc::Producer<u64>>("it").unwrap();
            let mut rx = segment.get::<spsc::Consumer<u64>>("it").unwrap();
            tx.push_slice(&[1, 2, 3, 4]).unwrap();
            assert!(rx.try_iter().map(Result::unwrap).eq(1..=4));
        }
    }
}

#[test]
fn spsc_push_pop_damaged_indices_return_corrupt() {
    let _watchdog = Watchdog::start(60);
    for victim in Victim::both(|s| drop(s.add::<spsc::Producer<u64>>("it", 4))) {
        let (at, segment) = (victim.offset_of("it"), victim.open().unwrap());
        let mut tx = segment.get::<spsc::Producer<u64>>("it").unwrap();
        let mut rx = segment.get::<spsc::Consumer<u64>>("it").unwrap();
        victim.patch(at + TAIL, &5_u64.to_ne_bytes());
        // Waiting would be for ever.
        assert!(matches!(rx.pop(), Err(PopError::Corrupt { .. })));
        assert!(matches!(rx.try_pop_slice(&mut [0; 2]), Err(PopError::Corrupt { .. })));
        victim.patch(at + TAIL, &0_u64.to_ne_bytes());
        tx.push_slice(&[1, 2, 3, 4]).unwrap();
        victim.patch(at + HEAD, &9_u64.to_ne_bytes());
        assert!(matches!(tx.push(5), Err(PushError::Corrupt { value: 5, .. })));
        assert!(matches!(tx.push_slice(&[5]), Err(PushError::Corrupt { value: 0, .. })));
    }
}

#[test]
fn mpmc_push_pop_invalid_slot_or_index_return_corrupt() {
    let _watchdog = Watchdog::start(60);
    let fill = |s: &Segment| s.add::<Queue<u64>>("it", 3).unwrap().push(1).unwrap();
    // The slot that is next to be popped; a position behind the last slot.
    for (place, word) in [(BODY, 9_u64), (BODY, 15), (HEAD, 3)] {
        for victim in Victim::both(fill) {
            victim.patch(victim.offset_of("it") + place, &word.to_ne_bytes());
            let queue = victim.open().unwrap().get::<Queue<u64>>("it").unwrap();
            assert!(matches!(queue.pop(), Err(PopError::Corrupt { .. })));
            assert!(matches!(queue.try_pop(), Err(PopError::Corrupt { .. })));
            assert!(matches!(queue.lease().err(), Some(PopError::Corrupt { .. })));
        }
    }
    for victim in Victim::both(fill) {
        victim.patch(victim.offset_of("it") + TAIL, &3_u64.to_ne_bytes());
        let queue = victim.open().unwrap().get::<Queue<u64>>("it").unwrap();
        assert!(matches!(queue.push(2), Err(PushError::Corrupt { value: 2, .. })));
        assert!(matches!(queue.try_push_slice(&[2]), Err(PushError::Corrupt { value: 0, .. })));
    }
}

/// Owners that no segment of two participants has.
#[test]
fn mpmc_slots_spsc_endpoints_of_invalid_owner_reclaimed() {
    let _watchdog = Watchdog::start(60);
    for owner in [0_u64, 3, 0xffff] {
        for victim in Victim::both(|s| drop(s.add::<Queue<u64>>("it", 3))) {
            let at = victim.offset_of("it");
            // One is being written, the next is leased.
            victim.patch(at + BODY, &(owner << 4 | 1).to_ne_bytes());
            let queue = victim.open().unwrap().get::<Queue<u64>>("it").unwrap();
            queue.push(7).unwrap();
            assert_eq!(queue.pop().unwrap(), 7);
        }
        for end in [0, 31] {
            for victim in Victim::both(|s| drop(s.add::<spsc::Producer<u64>>("it", 4))) {
                let half = 1 << 16 | owner;
                victim.patch(victim.offset_of("it") + ENDS, &(half << end).to_ne_bytes());
                let segment = victim.open().unwrap();
                let mut tx = segment.get::<spsc::Producer<u64>>("it").unwrap();
                let mut rx = segment.get::<spsc::Consumer<u64>>("it").unwrap();
                tx.push(1).unwrap();
                assert_eq!(rx.pop().unwrap(), 1);
            }
        }
    }
}

#[test]
fn bytes_read_invalid_frame_header_returns_corrupt() {
    let _watchdog = Watchdog::start(60);
    let header = |len: u64, kind: u64, flags: u64| len | kind << 32 | flags << 48;
    let headers = [
        header(0, 0, 0),
        header(8, 3, 0),
        header(8, 1, 1),
        header(9, 1, 0),
        header(57, 1, 0),
        header(u64::from(u32::MAX), 1, 0),
        header(0, 2, 0),
        header(56, 2, 0),
        u64::MAX,
    ];
    for header in headers {
        let fill = |s: &Segment| {
            let (mut tx, _rx) = bytes::add(s, "it", 64).unwrap();
            tx.push(&[1; 8]).unwrap();
        };
        for victim in Victim::both(fill) {
            victim.patch(victim.offset_of("it") + BODY, &header.to_ne_bytes());
            let segment = victim.open().unwrap();
            let mut rx = segment.get::<bytes::BytesConsumer>("it").unwrap();
            assert!(matches!(rx.read().err(), Some(PopError::Corrupt { .. })), "{header:#x}");
            assert!(matches!(rx.try_read().err(), Some(PopError::Corrupt { .. })));
        }
    }
}

#[test]
fn bytes_get_misaligned_index_returns_corrupt() {
    for place in [TAIL, HEAD] {
        for victim in Victim::both(|s| drop(s.add::<bytes::BytesProducer>("it", 64))) {
            let at = victim.offset_of("it");
            victim.patch(at + TAIL, &[12]);
            victim.patch(at + HEAD, &[if place == HEAD { 11 } else { 12 }]);
            let segment = victim.open().unwrap();
            assert_refused!(segment.get::<bytes::BytesProducer>("it"), SegmentError::Corrupt { .. });
            assert_refused!(segment.get::<bytes::BytesConsumer>("it"), SegmentError::Corrupt { .. });
        }
    }
}

/// A victim whose second object's entry has this number in this place, and the error for opening it as an `O`.
fn misdescribed<O: Object>(initial: impl Initial<O> + Copy, place: u64, number: u64) {
    for victim in Victim::both(|s| drop(s.add::<O>("it", initial))) {
        victim.patch(place, &number.to_ne_bytes());
        let segment = victim.open().unwrap();
        match segment.get::<O>("it").err() {
            Some(SegmentError::Corrupt { .. }) => {}
            other => panic!("{number}: {other:?}"),
        }
        // Nor does anybody's death make anybody trust it.
        segment.reap().unwrap();
    }
}

#[test]
fn get_queue_with_capacity_mismatch_returns_corrupt() {
    for count in [0, 1, 5, 128, 1 << 40, 1 << 61, u64::MAX] {
        for (place, number) in [(COUNT, count), (FLAGS, count | 1)] {
            misdescribed::<spsc::Producer<u64>>(4, place, number);
            misdescribed::<bytes::BytesConsumer>(64, place, number);
            misdescribed::<Queue<u64>>(4, place, number);
        }
    }
}
