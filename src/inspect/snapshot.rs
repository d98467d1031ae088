//! [`Snapshot`]: a segment's tables and objects, read from its file at one moment or the next.

use core::mem::size_of;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;

use bytemuck::Pod;

use super::facts::{self, ObjectDetails};
use super::object_copy::ObjectCopy;
use super::participants::{self, ParticipantIndex};
use super::report::{ObjectReport, Report};
use crate::error::SegmentError;
use crate::layout::header::{DirectoryEntry, FLAG_PERSIST, Header, ParticipantEntry, Tables, field_text};
use crate::raw::kind_ops::{KindOps, ObjectGeometry};
use crate::raw::kinds;
use crate::segment::directory;
use crate::segment::geometry::Geometry;
use crate::segment::location::Location;
use crate::segment::open::open_error;
use crate::sys::file::{self, Status};
use crate::sys::liveness;
use crate::sys::process::Identity;

/// How many bytes of an object are read at most.
const MAX_COPY: u64 = 64 << 20;

/// A file that may be a segment's, open for reading, of which nothing has been read yet.
pub(super) struct OpenedSegment {
    location: Location,
    path: PathBuf,
    file: OwnedFd,
    pub(super) status: Status,
}

/// A segment's open file, and its header.
pub(super) struct Snapshot {
    opened: OpenedSegment,
    header: Header,
    /// What is wrong with the header, if something is.
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
    /// Reports the segment and the state of its objects.
    pub(super) fn report(self) -> Report {
        self.build_report(Self::details)
    }

    /// Reports the segment without the state of its objects.
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

    /// Whether a participant is alive; if the kernel cannot be asked, one counts as alive.
    fn is_any_participant_alive(&self) -> bool {
        liveness::is_any_participant_alive(self.opened.file.as_fd()).unwrap_or(true)
    }

    /// The participants, or none if the header does not say where their table lies.
    fn participants(&self, is_readable: bool) -> ParticipantIndex {
        let tables = self.tables();
        let count = if is_readable { tables.participants } else { 0 };
        let all: Vec<ParticipantEntry> = self.table(tables.participants_at, count);
        let file = self.opened.file.as_fd();
        // A participant that cannot be asked about counts as alive, here as well.
        ParticipantIndex::new(&all, self.opened.status.id, |id| {
            liveness::is_locked_elsewhere(file, id).unwrap_or(true)
        })
    }

    /// Reports the objects, up to the first whose directory entry makes no sense.
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

    /// What the state of an object says, and the processes that sleep on its words.
    fn details(&self, entry: &DirectoryEntry, participants: &ParticipantIndex) -> ObjectDetails {
        let geometry = ObjectGeometry::from(entry);
        let details = kinds::by_number(entry.kind)
            .map(|ops| facts::of(ops, geometry, &self.copy(ops, entry.offset, &geometry), participants));
        ObjectDetails {
            waiters: participants.asleep(entry.offset, entry.length),
            ..details.unwrap_or_default()
        }
    }

    /// A table's entries; fewer than `count` if the file was cut short meanwhile.
    fn table<E: Pod>(&self, at: u64, count: u32) -> Vec<E> {
        let mut entries = vec![E::zeroed(); count as usize];
        let read = file::read_at(&self.opened.file, at, bytemuck::cast_slice_mut(&mut entries)).unwrap_or(0);
        entries.truncate(read / size_of::<E>());
        entries
    }

    /// As many of an object's bytes as say something.
    fn copy(&self, ops: &KindOps, offset: u64, geometry: &ObjectGeometry) -> ObjectCopy {
        let length = (ops.inspected_bytes)(geometry).min(geometry.length).min(MAX_COPY) as usize;
        ObjectCopy::new(length, |bytes| file::read_at(&self.opened.file, offset, bytes).unwrap_or(0))
    }
}

/// The report of an object with these details.
fn object(entry: &DirectoryEntry, details: ObjectDetails) -> ObjectReport {
    ObjectReport {
        name: field_text(&entry.name).unwrap_or("?").to_owned(),
        kind: kinds::by_number(entry.kind).map_or_else(|| "?".to_owned(), |ops| ops.kind.to_string()),
        description: kinds::describe_entry(entry),
        offset: entry.offset,
        length: entry.length,
        facts: details.facts,
        waiters: details.waiters,
        counters: details.counters,
    }
}
