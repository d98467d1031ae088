//! Leases of other processes that die, stop, forget them or fork.

use std::time::Duration;

use breezeway::queue::Queue;
use breezeway::{PopError, PushError, Segment};
use support::process::{resume, stop, until};
use support::waiting::asleep;
use support::{Watchdog, unique};

use super::child::{ask, spawn};

const SOON: Duration = Duration::from_millis(400);

fn four(name: &str) -> (Segment, Queue<u64>) {
    let segment = Segment::builder().participants(4).create(name, 1 << 16).unwrap();
    let queue = segment.add::<Queue<u64>>("queue", 4).unwrap();
    (segment, queue)
}

#[test]
fn lease_of_dead_holder_wakes_blocked_lease() {
    let _watchdog = Watchdog::start(60);
    let name = unique("lease-killed");
    let (_segment, queue) = four(&name);
    queue.push_slice(&[1, 2]).unwrap();
    let mut holder = spawn(&name);
    assert_eq!(ask(&mut holder, "lease"), "(1, false)");
    assert_eq!(ask(&mut holder, "lease"), "(2, false)");
    let clone = queue.clone();
    let popper = asleep(move || {
        let lease = clone.lease().unwrap();
        let found = (*lease, lease.redelivered());
        lease.ack().unwrap();
        found
    });
    holder.kill();
    let (first, redelivered) = popper.wake();
    let other = queue.lease().unwrap();
    assert!(redelivered && other.redelivered());
    assert_eq!(first + *other, 3);
    other.ack().unwrap();
    assert!(matches!(queue.try_pop(), Err(PopError::Empty)));
}

#[test]
fn lease_of_dead_holder_is_redelivered_repeatedly() {
    let _watchdog = Watchdog::start(60);
    let name = unique("lease-again");
    let (_segment, queue) = four(&name);
    queue.push(7).unwrap();
    for round in 0..10 {
        let mut holder = spawn(&name);
        assert_eq!(ask(&mut holder, "lease"), format!("(7, {})", round > 0));
        holder.kill();
    }
    assert_eq!(queue.pop().unwrap(), 7);
}

#[test]
fn push_waiting_for_room_reclaims_leases_of_dead_holder() {
    let _watchdog = Watchdog::start(60);
    let name = unique("lease-room");
    let (_segment, queue) = four(&name);
    queue.push_slice(&[1, 2, 3, 4]).unwrap();
    let mut holder = spawn(&name);
    (0..4).for_each(|_| drop(ask(&mut holder, "lease")));
    assert!(matches!(queue.try_push(5), Err(PushError::Full(5))));
    let clone = queue.clone();
    let pusher = asleep(move || clone.push(5).unwrap());
    holder.kill();
    let mut all: Vec<u64> = (0..4).map(|_| queue.pop().unwrap()).collect();
    all.sort_unstable();
    assert_eq!(all, [1, 2, 3, 4]);
    pusher.wake();
    assert_eq!(queue.pop().unwrap(), 5);
}

#[test]
fn lease_of_stopped_holder_is_not_reclaimed() {
    let _watchdog = Watchdog::start(60);
    let name = unique("lease-stopped");
    let (segment, queue) = four(&name);
    queue.push(7).unwrap();
    let mut holder = spawn(&name);
    assert_eq!(ask(&mut holder, "lease"), "(7, false)");
    stop(holder.pid());
    assert!(matches!(queue.pop_timeout(SOON), Err(PopError::Timeout)));
    assert_eq!(segment.reap().unwrap(), 0);
    assert!(matches!(queue.try_pop(), Err(PopError::Empty)));
    resume(holder.pid());
    assert_eq!(ask(&mut holder, "ack"), "acknowledged");
    holder.kill();
    assert!(matches!(queue.pop_timeout(SOON), Err(PopError::Timeout)));
}

#[test]
fn forgotten_lease_redelivered_after_holder_death() {
    let _watchdog = Watchdog::start(60);
    let name = unique("lease-forgotten");
    let (_segment, queue) = four(&name);
    queue.push(7).unwrap();
    let mut holder = spawn(&name);
    assert_eq!(ask(&mut holder, "lease"), "(7, false)");
    assert_eq!(ask(&mut holder, "forget"), "forgotten");
    assert!(matches!(queue.pop_timeout(SOON), Err(PopError::Timeout)));
    holder.kill();
    let lease = queue.lease().unwrap();
    assert!(*lease == 7 && lease.redelivered());
}

#[test]
fn lease_copy_in_forked_child_is_not_released() {
    let _watchdog = Watchdog::start(60);
    let name = unique("lease-forked");
    let (_segment, queue) = four(&name);
    queue.push(7).unwrap();
    let mut holder = spawn(&name);
    assert_eq!(ask(&mut holder, "lease"), "(7, false)");
    assert_eq!(ask(&mut holder, "fork"), "forked");
    assert!(matches!(queue.pop_timeout(SOON), Err(PopError::Timeout)));
    assert_eq!(ask(&mut holder, "drop"), "dropped");
    assert!(queue.try_lease().unwrap().redelivered());
}

#[test]
fn pop_on_closed_queue_waits_for_outstanding_lease() {
    let _watchdog = Watchdog::start(60);
    let name = unique("lease-closed");
    for ending in ["kill", "drop", "ack"] {
        let (_segment, queue) = four(&name);
        queue.push(7).unwrap();
        let mut holder = spawn(&name);
        assert_eq!(ask(&mut holder, "lease"), "(7, false)");
        queue.close();
        assert!(matches!(queue.try_pop(), Err(PopError::Empty)), "it is not over yet");
        assert!(matches!(queue.pop_timeout(SOON), Err(PopError::Timeout)));
        let clone = queue.clone();
        let popper = asleep(move || clone.pop());
        let found = match ending {
            "kill" => {
                holder.kill();
                popper.wake()
            }
            how => {
                ask(&mut holder, how);
                popper.wake()
            }
        };
        match found {
            Ok(value) => assert!(value == 7 && ending != "ack"),
            Err(error) => assert!(ending == "ack" && matches!(error, PopError::Closed), "{error:?}"),
        }
        assert!(matches!(queue.pop(), Err(PopError::Closed)));
    }
}

#[test]
fn iter_on_closed_queue_waits_for_outstanding_lease() {
    let _watchdog = Watchdog::start(60);
    let name = unique("lease-iteration");
    let (_segment, queue) = four(&name);
    queue.push_slice(&[1, 2, 3]).unwrap();
    let mut holder = spawn(&name);
    assert_eq!(ask(&mut holder, "lease"), "(1, false)");
    queue.close();
    let clone = queue.clone();
    let reader = asleep(move || clone.iter().collect::<Vec<_>>());
    holder.kill();
    assert_eq!(reader.wake(), [Ok(2), Ok(3), Ok(1)]);
}

#[test]
fn try_pop_polling_reclaims_leases_of_dead_holder() {
    let _watchdog = Watchdog::start(30);
    let name = unique("lease-polled");
    let (_segment, queue) = four(&name);
    queue.push_slice(&[1, 2, 3, 4]).unwrap();
    let mut holder = spawn(&name);
    (0..4).for_each(|_| drop(ask(&mut holder, "lease")));
    assert!(matches!(queue.try_pop(), Err(PopError::Empty)));
    holder.kill();
    let mut found = Vec::new();
    until(|| {
        found.extend(queue.try_pop());
        found.len() == 4
    });
    assert_eq!(found, [1, 2, 3, 4]);
}

#[test]
fn try_pop_polling_closed_queue_reclaims_dead_lease() {
    let _watchdog = Watchdog::start(30);
    let name = unique("lease-closed-polled");
    let (_segment, queue) = four(&name);
    queue.push(1).unwrap();
    let mut holder = spawn(&name);
    assert_eq!(ask(&mut holder, "lease"), "(1, false)");
    queue.close();
    holder.kill();
    until(|| match queue.try_pop() {
        Err(PopError::Empty) => false,
        Err(error) => panic!("{error:?}"),
        Ok(value) => value == 1,
    });
    assert!(matches!(queue.try_pop(), Err(PopError::Closed)));
}
