//! Words that tasks wait on, watched by one thread for all of them.
//!
//! | a task's ticket | meaning | who moves it |
//! |---|---|---|
//! | in `waiting` of its word | it is called when there is news | the watcher, out of it, with each call; the task, out of it for good |
//! | counted in `called` | it was called, and has not been polled since | the task, back to `waiting` where it looks in vain, or for good |
//!
//! | a word's `value` | meaning | who moves it |
//! |---|---|---|
//! | as the word is | no news since it was marked, unless the word `has_unseen_wake` | – |
//! | another | there was | the watcher, when it has called a task; a task that marks the word anew, which leaves a note (`has_unseen_wake`) for those who waited already |
//!
//! A task puts its ticket in, marks the word, and looks once more. Whoever publishes changes a word that is marked, and wakes the
//! watcher, which sleeps while each word is what it was marked as. So either the task sees what was published, or the watcher
//! the changed word. (Marks are weak at first: a publisher may overlook one that is on its way, for nanoseconds. So the watcher
//! makes up for that some milliseconds later, with one barrier for all words, and has them looked at once more.)
//!
//! Where one task is as good as another the watcher calls one only. It passes the news on if it finds something, or goes away
//! without looking; if it finds nothing there is nothing for the others either. The tickets are in the order in which they came, and one
//! that looked in vain keeps its place. Where the last task of a word leaves it while the watcher sleeps there (`stale_waits`), a wake-up may
//! still find the watcher, in the place of a sleeper elsewhere; so it wakes one there when it wakes.

#![allow(unsafe_code)]

#[cfg(all(test, loom))]
mod model;

use core::ptr::NonNull;
use std::collections::BTreeMap;

use super::event_count::{EventCount, WakePolicy, WakeReason};
use super::waker_cell::WakerCell;
use crate::primitive::Arc;
use crate::sys::futex;

/// How soon tasks look once more, in nanoseconds, behind a mark that may have been overlooked.
const FIRST_RECHECK_NANOS: u64 = 10_000_000;
/// The words, each with what keeps its memory mapped.
#[derive(Debug)]
pub(crate) struct WaitSet<K> {
    words: BTreeMap<usize, WaitEntry<K>>,
    /// Words without tasks that the watcher sleeps on yet, if it sleeps. Their memory may be gone.
    stale_waits: Vec<StaleWait>,
    tickets: u64,
}

/// A task's place at a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WaitTicket {
    word: usize,
    number: u64,
}

/// Where a word lies, or did.
#[derive(Debug)]
struct StaleWait(*const u32);

// SAFETY: an address, for the kernel's eyes only.
unsafe impl Send for StaleWait {}

impl WaitTicket {
    /// Whether that is its word.
    pub(crate) fn is_at(self, event: &EventCount) -> bool {
        self.word == event.address().addr()
    }
}

#[derive(Debug)]
struct WaitEntry<K> {
    event: EventPtr,
    policy: WakePolicy,
    /// What it was marked as.
    value: u32,
    is_marked: bool,
    /// Whether it was marked anew before the watcher saw that there was news.
    has_unseen_wake: bool,
    /// Whether whoever publishes is sure to see the mark.
    is_seen: bool,
    /// When tasks look in any case.
    recheck_at: u64,
    /// What the watcher sleeps on, if it sleeps.
    covered: Option<u32>,
    waiting: BTreeMap<u64, Arc<WakerCell>>,
    called: usize,
    _keep: K,
}

/// An event count, which several threads use.
#[derive(Debug)]
struct EventPtr(NonNull<EventCount>);

// SAFETY: an event count is used from many threads.
unsafe impl Send for EventPtr {}

/// A task that is to be called, when nothing is locked.
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
    /// How many words there are.
    pub(crate) fn len(&self) -> usize {
        self.words.len()
    }

    pub(crate) fn has(&self, event: &EventCount) -> bool {
        self.words.contains_key(&event.address().addr())
    }

    /// Puts a task in, and marks the word; says, too, whether the watcher does not know it.
    ///
    /// # Safety
    /// What `keep` gives keeps the event count where it is.
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

    /// Puts a task in again that was called and did not find what it waits for. Says whether the
    /// watcher does not know the mark.
    pub(crate) fn add_again(&mut self, ticket: WaitTicket, cell: Arc<WakerCell>, now: u64) -> bool {
        let Some(word) = self.words.get_mut(&ticket.word) else { return false };
        word.called -= 1;
        word.wait(ticket, cell, now)
    }

    /// Marks the word again for a task that was not called. Says whether the watcher does not know the
    /// mark. If the task was called meanwhile, it will be polled again.
    pub(crate) fn mark_again(&mut self, ticket: WaitTicket, now: u64) -> bool {
        let Some(word) = self.words.get_mut(&ticket.word) else { return false };
        let others = word.waiting.len() - usize::from(word.waiting.contains_key(&ticket.number));
        word.mark_for_task(others, now)
    }

    /// Takes a task out. News that it was called for is passed on.
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

    /// Makes up for wake-ups that found the watcher where nobody waits any more. To be called when it has slept.
    pub(crate) fn forward_stray_wakes(&mut self) {
        self.stale_waits.drain(..).for_each(|StaleWait(word)| futex::wake_at(word));
    }

    /// Has the tasks called that there is news for. To be called when the watcher has slept.
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

    /// Has tasks called whose time it is to look. `barrier` makes sure that earlier marks are seen, if it says so.
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
            // What is due so soon is seen to with the others: fewer wake-ups of the thread.
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

    /// What to sleep on, and until when.
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
        // SAFETY: taken from a reference to what `_keep` keeps, by the contract of `add`.
        unsafe { self.event.0.as_ref() }
    }

    /// Lets a task wait. Says whether the watcher has to be told.
    fn wait(&mut self, ticket: WaitTicket, cell: Arc<WakerCell>, now: u64) -> bool {
        let others = self.waiting.len();
        self.waiting.insert(ticket.number, cell);
        self.mark_for_task(others, now)
    }

    /// Marks the word for a task that looks behind this. News that the watcher has not seen may be for the others who wait, too.
    fn mark_for_task(&mut self, others: usize, now: u64) -> bool {
        let before = self.value;
        let is_known = self.set_waiters_bit(now);
        self.has_unseen_wake |= others > 0 && self.value != before;
        !is_known
    }

    /// Says whether the watcher knows the mark.
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

    /// How often a task looks in any case: its notifier, or the holder of a lock, may have been killed.
    fn recheck_nanos(&self) -> u64 {
        self.policy.recheck_interval().as_nanos() as u64
    }

    /// One task, where that does for all.
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
