//! Handles as serde values: a handle travels as a reference to its segment, and the object's name.
//!
//! The receiver attaches to the segment anew, under its own default rules: neither the bytes nor
//! their sender decide whose segments it opens. It looks for the segment by its name or path, if it
//! has one, and then through its sender's open descriptor: so a handle whose name was removed, or
//! which never had one, travels while its sender lives. The segment's id is part of the reference:
//! another segment that has the name or the descriptor by then is not mistaken for it.
//!
//! A process attaches once to the segment of all references that it reads. A segment that it has
//! opened before, with whatever options, needs no opening: that is how a receiver allows more than
//! the default.

use std::error::Error;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::handle::Segment;
use super::location::Location;
use super::object::Object;
use super::options::SegmentOptions;
use super::{open, process_mappings, typed};
use crate::error::SegmentError;

/// A reference to a segment.
#[derive(Serialize, Deserialize)]
struct SegmentReference {
    /// The segment's id in two halves: not every format has numbers of 128 bits.
    id: [u64; 2],
    location: LocationReference,
    sender: DescriptorReference,
}

/// Where the segment was created.
#[derive(Serialize, Deserialize)]
enum LocationReference {
    Named(String),
    /// The path's bytes, which need not be UTF-8.
    File(Vec<u8>),
    Anonymous,
}

/// The descriptor that the sender has the segment's file open at.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct DescriptorReference {
    pid: u32,
    fd: i32,
}

impl LocationReference {
    fn of(location: &Location) -> Self {
        match location {
            Location::Named(name) => Self::Named(name.clone()),
            Location::File(path) => Self::File(path.as_os_str().as_bytes().to_vec()),
            Location::Anonymous => Self::Anonymous,
        }
    }

    /// The location; `None` if the segment has no name.
    fn location(self) -> Result<Option<Location>, SegmentError> {
        match self {
            Self::Named(name) => Location::named(&name).map(Some),
            Self::File(path) => Location::file(Path::new(&OsString::from_vec(path))).map(Some),
            Self::Anonymous => Ok(None),
        }
    }
}

impl SegmentReference {
    fn of(segment: &Segment) -> Self {
        let mapping = segment.mapping();
        Self {
            id: id_halves(segment),
            location: LocationReference::of(&mapping.location),
            sender: DescriptorReference { pid: std::process::id(), fd: mapping.descriptor() },
        }
    }

    /// Opens the segment, which this process attaches once. The error says which ways were tried, and
    /// why each failed.
    fn open(self) -> Result<Segment, String> {
        let id = self.id;
        match process_mappings::find_if(|mapping| halves(u128::from_ne_bytes(mapping.geometry.id)) == id) {
            Some(mapping) => {
                mapping.participant().map_err(|error| with_sources(&error))?;
                Ok(Segment::of_mapping(mapping))
            }
            None => self.open_unknown(),
        }
    }

    fn open_unknown(self) -> Result<Segment, String> {
        let Self { id, location, sender } = self;
        let options = SegmentOptions::default();
        let is_it = |segment: Segment| {
            if id_halves(&segment) == id { Ok(segment) } else { Err("another segment is there".to_owned()) }
        };
        let by_name = |location: &Location| {
            open::open_existing(&options, location).map_err(|error| with_sources(&error)).and_then(is_it)
        };
        let [high, low] = id;
        let mut tried = format!("segment {high:016x}{low:016x} was not found");
        match location.location() {
            Ok(Some(location)) => match by_name(&location) {
                Ok(segment) => return Ok(segment),
                Err(reason) => {
                    tried += &format!(", neither by its name {:?} ({reason}) nor", location.to_string())
                }
            },
            Ok(None) => {}
            Err(error) => tried += &format!(", neither by its name ({}) nor", with_sources(&error)),
        }
        let DescriptorReference { pid, fd } = sender;
        open::open_descriptor(&options, pid, fd)
            .map_err(|error| with_sources(&error))
            .and_then(is_it)
            .map_err(|reason| format!("{tried} at descriptor {fd} of its sender, process {pid} ({reason})"))
    }
}

/// The message of an error, with those of the errors that led to it.
fn with_sources(error: &SegmentError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text += &format!(": {error}");
        source = error.source();
    }
    text
}

fn id_halves(segment: &Segment) -> [u64; 2] {
    halves(segment.id())
}

fn halves(id: u128) -> [u64; 2] {
    [(id >> 64) as u64, id as u64]
}

impl Serialize for Segment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        SegmentReference::of(self).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Segment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        SegmentReference::deserialize(deserializer)?.open().map_err(D::Error::custom)
    }
}

/// A reference to an object.
#[derive(Serialize, Deserialize)]
struct ObjectReference {
    segment: SegmentReference,
    object: String,
    /// The tag that stands for the type's name, if one does.
    type_tag: Option<u64>,
}

/// Serialises a handle.
pub(crate) fn serialize<O: Object, S: Serializer>(handle: &O, serializer: S) -> Result<S::Ok, S::Error> {
    let region = handle.region();
    ObjectReference {
        segment: SegmentReference::of(region.segment()),
        object: region.name().to_owned(),
        type_tag: O::fingerprint().tag_of(region.entry()),
    }
    .serialize(serializer)
}

/// Attaches to the object that a handle was serialised for.
pub(crate) fn deserialize<'de, O: Object, D: Deserializer<'de>>(deserializer: D) -> Result<O, D::Error> {
    let reference = ObjectReference::deserialize(deserializer)?;
    let segment = reference.segment.open().map_err(D::Error::custom)?;
    let fingerprint = O::fingerprint();
    let fingerprint = reference.type_tag.map_or(fingerprint, |tag| fingerprint.tagged(tag));
    typed::adopt(&segment, &reference.object, fingerprint).map_err(D::Error::custom)
}
