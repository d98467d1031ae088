//! Reading a segment's tables and objects, as they lie in its file at one moment or the next.

#![allow(unsafe_code)]

use core::mem::size_of;
use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use bytemuck::{Pod, Zeroable};

use super::facts;
use super::report::{ObjectReport, ParticipantReport, Process, Report};
use crate::error::SegmentError;
use crate::layout::fingerprint::{Kind, entry_words};
use crate::layout::header::{
    DirectoryEntry, FLAG_PERSIST, Header, PARTICIPANT_FREE, ParticipantEntry, Tables, field_text,
};
use crate::primitive::AtomicU64;
use crate::raw::Cells;
use crate::segment::directory;
use crate::segment::geometry::Geometry;
use crate::segment::open::refusal;
use crate::segment::place::Place;
use crate::sys::file::{self, Status};
use crate::sys::liveness;

/// Of an object larger than this, only the beginning is looked at.
const LARGEST: u64 = 64 << 20;
/// How much of it.
const BEGINNING: u64 = 64 << 10;

/// A segment's file, open for reading.
pub(super) struct Snapshot {
    name: String,
    path: PathBuf,
    file: OwnedFd,
    status: Status,
    header: Header,
    /// What is wrong with the header.
    damage: Option<SegmentError>,
}

impl Snapshot {
    pub(super) fn read(place: &Place, path: &Path) -> Result<Self, SegmentError> {
        let (file, status) = file::open_to_read(path).map_err(|error| refusal(error, place))?;
        let mut bytes = vec![0; size_of::<Header>()];
        let length =
            file::read_at(&file, 0, &mut bytes).map_err(SegmentError::os("read the segment's header"))?;
        let damage = Geometry::check(&bytes[..length], status.len).err();
        if let Some(error @ SegmentError::NotASegment { .. }) = damage {
            return Err(error);
        }
        let header = bytemuck::pod_read_unaligned(&bytes);
        Ok(Self { name: place.to_string(), path: path.to_owned(), file, status, header, damage })
    }

    pub(super) fn report(self) -> Report {
        let (mut participants, mut objects) = (Vec::new(), Vec::new());
        let mut damage = self.damage.as_ref().map(ToString::to_string);
        if damage.is_none() {
            participants = self.participants();
            damage = self.objects(&mut objects).err().map(|error| error.to_string());
        }
        let persistent = self.header.flags & FLAG_PERSIST != 0;
        Report {
            length: self.status.len,
            mode: self.status.mode,
            owner: self.status.owner,
            created_at: self.header.created_at,
            creator: process(self.header.creator_pid),
            persistent,
            stale: damage.is_none() && !persistent && !self.is_anybody_alive(),
            participants,
            objects,
            damage,
            name: self.name,
            path: self.path,
        }
    }

    fn tables(&self) -> Tables {
        Tables::new(self.header.participants, self.header.directory_capacity)
    }

    /// Whom nobody can deny counts as alive.
    fn is_anybody_alive(&self) -> bool {
        liveness::is_anybody_alive(self.file.as_fd()).unwrap_or(true)
    }

    fn participants(&self) -> Vec<ParticipantReport> {
        let tables = self.tables();
        let all: Vec<ParticipantEntry> = self.table(tables.participants_at, tables.participants);
        let taken = all.iter().zip(1..).filter(|(entry, _)| entry.state != PARTICIPANT_FREE);
        let report = |(entry, id): (&ParticipantEntry, u32)| ParticipantReport {
            id,
            process: process(entry.pid),
            name: field_text(&entry.name).unwrap_or("?").to_owned(),
            attached_at: entry.attached_at,
            alive: liveness::is_locked_elsewhere(self.file.as_fd(), id, 1).unwrap_or(true),
        };
        taken.map(report).collect()
    }

    /// The objects up to the first that makes no sense.
    fn objects(&self, objects: &mut Vec<ObjectReport>) -> Result<(), SegmentError> {
        let tables = self.tables();
        let used = self.header.directory_used.min(u64::from(tables.directory_capacity)) as u32;
        let entries: Vec<DirectoryEntry> = self.table(tables.directory_at, used);
        let mut free_from = tables.arena_at;
        for (index, entry) in entries.iter().enumerate() {
            let at = tables.directory_at + (index * size_of::<DirectoryEntry>()) as u64;
            free_from = directory::check(entry, at, free_from, self.header.total_len)?;
            objects.push(self.object(entry));
        }
        Ok(())
    }

    fn object(&self, entry: &DirectoryEntry) -> ObjectReport {
        let kind = Kind::from_number(entry.kind);
        let facts = kind.map(|kind| facts::of(kind, entry, &self.copy(entry)));
        ObjectReport {
            name: field_text(&entry.name).unwrap_or("?").to_owned(),
            kind: kind.map_or_else(|| "?".to_owned(), |kind| kind.to_string()),
            description: entry_words(entry),
            offset: entry.offset,
            length: entry.length,
            facts: facts.unwrap_or_default(),
        }
    }

    /// As many entries of a table as there are; a file that was cut short meanwhile has fewer.
    fn table<E: Pod>(&self, at: u64, count: u32) -> Vec<E> {
        let mut entries = vec![E::zeroed(); count as usize];
        let read = file::read_at(&self.file, at, bytemuck::cast_slice_mut(&mut entries)).unwrap_or(0);
        entries.truncate(read / size_of::<E>());
        entries
    }

    fn copy(&self, entry: &DirectoryEntry) -> Copy {
        let length = if entry.length <= LARGEST { entry.length } else { BEGINNING };
        let mut lines = vec![Line::zeroed(); (length as usize).div_ceil(size_of::<Line>())];
        let bytes = &mut bytemuck::cast_slice_mut(&mut lines)[..length as usize];
        let read = file::read_at(&self.file, entry.offset, bytes).unwrap_or(0);
        Copy { lines, length: read, is_whole: read as u64 == entry.length }
    }
}

/// Two cache lines, aligned as objects are.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C, align(128))]
struct Line([u64; 16]);

/// The bytes of an object, in private memory.
pub(super) struct Copy {
    lines: Vec<Line>,
    length: usize,
    pub(super) is_whole: bool,
}

impl Copy {
    pub(super) fn words(&self) -> &[AtomicU64] {
        let words: &[u64] = bytemuck::cast_slice(&self.lines);
        let words = &words[..self.length / 8];
        // SAFETY: an `AtomicU64` has the size and alignment of a `u64`, which these are, aligned; they are private, and borrowed for as
        // long; nobody writes them through the atomics, as no `&mut` or plain reader is around meanwhile.
        unsafe { core::slice::from_raw_parts(words.as_ptr().cast(), words.len()) }
    }

    /// The state at the object's start, if all of it is there.
    pub(super) fn state<C: Cells>(&self) -> Option<&C> {
        const { assert!(align_of::<C>() <= align_of::<Line>()) };
        // SAFETY: as many bytes are there, aligned as objects are, and a `Cells` is atomics, of which any bytes are one.
        (self.length >= size_of::<C>()).then(|| unsafe { &*self.lines.as_ptr().cast::<C>() })
    }
}

/// A process of this id, as `/proc` knows it.
pub(super) fn process(pid: u32) -> Process {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words: Vec<_> = line.split(|byte| *byte == 0).map(String::from_utf8_lossy).collect();
    Process { pid, command: words.join(" ").trim_end().to_owned() }
}
