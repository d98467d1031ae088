//! A condition variable with a slot for each waiter, so that a notification is always given to one
//! known waiter.
//!
//! In the manner of Birrell's queue of waiters with a semaphore each ("Implementing condition
//! variables with semaphores", 2003). glibc's and std's condition variables count in a sequence
//! number instead. That does not say which thread waits and which was notified, so neither can be
//! repaired after a death. Here a slot names its waiter, and has an event count of its own to park
//! on.
//!
//! The word of a slot is `{ticket:44 | owner:16 | state:4}`:
//!
//! | word | meaning | who moves it |
//! |---|---|---|
//! | 0 (FREE) | no waiter has the slot | a waiter, by a CAS to its ticket, its id, WAITING |
//! | ticket, owner, WAITING | the owner has waited since it drew that ticket | a notifier, by a CAS to NOTIFIED: **this is the commit point of a notification**. The owner, when its time is over, by a CAS to FREE. If the owner is dead, any repairer, by a CAS to FREE |
//! | ticket, owner, NOTIFIED | the owner was notified and does not have the mutex again yet | the owner, by a CAS to FREE, once it has the mutex. If the owner is dead, any repairer, by a CAS to FREE |
//!
//! | bit of `taken` | meaning | who moves it |
//! |---|---|---|
//! | 0 | notifiers skip the slot | the slot's owner, to 1, before it unlocks the mutex |
//! | 1 | a waiter may have the slot, or had it and died | the slot's owner, to 0, before it frees the slot |
//!
//! A bit is moved only by the living owner of its slot, so it is never 0 while its owner waits
//! without the mutex. A repairer moves no bit: it may have been stopped, and the slot may be
//! a living waiter's by now. So a dead waiter may leave a bit set, which costs each notifier a look
//! at the slot until the slot's next waiter clears it. If no bit is set, a notification costs a look
//! at one cache line.
//!
//! No notification is lost. A waiter takes its slot and sets its bit while it holds the mutex, so a
//! notifier that has held the mutex after it finds both. A waiter that gives up frees its slot by a
//! CAS: either it was not notified, or it sees that it was, and counts the notification as
//! delivered.
//!
//! A dead participant may have been notified; or it may have changed what the others wait for, and
//! not have notified them yet. So after any death, and after the dead participant's slots are
//! freed, all waiters are notified. If a repairer is killed, the next one does all of that again.

#[cfg(all(test, loom))]
mod model;
mod slot_word;

use super::event_count::EventCount;
use super::wait_stats::{Counter, WaitStats};
use crate::primitive::{AtomicU64, Ordering};
use slot_word::{CondvarSlotState, CondvarSlotWord, CondvarTicket};

/// How many threads can wait at once.
#[cfg(not(loom))]
pub(crate) const SLOTS: usize = 256;
#[cfg(loom)]
pub(crate) const SLOTS: usize = 3;

const BITS: usize = u64::BITS as usize;
const BIT_WORDS: usize = SLOTS.div_ceil(BITS);

/// The state. All zeros are a new one.
#[derive(Debug)]
#[cfg_attr(loom, derive(Default))]
#[repr(C)]
pub(crate) struct CondvarState {
    /// The next ticket.
    tickets: AtomicU64,
    /// A bit for each slot.
    taken: [AtomicU64; BIT_WORDS],
    /// Waits for a notification.
    pub(crate) unnotified: WaitStats,
    /// Slots that were reclaimed from dead participants.
    pub(crate) repairs: Counter,
    _padding1: [u64; 16 - 5 - BIT_WORDS],
    slots: [CondvarSlot; SLOTS],
}

#[derive(Debug)]
#[cfg_attr(loom, derive(Default))]
#[repr(C)]
struct CondvarSlot {
    word: AtomicU64,
    /// The slot's owner parks on it.
    event: EventCount,
}

#[cfg(not(loom))]
const _: () = assert!(size_of::<CondvarState>() == 128 + SLOTS * 16 && size_of::<CondvarSlot>() == 16);

// SAFETY: atomics, and padding that is never accessed.
#[cfg(not(loom))]
#[allow(unsafe_code)]
unsafe impl super::Cells for CondvarState {}

/// A waiter's slot.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub(crate) struct WaiterSlot {
    index: usize,
    /// The slot's word until the waiter is notified.
    waiting: CondvarSlotWord,
}

/// The slot's word is one that neither its waiter nor a notifier has written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Damaged;

impl CondvarSlot {
    /// Moves the slot's word from one state to the next. `false` if it was not `from`.
    fn move_from(&self, from: CondvarSlotWord, to: CondvarSlotWord) -> bool {
        // ORDER: Release, so that a participant that finds the slot in its next state by an Acquire
        // comes after what the last one did; Acquire pairs with that.
        self.word.compare_exchange(from.into(), to.into(), Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    fn load(&self) -> CondvarSlotWord {
        // ORDER: Acquire pairs with the Release in `move_from`.
        CondvarSlotWord::from(self.word.load(Ordering::Acquire))
    }
}

impl CondvarState {
    /// Takes a slot for a thread of participant `me`, which holds the mutex and unlocks it only
    /// after this. `None` if all slots are taken.
    pub(crate) fn enter(&self, me: u32) -> Option<WaiterSlot> {
        // ORDER: relaxed; the number stands for itself. Between two waiters of which one comes
        // after the other, the mutex orders the two.
        let number = self.tickets.fetch_add(1, Ordering::Relaxed);
        let waiting = CondvarSlotWord::waiting(CondvarTicket::new(number), me);
        // Each waiter begins to search at another slot, so that waiters do not contend for the
        // first.
        let first = (number % SLOTS as u64) as usize;
        let index = (first..SLOTS)
            .chain(0..first)
            .find(|index| self.slots[*index].move_from(CondvarSlotWord::FREE, waiting))?;
        let (word, bit) = self.bit(index);
        // ORDER: Release pairs with the Acquire in `visible`. A notifier that comes after the
        // unlock of the mutex sees the bit.
        word.fetch_or(bit, Ordering::Release);
        Some(WaiterSlot { index, waiting })
    }

    /// The event count that the waiter parks on.
    pub(crate) fn event(&self, place: WaiterSlot) -> &EventCount {
        &self.slots[place.index].event
    }

    /// Whether the waiter was notified.
    pub(crate) fn is_notified(&self, place: WaiterSlot) -> Result<bool, Damaged> {
        match self.slots[place.index].load() {
            word if word == place.waiting => Ok(false),
            word if word == place.waiting.notified() => Ok(true),
            // No living waiter's slot is freed or taken by another participant.
            _ => Err(Damaged),
        }
    }

    /// Frees the slot of a waiter that was not notified. `false` if it was, and still has the slot.
    pub(crate) fn give_up(&self, place: WaiterSlot) -> bool {
        self.hide(place.index);
        self.slots[place.index].move_from(place.waiting, CondvarSlotWord::FREE)
    }

    /// Frees the slot of a waiter that was notified and holds the mutex again.
    pub(crate) fn release(&self, place: WaiterSlot) {
        self.hide(place.index);
        // Fails only if the word is damaged.
        self.slots[place.index].move_from(place.waiting.notified(), CondvarSlotWord::FREE);
    }

    /// Notifies up to `count` waiters, in the order in which they came, and returns how many there
    /// were.
    pub(crate) fn notify(&self, count: usize) -> usize {
        // ORDER: relaxed; only a waiter that comes meanwhile can have a ticket from here on, and it
        // need not be notified.
        let end = CondvarTicket::new(self.tickets.load(Ordering::Relaxed));
        // All of them: the order does not matter, and one pass over the slots is enough.
        if count >= SLOTS {
            let all = self.visible().filter(|index| self.notify_slot(*index, self.slots[*index].load(), end));
            return all.count();
        }
        let (mut notified, mut last) = (0, None);
        // There are no more waiters than slots, whatever the words say.
        for _ in 0..SLOTS {
            if notified == count {
                break;
            }
            let Some((index, word)) = self.next_after(last, end) else { break };
            // If another notifier was faster, or the waiter has given up, it does not count: its
            // successor in the order is notified instead.
            notified += usize::from(self.notify_slot(index, word, end));
            last = Some(word.ticket());
        }
        notified
    }

    /// Notifies the waiter of this slot, and returns whether it was there to be notified: `word` is
    /// the slot's word as it was found.
    fn notify_slot(&self, index: usize, word: CondvarSlotWord, end: CondvarTicket) -> bool {
        let slot = &self.slots[index];
        let notified = is_eligible(word, end) && slot.move_from(word, word.notified());
        if notified {
            slot.event.notify(1);
        }
        notified
    }

    /// The slot and word of the waiter with the lowest ticket after `last`, or with the lowest of
    /// all.
    fn next_after(
        &self,
        last: Option<CondvarTicket>,
        end: CondvarTicket,
    ) -> Option<(usize, CondvarSlotWord)> {
        let mut next: Option<(usize, CondvarSlotWord)> = None;
        for index in self.visible() {
            let word = self.slots[index].load();
            let is_next = is_eligible(word, end)
                && last.is_none_or(|last| last.is_before(word.ticket()))
                && next.is_none_or(|(_, found)| word.ticket().is_before(found.ticket()));
            if is_next {
                next = Some((index, word));
            }
        }
        next
    }

    /// The slots in which a waiter may be.
    fn visible(&self) -> impl Iterator<Item = usize> {
        self.taken.iter().enumerate().flat_map(|(nth, word)| {
            // ORDER: Acquire pairs with the Release in `enter`.
            let mut bits = word.load(Ordering::Acquire);
            core::iter::from_fn(move || {
                let bit = (bits != 0).then(|| bits.trailing_zeros() as usize)?;
                bits &= bits - 1;
                Some(nth * BITS + bit)
            })
            // A damaged word may have more bits set than there are slots.
            .filter(|index| *index < SLOTS)
        })
    }

    fn bit(&self, index: usize) -> (&AtomicU64, u64) {
        (&self.taken[index / BITS], 1 << (index % BITS))
    }

    /// Makes notifiers skip a slot that the caller is about to free.
    fn hide(&self, index: usize) {
        let (word, bit) = self.bit(index);
        // ORDER: relaxed; the slot's next owner comes after the Release that frees the slot, and
        // sets the bit again.
        word.fetch_and(!bit, Ordering::Relaxed);
    }

    /// Frees the slots of a participant that is proven dead, and notifies all waiters. Idempotent;
    /// several processes may run it at a time.
    pub(crate) fn repair(&self, dead: u32) {
        for slot in &self.slots {
            let mut word = slot.load();
            // A notifier may move the word meanwhile. Whatever another owner's word is, it names
            // that owner: the dead participant's id has no other.
            while word.owner() == dead {
                // The bit stays: it may be the slot's next owner's by the time it would be cleared.
                if slot.move_from(word, CondvarSlotWord::FREE) {
                    self.repairs.add(1);
                }
                word = slot.load();
            }
        }
        // Even if no slot was freed: the participant may have died as a notifier, or the process
        // that has freed its slots may be stopped.
        self.notify(SLOTS);
    }

    /// The owners of the slots, and whether they were notified, for inspection.
    #[cfg(not(loom))]
    pub(crate) fn waiters(&self) -> impl Iterator<Item = (u32, bool)> {
        let words = self.slots.iter().map(|slot| CondvarSlotWord::from(slot.word.load(Ordering::Relaxed)));
        words.filter_map(|word| match word.state() {
            CondvarSlotState::Waiting => Some((word.owner(), false)),
            CondvarSlotState::Notified => Some((word.owner(), true)),
            CondvarSlotState::Free | CondvarSlotState::Unknown => None,
        })
    }
}

/// Whether the word is that of a waiter which came before `end` was the next ticket, so that a
/// notification that began then is meant for it, too.
fn is_eligible(word: CondvarSlotWord, end: CondvarTicket) -> bool {
    word.state() == CondvarSlotState::Waiting && word.ticket().is_before(end)
}
