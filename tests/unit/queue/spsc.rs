//! [`breezeway::queue::spsc`] in one process: order, capacities, timeouts, batches, invalid bit
//! patterns.

use std::time::{Duration, Instant};

use breezeway::queue::spsc::{self, Consumer, Producer};
use breezeway::{PopError, PushError, Segment, SegmentError};
use bytemuck::{CheckedBitPattern, NoUninit};
use support::scratch::Name;
use support::{Watchdog, unique};

/// Odd ones, for which no mask works, and the smallest.
const CAPACITIES: [usize; 4] = [1, 2, 3, 1000];

#[derive(Clone, Copy, Debug, PartialEq, NoUninit, CheckedBitPattern)]
#[repr(u8)]
enum Light {
    Red = 1,
    Green = 2,
}

#[test]
fn push_pop_in_order_around_ring() {
    for capacity in CAPACITIES {
        let (mut tx, mut rx) = spsc::new::<u64>(capacity).unwrap();
        assert_eq!((tx.capacity(), rx.capacity()), (capacity, capacity));
        let (mut pushed, mut popped) = (0, 0);
        for round in 0..40 {
            let stride = round * 37 % capacity + 1;
            for _ in 0..stride {
                tx.push(pushed).unwrap();
                pushed += 1;
            }
            assert_eq!((tx.len(), rx.len(), rx.is_empty()), (stride, stride, false));
            for _ in 0..stride {
                assert_eq!(rx.pop().unwrap(), popped);
                popped += 1;
            }
            assert!(tx.is_empty() && rx.is_empty());
        }
    }
}

#[test]
fn try_push_full_at_exactly_capacity() {
    for capacity in CAPACITIES {
        let (mut tx, mut rx) = spsc::new::<u16>(capacity).unwrap();
        for round in 0..3 {
            (0..capacity).for_each(|n| tx.try_push(n as u16).unwrap());
            assert!(matches!(tx.try_push(7), Err(PushError::Full(7))));
            assert_eq!(rx.try_pop().unwrap(), 0, "round {round}");
            tx.try_push(capacity as u16).unwrap();
            assert!(matches!(tx.try_push(8), Err(PushError::Full(8))));
            assert_eq!(rx.len(), capacity);
            (1..=capacity).for_each(|n| assert_eq!(rx.try_pop().unwrap(), n as u16));
            assert!(matches!(rx.try_pop(), Err(PopError::Empty)));
        }
    }
}

#[test]
fn pop_timeout_push_timeout_elapse() {
    let (mut tx, mut rx) = spsc::new::<u64>(1).unwrap();
    for timeout in [Duration::ZERO, Duration::from_millis(3), Duration::from_millis(150)] {
        let begin = Instant::now();
        assert!(matches!(rx.pop_timeout(timeout), Err(PopError::Timeout)));
        assert!(begin.elapsed() >= timeout);
        let begin = Instant::now();
        assert!(matches!(rx.pop_slice_timeout(&mut [0; 3], timeout), Err(PopError::Timeout)));
        assert!(begin.elapsed() >= timeout);
        tx.push_timeout(1, timeout).unwrap();
        let begin = Instant::now();
        assert!(matches!(tx.push_timeout(2, timeout), Err(PushError::Timeout(2))));
        assert!(begin.elapsed() >= timeout);
        assert_eq!(rx.pop_timeout(timeout).unwrap(), 1);
        let begin = Instant::now();
        assert!(matches!(tx.push_slice_timeout(&[4, 5], timeout), Err(PushError::Timeout(1))));
        assert!(begin.elapsed() >= timeout);
        assert_eq!(rx.pop_timeout(Duration::MAX).unwrap(), 4);
    }
}

#[test]
fn new_with_zero_or_excessive_capacity_is_refused() {
    let name = Name::new("spsc-nothing");
    let segment = Segment::new(1 << 16).unwrap();
    let refusals = [
        spsc::new::<u64>(0).err(),
        spsc::create::<u64>(&name, 0).err(),
        spsc::add::<u64>(&segment, "queue", 0).err(),
        Producer::<u64>::create(&name, 0).err(),
        Consumer::<u64>::open_or_create(&name, 0).err(),
        segment.get_or_add::<Consumer<u64>>("queue", 0).err(),
    ];
    for refusal in refusals {
        assert!(
            matches!(refusal, Some(SegmentError::InvalidOption { option: "capacity", .. })),
            "{refusal:?}"
        );
    }
    assert!(!name.is_taken());
    assert!(segment.objects().unwrap().is_empty());
    for much in [1 << 45, usize::MAX / 8, usize::MAX] {
        assert!(matches!(spsc::new::<u64>(much).err(), Some(SegmentError::NoSpace { .. })), "{much}");
        assert!(matches!(
            spsc::add::<u64>(&segment, "queue", much).err(),
            Some(SegmentError::OutOfSpace { .. })
        ));
    }
}

#[test]
fn open_wrong_type_or_capacity_returns_type_mismatch() {
    let name = unique("spsc-type");
    let ends = spsc::create::<u64>(&name, 4).unwrap();
    for other in [Producer::<u32>::open(&name).err(), Producer::<i64>::open(&name).err()] {
        assert!(matches!(other, Some(SegmentError::TypeMismatch { .. })), "{other:?}");
    }
    assert!(matches!(
        Consumer::<u64>::open_or_create(&name, 5).err(),
        Some(SegmentError::TypeMismatch { .. })
    ));
    drop(ends);
    assert!(matches!(Producer::<u64>::open(&name).err(), Some(SegmentError::NotFound { .. })));
    let segment = Segment::new(1 << 16).unwrap();
    let ends = spsc::add::<u64>(&segment, "queue", 4).unwrap();
    drop(ends);
    assert!(matches!(segment.get::<Consumer<i64>>("queue").err(), Some(SegmentError::TypeMismatch { .. })));
    let other = segment.get_or_add::<Producer<u64>>("queue", 5).err();
    assert!(matches!(other, Some(SegmentError::TypeMismatch { .. })));
    assert_eq!(segment.get_or_add::<Producer<u64>>("queue", 4).unwrap().capacity(), 4);
}

#[test]
fn try_push_slice_try_pop_slice_around_ring_end() {
    for capacity in [3, 7, 1000] {
        let (mut tx, mut rx) = spsc::new::<[u16; 3]>(capacity).unwrap();
        let value = |n: usize| [n as u16, !(n as u16), 5];
        let (mut pushed, mut popped) = (0, 0);
        let mut out = vec![[0; 3]; capacity + 2];
        for round in 0..60 {
            let values: Vec<_> = (pushed..pushed + round * 31 % (capacity + 2)).map(value).collect();
            let room = capacity - (pushed - popped);
            match tx.try_push_slice(&values) {
                Ok(count) => {
                    assert_eq!(count, room.min(values.len()));
                    pushed += count;
                }
                Err(error) => assert!(room == 0 && matches!(error, PushError::Full(0))),
            }
            assert_eq!(rx.len(), pushed - popped);
            let wanted = round * 29 % (capacity + 2);
            match rx.try_pop_slice(&mut out[..wanted]) {
                Ok(count) => {
                    // At least what it knew of.
                    assert!((wanted.min(1)..=wanted.min(pushed - popped)).contains(&count));
                    let expected: Vec<_> = (popped..popped + count).map(value).collect();
                    assert_eq!(&out[..count], &expected);
                    popped += count;
                }
                Err(error) => assert!(pushed == popped && matches!(error, PopError::Empty)),
            }
        }
        assert!(popped > capacity, "the ring was gone round");
    }
}

#[test]
fn push_slice_pop_slice_of_nothing_return_at_once() {
    let (mut tx, mut rx) = spsc::new::<u64>(1).unwrap();
    assert_eq!((rx.pop_slice(&mut []).unwrap(), rx.try_pop_slice(&mut []).unwrap()), (0, 0));
    tx.push(1).unwrap();
    tx.push_slice(&[]).unwrap();
    assert_eq!(tx.try_push_slice(&[]).unwrap(), 0);
    tx.push_slice_timeout(&[], Duration::ZERO).unwrap();
}

#[test]
fn push_slice_larger_than_capacity_waits_for_room() {
    let _watchdog = Watchdog::start(60);
    const MANY: u64 = 10_000;
    let (mut tx, mut rx) = spsc::new::<u64>(7).unwrap();
    let pusher = std::thread::spawn(move || {
        let values: Vec<u64> = (0..MANY).collect();
        tx.push_slice(&values).unwrap();
        tx.push_slice_timeout(&values, Duration::MAX).unwrap();
    });
    let mut out = [0; 5];
    let mut next = 0;
    while next < 2 * MANY {
        let count = rx.pop_slice(&mut out).unwrap();
        assert!((1..=5).contains(&count));
        for value in &out[..count] {
            assert_eq!(*value, next % MANY);
            next += 1;
        }
    }
    pusher.join().unwrap();
    assert!(matches!(rx.pop_slice(&mut out), Err(PopError::Disconnected)));
}

#[test]
fn try_iter_ends_when_empty_iter_ends_when_closed() {
    let (mut tx, mut rx) = spsc::new::<u32>(8).unwrap();
    tx.push_slice(&[1, 2, 3]).unwrap();
    assert_eq!(rx.try_iter().collect::<Vec<_>>(), [Ok(1), Ok(2), Ok(3)]);
    tx.push_slice(&[4, 5]).unwrap();
    tx.close();
    assert_eq!(rx.iter().collect::<Vec<_>>(), [Ok(4), Ok(5)]);
    assert_eq!(rx.try_iter().next(), None);
    assert_eq!((&mut rx).into_iter().next(), None);
}

#[test]
fn consumer_iter_ends_without_its_producer() {
    let (mut tx, mut rx) = spsc::new::<u32>(8).unwrap();
    tx.push(1).unwrap();
    drop(tx);
    assert_eq!(rx.iter().collect::<Vec<_>>(), [Ok(1)]);
    assert!(matches!(rx.pop(), Err(PopError::Disconnected)));
}

#[test]
fn consumer_iter_value_that_is_corrupt_is_the_last_item() {
    let segment = Segment::new(1 << 16).unwrap();
    let segment = segment.tagged(1);
    let mut tx = segment.add::<Producer<u8>>("lights", 8).unwrap();
    let mut rx = segment.get::<Consumer<Light>>("lights").unwrap();
    let is_corrupt = |item| matches!(item, Some(Err(PopError::Corrupt { .. })));
    tx.push_slice(&[1, 0, 2, 7, 1]).unwrap();
    let mut items = rx.iter();
    assert_eq!(items.next(), Some(Ok(Light::Red)));
    assert!(is_corrupt(items.next()));
    assert_eq!(items.next(), None, "an iterator is over after an error");
    let mut items = rx.try_iter();
    assert_eq!(items.next(), Some(Ok(Light::Green)));
    assert!(is_corrupt(items.next()));
    assert_eq!(items.next(), None, "an iterator is over after an error");
    drop(items);
    assert_eq!(rx.try_iter().collect::<Vec<_>>(), [Ok(Light::Red)]);
}

#[test]
fn close_refuses_push_and_drains_pop() {
    for consumer_closes in [false, true] {
        let (mut tx, mut rx) = spsc::new::<u64>(4).unwrap();
        tx.push_slice(&[1, 2]).unwrap();
        assert!(!tx.is_closed() && !rx.is_closed());
        assert!(if consumer_closes { rx.close() } else { tx.close() });
        assert!(!rx.close() && !tx.close(), "closed once");
        assert!(tx.is_closed() && rx.is_closed());
        assert!(matches!(tx.push(3), Err(PushError::Closed(3))));
        assert!(matches!(tx.try_push(3), Err(PushError::Closed(3))));
        assert!(matches!(tx.push_timeout(3, Duration::MAX), Err(PushError::Closed(3))));
        assert!(matches!(tx.push_slice(&[3, 4]), Err(PushError::Closed(0))));
        assert!(matches!(tx.try_push_slice(&[3, 4]), Err(PushError::Closed(0))));
        assert_eq!((rx.pop().unwrap(), rx.try_pop().unwrap()), (1, 2));
        assert!(matches!(rx.pop(), Err(PopError::Closed)));
        assert!(matches!(rx.try_pop(), Err(PopError::Closed)));
        assert!(matches!(rx.pop_timeout(Duration::MAX), Err(PopError::Closed)));
        assert!(matches!(rx.pop_slice(&mut [0; 2]), Err(PopError::Closed)));
        // Closed for all that come later, too.
        drop(tx);
        assert!(matches!(rx.pop(), Err(PopError::Closed)));
    }
}

#[test]
fn push_pop_zero_sized_values_are_counted() {
    let (mut tx, mut rx) = spsc::new::<()>(3).unwrap();
    tx.push_slice(&[(), ()]).unwrap();
    tx.push(()).unwrap();
    assert!(matches!(tx.try_push(()), Err(PushError::Full(()))));
    assert_eq!(rx.len(), 3);
    assert_eq!(rx.pop_slice(&mut [(); 2]).unwrap(), 2);
    rx.pop().unwrap();
    assert!(matches!(rx.try_pop(), Err(PopError::Empty)));
}

#[test]
fn push_slice_pop_checked_types() {
    let (mut tx, mut rx) = spsc::new::<Light>(3).unwrap();
    tx.push_slice(&[Light::Red, Light::Green]).unwrap();
    assert_eq!((rx.pop().unwrap(), rx.pop().unwrap()), (Light::Red, Light::Green));
    let (mut tx, mut rx) = spsc::new::<bool>(3).unwrap();
    tx.push_slice(&[true, false]).unwrap();
    assert_eq!((rx.pop().unwrap(), rx.pop().unwrap()), (true, false));
}

/// A peer that keeps to no types.
#[test]
fn pop_invalid_bit_pattern_returns_corrupt_once() {
    let segment = Segment::new(1 << 16).unwrap();
    let segment = segment.tagged(1);
    let mut tx = segment.add::<Producer<u8>>("lights", 8).unwrap();
    let mut rx = segment.get::<Consumer<Light>>("lights").unwrap();
    tx.push_slice(&[1, 0, 2, 3, 1, 9]).unwrap();
    assert_eq!(rx.pop().unwrap(), Light::Red);
    assert!(matches!(rx.pop(), Err(PopError::Corrupt { .. })));
    assert_eq!(rx.try_pop().unwrap(), Light::Green);
    // It ends a batch, and is the next one's first.
    let mut out = [Light::Green; 3];
    assert!(matches!(rx.pop_slice(&mut out), Err(PopError::Corrupt { .. })));
    assert_eq!((rx.try_pop_slice(&mut out).unwrap(), out[0]), (1, Light::Red));
    assert!(matches!(rx.pop_timeout(Duration::ZERO), Err(PopError::Corrupt { .. })));
    assert!(matches!(rx.try_pop(), Err(PopError::Empty)));
}
