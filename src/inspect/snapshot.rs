//! Reading a segment's tables and objects, as they lie in its file at one moment or the next.

#![allow(unsafe_code)]

use core::mem::size_of;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;

use bytemuck::{Pod, Zeroable};

use super::facts::{self, ObjectDetails};
use super::participants::{self, ParticipantIndex};
use super::report::{ObjectReport, Report};
use crate::error::SegmentError;
use crate::layout::fingerprint::{Kind, entry_words};
use crate::layout::header::{DirectoryEntry, FLAG_PERSIST, Header, ParticipantEntry, Tables, field_text};
use crate::primitive::{AtomicU32, AtomicU64};
use crate::raw::Cells;
use crate::segment::directory;
use crate::segment::geometry::Geometry;
use crate::segment::location::Location;
use crate::segment::open::open_error;
use crate::sys::file::{self, Status};
use crate::sys::liveness;
use crate::sys::process::Identity;

/// Of a longer object than this, only the beginning is looked at.
const MAX_COPY: u64 = 64 << 20;

/// A file that may be a segment's, open for reading. Nothing of it has been read.
pub(super) struct OpenedSegment {
    location: Location,
    path: PathBuf,
    file: OwnedFd,
    pub(super) status: Status,
}

/// A segment's file, and its header.
pub(super) struct Snapshot {
    opened: OpenedSegment,
    header: Header,
    /// What is wrong with the header.
    damage: Option<SegmentError>,
}

impl OpenedSegment {
    pub(super) fn open(location: Location, path: PathBuf) -> Result<Self, SegmentError> {
        let (file, status) = file::open_to_read(&path).map_err(|error| open_error(error, &location))?;
        Ok(Self { location, path, file, status })
    }

    pub(super) fn snapshot(self) -> Result<Snapshot, SegmentError> {
        let mut bytes = vec![0; size_of::<Header>()];
        let length = file::read_at(&self.file, 0, &mut bytes)
            .map_err(SegmentError::os("read the segment's header"))?;
        let damage = Geometry::check(&bytes[..length], self.status.len).err();
        if let Some(error @ SegmentError::NotASegment { .. }) = damage {
            return Err(error);
        }
        Ok(Snapshot { header: bytemuck::pod_read_unaligned(&bytes), damage, opened: self })
    }
}

impl Snapshot {
    /// All there is to be told.
    pub(super) fn report(self) -> Report {
        self.build_report(Self::details)
    }

    /// All but what the objects' states say.
    pub(super) fn outline(self) -> Report {
        self.build_report(|_, _, _| ObjectDetails::default())
    }

    fn build_report(
        self,
        details: impl Fn(&Self, &DirectoryEntry, &ParticipantIndex) -> ObjectDetails,
    ) -> Report {
        let mut damage = self.damage.as_ref().map(ToString::to_string);
        let is_readable = damage.is_none();
        let participants = self.participants(is_readable);
        let mut objects = Vec::new();
        if is_readable {
            let object = |entry: &DirectoryEntry| object(entry, details(&self, entry, &participants));
            damage = self.objects(object, &mut objects).err().map(|error| error.to_string());
        }
        let header = &self.header;
        let creator =
            Identity { pid: header.creator_pid, start: header.creator_start, pidns: header.creator_pidns };
        let persistent = self.header.flags & FLAG_PERSIST != 0;
        Report {
            length: self.opened.status.len,
            mode: self.opened.status.mode,
            owner: self.opened.status.owner,
            created_at: self.header.created_at,
            creator: participants::process(creator),
            persistent,
            stale: damage.is_none() && !persistent && !self.is_any_participant_alive(),
            participants_max: header.participants,
            objects_max: header.directory_capacity,
            participants: participants.into_reports(),
            objects,
            damage,
            name: self.opened.location.to_string(),
            path: self.opened.path,
        }
    }

    fn tables(&self) -> Tables {
        Tables::new(self.header.participants, self.header.directory_capacity)
    }

    /// Whom nobody can deny counts as alive.
    fn is_any_participant_alive(&self) -> bool {
        liveness::is_any_participant_alive(self.opened.file.as_fd()).unwrap_or(true)
    }

    /// The participants, if the table can be found.
    fn participants(&self, is_readable: bool) -> ParticipantIndex {
        let tables = self.tables();
        let count = if is_readable { tables.participants } else { 0 };
        let all: Vec<ParticipantEntry> = self.table(tables.participants_at, count);
        let file = self.opened.file.as_fd();
        // Whom nobody can deny counts as alive, here as well.
        ParticipantIndex::new(&all, self.opened.status.id, |id| {
            liveness::is_locked_elsewhere(file, id, 1).unwrap_or(true)
        })
    }

    /// The objects up to the first that makes no sense.
    fn objects(
        &self,
        object: impl Fn(&DirectoryEntry) -> ObjectReport,
        objects: &mut Vec<ObjectReport>,
    ) -> Result<(), SegmentError> {
        let tables = self.tables();
        let used = self.header.directory_used.min(u64::from(tables.directory_capacity)) as u32;
        let entries: Vec<DirectoryEntry> = self.table(tables.directory_at, used);
        let mut free_from = tables.arena_at;
        for (index, entry) in entries.iter().enumerate() {
            let at = tables.directory_at + (index * size_of::<DirectoryEntry>()) as u64;
            free_from = directory::check(entry, at, free_from, self.header.total_len)?;
            objects.push(object(entry));
        }
        Ok(())
    }

    /// What the state of an object says, and who sleeps on it.
    fn details(&self, entry: &DirectoryEntry, participants: &ParticipantIndex) -> ObjectDetails {
        let kind = Kind::from_number(entry.kind);
        let details = kind.map(|kind| facts::of(kind, entry, &self.copy(kind, entry), participants));
        ObjectDetails {
            waiters: participants.asleep(entry.offset, entry.length),
            ..details.unwrap_or_default()
        }
    }

    /// As many entries of a table as there are; a file that was cut short meanwhile has fewer.
    fn table<E: Pod>(&self, at: u64, count: u32) -> Vec<E> {
        let mut entries = vec![E::zeroed(); count as usize];
        let read = file::read_at(&self.opened.file, at, bytemuck::cast_slice_mut(&mut entries)).unwrap_or(0);
        entries.truncate(read / size_of::<E>());
        entries
    }

    /// As much of an object as says something.
    fn copy(&self, kind: Kind, entry: &DirectoryEntry) -> ObjectCopy {
        let length = facts::bytes(kind, entry).min(entry.length).min(MAX_COPY) as usize;
        let mut lines = vec![AlignedLine::zeroed(); length.div_ceil(size_of::<AlignedLine>())];
        let bytes = &mut bytemuck::cast_slice_mut(&mut lines)[..length];
        let read = file::read_at(&self.opened.file, entry.offset, bytes).unwrap_or(0);
        ObjectCopy { lines, length: read, is_whole: read as u64 == entry.length }
    }
}

/// An object of which so much is known.
fn object(entry: &DirectoryEntry, details: ObjectDetails) -> ObjectReport {
    ObjectReport {
        name: field_text(&entry.name).unwrap_or("?").to_owned(),
        kind: Kind::from_number(entry.kind).map_or_else(|| "?".to_owned(), |kind| kind.to_string()),
        description: entry_words(entry),
        offset: entry.offset,
        length: entry.length,
        facts: details.facts,
        waiters: details.waiters,
        counters: details.counters,
    }
}

/// Two cache lines, aligned as objects are.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C, align(128))]
struct AlignedLine([u64; 16]);

/// The bytes of an object, in private memory.
pub(super) struct ObjectCopy {
    lines: Vec<AlignedLine>,
    length: usize,
    pub(super) is_whole: bool,
}

impl ObjectCopy {
    pub(super) fn words(&self) -> &[AtomicU64] {
        let words: &[u64] = bytemuck::cast_slice(&self.lines);
        let words = &words[..self.length / 8];
        // SAFETY: an `AtomicU64` has the size and alignment of a `u64`, which these are, aligned; they are private, and borrowed for as
        // long; nobody writes them through the atomics, as no `&mut` or plain reader is around meanwhile.
        unsafe { core::slice::from_raw_parts(words.as_ptr().cast(), words.len()) }
    }

    pub(super) fn words32(&self) -> &[AtomicU32] {
        let words: &[u32] = bytemuck::cast_slice(&self.lines);
        let words = &words[..self.length / 4];
        // SAFETY: as in `words`.
        unsafe { core::slice::from_raw_parts(words.as_ptr().cast(), words.len()) }
    }

    /// The state at the object's start, if all of it is there.
    pub(super) fn state<C: Cells>(&self) -> Option<&C> {
        self.state_at(0)
    }

    /// The state at this word, if all of it is there.
    pub(super) fn state_at<C: Cells>(&self, word: usize) -> Option<&C> {
        let state = self.words().get(word..).filter(|words| size_of_val(*words) >= size_of::<C>())?;
        let state = state.as_ptr().cast::<C>();
        // SAFETY: as many bytes are there, aligned as was just checked, and a `Cells` is atomics, of which any bytes are one. That they
        // are private and written by nobody is as in `words`.
        state.is_aligned().then(|| unsafe { &*state })
    }
}
