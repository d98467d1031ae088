//! [`breezeway::queue::Queue`] in one process: order, capacities, timeouts, batches, closing,
//! leases.

mod closing;
mod leases;

use std::time::{Duration, Instant};

use breezeway::queue::Queue;
use breezeway::{PopError, PushError, Segment, SegmentError};
use bytemuck::{CheckedBitPattern, NoUninit};
use support::numbered::Numbered;
use support::scratch::Name;
use support::{Watchdog, unique};

/// Odd ones, for which no mask works, and the smallest.
const CAPACITIES: [usize; 5] = [1, 2, 3, 8, 1000];

#[derive(Clone, Copy, Debug, PartialEq, NoUninit, CheckedBitPattern)]
#[repr(u8)]
enum Light {
    Red = 1,
    Green = 2,
}

/// The ring is gone round many times, with all kinds of values.
fn values_come_out_in_order<T: Numbered>() {
    for capacity in CAPACITIES {
        let queue = Queue::<T>::new(capacity).unwrap();
        assert_eq!(queue.capacity(), capacity);
        let (mut pushed, mut popped) = (0, 0);
        for round in 0..30 {
            let stride = round * 37 % capacity + 1;
            for _ in 0..stride {
                queue.push(T::of(pushed)).unwrap();
                pushed += 1;
            }
            assert_eq!((queue.len(), queue.is_empty()), (stride, false));
            for _ in 0..stride {
                assert_eq!(queue.pop().unwrap(), T::of(popped));
                popped += 1;
            }
            assert!(queue.is_empty());
        }
    }
}

#[test]
fn push_pop_small_values_in_order() {
    values_come_out_in_order::<u16>();
    values_come_out_in_order::<[u8; 3]>();
    values_come_out_in_order::<[u8; 7]>();
    values_come_out_in_order::<u64>();
    values_come_out_in_order::<[u64; 3]>();
}

#[test]
fn push_pop_large_values_in_order() {
    values_come_out_in_order::<[u64; 512]>();
}

#[test]
fn push_slice_pop_slice_kilobyte_values_in_order() {
    let queue = Queue::<[u64; 128]>::new(3).unwrap();
    for n in 0..20 {
        queue.push([n; 128]).unwrap();
        queue.push_slice(&[[n + 1; 128], [n + 2; 128]]).unwrap();
        assert!(matches!(queue.try_push([n; 128]), Err(PushError::Full(_))));
        let mut out = [[0; 128]; 3];
        assert_eq!(queue.pop_slice(&mut out).unwrap(), 3);
        assert_eq!(out, [[n; 128], [n + 1; 128], [n + 2; 128]]);
    }
}

#[test]
fn try_push_full_at_exactly_capacity() {
    for capacity in CAPACITIES {
        let queue = Queue::<u16>::new(capacity).unwrap();
        for round in 0..3 {
            (0..capacity).for_each(|n| queue.try_push(n as u16).unwrap());
            assert_eq!(queue.try_push(7), Err(PushError::Full(7)));
            assert_eq!((queue.try_pop().unwrap(), queue.len()), (0, capacity - 1), "round {round}");
            queue.try_push(capacity as u16).unwrap();
            assert_eq!(queue.try_push(8), Err(PushError::Full(8)));
            (1..=capacity).for_each(|n| assert_eq!(queue.try_pop().unwrap(), n as u16));
            assert!(matches!(queue.try_pop(), Err(PopError::Empty)));
        }
    }
}

#[test]
fn pop_timeout_lease_timeout_push_timeout_elapse() {
    let queue = Queue::<u64>::new(1).unwrap();
    for timeout in [Duration::ZERO, Duration::from_millis(3), Duration::from_millis(150)] {
        let least = |begin: Instant| assert!(begin.elapsed() >= timeout);
        let begin = Instant::now();
        assert!(matches!(queue.pop_timeout(timeout), Err(PopError::Timeout)));
        least(begin);
        let begin = Instant::now();
        assert!(matches!(queue.lease_timeout(timeout).err(), Some(PopError::Timeout)));
        least(begin);
        let begin = Instant::now();
        assert!(matches!(queue.pop_slice_timeout(&mut [0; 3], timeout), Err(PopError::Timeout)));
        least(begin);
        queue.push_timeout(1, timeout).unwrap();
        let begin = Instant::now();
        assert!(matches!(queue.push_timeout(2, timeout), Err(PushError::Timeout(2))));
        least(begin);
        assert_eq!(queue.pop_timeout(timeout).unwrap(), 1);
        let begin = Instant::now();
        assert!(matches!(queue.push_slice_timeout(&[4, 5], timeout), Err(PushError::Timeout(1))));
        least(begin);
        assert_eq!(queue.pop_timeout(Duration::MAX).unwrap(), 4);
    }
}

#[test]
fn new_with_zero_or_excessive_capacity_is_refused() {
    let name = Name::new("queue-nothing");
    let segment = Segment::new(1 << 16).unwrap();
    let refusals = [
        Queue::<u64>::new(0).err(),
        Queue::<u64>::create(&name, 0).err(),
        Queue::<u64>::open_or_create(&name, 0).err(),
        segment.add::<Queue<u64>>("queue", 0).err(),
        segment.get_or_add::<Queue<u64>>("queue", 0).err(),
    ];
    for refusal in refusals {
        assert!(
            matches!(refusal, Some(SegmentError::InvalidOption { option: "capacity", .. })),
            "{refusal:?}"
        );
    }
    assert!(!name.is_taken());
    for much in [1 << 45, usize::MAX / 16, usize::MAX] {
        assert!(matches!(Queue::<u64>::new(much).err(), Some(SegmentError::NoSpace { .. })), "{much}");
        let added = segment.add::<Queue<u64>>("queue", much).err();
        assert!(matches!(added, Some(SegmentError::OutOfSpace { .. })), "{added:?}");
    }
}

#[test]
fn open_wrong_type_or_capacity_returns_type_mismatch() {
    let name = unique("queue-type");
    let queue = Queue::<u64>::create(&name, 4).unwrap();
    queue.push(1).unwrap();
    assert!(matches!(Queue::<u32>::open(&name).err(), Some(SegmentError::TypeMismatch { .. })));
    assert!(matches!(Queue::<i64>::open(&name).err(), Some(SegmentError::TypeMismatch { .. })));
    assert!(matches!(Queue::<u64>::open_or_create(&name, 5).err(), Some(SegmentError::TypeMismatch { .. })));
    assert_eq!(Queue::<u64>::open_or_create(&name, 4).unwrap().pop().unwrap(), 1);
    drop(queue);
    assert!(matches!(Queue::<u64>::open(&name).err(), Some(SegmentError::NotFound { .. })));
}

#[test]
fn try_push_slice_try_pop_slice_take_what_fits() {
    for capacity in [1, 3, 1000] {
        let queue = Queue::<u64>::new(capacity).unwrap();
        let (mut pushed, mut popped) = (0_u64, 0_u64);
        let mut out = vec![0; capacity + 2];
        for round in 0..60 {
            let values: Vec<_> = (pushed..pushed + (round * 31 % (capacity + 3)) as u64).collect();
            let there = (pushed - popped) as usize;
            match queue.try_push_slice(&values) {
                Ok(count) => {
                    assert_eq!(count, values.len().min(capacity - there));
                    pushed += count as u64;
                }
                Err(error) => assert!(there == capacity && matches!(error, PushError::Full(0))),
            }
            let there = (pushed - popped) as usize;
            assert_eq!(queue.len(), there);
            let wanted = round * 29 % (capacity + 2);
            match queue.try_pop_slice(&mut out[..wanted]) {
                Ok(count) => {
                    assert_eq!(count, wanted.min(there));
                    assert!(out[..count].iter().copied().eq(popped..popped + count as u64));
                    popped += count as u64;
                }
                Err(error) => assert!(there == 0 && matches!(error, PopError::Empty)),
            }
        }
    }
    let queue = Queue::<u64>::new(1).unwrap();
    assert_eq!((queue.pop_slice(&mut []).unwrap(), queue.try_pop_slice(&mut []).unwrap()), (0, 0));
    queue.push(1).unwrap();
    queue.push_slice(&[]).unwrap();
    assert_eq!(queue.try_push_slice(&[]).unwrap(), 0);
}

#[test]
fn push_slice_larger_than_capacity_waits_for_room() {
    let _watchdog = Watchdog::start(60);
    const MANY: u64 = 10_000;
    let queue = Queue::<u64>::new(7).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let values: Vec<u64> = (0..MANY).collect();
            queue.push_slice(&values).unwrap();
            queue.push_slice_timeout(&values, Duration::MAX).unwrap();
            queue.close();
        });
        let mut out = [0; 5];
        let mut next = 0;
        while let Ok(count) = queue.pop_slice(&mut out) {
            for value in &out[..count] {
                assert_eq!(*value, next % MANY);
                next += 1;
            }
        }
        assert_eq!(next, 2 * MANY);
    });
}

#[test]
fn push_pop_zero_sized_values_are_counted() {
    let queue = Queue::<()>::new(3).unwrap();
    queue.push_slice(&[(), ()]).unwrap();
    queue.push(()).unwrap();
    assert!(matches!(queue.try_push(()), Err(PushError::Full(()))));
    assert_eq!(queue.pop_slice(&mut [(); 2]).unwrap(), 2);
    let lease = queue.lease().unwrap();
    lease.ack().unwrap();
    assert!(matches!(queue.try_pop(), Err(PopError::Empty)));
}

/// A peer that keeps to no types.
#[test]
fn pop_lease_invalid_bit_pattern_return_corrupt_once() {
    let segment = Segment::new(1 << 16).unwrap();
    let segment = segment.tagged(1);
    let bytes = segment.add::<Queue<u8>>("lights", 8).unwrap();
    let lights = segment.get::<Queue<Light>>("lights").unwrap();
    bytes.push_slice(&[1, 0, 2, 3, 9, 1, 7, 2]).unwrap();
    assert_eq!(lights.pop().unwrap(), Light::Red);
    assert!(matches!(lights.pop(), Err(PopError::Corrupt { .. })));
    assert_eq!(lights.try_pop().unwrap(), Light::Green);
    // Nobody could do anything with it: a lease of it is no lease.
    assert!(matches!(lights.lease().err(), Some(PopError::Corrupt { .. })));
    assert!(matches!(lights.pop_slice(&mut [Light::Red; 2]), Err(PopError::Corrupt { .. })));
    // It ends a batch, and those before it are not lost.
    let mut out = [Light::Green; 3];
    assert_eq!((lights.pop_slice(&mut out).unwrap(), out[0]), (1, Light::Red));
    assert_eq!(lights.pop().unwrap(), Light::Green);
    assert!(matches!(lights.try_pop(), Err(PopError::Empty)));
}

#[test]
fn queue_iter_value_that_is_corrupt_is_the_last_item() {
    let segment = Segment::new(1 << 16).unwrap();
    let segment = segment.tagged(1);
    let bytes = segment.add::<Queue<u8>>("lights", 8).unwrap();
    let lights = segment.get::<Queue<Light>>("lights").unwrap();
    bytes.push_slice(&[1, 0, 2]).unwrap();
    lights.close();
    let mut items = lights.iter();
    assert_eq!(items.next(), Some(Ok(Light::Red)));
    assert!(matches!(items.next(), Some(Err(PopError::Corrupt { .. }))));
    assert_eq!(items.next(), None, "an iterator is over after an error");
    assert_eq!((&lights).into_iter().collect::<Vec<_>>(), [Ok(Light::Green)]);
}

#[test]
fn push_iter_by_threads_exactly_once_in_order() {
    const THREADS: u64 = 4;
    const EACH: u64 = 5_000;
    let _watchdog = Watchdog::start(120);
    for capacity in [1, 3, 100] {
        let queue = Queue::<[u64; 2]>::new(capacity).unwrap();
        let takers: Vec<Vec<[u64; 2]>> = std::thread::scope(|scope| {
            let takers: Vec<_> = (0..THREADS)
                .map(|_| scope.spawn(|| queue.clone().iter().map(Result::unwrap).collect()))
                .collect();
            let pushers: Vec<_> = (0..THREADS)
                .map(|me| {
                    let queue = queue.clone();
                    scope.spawn(move || (0..EACH).for_each(|n| queue.push([me, n]).unwrap()))
                })
                .collect();
            pushers.into_iter().for_each(|pusher| pusher.join().unwrap());
            queue.close();
            takers.into_iter().map(|taker| taker.join().unwrap()).collect()
        });
        for taken in &takers {
            for me in 0..THREADS {
                let of_one = taken.iter().filter(|value| value[0] == me).map(|value| value[1]);
                assert!(of_one.is_sorted_by(|a, b| a < b), "the order of one producer");
            }
        }
        let mut all: Vec<_> = takers.concat();
        all.sort_unstable();
        let expected: Vec<_> = (0..THREADS).flat_map(|me| (0..EACH).map(move |n| [me, n])).collect();
        assert!(all == expected, "{} values of {}", all.len(), expected.len());
    }
}
