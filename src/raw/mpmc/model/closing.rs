//! Closing: a queue is closed while a producer pushes, and while a message is leased. Each message
//! that is pushed and not retracted is delivered to a consumer that goes on until it finds the
//! queue closed and empty.

use core::cell::Cell;

use loom::sync::Arc;
use loom::thread;

use super::{MpmcAttempt, Shared, model};
use crate::raw::event_count::WAKE_ALL;
use crate::sys::barrier;
use crate::sys::clock::Deadline;

impl Shared {
    /// Pushes as `Queue::push` does. `false` if the queue is closed, or full.
    fn push_unless_closed(&self, me: u32, number: u64) -> bool {
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

    /// Notifies after the end of a lease, as `Lease` does.
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

    /// One attempt of a pop. `None` if it is to be repeated, `Some(None)` if the queue is closed
    /// and empty. The barrier is run once for all attempts of a handle.
    fn try_receive(&self, me: u32, is_close_fenced: &Cell<bool>) -> Option<Option<u64>> {
        let attempt = || {
            let (number, attempt) = super::message(|bytes| self.ring().try_pop(bytes));
            (attempt == MpmcAttempt::Done).then(number).ok_or(attempt)
        };
        match attempt() {
            Ok(number) => return Some(Some(number)),
            Err(MpmcAttempt::WouldBlock) if self.ring().is_closed() => {}
            Err(_) => return None,
        }
        if !is_close_fenced.replace(true) {
            let _ = barrier::heavy();
            match attempt() {
                Ok(number) => return Some(Some(number)),
                Err(MpmcAttempt::WouldBlock) => {}
                Err(_) => return None,
            }
        }
        (!self.ring().could_still_receive(me, || 0, &Cell::new(0))).then_some(None)
    }

    /// Pops as `Queue::pop` does. `None` if the queue is closed and empty.
    fn pop_until_closed(&self, me: u32, is_close_fenced: &Cell<bool>) -> Option<u64> {
        let try_once = || {
            let found = self.try_receive(me, is_close_fenced);
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

/// Two pushes and a close at the same time.
#[test]
fn mpmc_close_during_push() {
    let seen = model::explore(2, || {
        let shared = Shared::new(2);
        let closer = thread::spawn({
            let shared = Arc::clone(&shared);
            move || shared.close()
        });
        let producer = thread::spawn({
            let shared = Arc::clone(&shared);
            move || [11, 12].map(|number| shared.push_unless_closed(1, number).then_some(number))
        });
        let is_close_fenced = Cell::new(false);
        let popped: Vec<u64> = std::iter::from_fn(|| shared.pop_until_closed(2, &is_close_fenced)).collect();
        let pushed: Vec<u64> = producer.join().unwrap().into_iter().flatten().collect();
        closer.join().unwrap();
        assert_eq!(popped, pushed);
        pushed.len()
    });
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), [0, 1, 2]);
}

/// A lease is given back or acknowledged while a consumer finds the queue closed.
fn play_close_while_leased(given_back: bool) {
    model::explore(3, move || {
        let shared = Shared::new(2);
        assert!(shared.push_unless_closed(1, 11));
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
        let is_close_fenced = Cell::new(false);
        let popped: Vec<u64> = std::iter::from_fn(|| shared.pop_until_closed(2, &is_close_fenced)).collect();
        holder.join().unwrap();
        closer.join().unwrap();
        assert_eq!(popped.len(), usize::from(given_back), "what was given back is delivered before the end");
    });
}

#[test]
fn mpmc_close_during_give_back() {
    play_close_while_leased(true);
}

#[test]
fn mpmc_close_during_ack() {
    play_close_while_leased(false);
}

/// A message that is retracted while a consumer pops is either retracted or popped.
#[test]
fn mpmc_retract_during_pop() {
    let seen = model::explore(4, || {
        let shared = Shared::new(1);
        let consumer = Shared::consumer(&shared, 2);
        let retracted = shared.push(1, 11).is_some_and(|pushed| shared.ring().retract(pushed));
        let pushed_next = shared.push(1, 12).is_some();
        let mut popped = consumer.join().unwrap();
        popped.extend(shared.drain_and_refill());
        let expected = [(!retracted).then_some(11), pushed_next.then_some(12)];
        assert_eq!(popped, expected.into_iter().flatten().collect::<Vec<u64>>());
        (retracted, pushed_next)
    });
    assert!(seen.contains(&(true, true)) && seen.contains(&(false, true)), "{seen:?}");
}
