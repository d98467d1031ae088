//! Handles as serde values: a handle travels as a reference to its segment, and the object's name.
//!
//! The receiver attaches to the segment anew. It finds a named segment or a file by name, and an
//! anonymous one through its sender's open descriptor, so the sender must live until the reference
//! is read. The segment's id is part of the reference: another segment that has the name by then is
//! not mistaken for it. A process attaches once to the segment of all references that it reads.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::access::Access;
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
    access: Access,
    location: LocationReference,
}

#[derive(Serialize, Deserialize)]
enum LocationReference {
    Named(String),
    File(std::path::PathBuf),
    Descriptor { pid: u32, fd: i32 },
}

impl SegmentReference {
    fn of(segment: &Segment) -> Self {
        let mapping = segment.mapping();
        let location = match &mapping.location {
            Location::Named(name) => LocationReference::Named(name.clone()),
            Location::File(path) => LocationReference::File(path.clone()),
            Location::Anonymous => {
                LocationReference::Descriptor { pid: std::process::id(), fd: mapping.descriptor() }
            }
        };
        Self { id: id_halves(segment), access: mapping.access, location }
    }

    /// Opens the segment, which this process attaches once.
    fn open(self) -> Result<Segment, SegmentError> {
        let id = self.id;
        match process_mappings::find_if(|mapping| halves(u128::from_ne_bytes(mapping.geometry.id)) == id) {
            Some(mapping) => {
                mapping.participant()?;
                Ok(Segment::of_mapping(mapping))
            }
            None => self.open_unknown(),
        }
    }

    fn open_unknown(self) -> Result<Segment, SegmentError> {
        let options = SegmentOptions { access: self.access, ..SegmentOptions::default() };
        let segment = match self.location {
            LocationReference::Named(name) => open::open_existing(&options, &Location::named(&name)?),
            LocationReference::File(path) => open::open_existing(&options, &Location::file(&path)?),
            LocationReference::Descriptor { pid, fd } => open::open_descriptor(&options, pid, fd),
        }?;
        if id_halves(&segment) != self.id {
            // The name belongs to another segment by now.
            let [high, low] = self.id;
            return Err(SegmentError::NotFound { name: format!("segment {high:016x}{low:016x}") });
        }
        Ok(segment)
    }
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
    let open = || {
        let segment = reference.segment.open()?;
        let fingerprint = O::fingerprint();
        let fingerprint = reference.type_tag.map_or(fingerprint, |tag| fingerprint.tagged(tag));
        typed::adopt(&segment, &reference.object, fingerprint)
    };
    open().map_err(D::Error::custom)
}
