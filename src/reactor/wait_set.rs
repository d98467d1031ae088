//! The event counts that tasks wait on, and a thread that sleeps on all of them.
//!
//! | a task's ticket | meaning | who moves it |
//! |---|---|---|
//! | in `waiting` of its event count | the task is woken by the next notification | the thread, out of it, with each wake-up; the task, out of it for good |
//! | counted in `called` | the task was woken, and has not been polled since | the task, back to `waiting` if its attempt fails, or for good |
//!
//! | an event count's `value` | meaning | who moves it |
//! |---|---|---|
//! | the word's | no notification since the waiters bit was set, unless `has_unseen_wake` | – |
//! | another | there was one | the thread, once it has woken a task; a task that sets the bit anew, which sets `has_unseen_wake` for those that waited before it |
//!
//! A task puts its ticket in, sets the waiters bit, and makes its attempt once more. A notifier
//! changes a word whose bit is set, and wakes the thread, which sleeps while each word is what it
//! was when its bit was set. So either the task sees what was published, or the thread sees the
//! changed word. The bits are set without a heavy barrier, so a notifier may overlook one in the
//! nanoseconds in which it is on its way. Some milliseconds later the thread runs one barrier for
//! all words, and has their tasks look once more.
//!
//! If one task is as good as another, the thread wakes one only. That task forwards the
//! notification if it finds something, or goes away without looking; if it finds nothing, there is
//! nothing for the others either. Tickets are in the order in which their tasks came, and a task
//! that looked in vain keeps its place.
//!
//! When the last task leaves an event count that the thread is still parked on, the thread may
//! consume a futex wake-up meant for another waiter. Such words are kept in `stale_waits`, and the
//! thread forwards one wake-up to each after it returns.

#![allow(unsafe_code)]

#[cfg(all(test, loom))]
mod model;

use core::ptr::NonNull;
use std::collections::BTreeMap;

use super::waker_cell::WakerCell;
use crate::primitive::Arc;
use crate::raw::event_count::{EventCount, WakePolicy, WakeReason};
use crate::sys::futex;

/// How soon tasks look once more, in nanoseconds, after a waiters bit that a notifier may have
/// overlooked.
const FIRST_RECHECK_NANOS: u64 = 10_000_000;

/// The event counts, each with what keeps its memory mapped.
#[derive(Debug)]
pub(crate) struct WaitSet<K> {
    words: BTreeMap<usize, WaitEntry<K>>,
    /// Words without tasks that the thread still sleeps on, if it sleeps. Their memory may be gone.
    stale_waits: Vec<StaleWait>,
    tickets: u64,
}

/// A task's place at an event count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WaitTicket {
    word: usize,
    number: u64,
}

/// The address of a word that may be gone.
#[derive(Debug)]
struct StaleWait(*const u32);

// SAFETY: no thread dereferences the address; it goes to the kernel alone, which checks it.
unsafe impl Send for StaleWait {}

impl WaitTicket {
    /// Whether the ticket is for this event count.
    pub(crate) fn is_at(self, event: &EventCount) -> bool {
        self.word == event.address().addr()
    }
}

#[derive(Debug)]
struct WaitEntry<K> {
    event: EventPtr,
    policy: WakePolicy,
    /// The word when its waiters bit was set last.
    value: u32,
    is_marked: bool,
    /// Whether the bit was set anew before the thread saw that there was a notification.
    has_unseen_wake: bool,
    /// Whether every notifier sees the bit.
    is_seen: bool,
    /// When tasks look, notified or not.
    recheck_at: u64,
    /// The word that the thread sleeps on, if it sleeps.
    covered: Option<u32>,
    waiting: BTreeMap<u64, Arc<WakerCell>>,
    called: usize,
    _keep: K,
}

/// An event count that several threads use.
#[derive(Debug)]
struct EventPtr(NonNull<EventCount>);

// SAFETY: `EventCount` is `Sync`, so a reference to it may be used in another thread; the pointer
// is dereferenced only while its `WaitEntry` keeps the memory.
unsafe impl Send for EventPtr {}

/// A task that is to be woken once nothing is locked.
#[derive(Debug)]
#[must_use]
pub(crate) struct PendingWake {
    cell: Arc<WakerCell>,
    reason: WakeReason,
}

impl PendingWake {
    pub(crate) fn wake(self) {
        self.cell.wake(self.reason);
    }
}

impl<K> Default for WaitSet<K> {
    fn default() -> Self {
        Self { words: BTreeMap::new(), stale_waits: Vec::new(), tickets: 0 }
    }
}

impl<K> WaitSet<K> {
    /// The number of event counts.
    pub(crate) fn len(&self) -> usize {
        self.words.len()
    }

    pub(crate) fn has(&self, event: &EventCount) -> bool {
        self.words.contains_key(&event.address().addr())
    }

    /// Puts a task in, and sets the waiters bit. Returns also whether the thread does not know the
    /// word.
    ///
    /// # Safety
    /// What `keep` returns keeps the event count's memory mapped.
    pub(crate) unsafe fn add(
        &mut self,
        event: &EventCount,
        policy: WakePolicy,
        keep: impl FnOnce() -> K,
        cell: Arc<WakerCell>,
        now: u64,
    ) -> (WaitTicket, bool) {
        let place = event.address().addr();
        let word = self.words.entry(place).or_insert_with(|| WaitEntry::new(event, policy, keep()));
        let ticket = WaitTicket { word: place, number: self.tickets };
        self.tickets += 1;
        (ticket, word.wait(ticket, cell, now))
    }

    /// Puts a task in again that was woken and looked in vain. Returns whether the thread does not
    /// know the word.
    pub(crate) fn add_again(&mut self, ticket: WaitTicket, cell: Arc<WakerCell>, now: u64) -> bool {
        let Some(word) = self.words.get_mut(&ticket.word) else { return false };
        word.called -= 1;
        word.wait(ticket, cell, now)
    }

    /// Sets the waiters bit again for a task that was not woken. Returns whether the thread does
    /// not know the word. If the task was woken meanwhile, it will be polled again.
    pub(crate) fn mark_again(&mut self, ticket: WaitTicket, now: u64) -> bool {
        let Some(word) = self.words.get_mut(&ticket.word) else { return false };
        let others = word.waiting.len() - usize::from(word.waiting.contains_key(&ticket.number));
        word.mark_for_task(others, now)
    }

    /// Takes a task out. A notification that it was woken for is forwarded.
    pub(crate) fn remove(&mut self, ticket: WaitTicket) {
        let Some(word) = self.words.get_mut(&ticket.word) else { return };
        let was_called = word.waiting.remove(&ticket.number).is_none();
        word.called -= usize::from(was_called);
        if was_called && word.policy != WakePolicy::Single {
            word.event().notify(1);
        }
        if word.waiting.is_empty() && word.covered.is_some() && word.policy != WakePolicy::Single {
            self.stale_waits.push(StaleWait(word.event().address()));
        }
        if word.waiting.is_empty() && word.called == 0 {
            self.words.remove(&ticket.word);
        }
    }

    /// Forwards the wake-ups that the thread may have consumed at words without tasks. To be called
    /// after it has slept.
    pub(crate) fn forward_stray_wakes(&mut self) {
        self.stale_waits.drain(..).for_each(|StaleWait(word)| futex::wake_at(word));
    }

    /// Collects the tasks whose event counts were notified. To be called after the thread has
    /// slept.
    pub(crate) fn collect_ready(&mut self, now: u64, wakes: &mut Vec<PendingWake>) {
        self.forward_stray_wakes();
        for word in self.words.values_mut() {
            word.covered = None;
            let has_changed = word.has_unseen_wake || word.event().word() != word.value;
            if has_changed && !word.waiting.is_empty() {
                word.collect(WakeReason::Notified, wakes);
                if !word.waiting.is_empty() {
                    word.set_waiters_bit(now);
                }
            }
            word.has_unseen_wake = false;
        }
    }

    /// Collects the tasks whose recheck is due. `barrier` returns whether it has made the bits seen
    /// that were set before it.
    pub(crate) fn collect_overdue(
        &mut self,
        now: u64,
        barrier: impl FnOnce() -> bool,
        wakes: &mut Vec<PendingWake>,
    ) {
        let mut barrier = Some(barrier);
        let mut is_seen = false;
        for word in self.words.values_mut() {
            let recheck_nanos = word.recheck_nanos();
            // A recheck that is due soon is done with the others, so that the thread wakes up less
            // often.
            let early = if word.is_seen { recheck_nanos / 8 } else { 0 };
            if word.waiting.is_empty() || word.recheck_at > now + early {
                continue;
            }
            if !word.is_seen {
                if let Some(barrier) = barrier.take() {
                    is_seen = barrier();
                }
                word.is_seen = is_seen;
            }
            word.recheck_at =
                now + if word.is_seen { recheck_nanos } else { FIRST_RECHECK_NANOS.min(recheck_nanos) };
            word.collect(WakeReason::Recheck, wakes);
        }
    }

    /// Passes the words to sleep on to `sleep_on`, and returns until when, in nanoseconds.
    pub(crate) fn prepare(&mut self, mut sleep_on: impl FnMut(*const u32, u32)) -> Option<u64> {
        let mut until = None;
        for word in self.words.values_mut() {
            if !word.waiting.is_empty() {
                word.covered = Some(word.value);
                sleep_on(word.event().address(), word.value);
                until = Some(until.map_or(word.recheck_at, |until: u64| until.min(word.recheck_at)));
            }
        }
        until
    }
}

impl<K> WaitEntry<K> {
    fn new(event: &EventCount, policy: WakePolicy, keep: K) -> Self {
        Self {
            event: EventPtr(NonNull::from(event)),
            policy,
            value: 0,
            is_marked: false,
            has_unseen_wake: false,
            is_seen: false,
            recheck_at: 0,
            covered: None,
            waiting: BTreeMap::new(),
            called: 0,
            _keep: keep,
        }
    }

    fn event(&self) -> &EventCount {
        // SAFETY: the pointer is from a reference, and `_keep` keeps its memory mapped, by the
        // contract of `add`.
        unsafe { self.event.0.as_ref() }
    }

    /// Lets a task wait. Returns whether the thread has to be told.
    fn wait(&mut self, ticket: WaitTicket, cell: Arc<WakerCell>, now: u64) -> bool {
        let others = self.waiting.len();
        self.waiting.insert(ticket.number, cell);
        self.mark_for_task(others, now)
    }

    /// Sets the waiters bit for a task that looks after this. A notification that the thread has
    /// not seen may be for the other tasks that wait.
    fn mark_for_task(&mut self, others: usize, now: u64) -> bool {
        let before = self.value;
        let is_known = self.set_waiters_bit(now);
        self.has_unseen_wake |= others > 0 && self.value != before;
        !is_known
    }

    /// Sets the waiters bit, and returns whether the thread sleeps on the word as it is then.
    fn set_waiters_bit(&mut self, now: u64) -> bool {
        let value = self.event().set_waiters_bit();
        if value != self.value || !self.is_marked {
            self.value = value;
            self.is_marked = true;
            self.is_seen = false;
            self.recheck_at = now + FIRST_RECHECK_NANOS.min(self.recheck_nanos());
        }
        self.covered == Some(value)
    }

    /// How often a task looks without a notification: its notifier, or the holder of a lock, may
    /// have been killed.
    fn recheck_nanos(&self) -> u64 {
        self.policy.recheck_interval().as_nanos() as u64
    }

    /// Collects one task if one is as good as another, and all of them otherwise.
    fn collect(&mut self, reason: WakeReason, wakes: &mut Vec<PendingWake>) {
        let count = if matches!(self.policy, WakePolicy::AnyOne | WakePolicy::Lock) { 1 } else { usize::MAX };
        let before = wakes.len();
        wakes.extend(
            core::iter::from_fn(|| self.waiting.pop_first())
                .take(count)
                .map(|(_, cell)| PendingWake { cell, reason }),
        );
        self.called += wakes.len() - before;
    }
}
