//! Leases, and whether all is done.

use loom::thread;

use super::{Shared, assert_delivered_once};
use crate::raw::model;

/// Two consumers lease; one gives its message back, the other acknowledges. A third pops.
#[test]
fn message_ring_lease_given_back_while_others_take() {
    let seen = model::explore(2, || {
        let shared = Shared::new(1, 3, 0);
        let producer = Shared::peer(&shared, 1);
        assert!(producer.push(51));
        let holder = {
            let peer = Shared::peer(&shared, 2);
            thread::spawn(move || {
                let lease = peer.ring().try_lease(2, &mut Vec::new()).ok();
                lease.is_some_and(|lease| peer.ring().give_back(lease))
            })
        };
        let taker = {
            let peer = Shared::peer(&shared, 3);
            thread::spawn(move || {
                let mut bytes = Vec::new();
                let lease = peer.ring().try_lease(3, &mut bytes).ok()?;
                assert!(peer.ring().ack(lease));
                assert!(!peer.ring().ack(lease), "once");
                Some((super::number(&bytes), lease.is_redelivered()))
            })
        };
        let given_back = holder.join().unwrap();
        // The slot is free as soon as the message is leased.
        let pushed = producer.push(2);
        let taken = taker.join().unwrap();
        let late = Shared::drain_and_refill(&shared);
        let all: &[u64] = if pushed { &[51, 2] } else { &[51] };
        let early: Vec<u64> = taken.iter().map(|(number, _)| *number).collect();
        assert_delivered_once(all, &[&early, &late]);
        (given_back, taken.map(|(_, again)| again), pushed)
    });
    for outcome in [(true, Some(true)), (true, None), (false, Some(false))] {
        assert!(seen.iter().any(|(given, again, _)| (*given, *again) == outcome), "{outcome:?} in {seen:?}");
    }
    assert!(seen.iter().any(|(.., pushed)| *pushed), "{seen:?}");
}

/// A worker that pushes a job before it acknowledges the last: the queue is never idle.
#[test]
fn message_ring_is_idle_never_while_a_worker_feeds_itself() {
    let seen = model::explore(3, || {
        let shared = Shared::new(1, 2, 0);
        let worker = Shared::peer(&shared, 1);
        assert!(worker.push(1));
        let watcher = {
            let peer = Shared::peer(&shared, 2);
            thread::spawn(move || peer.ring().is_idle())
        };
        let lease = worker.lease(1);
        assert!(worker.push(2));
        assert!(worker.ring().ack(lease));
        let was_idle = watcher.join().unwrap();
        assert!(!was_idle);
        assert!(!worker.ring().is_idle());
        assert_eq!(Shared::drain_and_refill(&shared), [2]);
        was_idle
    });
    assert_eq!(seen.len(), 1);
}

/// A message that is taken while a consumer of the closed queue looks whether one can still come.
#[test]
fn message_ring_could_still_receive_sees_a_message_on_its_way() {
    model::explore(3, || {
        let shared = Shared::new(1, 2, 0);
        let worker = Shared::peer(&shared, 1);
        assert!(worker.push(51));
        worker.ring().close();
        let watcher = {
            let peer = Shared::peer(&shared, 2);
            thread::spawn(move || peer.ring().could_still_receive(2, || 0))
        };
        let lease = worker.lease(51);
        assert!(watcher.join().unwrap());
        assert!(worker.ring().give_back(lease));
        assert_eq!(Shared::drain_and_refill(&shared), [51]);
    });
}
