//! loom's exploration of the [`MessageRing`]: short messages and long ones, leases, deaths, and
//! two participants that repair at the same time.
//!
//! After each scene one thread alone empties the ring, fills it with long messages and empties it
//! again. So a message that was lost or doubled shows, and so does a slot, a record or a block that
//! cannot be used any more.

#![allow(clippy::unwrap_used)] // Tests, in a module that clippy does not take for one.

mod death;
mod leases;

use loom::sync::Arc;
use loom::thread;

use super::{MessageAttempt, MessageGeometry, MessageHints, MessageLease, MessageRing, MessageState};
use crate::primitive::AtomicU64;
use crate::raw::atomic_copy::WORD;
use crate::raw::model;

/// Words of a long message: two blocks, one of them in part.
const LONG: usize = 3;

struct Shared {
    state: MessageState,
    body: Vec<AtomicU64>,
    geometry: MessageGeometry,
}

/// A thread's access: its hints are its own.
struct Peer {
    shared: Arc<Shared>,
    hints: MessageHints,
    me: u32,
}

/// A message that has its number in each word. Those from 50 on are long.
fn message(number: u64) -> Vec<u8> {
    let words = if number >= 50 { LONG } else { 1 };
    bytemuck::cast_slice(&vec![number; words]).to_vec()
}

fn number(bytes: &[u8]) -> u64 {
    let first: u64 = bytemuck::pod_read_unaligned(&bytes[..WORD]);
    assert_eq!(bytes, message(first), "a mixture");
    first
}

impl Shared {
    fn new(messages: u64, blocks: usize, copied_at_once: usize) -> Arc<Self> {
        let geometry = MessageGeometry::small(messages, blocks, 1 + messages as usize, copied_at_once);
        let words = geometry.index_words() + blocks * geometry.block_words();
        let body = (0..words).map(|_| AtomicU64::new(0)).collect();
        Arc::new(Self { state: MessageState::default(), body, geometry })
    }

    fn peer(shared: &Arc<Self>, me: u32) -> Peer {
        Peer { shared: Arc::clone(shared), hints: MessageHints::default(), me }
    }

    /// Pops what is left, after all other threads have ended. Then asserts that the ring works like
    /// a new one.
    fn drain_and_refill(shared: &Arc<Self>) -> Vec<u64> {
        let peer = Self::peer(shared, 9);
        let len = peer.ring().len();
        let left: Vec<u64> = std::iter::from_fn(|| peer.pop()).collect();
        assert_eq!(len, left.len() as u64, "the length at rest");
        assert!(peer.ring().is_idle());
        let long = shared.geometry.blocks / 2;
        let messages = shared.geometry.messages();
        let all: Vec<u64> = (0..messages).map(|n| if n < long { 90 + n as u64 } else { n as u64 }).collect();
        all.iter().for_each(|number| assert!(peer.push(*number), "room for {number} of {all:?}"));
        assert!(!peer.push(1), "room for more");
        // All records can be used.
        let leases: Vec<MessageLease> = all.iter().map(|number| peer.lease(*number)).collect();
        leases.into_iter().for_each(|lease| assert!(peer.ring().ack(lease)));
        assert_eq!(peer.pop(), None);
        left
    }
}

impl Peer {
    fn ring(&self) -> MessageRing<'_> {
        MessageRing::new(&self.shared.state, &self.shared.body, &self.shared.geometry, &self.hints)
    }

    fn push(&self, number: u64) -> bool {
        self.ring().try_push(self.me, &message(number)).is_ok()
    }

    /// Tries to push each of these once, and returns those that it has pushed.
    fn push_all<const N: usize>(&self, numbers: [u64; N]) -> Vec<u64> {
        numbers.into_iter().filter(|number| self.push(*number)).collect()
    }

    fn pop(&self) -> Option<u64> {
        let mut bytes = Vec::new();
        match self.ring().try_pop(self.me, &mut bytes) {
            Ok(()) => Some(number(&bytes)),
            Err(MessageAttempt::Corrupt) => panic!("corrupt"),
            Err(_) => None,
        }
    }

    /// Leases the next message, which has this number.
    fn lease(&self, expected: u64) -> MessageLease {
        let mut bytes = Vec::new();
        let lease = self.ring().try_lease(self.me, &mut bytes).unwrap();
        assert_eq!(number(&bytes), expected);
        lease
    }
}

fn assert_delivered_once(pushed: &[u64], popped: &[&[u64]]) {
    let mut popped = popped.concat();
    let mut pushed = pushed.to_vec();
    popped.sort_unstable();
    pushed.sort_unstable();
    assert_eq!(popped, pushed);
}

/// How many messages were pushed, and how many popped while other threads ran.
type Outcome = (usize, usize);

/// A producer of a long message and a short one, another of a long one, and a consumer.
fn play_producers(copied_at_once: usize, preemptions: usize) {
    let seen = model::explore(preemptions, move || -> Outcome {
        let shared = Shared::new(1, 3, copied_at_once);
        let producer = {
            let peer = Shared::peer(&shared, 1);
            thread::spawn(move || peer.push_all([51]))
        };
        let consumer = {
            let peer = Shared::peer(&shared, 2);
            thread::spawn(move || (0..2).filter_map(|_| peer.pop()).collect::<Vec<u64>>())
        };
        let mut pushed = Shared::peer(&shared, 3).push_all([61, 2]);
        pushed.extend(producer.join().unwrap());
        let early = consumer.join().unwrap();
        let late = Shared::drain_and_refill(&shared);
        assert_delivered_once(&pushed, &[&early, &late]);
        (pushed.len(), early.len())
    });
    for outcome in [(1, 0), (2, 1), (2, 2)] {
        assert!(seen.contains(&outcome), "{outcome:?} in {seen:?}");
    }
}

#[test]
fn message_ring_push_pop_copied_before_taken() {
    play_producers(1 << 10, 2);
}

#[test]
fn message_ring_push_pop_taken_before_copied() {
    play_producers(0, 2);
}

/// Two consumers of a long message while its producer pushes the next one into the same blocks.
fn play_consumers(copied_at_once: usize, preemptions: usize) {
    let seen = model::explore(preemptions, move || -> Outcome {
        let shared = Shared::new(2, 2, copied_at_once);
        let producer = Shared::peer(&shared, 1);
        let mut pushed = producer.push_all([51]);
        let consumers = [2, 3].map(|me| {
            let peer = Shared::peer(&shared, me);
            thread::spawn(move || peer.pop())
        });
        pushed.extend(producer.push_all([52]));
        let early: Vec<u64> = consumers.into_iter().filter_map(|consumer| consumer.join().unwrap()).collect();
        let late = Shared::drain_and_refill(&shared);
        assert_delivered_once(&pushed, &[&early, &late]);
        (pushed.len(), early.len())
    });
    for outcome in [(1, 1), (2, 1), (2, 2)] {
        assert!(seen.contains(&outcome), "{outcome:?} in {seen:?}");
    }
}

#[test]
fn message_ring_two_consumers_copied_before_taken() {
    play_consumers(1 << 10, 2);
}

#[test]
fn message_ring_two_consumers_taken_before_copied() {
    play_consumers(0, 2);
}
