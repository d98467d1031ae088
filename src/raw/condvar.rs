//! A condition variable whose waiters have a slot each, so that a notification is always somebody's.
//!
//! Not a sequence number, as glibc's and std's: that does not say who waits and who was notified, so neither can be put right after a
//! death. Here a slot names its waiter, and has a word of its own to sleep on.
//!
//! The word of a slot is `{ticket:44 | owner:16 | state:4}`:
//!
//! | word | meaning | who moves it |
//! |---|---|---|
//! | 0 (FREE) | nobody's | a waiter, by a CAS to its ticket, its id, WAITING |
//! | ticket, owner, WAITING | its owner waits, since it drew that ticket | a notifier, by a CAS to NOTIFIED: **this is the commit of a notification**. Its owner, when its time is over, by a CAS to FREE. Its owner dead: its repairer, to FREE |
//! | ticket, owner, NOTIFIED | its owner was notified and does not have the mutex again yet | its owner, to FREE, when it has. Its owner dead: its repairer, to FREE |
//!
//! | bit of `taken` | meaning | who moves it |
//! |---|---|---|
//! | 0 | no notifier need look at the slot | the slot's owner, before it lets go of the mutex |
//! | 1 | somebody may wait there | the slot's owner, before it frees the slot; its repairer likewise |
//!
//! A bit is moved by nobody but who has its slot, or its one repairer: the dead one's id belongs to one process at a time. So it is
//! never 0 where somebody waits who has let go of the mutex, and a death leaves no count that is wrong. Where no bit is set, a
//! notification costs a look at one line.
//!
//! A dead participant may have been notified, or may have changed what others wait for and not have notified them yet. So behind any
//! death, and behind the freeing of the dead one's slots, everybody is notified. A repairer that is killed makes the next one do all
//! of that again.

#[cfg(all(test, loom))]
mod model;
mod slot_word;

use super::event_count::EventCount;
use super::wait_stats::{Counter, WaitStats};
use crate::primitive::{AtomicU64, Ordering};
use slot_word::{CondvarSlotState, CondvarSlotWord, CondvarTicket};

/// How many may wait at once.
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
    /// Of those that waited to be notified.
    pub(crate) unnotified: WaitStats,
    /// Slots that were taken back from the dead.
    pub(crate) repairs: Counter,
    _padding1: [u64; 16 - 5 - BIT_WORDS],
    slots: [CondvarSlot; SLOTS],
}

#[derive(Debug)]
#[cfg_attr(loom, derive(Default))]
#[repr(C)]
struct CondvarSlot {
    word: AtomicU64,
    /// The slot's owner sleeps on it.
    event: EventCount,
    _padding1: u32,
}

#[cfg(not(loom))]
const _: () = assert!(size_of::<CondvarState>() == 128 + SLOTS * 16 && size_of::<CondvarSlot>() == 16);

// SAFETY: atomics, and bytes that nobody looks at.
#[cfg(not(loom))]
#[allow(unsafe_code)]
unsafe impl super::Cells for CondvarState {}

/// A waiter's slot.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub(crate) struct WaiterSlot {
    index: usize,
    /// The word, while it waits.
    waiting: CondvarSlotWord,
}

/// The slot's word is nothing that its waiter or a notifier has written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Damaged;

impl CondvarSlot {
    fn move_from(&self, from: CondvarSlotWord, to: CondvarSlotWord) -> bool {
        // ORDER: Release, so that who finds the slot in its next state, by an Acquire, comes behind what its last one did; Acquire
        // pairs with that.
        self.word.compare_exchange(from.into(), to.into(), Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    fn load(&self) -> CondvarSlotWord {
        // ORDER: Acquire pairs with the Release in `move_from`.
        CondvarSlotWord::from(self.word.load(Ordering::Acquire))
    }
}

impl CondvarState {
    /// Takes a slot for participant `me`, who has the mutex and does not let go of it before. `None` where all are taken.
    pub(crate) fn enter(&self, me: u32) -> Option<WaiterSlot> {
        // ORDER: relaxed; the number stands for itself. Those who come one behind the other have the mutex in between.
        let number = self.tickets.fetch_add(1, Ordering::Relaxed);
        let waiting = CondvarSlotWord::waiting(CondvarTicket::new(number), me);
        // Each begins elsewhere, so that they are not in each other's way.
        let first = (number % SLOTS as u64) as usize;
        let index = (first..SLOTS)
            .chain(0..first)
            .find(|index| self.slots[*index].move_from(CondvarSlotWord::FREE, waiting))?;
        let (word, bit) = self.bit(index);
        // ORDER: Release pairs with the Acquire in `next_after`. Who notifies behind the release of the mutex sees the bit.
        word.fetch_or(bit, Ordering::Release);
        Some(WaiterSlot { index, waiting })
    }

    /// What the waiter sleeps on.
    pub(crate) fn event(&self, place: WaiterSlot) -> &EventCount {
        &self.slots[place.index].event
    }

    /// Whether the waiter was notified.
    pub(crate) fn is_notified(&self, place: WaiterSlot) -> Result<bool, Damaged> {
        match self.slots[place.index].load() {
            word if word == place.waiting => Ok(false),
            word if word == place.waiting.notified() => Ok(true),
            _ => Err(Damaged),
        }
    }

    /// Frees the slot of a waiter that has not been notified. `false` where it has, and still has the slot.
    pub(crate) fn give_up(&self, place: WaiterSlot) -> bool {
        self.hide(place.index);
        self.slots[place.index].move_from(place.waiting, CondvarSlotWord::FREE)
    }

    /// Frees the slot of a waiter that was notified, and has the mutex again.
    pub(crate) fn release(&self, place: WaiterSlot) {
        self.hide(place.index);
        // Fails for a damaged word only.
        self.slots[place.index].move_from(place.waiting.notified(), CondvarSlotWord::FREE);
    }

    /// Notifies up to `count` of those who wait, in the order in which they came, and says how many they were.
    pub(crate) fn notify(&self, count: usize) -> usize {
        // ORDER: relaxed; only who comes meanwhile can have a ticket from here on, and it need not be told.
        let end = CondvarTicket::new(self.tickets.load(Ordering::Relaxed));
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
            notified += usize::from(self.notify_slot(index, word, end));
            last = Some(word.ticket());
        }
        notified
    }

    /// Notifies who waits in this slot, if it does.
    fn notify_slot(&self, index: usize, word: CondvarSlotWord, end: CondvarTicket) -> bool {
        let slot = &self.slots[index];
        let notified = is_eligible(word, end) && slot.move_from(word, word.notified());
        if notified {
            slot.event.notify(1);
        }
        notified
    }

    /// Who waits and came next behind the holder of the ticket `last`, or first.
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

    /// The slots in which somebody may wait.
    fn visible(&self) -> impl Iterator<Item = usize> {
        self.taken.iter().enumerate().flat_map(|(nth, word)| {
            // ORDER: Acquire pairs with the Release in `enter`.
            let mut bits = word.load(Ordering::Acquire);
            core::iter::from_fn(move || {
                let bit = (bits != 0).then(|| bits.trailing_zeros() as usize)?;
                bits &= bits - 1;
                Some(nth * BITS + bit)
            })
            .filter(|index| *index < SLOTS)
        })
    }

    fn bit(&self, index: usize) -> (&AtomicU64, u64) {
        (&self.taken[index / BITS], 1 << (index % BITS))
    }

    /// Makes notifiers pass over a slot that this is about to free.
    fn hide(&self, index: usize) {
        let (word, bit) = self.bit(index);
        // ORDER: relaxed; the slot's next owner comes behind the Release that frees the slot, and sets the bit again.
        word.fetch_and(!bit, Ordering::Relaxed);
    }

    /// Frees the slots of a participant that is proven dead, and makes everybody look again. Idempotent, but for one at a time.
    pub(crate) fn repair(&self, dead: u32) {
        for (index, slot) in self.slots.iter().enumerate() {
            if slot.load().owner() == dead {
                self.hide(index);
                // ORDER: as in `move_from`. Its last notifier, whoever that was, comes before the notification below.
                slot.word.swap(CondvarSlotWord::FREE.into(), Ordering::AcqRel);
                self.repairs.add(1);
            }
        }
        self.notify(SLOTS);
    }

    /// Whose the slots are, and whether they were notified: for whoever only looks.
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

/// Whether a notification that began when `end` was the next ticket is meant for the waiter of this word, too.
fn is_eligible(word: CondvarSlotWord, end: CondvarTicket) -> bool {
    word.state() == CondvarSlotState::Waiting && word.ticket().is_before(end)
}
