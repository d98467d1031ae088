//! A participant dies after each of its stores. In one scene two others repair after it at the same
//! time, in another one repairs while another works.

use loom::thread;

use super::{Peer, Shared, message};
use crate::primitive::Ordering;
use crate::raw::model;
use crate::raw::mpmc::{MpmcSlotState, MpmcSlotWord};

/// The participant that dies.
const DEAD: u32 = 7;

/// What the dead participant has begun, in a ring that holds the long message 51.
#[derive(Clone, Copy, Debug)]
enum Death {
    /// Blocks are allocated.
    Allocated,
    /// A slot is claimed, and the blocks are attached to it.
    Writing,
    /// The message is in its slot.
    Pushed,
    /// The message's slot is TAKEN.
    Taken,
    /// A record is claimed for a message that is still in its slot.
    Claimed,
    /// The record is LEASED, and the slot TAKEN.
    LeasedInSlot,
    Leased,
    /// The lease was given back, and not noted.
    ReturnedUnnoted,
    /// The message is acknowledged, and its blocks are not free.
    Acked,
    /// The message is popped, and its blocks are not free.
    Popped,
}

/// Does what the dead participant did. Returns how often the message 51 is delivered yet, and
/// whether 52 is.
fn die(dead: &Peer, death: Death) -> (bool, bool) {
    let ring = dead.ring();
    let next = || {
        let slot = ring.ring.slot(0).unwrap();
        (slot, MpmcSlotWord::from(slot.word.load(Ordering::Acquire)))
    };
    match death {
        Death::Allocated | Death::Writing | Death::Pushed => {
            let bytes = message(52);
            let mut chain = ring.allocate(DEAD, bytes.len()).unwrap();
            ring.write_blocks(&chain, &[], &bytes);
            if matches!(death, Death::Allocated) {
                return (true, false);
            }
            ring.ring
                .try_push_with(DEAD, |position, payload| {
                    ring.attach(&mut chain, position);
                    payload[0].store(bytes.len() as u64, Ordering::Relaxed);
                    payload[1].store(chain.first(), Ordering::Relaxed);
                })
                .unwrap();
            if matches!(death, Death::Writing) {
                // As it was before the store of FULL.
                let slot = ring.ring.slot(1).unwrap();
                let full = MpmcSlotWord::from(slot.word.load(Ordering::Relaxed));
                let writing = MpmcSlotWord::new(full.lap(), DEAD, MpmcSlotState::Writing);
                slot.word.store(writing.into(), Ordering::Release);
            }
            (true, matches!(death, Death::Pushed))
        }
        Death::Claimed => {
            let _claimed = ring.claim_record(DEAD).unwrap();
            (true, false)
        }
        Death::Taken => {
            let claimed = ring.claim_record(DEAD).unwrap();
            let (slot, found) = next();
            assert!(ring.take_for(DEAD, slot, found, &claimed.record));
            (true, false)
        }
        Death::LeasedInSlot => {
            let claimed = ring.claim_record(DEAD).unwrap();
            let (slot, found) = next();
            ring.move_out(DEAD, slot, found, &claimed).unwrap();
            // As it was before the last store.
            let taken = MpmcSlotWord::new(found.lap(), DEAD, MpmcSlotState::Taken);
            slot.word.store(taken.into(), Ordering::Release);
            (true, false)
        }
        Death::Leased => {
            dead.lease(51);
            (true, false)
        }
        Death::ReturnedUnnoted => {
            let lease = dead.lease(51);
            assert!(ring.return_without_note(lease));
            (true, false)
        }
        Death::Acked => {
            let lease = dead.lease(51);
            assert!(ring.ack_without_freeing(lease).is_some());
            (false, false)
        }
        Death::Popped => {
            let (slot, found) = next();
            let free = MpmcSlotWord::new(found.lap().next(), 0, MpmcSlotState::Free);
            assert!(slot.move_from(found, free));
            (false, false)
        }
    }
}

/// What works while a participant repairs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Beside {
    Repairer,
    Worker,
}

fn play(death: Death) {
    for beside in [Beside::Repairer, Beside::Worker] {
        let seen = model::explore(2, move || {
            let shared = Shared::new(2, 4, 0);
            assert!(Shared::peer(&shared, 1).push(51));
            let (has_first, has_second) = die(&Shared::peer(&shared, DEAD), death);
            let other = {
                let peer = Shared::peer(&shared, 2);
                thread::spawn(move || match beside {
                    Beside::Repairer => {
                        peer.ring().repair(DEAD);
                        (None, false)
                    }
                    Beside::Worker => (peer.pop(), peer.push(53)),
                })
            };
            Shared::peer(&shared, 4).ring().repair(DEAD);
            let (early, pushed) = other.join().unwrap();
            let late = Shared::drain_and_refill(&shared);
            let mut delivered: Vec<u64> = early.iter().copied().chain(late).collect();
            delivered.sort_unstable();
            let expected = [(51, has_first), (52, has_second), (53, pushed)];
            let expected: Vec<u64> = expected.iter().filter(|(_, there)| *there).map(|(n, _)| *n).collect();
            assert_eq!(delivered, expected, "{death:?}");
            (early, pushed)
        });
        assert!(beside == Beside::Repairer || seen.iter().any(|(_, pushed)| *pushed), "{seen:?}");
    }
}

#[test]
fn message_ring_dead_producer_allocated() {
    play(Death::Allocated);
}

#[test]
fn message_ring_dead_producer_writing() {
    play(Death::Writing);
}

#[test]
fn message_ring_dead_producer_pushed() {
    play(Death::Pushed);
}

#[test]
fn message_ring_dead_consumer_claimed() {
    play(Death::Claimed);
}

#[test]
fn message_ring_dead_consumer_taken() {
    play(Death::Taken);
}

#[test]
fn message_ring_dead_consumer_leased_in_slot() {
    play(Death::LeasedInSlot);
}

#[test]
fn message_ring_dead_holder_leased() {
    play(Death::Leased);
}

#[test]
fn message_ring_dead_holder_returned_unnoted() {
    play(Death::ReturnedUnnoted);
}

#[test]
fn message_ring_dead_holder_acked() {
    play(Death::Acked);
}

#[test]
fn message_ring_dead_consumer_popped() {
    play(Death::Popped);
}
