//! A closed queue refuses pushes and delivers what it holds.

use std::time::Duration;

use breezeway::queue::Queue;
use breezeway::{PopError, PushError};
use support::Watchdog;
use support::waiting::{A_WHILE, asleep, in_threads};

#[test]
fn close_refuses_push_and_drains_pop() {
    let _watchdog = Watchdog::start(60);
    let queue = Queue::<u64>::new(4).unwrap();
    queue.push_slice(&[1, 2, 3]).unwrap();
    assert!(!queue.is_closed());
    assert!(queue.close());
    assert!(!queue.close(), "closed once");
    assert!(queue.is_closed());
    assert!(matches!(queue.push(4), Err(PushError::Closed(4))));
    assert!(matches!(queue.try_push(4), Err(PushError::Closed(4))));
    assert!(matches!(queue.push_timeout(4, Duration::MAX), Err(PushError::Closed(4))));
    assert!(matches!(queue.push_slice(&[4, 5]), Err(PushError::Closed(0))));
    assert!(matches!(queue.try_push_slice(&[4, 5]), Err(PushError::Closed(0))));
    assert_eq!((queue.len(), queue.pop().unwrap(), queue.try_pop().unwrap()), (3, 1, 2));
    queue.lease().unwrap().ack().unwrap();
    assert!(matches!(queue.pop(), Err(PopError::Closed)));
    assert!(matches!(queue.try_pop(), Err(PopError::Closed)));
    assert!(matches!(queue.pop_timeout(Duration::MAX), Err(PopError::Closed)));
    assert!(matches!(queue.lease().err(), Some(PopError::Closed)));
    assert!(matches!(queue.pop_slice(&mut [0; 2]), Err(PopError::Closed)));
    assert_eq!(queue.iter().next(), None);
}

#[test]
fn close_with_large_values_drains_pop() {
    let queue = Queue::<[u64; 128]>::new(4).unwrap();
    queue.push([1; 128]).unwrap();
    queue.close();
    assert!(matches!(queue.push([2; 128]), Err(PushError::Closed(_))));
    assert_eq!(queue.pop().unwrap(), [1; 128]);
    assert!(matches!(queue.pop(), Err(PopError::Closed)));
}

#[test]
fn try_push_on_full_closed_queue_returns_closed() {
    let queue = Queue::<u64>::new(1).unwrap();
    queue.push(1).unwrap();
    queue.close();
    assert!(matches!(queue.try_push(2), Err(PushError::Closed(2))));
}

#[test]
fn close_wakes_all_blocked_pop_and_push() {
    let _watchdog = Watchdog::start(60);
    let (empty, full) = (Queue::<u64>::new(1).unwrap(), Queue::<u64>::new(1).unwrap());
    full.push(1).unwrap();
    let poppers: Vec<_> = (0..3)
        .map(|_| {
            let queue = empty.clone();
            asleep(move || queue.pop().err())
        })
        .collect();
    let pushers: Vec<_> = (0..3)
        .map(|n| {
            let queue = full.clone();
            asleep(move || queue.push(n).err())
        })
        .collect();
    empty.close();
    full.close();
    for popper in poppers {
        assert!(matches!(popper.wake(), Some(PopError::Closed)));
    }
    for pusher in pushers {
        assert!(matches!(pusher.wake(), Some(PushError::Closed(_))));
    }
    assert_eq!(full.pop().unwrap(), 1);
}

/// What was let fall behind the close comes to who asks next.
#[test]
fn lease_dropped_after_close_is_redelivered() {
    let queue = Queue::<u64>::new(2).unwrap();
    queue.push(1).unwrap();
    let lease = queue.lease().unwrap();
    queue.close();
    drop(lease);
    let lease = queue.lease().unwrap();
    assert!(*lease == 1 && lease.redelivered());
    drop(lease);
    assert_eq!(queue.iter().collect::<Vec<_>>(), [Ok(1)]);
}

/// Each push that returned comes out, whenever the close comes.
#[test]
fn push_racing_close_is_delivered_or_refused() {
    let _watchdog = Watchdog::start(60);
    for round in 0..300 {
        let queue = Queue::<u64>::new(4).unwrap();
        let (pushed, popped) = std::thread::scope(|scope| {
            let pusher = scope.spawn(|| (0..).take_while(|n| queue.push(*n).is_ok()).count());
            let popper = scope.spawn(|| queue.iter().map(Result::unwrap).count());
            (0..round * 20).for_each(|_| std::hint::spin_loop());
            queue.close();
            (pusher.join().unwrap(), popper.join().unwrap())
        });
        assert_eq!(pushed, popped);
    }
}

/// A closed queue with one value, which the calling thread has not leased.
fn closed_with_one() -> Queue<u64> {
    let queue = Queue::<u64>::new(4).unwrap();
    queue.push(1).unwrap();
    queue.close();
    queue
}

#[test]
fn lease_on_closed_queue_waits_for_lease_of_other_thread() {
    let _watchdog = Watchdog::start(60);
    for acknowledged in [false, true] {
        let queue = closed_with_one();
        let lease = queue.lease().unwrap();
        let other = asleep({
            let queue = queue.clone();
            move || queue.lease().map(|lease| (*lease, lease.redelivered(), lease.ack()))
        });
        let popper = asleep({
            let queue = queue.clone();
            move || queue.pop()
        });
        let polled = in_threads(1, |_| [queue.try_lease().err(), queue.pop_timeout(A_WHILE).err()]);
        assert_eq!(polled, [[Some(PopError::Empty), Some(PopError::Timeout)]]);
        assert!(!other.is_done() && !popper.is_done());
        if acknowledged {
            lease.ack().unwrap();
        } else {
            drop(lease);
        }
        match (other.wake(), popper.wake()) {
            (Err(PopError::Closed), Err(PopError::Closed)) => assert!(acknowledged),
            (Ok((1, true, Ok(()))), Err(PopError::Closed)) | (Err(PopError::Closed), Ok(1)) => {
                assert!(!acknowledged);
            }
            found => panic!("{found:?}"),
        }
    }
}

#[test]
fn lease_on_closed_queue_does_not_wait_for_leases_of_its_thread() {
    let _watchdog = Watchdog::start(60);
    let queue = Queue::<u64>::new(4).unwrap();
    queue.push_slice(&[1, 2]).unwrap();
    queue.close();
    // By different handles: what counts is the thread.
    let (first, clone) = (queue.lease().unwrap(), queue.clone());
    let second = clone.lease().unwrap();
    assert_eq!(queue.lease().err(), Some(PopError::Closed));
    assert_eq!(clone.pop(), Err(PopError::Closed));
    assert_eq!(queue.try_pop(), Err(PopError::Closed));
    first.ack().unwrap();
    assert_eq!(queue.pop(), Err(PopError::Closed));
    // Given back, it is the next.
    drop(second);
    assert_eq!(queue.pop(), Ok(2));
    assert_eq!(queue.pop(), Err(PopError::Closed));
}

#[test]
fn lease_on_closed_queue_waits_for_other_thread_with_lease_in_hand() {
    let _watchdog = Watchdog::start(60);
    let queue = Queue::<u64>::new(4).unwrap();
    queue.push_slice(&[1, 2]).unwrap();
    queue.close();
    let lease = queue.lease().unwrap();
    let other = asleep({
        let queue = queue.clone();
        move || {
            let own = queue.lease().unwrap();
            let next = queue.lease().map(|lease| *lease);
            (*own, next)
        }
    });
    // A lease of another queue, and one of this queue that is over, are no lease in hand.
    let elsewhere = closed_with_one();
    let _elsewhere = elsewhere.lease().unwrap();
    assert_eq!(queue.try_lease().err(), Some(PopError::Empty));
    drop(lease);
    assert_eq!(other.wake(), (2, Ok(1)));
}

#[test]
fn lease_on_closed_queue_waits_for_lease_moved_from_ended_thread() {
    let _watchdog = Watchdog::start(60);
    let queue = closed_with_one();
    let lease = std::thread::scope(|scope| scope.spawn(|| queue.lease().unwrap()).join().unwrap());
    assert_eq!(queue.try_pop(), Err(PopError::Empty), "this thread has not taken it");
    drop(lease);
    assert_eq!(queue.try_pop(), Ok(1));
    assert_eq!(queue.try_pop(), Err(PopError::Closed));
}
