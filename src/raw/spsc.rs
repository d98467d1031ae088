//! The indices of a ring with one producer and one consumer. What lies in the ring is the caller's business.
//!
//! After Lamport ("Proving the correctness of multiprocess programs", 1977), with each side keeping what it knows in private
//! memory, as rtrb and folly do: its own index, and the other's as it last saw it.
//!
//! | word | meaning | who moves it |
//! |---|---|---|
//! | `tail` | units written since the ring was made | the producer, by as many as it has written before. **This store is the commit of a push** |
//! | `head` | units read since then | the consumer, by as many as it has copied out before. **This store is the commit of a pop** |
//!
//! `head <= tail <= head + capacity`. A side that dies leaves its index at the last commit, and its successor goes on from there.
//! The counts wrap around at 2^64, which nobody lives to see.

#[cfg(all(test, loom))]
mod model;

use super::cache_padded::CachePadded;
use super::endpoints::Endpoints;
use super::event_count::EventCount;
use super::wait_stats::{Counter, WaitStats};
use crate::primitive::Ordering;

/// The state: a line for each side, and one that both read and hardly anybody writes.
#[derive(Debug)]
#[cfg_attr(loom, derive(Default))]
#[repr(C)]
pub(crate) struct SpscState {
    tail: CachePadded,
    head: CachePadded,
    pub(crate) endpoints: Endpoints,
    /// The consumer sleeps on it.
    pub(crate) items: EventCount,
    /// The producer sleeps on it.
    pub(crate) space: EventCount,
    /// Of the consumer that found nothing,
    pub(crate) empty: WaitStats,
    /// and of the producer that found no room.
    pub(crate) full: WaitStats,
    /// Ends that were taken from the dead.
    pub(crate) repairs: Counter,
    _padding1: [u64; 7],
}

#[cfg(not(loom))]
const _: () = assert!(size_of::<SpscState>() == 384);

// SAFETY: atomics, and bytes that nobody looks at.
#[cfg(not(loom))]
#[allow(unsafe_code)]
unsafe impl super::Cells for SpscState {}

/// What one side knows, in private memory.
#[derive(Debug)]
pub(crate) struct SpscSide<const PRODUCER: bool> {
    capacity: u64,
    /// Its own index; nobody else moves it.
    own: u64,
    /// Up to where it may go, as last seen.
    limit: u64,
    /// Where in the ring `own` is.
    at: u64,
}

/// The indices contradict each other: no two sides that keep to the rules have left them so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CorruptIndices;

impl<const PRODUCER: bool> SpscSide<PRODUCER> {
    /// A side of a ring, as its last holder left it. The caller is the only one on this side.
    pub(crate) fn new(state: &SpscState, capacity: u64) -> Result<Self, CorruptIndices> {
        let own = if PRODUCER { &state.tail } else { &state.head };
        // ORDER: Acquire pairs with the Release in `advance`, of the holder before.
        let own = own.word.load(Ordering::Acquire);
        if capacity == 0 {
            return Err(CorruptIndices);
        }
        let mut side = Self { capacity, own, limit: own, at: own % capacity };
        side.refresh(state)?;
        Ok(side)
    }

    /// How far it may go, as far as it knows.
    #[inline(always)]
    pub(crate) fn known_room(&self) -> u64 {
        self.limit.wrapping_sub(self.own)
    }

    /// Its own index.
    #[inline(always)]
    pub(crate) fn position(&self) -> u64 {
        self.own
    }

    /// Where in the ring it is, below the capacity.
    #[inline(always)]
    pub(crate) fn at(&self) -> u64 {
        self.at
    }

    /// Looks how far it may go.
    #[inline(always)]
    pub(crate) fn refresh(&mut self, state: &SpscState) -> Result<u64, CorruptIndices> {
        let (other, ahead) = if PRODUCER { (&state.head, self.capacity) } else { (&state.tail, 0) };
        // ORDER: Acquire pairs with the Release in `advance` of the other side: what it has written is there, what it has read it
        // needs no more.
        let limit = other.word.load(Ordering::Acquire).wrapping_add(ahead);
        let room = limit.wrapping_sub(self.own);
        // No index ever goes back.
        if room > self.capacity || room < self.known_room() {
            return Err(CorruptIndices);
        }
        self.limit = limit;
        Ok(room)
    }

    /// Commits `count` units, of which there is room for: writes, or reads, that are done.
    #[inline(always)]
    pub(crate) fn advance(&mut self, state: &SpscState, count: u64) {
        debug_assert!(count <= self.known_room());
        let own = if PRODUCER { &state.tail } else { &state.head };
        self.own = self.own.wrapping_add(count);
        self.at += count;
        if self.at >= self.capacity {
            self.at -= self.capacity;
        }
        // ORDER: Release pairs with the Acquire in `refresh` of the other side. The commit.
        own.word.store(self.own, Ordering::Release);
    }
}

impl SpscState {
    /// Units that have been written since the ring was made, and read.
    pub(crate) fn progress(&self) -> (u64, u64) {
        (self.tail.word.load(Ordering::Relaxed), self.head.word.load(Ordering::Relaxed))
    }

    /// Units in the ring, about.
    pub(crate) fn len(&self, capacity: u64) -> u64 {
        // ORDER: Acquire pairs with the Release in `advance`, so that the tail is no older than what the consumer has seen of it.
        let head = self.head.word.load(Ordering::Acquire);
        self.tail.word.load(Ordering::Relaxed).wrapping_sub(head).min(capacity)
    }
}
