//! Leases that are acknowledged, dropped, forgotten, or held for long.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use breezeway::queue::Queue;
use breezeway::{PopError, PushError};
use support::Watchdog;
use support::waiting::asleep;

#[test]
fn ack_removes_value() {
    let queue = Queue::<u64>::new(3).unwrap();
    for n in 0..10 {
        queue.push(n).unwrap();
        let lease = queue.lease().unwrap();
        assert_eq!((*lease, lease.redelivered()), (n, false));
        assert!(matches!(queue.try_pop(), Err(PopError::Empty)));
        lease.ack().unwrap();
        assert!(matches!(queue.try_lease().err(), Some(PopError::Empty)));
    }
}

#[test]
fn drop_of_lease_redelivers_before_all_others() {
    let queue = Queue::<u64>::new(4).unwrap();
    queue.push_slice(&[1, 2, 3]).unwrap();
    for _ in 0..3 {
        let lease = queue.lease().unwrap();
        assert_eq!(*lease, 1);
        drop(lease);
    }
    let lease = queue.try_lease().unwrap();
    assert!(*lease == 1 && lease.redelivered());
    let other = queue.lease().unwrap();
    assert!(*other == 2 && !other.redelivered());
    drop(lease);
    assert_eq!((queue.pop().unwrap(), queue.pop().unwrap()), (1, 3));
    drop(other);
    assert_eq!(queue.pop().unwrap(), 2);
    assert!(matches!(queue.try_pop(), Err(PopError::Empty)));
}

#[test]
fn panic_of_holder_redelivers_lease() {
    let queue = Queue::<u64>::new(4).unwrap();
    queue.push(7).unwrap();
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _lease = queue.lease().unwrap();
        resume_unwind(Box::new("dropped on the way"));
    }));
    assert!(panicked.is_err());
    let lease = queue.lease().unwrap();
    assert!(*lease == 7 && lease.redelivered());
    lease.ack().unwrap();
    assert!(matches!(queue.try_pop(), Err(PopError::Empty)));
}

#[test]
fn drop_of_lease_wakes_blocked_pop() {
    let _watchdog = Watchdog::start(60);
    let queue = Queue::<u64>::new(4).unwrap();
    queue.push(7).unwrap();
    let lease = queue.lease().unwrap();
    let clone = queue.clone();
    let popper = asleep(move || clone.pop().unwrap());
    drop(lease);
    assert_eq!(popper.wake(), 7);
}

#[test]
fn ack_wakes_push_waiting_for_room() {
    let _watchdog = Watchdog::start(60);
    let queue = Queue::<u64>::new(1).unwrap();
    queue.push(7).unwrap();
    let lease = queue.lease().unwrap();
    let clone = queue.clone();
    let pusher = asleep(move || clone.push(8).unwrap());
    lease.ack().unwrap();
    pusher.wake();
    assert_eq!(queue.pop().unwrap(), 8);
}

#[test]
fn forgotten_lease_keeps_its_slot() {
    let queue = Queue::<u64>::new(2).unwrap();
    queue.push_slice(&[1, 2]).unwrap();
    std::mem::forget(queue.lease().unwrap());
    for n in 2..10 {
        assert_eq!(queue.pop().unwrap(), n);
        queue.push(n + 1).unwrap();
        assert!(matches!(queue.try_push(0), Err(PushError::Full(0))));
    }
}

#[test]
fn long_lease_occupies_only_one_slot() {
    for capacity in [2, 3, 4, 7] {
        let queue = Queue::<u64>::new(capacity).unwrap();
        queue.push(1000).unwrap();
        let lease = queue.lease().unwrap();
        for n in 0..100 {
            let first = n * (capacity as u64 - 1);
            for n in 0..capacity as u64 - 1 {
                queue.try_push(first + n).unwrap();
            }
            assert!(matches!(queue.try_push(0), Err(PushError::Full(0))));
            for n in 0..capacity as u64 - 1 {
                assert_eq!(queue.try_pop().unwrap(), first + n);
            }
            assert!(matches!(queue.try_pop(), Err(PopError::Empty)));
        }
        drop(lease);
        let lease = queue.lease().unwrap();
        assert!(*lease == 1000 && lease.redelivered());
        lease.ack().unwrap();
        // The place is used again.
        (0..capacity as u64).for_each(|n| queue.try_push(n).unwrap());
        assert!(matches!(queue.try_push(0), Err(PushError::Full(0))));
        (0..capacity as u64).for_each(|n| assert_eq!(queue.try_pop().unwrap(), n));
    }
}

#[test]
fn try_push_full_while_all_slots_are_leased() {
    for capacity in [1, 3, 4] {
        let queue = Queue::<u64>::new(capacity).unwrap();
        for round in 0..4 {
            (0..capacity as u64).for_each(|n| queue.push(n).unwrap());
            let mut leases: Vec<_> = (0..capacity).map(|_| queue.lease().unwrap()).collect();
            assert!(matches!(queue.try_push(9), Err(PushError::Full(9))));
            assert!(matches!(queue.try_pop(), Err(PopError::Empty)));
            assert!(queue.is_empty(), "what is leased is not counted");
            // Each place, in turn, is the one that becomes free.
            leases.remove(round % capacity).ack().unwrap();
            queue.try_push(100).unwrap();
            assert!(matches!(queue.try_push(9), Err(PushError::Full(9))));
            assert_eq!(queue.try_pop().unwrap(), 100);
            leases.into_iter().for_each(|lease| lease.ack().unwrap());
        }
    }
}

#[test]
fn lease_large_values_acked_or_dropped_in_any_order() {
    let queue = Queue::<[u64; 128]>::new(5).unwrap();
    for round in 0..20 {
        (0..5).for_each(|n| queue.push([n; 128]).unwrap());
        let mut leases: Vec<_> = (0..5).map(|_| queue.lease().unwrap()).collect();
        assert!(leases.iter().enumerate().all(|(n, lease)| **lease == [n as u64; 128]));
        leases.rotate_left(round % 5);
        let mut let_fall = Vec::new();
        for (n, lease) in leases.into_iter().enumerate() {
            if n % 2 == 0 {
                lease.ack().unwrap();
            } else {
                let_fall.push(lease[0]);
            }
        }
        let mut again: Vec<u64> = (0..2).map(|_| queue.pop().unwrap()[0]).collect();
        let_fall.sort_unstable();
        again.sort_unstable();
        assert_eq!(let_fall, again);
        assert!(matches!(queue.try_pop(), Err(PopError::Empty)));
    }
}
