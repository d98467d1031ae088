//! [`breezeway::queue::bytes`] in one process: sizes, the end of the ring, reservations, reading
//! and writing in place.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use breezeway::queue::bytes::{self, BytesConsumer, BytesProducer};
use breezeway::{PopError, PushError, Segment, SegmentError};
use support::numbered::message;
use support::scratch::Name;
use support::waiting::asleep;
use support::{Watchdog, unique};

const CAPACITIES: [usize; 4] = [64, 128, 192, 1024];

#[test]
fn try_push_try_read_every_size_at_every_ring_position() {
    for capacity in CAPACITIES {
        let (mut tx, mut rx) = bytes::new(capacity).unwrap();
        assert_eq!((tx.capacity(), rx.capacity()), (capacity, capacity));
        assert_eq!((tx.max_message(), rx.max_message()), ((capacity + 8) / 16 * 8 - 8, tx.max_message()));
        for len in 0..=tx.max_message() {
            // Each time a step further round the ring.
            for n in 0..capacity / 8 {
                tx.try_push(&message(len, n)).unwrap();
                assert_eq!(*rx.try_read().unwrap(), message(len, n), "{len} bytes");
                assert!(rx.is_empty());
                tx.try_push(&[]).unwrap();
                assert!(rx.try_read().unwrap().is_empty());
            }
        }
    }
}

#[test]
fn try_push_try_read_mixed_sizes_in_order() {
    for capacity in CAPACITIES {
        let (mut tx, mut rx) = bytes::new(capacity).unwrap();
        let (mut pushed, mut popped) = (0, 0);
        let sized = |n: usize, max: usize| message(n * n * 7 % (max + 1), n);
        for round in 0..400 {
            let max = tx.max_message();
            loop {
                match tx.try_push(&sized(pushed, max)) {
                    Ok(()) => pushed += 1,
                    Err(error) => break assert!(matches!(error, PushError::Full(())), "{error:?}"),
                }
            }
            assert!(tx.len() <= capacity && !rx.is_empty());
            while popped < pushed - round % 3 {
                assert_eq!(*rx.try_read().unwrap(), sized(popped, max));
                popped += 1;
            }
        }
        assert!(popped > 400);
    }
}

#[test]
fn push_reserve_too_large_returns_too_large() {
    for capacity in CAPACITIES {
        let (mut tx, mut rx) = bytes::new(capacity).unwrap();
        let max = tx.max_message();
        for len in [max + 1, capacity, usize::MAX / 2, usize::MAX - 7, usize::MAX] {
            let refusals = [
                tx.reserve(len).err(),
                tx.try_reserve(len).err(),
                tx.reserve_timeout(len, Duration::ZERO).err(),
            ];
            for refusal in refusals {
                let Some(PushError::TooLarge { value: (), len: found, max: largest }) = refusal else {
                    panic!("{refusal:?}")
                };
                assert_eq!((found, largest), (len, max));
            }
        }
        assert!(matches!(tx.push(&vec![0; max + 1]), Err(PushError::TooLarge { .. })));
        assert!(matches!(rx.try_read().err(), Some(PopError::Empty)));
        tx.push(&vec![1; max]).unwrap();
        assert_eq!(*rx.read().unwrap(), vec![1; max]);
    }
}

#[test]
fn commit_sends_only_committed_length() {
    let (mut tx, mut rx) = bytes::new(256).unwrap();
    for len in 0..=tx.max_message() {
        for committed in [0, 1, len / 2, len.saturating_sub(1), len] {
            let committed = committed.min(len);
            let mut reserved = tx.reserve(len).unwrap();
            assert_eq!(reserved.len(), len);
            reserved.copy_from_slice(&message(len, 1));
            reserved.commit(committed);
            assert_eq!(*rx.try_read().unwrap(), message(len, 1)[..committed]);
        }
    }
}

#[test]
fn reserve_dropped_uncommitted_sends_nothing() {
    let (mut tx, mut rx) = bytes::new(64).unwrap();
    for n in 0..20 {
        let mut reserved = tx.reserve(20).unwrap();
        reserved.fill(0xff);
        drop(reserved);
        drop(tx.try_reserve(24).unwrap());
        assert!(tx.is_empty());
        assert!(matches!(rx.try_read().err(), Some(PopError::Empty)));
        let too_much = catch_unwind(AssertUnwindSafe(|| tx.reserve(20).unwrap().commit(21)));
        assert!(too_much.is_err());
        assert!(matches!(rx.try_read().err(), Some(PopError::Empty)));
        tx.push(&message(9, n)).unwrap();
        assert_eq!(*rx.try_read().unwrap(), message(9, n));
    }
}

#[test]
fn read_of_forgotten_message_repeats() {
    let (mut tx, mut rx) = bytes::new(256).unwrap();
    tx.push(b"one").unwrap();
    tx.push(b"two").unwrap();
    for _ in 0..3 {
        let read = rx.read().unwrap();
        assert_eq!(&*read, b"one");
        std::mem::forget(read);
    }
    let len = rx.len();
    drop(rx.read().unwrap());
    assert_eq!(rx.len(), len - 16, "8 bytes, and 3 rounded up");
    assert_eq!(&*rx.read().unwrap(), b"two");
}

#[test]
fn reserve_and_read_are_in_place() {
    let (mut tx, mut rx) = bytes::new(512).unwrap();
    for len in (0..tx.max_message()).cycle().step_by(13).take(100) {
        let mut reserved = tx.reserve(len).unwrap();
        let address = reserved.as_mut_ptr();
        assert!(address.cast::<u64>().is_aligned());
        reserved.commit(len);
        let read = rx.read().unwrap();
        assert_eq!((read.as_ptr(), read.len()), (address.cast_const(), len));
    }
}

#[test]
fn read_timeout_push_timeout_reserve_timeout_elapse() {
    let (mut tx, mut rx) = bytes::new(64).unwrap();
    for timeout in [Duration::ZERO, Duration::from_millis(3), Duration::from_millis(150)] {
        let begin = Instant::now();
        assert!(matches!(rx.read_timeout(timeout).err(), Some(PopError::Timeout)));
        assert!(begin.elapsed() >= timeout);
        while tx.try_push(b"full").is_ok() {}
        assert!(matches!(tx.try_reserve(9).err(), Some(PushError::Full(()))));
        let begin = Instant::now();
        assert!(matches!(tx.push_timeout(b"fuller", timeout).err(), Some(PushError::Timeout(()))));
        assert!(matches!(tx.reserve_timeout(24, timeout).err(), Some(PushError::Timeout(()))));
        assert!(begin.elapsed() >= timeout * 2);
        while rx.try_read().is_ok() {}
    }
}

#[test]
fn read_and_push_blocked_are_woken() {
    let _watchdog = Watchdog::start(60);
    let (mut tx, mut rx) = bytes::new(64).unwrap();
    for _ in 0..5 {
        let reader = asleep(move || {
            assert_eq!(&*rx.read().unwrap(), b"breeze");
            rx
        });
        tx.push(b"breeze").unwrap();
        rx = reader.wake();
        // Several messages must go until there is room for a long one.
        while tx.try_push(b"").is_ok() {}
        let writer = asleep(move || {
            tx.push(&[7; 24]).unwrap();
            tx
        });
        while rx.read().unwrap().is_empty() {}
        tx = writer.wake();
    }
}

#[test]
fn close_refuses_push_and_drains_read() {
    let (mut tx, mut rx) = bytes::new(128).unwrap();
    tx.push(b"one").unwrap();
    assert!(rx.close() && !tx.close());
    assert!(matches!(tx.push(b"two"), Err(PushError::Closed(()))));
    assert!(matches!(tx.try_reserve(1).err(), Some(PushError::Closed(()))));
    assert_eq!(&*rx.read().unwrap(), b"one");
    assert!(matches!(rx.read().err(), Some(PopError::Closed)));
    assert!(matches!(rx.try_read().err(), Some(PopError::Closed)));
}

#[test]
fn commit_after_close_is_delivered() {
    let (mut tx, mut rx) = bytes::new(128).unwrap();
    let mut reserved = tx.reserve(4).unwrap();
    rx.close();
    reserved.fill(7);
    reserved.commit(4);
    assert_eq!(*rx.read().unwrap(), [7; 4]);
    assert!(matches!(rx.read().err(), Some(PopError::Closed)));
}

#[test]
fn drop_of_endpoint_disconnects_peer() {
    let (mut tx, rx) = bytes::new(128).unwrap();
    let segment = tx.segment().clone();
    tx.push(b"one").unwrap();
    drop(rx);
    assert!(matches!(tx.push(b"two"), Err(PushError::Disconnected(()))));
    let mut rx = segment.get::<BytesConsumer>("root").unwrap();
    tx.push(b"two").unwrap();
    drop(tx);
    assert_eq!(&*rx.read().unwrap(), b"one");
    assert_eq!(&*rx.read().unwrap(), b"two");
    assert!(matches!(rx.read().err(), Some(PopError::Disconnected)));
}

#[test]
fn new_capacity_is_rounded_up_and_limited() {
    let name = Name::new("bytes-nothing");
    for refusal in [bytes::new(0).err(), bytes::create(&name, 0).err()] {
        assert!(matches!(refusal, Some(SegmentError::InvalidOption { option: "capacity", .. })));
    }
    assert!(!name.is_taken());
    for (asked, got) in [(1, 64), (63, 64), (64, 64), (65, 128), (1000, 1024)] {
        assert_eq!(bytes::new(asked).unwrap().0.capacity(), got);
    }
    for much in [1 << 45, usize::MAX - 64, usize::MAX] {
        assert!(matches!(bytes::new(much).err(), Some(SegmentError::NoSpace { .. })), "{much}");
    }
}

#[test]
fn open_wrong_type_or_taken_endpoint_fails() {
    let name = unique("bytes-type");
    let ends = bytes::create(&name, 64).unwrap();
    let me = std::process::id();
    let taken = BytesProducer::open(&name).err();
    assert!(matches!(taken, Some(SegmentError::EndpointTaken { pid }) if pid == me), "{taken:?}");
    let other = breezeway::queue::spsc::Producer::<u8>::open(&name).err();
    assert!(matches!(other, Some(SegmentError::TypeMismatch { .. })));
    drop(ends);
    let segment = Segment::new(1 << 16).unwrap();
    drop(bytes::add(&segment, "queue", 64).unwrap());
    let other = segment.get_or_add::<BytesConsumer>("queue", 65).err();
    assert!(matches!(other, Some(SegmentError::TypeMismatch { .. })));
    // 50 is rounded up to the same.
    assert_eq!(segment.get_or_add::<BytesConsumer>("queue", 50).unwrap().capacity(), 64);
}
