//! A slab against a naive oracle, its index destroyed again and again.

#![allow(clippy::unwrap_used)] // Tests, in a module that clippy does not take for one.

use std::collections::VecDeque;

use super::{BLOCK_BYTES, MessageSlab, SlabLayout, SlabLease};
use crate::primitive::{AtomicU64, Ordering};
use crate::raw::event_count::WAKE_ALL;

/// Words that begin on a cache line.
#[repr(C, align(64))]
struct AlignedLine([AtomicU64; 8]);

fn memory(layout: SlabLayout) -> Vec<AlignedLine> {
    let lines = layout.length().unwrap().div_ceil(64);
    (0..lines).map(|_| AlignedLine([const { AtomicU64::new(0) }; 8])).collect()
}

fn slab(layout: SlabLayout, memory: &[AlignedLine]) -> MessageSlab<'_> {
    // SAFETY: the lines are as many words each, and nothing else.
    let words = unsafe { core::slice::from_raw_parts(memory.as_ptr().cast::<AtomicU64>(), memory.len() * 8) };
    MessageSlab::new(layout, &words[..layout.length().unwrap() as usize / 8])
}

/// xorshift64* (Vigna, 2016).
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) % end
    }
}

/// What a slab should be.
#[derive(Default)]
struct Oracle {
    /// Number, whether it was leased before, and the message.
    ready: VecDeque<(u64, bool, Vec<u8>)>,
    leased: Vec<(u64, SlabLease, Vec<u8>)>,
}

impl Oracle {
    fn has_room(&self, layout: SlabLayout, length: usize) -> bool {
        let messages = self.ready.iter().map(|(_, _, m)| m).chain(self.leased.iter().map(|(_, _, m)| m));
        let used: usize = messages.map(|message| message.len().div_ceil(BLOCK_BYTES)).sum();
        self.ready.len() + self.leased.len() < layout.slots()
            && used + length.div_ceil(BLOCK_BYTES) <= layout.max_message() / BLOCK_BYTES
    }

    fn give_back(&mut self, at: usize) -> SlabLease {
        let (number, lease, message) = self.leased.swap_remove(at);
        self.ready.push_front((number, true, message));
        lease
    }

    /// A new index has all of them in the order in which they were put.
    fn sort(&mut self) {
        self.ready.make_contiguous().sort();
    }
}

#[test]
fn message_slab_rebuild_after_any_damage_to_the_index() {
    let layout = SlabLayout::new(7, 19).unwrap();
    for seed in 1..40 {
        let mut random = Random(seed);
        let memory = memory(layout);
        let slab = slab(layout, &memory);
        slab.mark_stale();
        slab.ensure_index(false).unwrap();
        let mut oracle = Oracle::default();
        for number in 0..2000 {
            match random.below(8) {
                0..3 => {
                    let message = vec![number as u8; random.below(400) as usize];
                    let fits = oracle.has_room(layout, message.len());
                    assert_eq!(slab.put(&message).unwrap(), fits);
                    if fits {
                        oracle.ready.push_back((number, false, message));
                    }
                }
                3 => {
                    let expected = oracle.ready.pop_front().map(|(_, _, message)| message);
                    assert_eq!(slab.take().unwrap(), expected);
                }
                4 => match (slab.lease(1 + (number % 2) as u16).unwrap(), oracle.ready.pop_front()) {
                    (Some((lease, message)), Some((number, redelivered, expected))) => {
                        assert_eq!((lease.is_redelivered(), &message), (redelivered, &expected));
                        oracle.leased.push((number, lease, message));
                    }
                    (None, None) => {}
                    (found, expected) => panic!("{found:?} where {expected:?} was expected"),
                },
                5 if !oracle.leased.is_empty() => {
                    let at = random.below(oracle.leased.len() as u64) as usize;
                    let (_, lease, _) = oracle.leased.swap_remove(at);
                    assert!(slab.finish(lease).unwrap());
                    assert!(!slab.finish(lease).unwrap() && !slab.give_back(lease));
                }
                6 if !oracle.leased.is_empty() => {
                    let lease = oracle.give_back(random.below(oracle.leased.len() as u64) as usize);
                    assert!(slab.give_back(lease));
                    assert!(!slab.finish(lease).unwrap());
                }
                7 => destroy(&slab, &mut random, &mut oracle),
                _ => {}
            }
            slab.ensure_index(false).unwrap();
            let (ready, leased) = (oracle.ready.len(), oracle.leased.len());
            assert_eq!((slab.ready(), slab.unfinished()), (ready, ready + leased));
            // Asked where none is ready.
            assert!(ready > 0 || slab.could_still_receive(9, 0) == (leased > 0));
        }
    }
}

/// A death in the lock, or of somebody with leases.
fn destroy(slab: &MessageSlab<'_>, random: &mut Random, oracle: &mut Oracle) {
    if random.below(2) == 0 {
        let dead = 1 + random.below(2) as u16;
        let mut any = false;
        while let Some(at) = oracle.leased.iter().position(|(_, lease, _)| lease.owner() == dead) {
            oracle.give_back(at);
            any = true;
        }
        // Another that repairs may be stopped after it has given back what is ready again.
        let is_news = any || oracle.ready.iter().any(|(_, redelivered, _)| *redelivered);
        assert_eq!(slab.reclaim_from(dead, false), is_news);
        oracle.sort();
        return;
    }
    let head = slab.head;
    for list in [&head.ready, &head.free_slots, &head.free_blocks] {
        for word in [&list.first, &list.last, &list.count] {
            word.store(random.below(30), Ordering::Relaxed);
        }
    }
    for slot in slab.slots {
        slot.next.store(random.below(30), Ordering::Relaxed);
    }
    slab.ensure_index(true).unwrap();
    oracle.sort();
}

#[test]
fn message_slab_death_without_lease_leaves_the_index() {
    let layout = SlabLayout::new(4, 8).unwrap();
    let memory = memory(layout);
    let slab = slab(layout, &memory);
    slab.init(0);
    for _ in 0..3 {
        assert!(slab.put(&[1; 100]).unwrap());
    }
    let (lease, _) = slab.lease(1).unwrap().unwrap();
    assert!(!slab.reclaim_from(2, false) && !slab.is_stale(), "participant 2 had nothing");
    assert!(slab.reclaim_from(1, false) && slab.is_stale());
    // A repair of participant 1 that is begun anew may be the second half of one that was cut short.
    slab.ensure_index(false).unwrap();
    assert!(slab.reclaim_from(1, false) && slab.is_stale());
    assert!(!slab.finish(lease).unwrap());
}

/// After a death outside of the lock, the list of ready messages is made anew and nothing else: the
/// links of free blocks, here damaged on purpose, are not touched.
#[test]
fn message_slab_death_of_lessee_rebuilds_only_what_is_ready() {
    let layout = SlabLayout::new(4, 8).unwrap();
    let memory = memory(layout);
    let slab = slab(layout, &memory);
    slab.init(0);
    for number in 0..3 {
        assert!(slab.put(&[number; 10]).unwrap());
    }
    assert_eq!(slab.lease(1).unwrap().unwrap().1, [0; 10]);
    let links = || slab.blocks.iter().map(|block| block.next.load(Ordering::Relaxed)).collect::<Vec<_>>();
    slab.blocks[7].next.store(77, Ordering::Relaxed);
    let before = links();
    assert!(slab.reclaim_from(1, false));
    slab.ensure_index(false).unwrap();
    assert_eq!(links(), before);
    assert!((0..3).all(|number| slab.take().unwrap().unwrap() == [number; 10]), "the oldest first");
    slab.ensure_index(true).unwrap();
    assert_ne!(links(), before, "after a death in the lock all is made anew");
}

#[test]
fn message_slab_wakes_one_producer_unless_one_wants_blocks() {
    let layout = SlabLayout::new(4, 8).unwrap();
    let memory = memory(layout);
    let slab = slab(layout, &memory);
    slab.init(0);
    assert_eq!(slab.producers_to_wake(), 1);
    assert!(slab.want_room() && !slab.want_room(), "new once");
    assert_eq!((slab.producers_to_wake(), slab.producers_to_wake()), (WAKE_ALL, 1));
    assert!(slab.want_room());
}
