//! [`ParticipantIndex`]: participants by id, threads by thread id, and the words they sleep on.

use std::collections::BTreeMap;

use super::report::{Holder, ParticipantReport, ProcessReport};
use crate::layout::header::{PARTICIPANT_FREE, ParticipantEntry, field_text};
use crate::sys::file::FileId;
use crate::sys::process::Identity;
use crate::sys::procfs;

/// The participants of a segment, indexed, because each slot of each object may name one.
pub(super) struct ParticipantIndex {
    /// By id.
    all: Vec<ParticipantReport>,
    /// The index in `all` of the first participant of a pid.
    by_pid: BTreeMap<u32, usize>,
    /// For each thread that sleeps on a futex word of the segment, the word's offset and the
    /// thread's pid; by offset.
    asleep: Vec<(u64, u32)>,
}

impl ParticipantIndex {
    /// The participants of a table. `lives` says whether one is alive; `file` is the segment's.
    pub(super) fn new(table: &[ParticipantEntry], file: FileId, lives: impl Fn(u32) -> bool) -> Self {
        let (mut all, mut asleep) = (Vec::new(), BTreeMap::new());
        for (entry, id) in table.iter().zip(1..).filter(|(entry, _)| entry.state != PARTICIPANT_FREE) {
            let identity = Identity { pid: entry.pid, start: entry.start, pidns: entry.pidns };
            let alive = lives(id);
            all.push(ParticipantReport {
                id,
                process: process(identity),
                name: field_text(&entry.name).unwrap_or("?").to_owned(),
                attached_at: entry.attached_at,
                alive,
            });
            if alive && procfs::is_running(identity) {
                asleep.entry(entry.pid).or_insert_with(|| procfs::futex_words(entry.pid, file));
            }
        }
        let offsets = |(pid, offsets): (u32, Vec<u64>)| offsets.into_iter().map(move |offset| (offset, pid));
        let mut asleep: Vec<_> = asleep.into_iter().flat_map(offsets).collect();
        asleep.sort_unstable();
        let mut by_pid = BTreeMap::new();
        for (at, participant) in all.iter().enumerate() {
            by_pid.entry(participant.process.pid).or_insert(at);
        }
        Self { all, by_pid, asleep }
    }

    fn participant(&self, id: u32) -> Option<&ParticipantReport> {
        self.all.binary_search_by_key(&id, |participant| participant.id).ok().map(|at| &self.all[at])
    }

    pub(super) fn into_reports(self) -> Vec<ParticipantReport> {
        self.all
    }

    /// The participants of these ids, each once, with how often its id came.
    pub(super) fn holders(&self, ids: impl IntoIterator<Item = u32>) -> Vec<Holder> {
        self.holders_of(ids.into_iter().map(|id| (id, 1)))
    }

    /// The participants of these ids, each once, with how many it holds in all.
    pub(super) fn holders_of(&self, ids: impl IntoIterator<Item = (u32, u64)>) -> Vec<Holder> {
        let mut times = BTreeMap::new();
        for (id, more) in ids {
            let so_far: &mut u64 = times.entry(id).or_default();
            *so_far = so_far.saturating_add(more);
        }
        times.into_iter().map(|(id, times)| self.holder(id, times)).collect()
    }

    fn holder(&self, id: u32, times: u64) -> Holder {
        let found = self.participant(id);
        let process = found.map(|participant| participant.process.clone());
        Holder { participant: Some(id), process, alive: found.is_some_and(|found| found.alive), times }
    }

    /// Whether this is a participant that has died.
    pub(super) fn is_dead(&self, id: u32) -> bool {
        self.participant(id).is_some_and(|participant| !participant.alive)
    }

    fn of_process(&self, pid: u32, alive: bool, times: u64) -> Holder {
        let found = self.by_pid.get(&pid).map(|at| &self.all[*at]);
        let process = match found {
            Some(found) => found.process.clone(),
            None => ProcessReport { pid, command: procfs::command(pid) },
        };
        Holder { participant: found.map(|found| found.id), process: Some(process), alive, times }
    }

    /// The processes that sleep on a word in these bytes of the segment.
    pub(super) fn asleep(&self, offset: u64, length: u64) -> Vec<Holder> {
        let mut times = BTreeMap::new();
        let before = |end: u64| self.asleep.partition_point(|(offset, _)| *offset < end);
        for (_, pid) in &self.asleep[before(offset)..before(offset + length)] {
            *times.entry(*pid).or_default() += 1;
        }
        times.into_iter().map(|(pid, times)| self.of_process(pid, true, times)).collect()
    }
}

/// A process, with its command if it still runs.
pub(super) fn process(identity: Identity) -> ProcessReport {
    let command = if procfs::is_running(identity) { procfs::command(identity.pid) } else { String::new() };
    ProcessReport { pid: identity.pid, command }
}
