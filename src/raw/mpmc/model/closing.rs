//! A queue is closed while somebody pushes, and while somebody has a message in its hands. What is pushed and not taken back is
//! delivered to a consumer that goes on until it finds the queue closed and empty.

use loom::sync::Arc;
use loom::thread;

use super::{MpmcAttempt, Shared, model};
use crate::raw::event_count::WAKE_ALL;
use crate::sys::barrier;
use crate::sys::clock::Deadline;

impl Shared {
    /// As `Queue::push` does. `false` where the queue is closed, or full.
    fn put(&self, me: u32, number: u64) -> bool {
        if self.ring().is_closed() {
            return false;
        }
        let Some(pushed) = self.push(me, number) else { return false };
        barrier::light();
        if self.ring().is_closed() && self.ring().retract(pushed) {
            self.state.items.notify(WAKE_ALL);
            return false;
        }
        self.state.items.notify(1);
        true
    }

    fn close(&self) {
        self.ring().close();
        self.state.items.notify(WAKE_ALL);
        self.state.space.notify(WAKE_ALL);
    }

    /// Ends a lease, as `Lease` does.
    fn end_lease(&self, ended: bool, given_back: bool) {
        assert!(ended);
        if given_back {
            self.state.items.notify(1);
        } else {
            self.state.space.notify(1);
            if self.ring().is_closed() {
                self.state.items.notify(WAKE_ALL);
            }
        }
    }

    /// One look of a pop. `None` for one that is to be repeated, `Some(None)` where the queue is closed and empty.
    fn look(&self, me: u32) -> Option<Option<u64>> {
        let attempt = || {
            let (number, attempt) = super::message(|bytes| self.ring().try_pop(bytes));
            (attempt == MpmcAttempt::Done).then(number).ok_or(attempt)
        };
        match attempt() {
            Ok(number) => return Some(Some(number)),
            Err(MpmcAttempt::WouldBlock) if self.ring().is_closed() => {}
            Err(_) => return None,
        }
        let _ = barrier::heavy();
        match attempt() {
            Ok(number) => Some(Some(number)),
            Err(MpmcAttempt::WouldBlock) if !self.ring().could_still_receive(me) => Some(None),
            Err(_) => None,
        }
    }

    /// As `Queue::pop` does. `None` where the queue is closed and empty.
    fn take(&self, me: u32) -> Option<u64> {
        let try_once = || {
            let found = self.look(me);
            if found.is_some_and(|found| found.is_some()) && self.ring().is_closed() {
                self.state.items.notify(WAKE_ALL);
            }
            found
        };
        loop {
            if let Some(found) = try_once() {
                return found;
            }
            let prepared = self.state.items.prepare_wait();
            if let Some(found) = try_once() {
                return found;
            }
            self.state.items.commit_wait(prepared, Deadline);
        }
    }
}

/// A push and a close at the same time.
#[test]
fn closed_while_somebody_pushes() {
    let seen = model::explore(2, || {
        let shared = Shared::new(2);
        let closer = thread::spawn({
            let shared = Arc::clone(&shared);
            move || shared.close()
        });
        let producer = thread::spawn({
            let shared = Arc::clone(&shared);
            move || [11, 12].map(|number| shared.put(1, number).then_some(number))
        });
        let popped: Vec<u64> = std::iter::from_fn(|| shared.take(2)).collect();
        let pushed: Vec<u64> = producer.join().unwrap().into_iter().flatten().collect();
        closer.join().unwrap();
        assert_eq!(popped, pushed);
        pushed.len()
    });
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), [0, 1, 2]);
}

/// A lease is given back, or acknowledged, while a consumer finds the queue closed.
fn closed_while_leased(given_back: bool) {
    model::explore(3, move || {
        let shared = Shared::new(2);
        assert!(shared.put(1, 11));
        let (_, leased) = shared.lease(3).unwrap();
        let holder = thread::spawn({
            let shared = Arc::clone(&shared);
            move || {
                let ring = shared.ring();
                let ended = if given_back { ring.give_back(3, leased) } else { ring.ack(3, leased) };
                shared.end_lease(ended, given_back);
            }
        });
        let closer = thread::spawn({
            let shared = Arc::clone(&shared);
            move || shared.close()
        });
        let popped: Vec<u64> = std::iter::from_fn(|| shared.take(2)).collect();
        holder.join().unwrap();
        closer.join().unwrap();
        assert_eq!(
            popped.len(),
            usize::from(given_back),
            "what was given back was delivered, before the end"
        );
    });
}

#[test]
fn closed_while_a_lease_is_given_back() {
    closed_while_leased(true);
}

#[test]
fn closed_while_a_lease_is_acknowledged() {
    closed_while_leased(false);
}

/// What comes too late is either taken back or taken out.
#[test]
fn taken_back_or_taken_out() {
    let seen = model::explore(4, || {
        let shared = Shared::new(1);
        let consumer = Shared::consumer(&shared, 2);
        let taken_back = shared.push(1, 11).is_some_and(|pushed| shared.ring().retract(pushed));
        let pushed_next = shared.push(1, 12).is_some();
        let mut popped = consumer.join().unwrap();
        popped.extend(shared.settle());
        let expected = [(!taken_back).then_some(11), pushed_next.then_some(12)];
        assert_eq!(popped, expected.into_iter().flatten().collect::<Vec<u64>>());
        (taken_back, pushed_next)
    });
    assert!(seen.contains(&(true, true)) && seen.contains(&(false, true)), "{seen:?}");
}
