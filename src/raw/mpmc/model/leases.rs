//! Leases: they end while other consumers search for returned messages, and while producers skip
//! their slots.

use loom::sync::Arc;
use loom::thread;

use super::{Outcome, Shared, assert_delivered_once, model};
use crate::raw::mpmc::LeasedSlot;

/// A ring of two slots: participant 3 has leased message 11, and the slot after it is used and free
/// again.
fn leased_and_used() -> (Arc<Shared>, LeasedSlot) {
    let shared = Shared::new(2);
    assert_eq!(shared.push_all(1, [11, 12]).len(), 2);
    let (number, leased) = shared.lease(3).unwrap();
    assert_eq!((number, shared.pop()), (11, Some(12)));
    (shared, leased)
}

/// A producer skips a slot that was returned, while a consumer pops its message.
#[test]
fn mpmc_give_back_then_skipped() {
    let seen = model::explore(4, || -> Outcome {
        let (shared, leased) = leased_and_used();
        assert!(shared.ring().give_back(3, leased));
        let consumer = Shared::consumer(&shared, 2);
        let pushed = shared.push_all(1, [13, 14]);
        let early = consumer.join().unwrap();
        assert_delivered_once(&[vec![11], pushed.clone()], &[early.clone(), shared.drain_and_refill()]);
        (pushed.len(), early.len())
    });
    assert!([(1, 1), (1, 2), (2, 2)].iter().all(|outcome| seen.contains(outcome)), "{seen:?}");
}

/// Messages are given back while a consumer finds none that was returned, and clears the flag.
#[test]
fn mpmc_give_back_during_search() {
    let seen = model::explore(3, || -> Outcome {
        let shared = Shared::new(2);
        assert_eq!(shared.push_all(1, [11, 12]).len(), 2);
        let (_, first) = shared.lease(3).unwrap();
        let (_, second) = shared.lease(3).unwrap();
        let giver = thread::spawn({
            let shared = Arc::clone(&shared);
            move || {
                assert!(shared.ring().give_back(3, first));
                assert!(shared.ring().give_back(3, second));
            }
        });
        let consumers = [Shared::consumer(&shared, 2), Shared::consumer(&shared, 1)];
        giver.join().unwrap();
        let mut popped: Vec<_> = consumers.into_iter().map(|consumer| consumer.join().unwrap()).collect();
        let early = popped.concat().len();
        popped.push(shared.drain_and_refill());
        assert_delivered_once(&[vec![11, 12]], &popped);
        (2, early)
    });
    assert!((0..=2).all(|early| seen.contains(&(2, early))), "{seen:?}");
}

/// A lease is acknowledged or given back while a producer skips its slot and a consumer looks at
/// it.
fn play_end_during_skip(acknowledged: bool) {
    let seen = model::explore(3, move || -> Outcome {
        let (shared, leased) = leased_and_used();
        let consumer = Shared::consumer(&shared, 2);
        let producer = Shared::producer(&shared, 1, [13, 14]);
        let ring = shared.ring();
        let ended = if acknowledged { ring.ack(3, leased) } else { ring.give_back(3, leased) };
        assert!(ended && !ring.ack(3, leased), "a lease ends once");
        let mut pushed = vec![producer.join().unwrap()];
        let early = consumer.join().unwrap();
        let outcome = (pushed[0].len(), early.len());
        if !acknowledged {
            pushed.push(vec![11]);
        }
        assert_delivered_once(&pushed, &[early, shared.drain_and_refill()]);
        outcome
    });
    assert!([(1, 0), (1, 1), (2, 1)].iter().all(|outcome| seen.contains(outcome)), "{seen:?}");
}

#[test]
fn mpmc_ack_during_skip() {
    play_end_during_skip(true);
}

#[test]
fn mpmc_give_back_during_skip() {
    play_end_during_skip(false);
}

/// Two consumers want one message. One of them leases it and then gives it back.
#[test]
fn mpmc_lease_two_consumers() {
    let seen = model::explore(3, || {
        let shared = Shared::new(1);
        let lessee = thread::spawn({
            let shared = Arc::clone(&shared);
            move || shared.lease(3).map(|(number, leased)| (number, shared.ring().give_back(3, leased)))
        });
        let consumer = Shared::consumer(&shared, 2);
        let pushed = shared.push_all(1, [11, 12]);
        let leased = lessee.join().unwrap();
        assert!(leased.is_none_or(|(number, given_back)| given_back && pushed.contains(&number)));
        let early = consumer.join().unwrap();
        assert_delivered_once(&[pushed], &[early.clone(), shared.drain_and_refill()]);
        (leased.is_some(), early.len())
    });
    assert!(
        [(false, 0), (false, 1), (true, 0), (true, 1)].iter().all(|outcome| seen.contains(outcome)),
        "{seen:?}"
    );
}

/// Two messages are given back by two participants while a consumer takes what was returned, and one
/// participant dies between the return and its note: its repair notes it.
#[test]
fn mpmc_give_back_by_dying_owner() {
    let seen = model::explore(3, || -> Outcome {
        let shared = Shared::new(2);
        assert_eq!(shared.push_all(1, [11, 12]).len(), 2);
        let (_, first) = shared.lease(3).unwrap();
        let (_, second) = shared.lease(4).unwrap();
        let giver = thread::spawn({
            let shared = Arc::clone(&shared);
            move || assert!(shared.ring().give_back(3, first))
        });
        let dying = thread::spawn({
            let shared = Arc::clone(&shared);
            move || {
                assert!(shared.ring().return_without_note(4, second));
                assert!(shared.ring().repair(4), "there is news");
            }
        });
        let consumer = Shared::consumer(&shared, 3);
        let early = consumer.join().unwrap();
        giver.join().unwrap();
        dying.join().unwrap();
        let count = early.len();
        assert_delivered_once(&[vec![11, 12]], &[early, shared.drain_and_refill()]);
        (2, count)
    });
    assert!((0..=2).all(|early| seen.contains(&(2, early))), "{seen:?}");
}
