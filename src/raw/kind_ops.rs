//! What the crate knows of one kind of object, in one value: how it is described, repaired after
//! its participants, and looked at from outside.
//!
//! [`kinds`](super::kinds) has one [`KindOps`] for each kind. Its functions get an object's bytes
//! as [`ObjectWords`]: those in the mapping to repair them, a private copy of them to inspect them.

#![allow(unsafe_code)]

use super::Cells;
use super::wait_stats::WaitStats;
use crate::layout::fingerprint::{Kind, TypeDescription};
use crate::layout::header::DirectoryEntry;
use crate::primitive::{AtomicU32, AtomicU64};

/// What is known of a kind.
pub(crate) struct KindOps {
    pub(crate) kind: Kind,
    /// The object and its type in words, for messages and reports.
    pub(crate) describe: fn(&TypeDescription<'_>) -> String,
    /// Repairs what a participant of this id held, which has died or is about to detach.
    ///
    /// Several processes may repair after one dead participant at a time, and each may be stopped or
    /// killed at any instruction, or go on long after another one has ended. While any of them runs,
    /// no process has the id. So a repair is made of single steps: each is a CAS that finds the dead
    /// participant's id in the word, or one that may be done at any time (a notification, a mark).
    /// It takes no lock, does each step whatever another process has done before it, and finds
    /// nothing to do where another was first.
    ///
    /// It does nothing where the geometry contradicts itself: opening such an object reports that.
    pub(crate) repair: fn(&ObjectWords<'_>, u32, Departure),
    /// How many of the object's first bytes `inspect` reads. It may be more than there are.
    pub(crate) inspected_bytes: fn(&ObjectGeometry) -> u64,
    /// Reports what the object's state says. It stops with `None` where the bytes cannot be such an
    /// object's; what was reported until then stays.
    pub(crate) inspect: fn(&ObjectWords<'_>, &mut dyn FactSink) -> Option<()>,
}

/// How a participant goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Departure {
    /// It is proven dead.
    Died,
    /// It detaches.
    Left,
}

/// An object's size, as its directory entry gives it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ObjectGeometry {
    /// Bytes of the whole object.
    pub(crate) length: u64,
    pub(crate) element_count: u64,
    /// Bytes of one element.
    pub(crate) element_size: u64,
    /// A second size, whose meaning is the kind's.
    pub(crate) aux: u64,
}

impl From<&DirectoryEntry> for ObjectGeometry {
    fn from(entry: &DirectoryEntry) -> Self {
        Self {
            length: entry.length,
            element_count: entry.element_count,
            element_size: entry.element_size,
            aux: entry.aux,
        }
    }
}

/// An object's bytes, from its start: all of them in a mapping, perhaps only the first of them in a
/// copy.
#[derive(Clone, Copy)]
pub(crate) struct ObjectWords<'a> {
    pub(crate) geometry: ObjectGeometry,
    pub(crate) words: &'a [AtomicU64],
    /// The bytes as words of 32 bits.
    pub(crate) words32: &'a [AtomicU32],
}

impl<'a> ObjectWords<'a> {
    /// Whether all of the object's bytes are there. They are whole words in every kind whose length
    /// its geometry gives.
    pub(crate) fn is_whole(&self) -> bool {
        size_of_val(self.words) as u64 == self.geometry.length
    }

    /// The words from byte `start` on, to the last that is there; `None` if it lies beyond them.
    pub(crate) fn words_from(&self, start: usize) -> Option<&'a [AtomicU64]> {
        self.words.get(start / size_of::<AtomicU64>()..)
    }

    /// The state at the object's start, if all of it is there.
    pub(crate) fn state<C: Cells>(&self) -> Option<&'a C> {
        self.state_at(0)
    }

    /// The state at byte `start`, if all of it is there.
    pub(crate) fn state_at<C: Cells>(&self, start: usize) -> Option<&'a C> {
        let words = self.words_from(start).filter(|words| size_of_val(*words) >= size_of::<C>())?;
        let state = words.as_ptr().cast::<C>();
        // SAFETY: as many bytes are there, aligned as was just checked, borrowed for `'a`; `Cells`
        // promises that any bytes are a `C`, which may change under a shared reference.
        state.is_aligned().then(|| unsafe { &*state })
    }
}

/// Where [`KindOps::inspect`] reports to. Facts and counters stay in the order of the calls.
pub(crate) trait FactSink {
    /// A number.
    fn count(&mut self, name: &'static str, count: u64);
    /// Yes or no.
    fn is(&mut self, name: &'static str, is: bool);
    /// One of a few words.
    fn text(&mut self, name: &'static str, text: &'static str);
    /// Participants, by id; an id that comes n times counts n times.
    fn holders(&mut self, name: &'static str, ids: &mut dyn Iterator<Item = u32>);
    /// Participants, by id, each with how many it holds.
    fn holders_with_times(&mut self, name: &'static str, holders: &mut dyn Iterator<Item = (u32, u64)>);
    /// A number that only grows.
    fn counter(&mut self, name: &'static str, count: u64);
    /// Whether this is a participant that died attached.
    fn is_dead(&self, id: u32) -> bool;
}

impl dyn FactSink + '_ {
    /// How many waits there were, by what they did not find, and the parks and wakes of all of
    /// them.
    pub(crate) fn wait_stats(&mut self, wait_stats: &[(&'static str, &WaitStats)]) {
        for (name, stats) in wait_stats {
            self.counter(name, stats.waits.get());
        }
        let sum = |of: fn(&WaitStats) -> u64| {
            wait_stats.iter().fold(0_u64, |sum, (_, stats)| sum.wrapping_add(of(stats)))
        };
        self.counter("parks", sum(|stats| stats.parks.get()));
        self.counter("wakes", sum(|stats| stats.wakes.get()));
    }
}

/// For kinds of which a participant's departure leaves nothing to repair.
pub(crate) fn nothing_to_repair(_: &ObjectWords<'_>, _: u32, _: Departure) {}

/// For kinds whose every byte says something.
pub(crate) fn all_bytes(geometry: &ObjectGeometry) -> u64 {
    geometry.length
}
