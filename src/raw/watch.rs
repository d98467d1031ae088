//! Words that tasks wait on, watched by one thread for all of them.
//!
//! | a task's ticket | meaning | who moves it |
//! |---|---|---|
//! | in `waiting` of its word | it is called when there is news | the watcher, out of it, with each call; the task, out of it for good |
//! | counted in `called` | it was called, and has not been polled since | the task, back to `waiting` where it looks in vain, or for good |
//!
//! | a word's `value` | meaning | who moves it |
//! |---|---|---|
//! | as the word is | no news since it was marked, unless the word `has_news` | – |
//! | another | there was | the watcher, when it has called a task; a task that marks the word anew, which leaves a note (`has_news`) for those who waited already |
//!
//! A free mutex is news whatever its word was before, until somebody is called: it is free again each time.
//!
//! A task puts its ticket in, marks the word, and looks once more. Whoever publishes changes a word that is marked, and wakes the
//! watcher, which sleeps while each word is what it was marked as. So either the task sees what was published, or the watcher
//! the changed word. (Marks are weak at first: a publisher may overlook one that is on its way, for nanoseconds. So the watcher
//! makes up for that some milliseconds later, with one barrier for all words, and has them looked at once more.)
//!
//! Where one task is as good as another the watcher calls one only. It passes the news on if it finds something, or goes away
//! without looking; if it finds nothing there is nothing for the others either. The tickets are in the order in which they came, and one
//! that looked in vain keeps its place. Where the last task of a word leaves it while the watcher sleeps there (`left`), a wake-up may
//! still find the watcher, in the place of a sleeper elsewhere; so it wakes one there when it wakes.

#![allow(unsafe_code)]

#[cfg(all(test, loom))]
mod model;

use core::ptr::NonNull;
use std::collections::BTreeMap;

use super::event_word::{EventWord, Sleepers};
use super::slot::{Call, Slot};
use super::turn::Bed;
use crate::primitive::Arc;
use crate::sys::futex;
#[cfg(not(loom))]
use crate::sys::robust::RobustMutex;

/// How soon tasks look once more, in nanoseconds, behind a mark that may have been overlooked.
const NAP: u64 = 10_000_000;
/// And how often in any case: whoever published may have been killed before telling.
const SLICE: u64 = 100_000_000;
/// Whose time comes so soon is seen to with the others: the fewer wake-ups.
const LEEWAY: u64 = SLICE / 8;

/// The words, each with what keeps its memory mapped.
#[derive(Debug)]
pub(crate) struct Watch<K> {
    words: BTreeMap<usize, Word<K>>,
    /// Words without tasks that the watcher sleeps on yet, if it sleeps. Their memory may be gone.
    left: Vec<Left>,
    tickets: u64,
}

/// A task's place at a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket {
    word: usize,
    number: u64,
}

/// Where a word lies, or did.
#[derive(Debug)]
struct Left(*const u32);

// SAFETY: an address, for the kernel's eyes only.
unsafe impl Send for Left {}

impl Ticket {
    /// Whether that is its word.
    pub(crate) fn is_at(self, bed: Bed<'_>) -> bool {
        self.word == bed.place().addr()
    }
}

#[derive(Debug)]
struct Word<K> {
    place: Place,
    sleepers: Sleepers,
    /// What it was marked as.
    value: u32,
    is_marked: bool,
    /// Whether it was marked anew before the watcher saw that there was news.
    has_news: bool,
    /// Whether whoever publishes is sure to see the mark.
    is_seen: bool,
    /// When tasks look in any case.
    look_at: u64,
    /// What the watcher sleeps on, if it sleeps.
    covered: Option<u32>,
    waiting: BTreeMap<u64, Arc<Slot>>,
    called: usize,
    _keep: K,
}

#[derive(Debug)]
enum Place {
    Event(NonNull<EventWord>),
    #[cfg(not(loom))]
    Lock(NonNull<RobustMutex>),
}

// SAFETY: words that several threads use, behind pointers.
unsafe impl Send for Place {}

/// A task that is to be called, when nothing is locked.
#[derive(Debug)]
#[must_use]
pub(crate) struct Due {
    slot: Arc<Slot>,
    why: Call,
}

impl Due {
    pub(crate) fn call(self) {
        self.slot.call(self.why);
    }
}

impl<K> Default for Watch<K> {
    fn default() -> Self {
        Self { words: BTreeMap::new(), left: Vec::new(), tickets: 0 }
    }
}

impl<K> Watch<K> {
    /// How many words there are.
    pub(crate) fn len(&self) -> usize {
        self.words.len()
    }

    pub(crate) fn has(&self, bed: Bed<'_>) -> bool {
        self.words.contains_key(&bed.place().addr())
    }

    /// Puts a task in, and marks the word; says, too, whether the watcher does not know it.
    ///
    /// # Safety
    /// What `keep` gives keeps the bed where it is.
    pub(crate) unsafe fn add(
        &mut self,
        bed: Bed<'_>,
        sleepers: Sleepers,
        keep: impl FnOnce() -> K,
        slot: Arc<Slot>,
        now: u64,
    ) -> (Ticket, bool) {
        let place = bed.place().addr();
        let word = self.words.entry(place).or_insert_with(|| Word::new(bed, sleepers, keep()));
        let ticket = Ticket { word: place, number: self.tickets };
        self.tickets += 1;
        (ticket, word.wait(ticket, slot, now))
    }

    /// The same for a task that was called and looked in vain.
    pub(crate) fn add_again(&mut self, ticket: Ticket, slot: Arc<Slot>, now: u64) -> bool {
        let Some(word) = self.words.get_mut(&ticket.word) else { return false };
        word.called -= 1;
        word.wait(ticket, slot, now)
    }

    /// The same for one that was not. If it was meanwhile, it will be polled again.
    pub(crate) fn mark_again(&mut self, ticket: Ticket, now: u64) -> bool {
        let Some(word) = self.words.get_mut(&ticket.word) else { return false };
        let others = word.waiting.len() - usize::from(word.waiting.contains_key(&ticket.number));
        word.mark_for_a_task(others, now)
    }

    /// Takes a task out. News that it was called for is passed on. Says whether the watcher is to look.
    pub(crate) fn remove(&mut self, ticket: Ticket) -> bool {
        let Some(word) = self.words.get_mut(&ticket.word) else { return false };
        let was_called = word.waiting.remove(&ticket.number).is_none();
        word.called -= usize::from(was_called);
        if was_called && word.sleepers != Sleepers::One {
            word.bed().pass_on();
        }
        if word.waiting.is_empty() && word.covered.is_some() && word.sleepers != Sleepers::One {
            self.left.push(Left(word.bed().place()));
        }
        if word.waiting.is_empty() && word.called == 0 {
            self.words.remove(&ticket.word);
            return false;
        }
        !word.waiting.is_empty() && word.is_open()
    }

    /// Makes up for wake-ups that found the watcher where nobody waits any more. To be called when it has slept.
    pub(crate) fn make_up(&mut self) {
        self.left.drain(..).for_each(|Left(word)| futex::wake_at(word));
    }

    /// Has the tasks called that there is news for. To be called when the watcher has slept.
    pub(crate) fn news(&mut self, now: u64, due: &mut Vec<Due>) {
        self.make_up();
        for word in self.words.values_mut() {
            word.covered = None;
            let is_news = word.has_news || word.bed().word() != word.value || word.is_open();
            if is_news && !word.waiting.is_empty() {
                word.call(Call::News, due);
                if !word.waiting.is_empty() {
                    word.mark(now);
                }
            }
            word.has_news = false;
        }
    }

    /// Has tasks called whose time it is to look. `barrier` makes sure that earlier marks are seen, if it says so.
    pub(crate) fn round(&mut self, now: u64, barrier: impl FnOnce() -> bool, due: &mut Vec<Due>) {
        let mut barrier = Some(barrier);
        let mut is_seen = false;
        for word in self.words.values_mut() {
            let early = if word.is_seen { LEEWAY } else { 0 };
            if word.waiting.is_empty() || word.look_at > now + early {
                continue;
            }
            if !word.is_seen {
                if let Some(barrier) = barrier.take() {
                    is_seen = barrier();
                }
                word.is_seen = is_seen;
            }
            word.look_at = now + if word.is_seen { SLICE } else { NAP };
            word.call(Call::Round, due);
        }
    }

    /// What to sleep on, and until when.
    pub(crate) fn prepare(&mut self, mut sleep_on: impl FnMut(*const u32, u32)) -> Option<u64> {
        let mut until = None;
        for word in self.words.values_mut() {
            if !word.waiting.is_empty() {
                word.covered = Some(word.value);
                sleep_on(word.bed().place(), word.value);
                until = Some(until.map_or(word.look_at, |until: u64| until.min(word.look_at)));
            }
        }
        until
    }
}

impl<K> Word<K> {
    fn new(bed: Bed<'_>, sleepers: Sleepers, keep: K) -> Self {
        let place = match bed {
            Bed::Event(event) => Place::Event(NonNull::from(event)),
            #[cfg(not(loom))]
            Bed::Lock(mutex) => Place::Lock(NonNull::from(mutex)),
        };
        Self {
            place,
            sleepers,
            value: 0,
            is_marked: false,
            has_news: false,
            is_seen: false,
            look_at: 0,
            covered: None,
            waiting: BTreeMap::new(),
            called: 0,
            _keep: keep,
        }
    }

    fn bed(&self) -> Bed<'_> {
        match &self.place {
            // SAFETY: taken from a reference to what `_keep` keeps, by the contract of `add`.
            Place::Event(event) => Bed::Event(unsafe { event.as_ref() }),
            #[cfg(not(loom))]
            // SAFETY: as above.
            Place::Lock(mutex) => Bed::Lock(unsafe { mutex.as_ref() }),
        }
    }

    /// Whether there is news whatever the word was before, which nobody was called for.
    fn is_open(&self) -> bool {
        self.called == 0 && self.bed().is_open()
    }

    /// Lets a task wait. Says whether the watcher has to be told.
    fn wait(&mut self, ticket: Ticket, slot: Arc<Slot>, now: u64) -> bool {
        let others = self.waiting.len();
        self.waiting.insert(ticket.number, slot);
        self.mark_for_a_task(others, now)
    }

    /// Marks the word for a task that looks behind this. News that the watcher has not seen may be for the others who wait, too.
    fn mark_for_a_task(&mut self, others: usize, now: u64) -> bool {
        let before = self.value;
        let is_known = self.mark(now);
        self.has_news |= others > 0 && self.value != before;
        !is_known
    }

    /// Says whether the watcher knows the mark.
    fn mark(&mut self, now: u64) -> bool {
        let value = self.bed().mark();
        if value != self.value || !self.is_marked {
            self.value = value;
            self.is_marked = true;
            self.is_seen = false;
            self.look_at = now + NAP;
        }
        self.covered == Some(value)
    }

    /// One task, where that does for all.
    fn call(&mut self, why: Call, due: &mut Vec<Due>) {
        let count = if self.sleepers == Sleepers::Any { 1 } else { usize::MAX };
        let before = due.len();
        due.extend(
            core::iter::from_fn(|| self.waiting.pop_first()).take(count).map(|(_, slot)| Due { slot, why }),
        );
        self.called += due.len() - before;
    }
}
