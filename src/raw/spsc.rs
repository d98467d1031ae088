//! The indices of a ring with one producer and one consumer. The caller lays out what the ring
//! holds.
//!
//! After Lamport ("Proving the correctness of multiprocess programs", 1977). As in rtrb and folly,
//! each side keeps in private memory its own index, and the other side's as it last saw it.
//!
//! | word | meaning | who moves it |
//! |---|---|---|
//! | `tail` | units written since the ring was made | the producer, by the number of units that it has written. **This store is the commit point of a push** |
//! | `head` | units read since the ring was made | the consumer, by the number of units that it has copied out. **This store is the commit point of a pop** |
//!
//! `head <= tail <= head + capacity`, where the counts wrap around at 2^64.
//!
//! No unit is lost or read twice. A side that dies leaves its index at its last commit point, and
//! its successor goes on from there: what a dead producer wrote after it is overwritten, and what a
//! dead consumer read after it is read again.

#[cfg(all(test, loom))]
mod model;

use super::cache_padded::CachePadded;
use super::endpoints::Endpoints;
use super::event_count::EventCount;
use super::wait_stats::{Counter, WaitStats};
use crate::primitive::Ordering;

/// The state: cache lines for each side's index, and one that both sides read and rarely write.
#[derive(Debug)]
#[cfg_attr(loom, derive(Default))]
#[repr(C)]
pub(crate) struct SpscState {
    tail: CachePadded,
    head: CachePadded,
    pub(crate) endpoints: Endpoints,
    /// The consumer parks on it.
    pub(crate) items: EventCount,
    /// The producer parks on it.
    pub(crate) space: EventCount,
    /// Waits of the consumer that found nothing.
    pub(crate) empty: WaitStats,
    /// Waits of the producer that found no room.
    pub(crate) full: WaitStats,
    /// Endpoints that were reclaimed from dead participants.
    pub(crate) repairs: Counter,
    _padding1: [u64; 6],
}

#[cfg(not(loom))]
const _: () = assert!(size_of::<SpscState>() == 384);

// SAFETY: atomics, and padding that is never accessed.
#[cfg(not(loom))]
#[allow(unsafe_code)]
unsafe impl super::Cells for SpscState {}

/// One side of a ring, in private memory.
#[derive(Debug)]
pub(crate) struct SpscSide<const PRODUCER: bool> {
    capacity: u64,
    /// The side's own index, which only it moves.
    own: u64,
    /// Up to where the side may go, as last seen.
    limit: u64,
    /// `own` modulo the capacity.
    at: u64,
}

/// The indices contradict each other: no two sides that keep to the protocol leave them so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CorruptIndices;

impl<const PRODUCER: bool> SpscSide<PRODUCER> {
    /// Takes over a side of a ring, as its last holder left it. The caller holds the side's
    /// endpoint.
    ///
    /// # Errors
    /// [`CorruptIndices`] if the capacity is 0, or the two indices are further apart than it.
    pub(crate) fn new(state: &SpscState, capacity: u64) -> Result<Self, CorruptIndices> {
        let own = if PRODUCER { &state.tail } else { &state.head };
        // ORDER: Acquire pairs with the Release in `advance` of the side's last holder.
        let own = own.word.load(Ordering::Acquire);
        if capacity == 0 {
            return Err(CorruptIndices);
        }
        let mut side = Self { capacity, own, limit: own, at: own % capacity };
        side.refresh(state)?;
        Ok(side)
    }

    /// How many units the side may write or read, as it last saw.
    #[inline(always)]
    pub(crate) fn known_room(&self) -> u64 {
        self.limit.wrapping_sub(self.own)
    }

    /// The side's own index.
    #[inline(always)]
    pub(crate) fn position(&self) -> u64 {
        self.own
    }

    /// The side's place in the ring, below the capacity.
    #[inline(always)]
    pub(crate) fn at(&self) -> u64 {
        self.at
    }

    /// Reads the other side's index, and returns how many units this side may write or read.
    ///
    /// # Errors
    /// [`CorruptIndices`] if the index is out of bounds, or has moved backwards.
    #[inline(always)]
    pub(crate) fn refresh(&mut self, state: &SpscState) -> Result<u64, CorruptIndices> {
        let (other, ahead) = if PRODUCER { (&state.head, self.capacity) } else { (&state.tail, 0) };
        // ORDER: Acquire pairs with the Release in `advance` of the other side: what the producer
        // has written is there, what the consumer has read it does not read any more.
        let limit = other.word.load(Ordering::Acquire).wrapping_add(ahead);
        let room = limit.wrapping_sub(self.own);
        // The indices stay within a capacity of each other, and neither goes back.
        if room > self.capacity || room < self.known_room() {
            return Err(CorruptIndices);
        }
        self.limit = limit;
        Ok(room)
    }

    /// Commits `count` units that the side has written or read, at most
    /// [`known_room`](Self::known_room).
    #[inline(always)]
    pub(crate) fn advance(&mut self, state: &SpscState, count: u64) {
        debug_assert!(count <= self.known_room());
        let own = if PRODUCER { &state.tail } else { &state.head };
        self.own = self.own.wrapping_add(count);
        self.at += count;
        // At most once round: a side goes no further than the capacity at a time.
        if self.at >= self.capacity {
            self.at -= self.capacity;
        }
        // ORDER: Release pairs with the Acquire in `refresh` of the other side. The commit point.
        own.word.store(self.own, Ordering::Release);
    }
}

impl SpscState {
    /// Units written and units read since the ring was made.
    pub(crate) fn progress(&self) -> (u64, u64) {
        (self.tail.word.load(Ordering::Relaxed), self.head.word.load(Ordering::Relaxed))
    }

    /// Units in the ring, about.
    pub(crate) fn len(&self, capacity: u64) -> u64 {
        // ORDER: Acquire pairs with the Release in `advance`, so that the tail is no older than
        // what the consumer has seen of it.
        let head = self.head.word.load(Ordering::Acquire);
        self.tail.word.load(Ordering::Relaxed).wrapping_sub(head).min(capacity)
    }
}
