//! Messages in hands: given back while others look for what was given back, and while producers go past.

use loom::sync::Arc;
use loom::thread;

use super::{Outcome, Shared, assert_delivered_once, model};
use crate::raw::mpmc::LeasedSlot;

/// A ring of two slots: message 11 in the hands of participant 3, and behind it a slot that was used.
fn in_hands() -> (Arc<Shared>, LeasedSlot) {
    let shared = Shared::new(2);
    assert_eq!(shared.push_all(1, [11, 12]).len(), 2);
    let (number, leased) = shared.lease(3).unwrap();
    assert_eq!((number, shared.pop()), (11, Some(12)));
    (shared, leased)
}

/// A producer goes past a slot that was returned, while a consumer takes it out.
#[test]
fn returned_and_skipped() {
    let seen = model::explore(4, || -> Outcome {
        let (shared, leased) = in_hands();
        assert!(shared.ring().give_back(3, leased));
        let consumer = Shared::consumer(&shared, 2);
        let pushed = shared.push_all(1, [13, 14]);
        let early = consumer.join().unwrap();
        assert_delivered_once(&[vec![11], pushed.clone()], &[early.clone(), shared.settle()]);
        (pushed.len(), early.len())
    });
    assert!([(1, 1), (1, 2), (2, 2)].iter().all(|outcome| seen.contains(outcome)), "{seen:?}");
}

/// A message is given back while a consumer finds that nothing was, and clears the mark.
#[test]
fn given_back_while_somebody_looks() {
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
        popped.push(shared.settle());
        assert_delivered_once(&[vec![11, 12]], &popped);
        (2, early)
    });
    assert!((0..=2).all(|early| seen.contains(&(2, early))), "{seen:?}");
}

/// A lease ends, either way, while a producer goes past its slot and a consumer comes by.
fn ended_and_skipped(acknowledged: bool) {
    let seen = model::explore(3, move || -> Outcome {
        let (shared, leased) = in_hands();
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
        assert_delivered_once(&pushed, &[early, shared.settle()]);
        outcome
    });
    assert!([(1, 0), (1, 1), (2, 1)].iter().all(|outcome| seen.contains(outcome)), "{seen:?}");
}

#[test]
fn acknowledged_and_skipped() {
    ended_and_skipped(true);
}

#[test]
fn given_back_and_skipped() {
    ended_and_skipped(false);
}

/// Two consumers are after one message, one to lease it, and that one hands it on.
#[test]
fn leased_by_one_of_two() {
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
        assert_delivered_once(&[pushed], &[early.clone(), shared.settle()]);
        (leased.is_some(), early.len())
    });
    assert!(
        [(false, 0), (false, 1), (true, 0), (true, 1)].iter().all(|outcome| seen.contains(outcome)),
        "{seen:?}"
    );
}
