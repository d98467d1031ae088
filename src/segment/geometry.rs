//! [`Geometry`]: a segment's header, checked once and kept in private memory.

use core::mem::{offset_of, size_of};

use bytemuck::Zeroable;

use crate::error::SegmentError;
use crate::layout::ABI_VERSION;
use crate::layout::header::{BYTE_ORDER, Header, MAGIC, Tables};

/// The largest number of participants: their ids have 16 bits.
pub(crate) const MAX_PARTICIPANTS: u32 = 0xffff;
/// The largest number of objects.
pub(crate) const MAX_OBJECTS: u32 = 0xffff;

/// A checked header.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Geometry {
    pub(crate) tables: Tables,
    pub(crate) total_len: u64,
    pub(crate) id: [u8; 16],
}

impl Geometry {
    /// Checks the first bytes of a file of `file_len` bytes: as many as there are, up to a header.
    ///
    /// # Errors
    /// - [`SegmentError::NotASegment`] if they do not begin with the magic bytes
    /// - [`SegmentError::ForeignMachine`] if the byte order or pointer width is another
    /// - [`SegmentError::WrongVersion`] if the format's version is another
    /// - [`SegmentError::Truncated`] if the file is shorter than a header, or than the header says
    /// - [`SegmentError::Corrupt`] if the header contradicts itself or the file's length
    pub(crate) fn check(start: &[u8], file_len: u64) -> Result<Self, SegmentError> {
        if start.is_empty() {
            return Err(SegmentError::NotASegment { what: "an empty file" });
        }
        if !start.starts_with(&MAGIC[..start.len().min(MAGIC.len())]) {
            return Err(SegmentError::NotASegment { what: "a file of another kind" });
        }
        let mut header = Header::zeroed();
        let Some(bytes) = start.get(..size_of::<Header>()) else {
            return Err(SegmentError::Truncated { expected: size_of::<Header>() as u64, found: file_len });
        };
        bytemuck::bytes_of_mut(&mut header).copy_from_slice(bytes);

        if header.byte_order != BYTE_ORDER || header.pointer_width != usize::BITS {
            return Err(SegmentError::ForeignMachine);
        }
        if header.abi_version != ABI_VERSION {
            return Err(SegmentError::WrongVersion { expected: ABI_VERSION, found: header.abi_version });
        }
        if header.total_len > file_len {
            return Err(SegmentError::Truncated { expected: header.total_len, found: file_len });
        }
        check_fields(&header, file_len)?;
        let tables = Tables::new(header.participants, header.directory_capacity);
        Ok(Self { tables, total_len: header.total_len, id: header.id })
    }
}

/// Checks the fields that have one right value each: where the tables lie follows from their sizes,
/// so they can neither overlap nor lie outside.
fn check_fields(header: &Header, file_len: u64) -> Result<(), SegmentError> {
    let tables = Tables::new(header.participants, header.directory_capacity);
    let wrong = |what, offset: usize| Err(SegmentError::Corrupt { what, offset: offset as u64 });
    if header.participants == 0 || header.participants > MAX_PARTICIPANTS {
        return wrong("the number of participants", offset_of!(Header, participants));
    }
    if header.directory_capacity == 0 || header.directory_capacity > MAX_OBJECTS {
        return wrong("the number of objects", offset_of!(Header, directory_capacity));
    }
    if header.participants_at != tables.participants_at {
        return wrong("where the participants lie", offset_of!(Header, participants_at));
    }
    if header.directory_at != tables.directory_at {
        return wrong("where the directory lies", offset_of!(Header, directory_at));
    }
    if header.arena_at != tables.arena_at {
        return wrong("where the arena lies", offset_of!(Header, arena_at));
    }
    if header.total_len != file_len || header.total_len < tables.arena_at {
        return wrong("the total length", offset_of!(Header, total_len));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::header::Creation;

    fn header() -> Header {
        let creation = Creation { id: [7; 16], pid: 1, start: 2, pidns: 3, at: 4 };
        Header::new(Tables::new(4, 4), 4096, false, creation)
    }

    fn check(header: &Header) -> Result<Geometry, SegmentError> {
        Geometry::check(bytemuck::bytes_of(header), 4096)
    }

    #[test]
    fn geometry_check_accepts_a_sound_header() {
        let geometry = check(&header()).unwrap();
        assert_eq!((geometry.total_len, geometry.id), (4096, [7; 16]));
        assert_eq!(geometry.tables, Tables::new(4, 4));
    }

    #[test]
    fn geometry_check_rejects_each_wrong_field() {
        let corrupt = |change: fn(&mut Header)| {
            let mut header = header();
            change(&mut header);
            match check(&header) {
                Err(SegmentError::Corrupt { offset, .. }) => offset,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(corrupt(|h| h.participants = 0), 52);
        assert_eq!(corrupt(|h| h.participants = u32::MAX), 52);
        assert_eq!(corrupt(|h| h.directory_capacity = 0), 56);
        assert_eq!(corrupt(|h| h.directory_capacity = u32::MAX), 56);
        assert_eq!(corrupt(|h| h.participants_at = u64::MAX), 64);
        assert_eq!(corrupt(|h| h.directory_at = 256), 72);
        assert_eq!(corrupt(|h| h.directory_at = 1 << 40), 72);
        assert_eq!(corrupt(|h| h.arena_at -= 128), 80);
        assert_eq!(corrupt(|h| h.total_len = 128), 24);
    }

    #[test]
    fn geometry_check_rejects_foreign_files() {
        let check_bytes = |bytes: &[u8]| Geometry::check(bytes, bytes.len() as u64).unwrap_err();
        assert!(matches!(check_bytes(b""), SegmentError::NotASegment { .. }));
        assert!(matches!(check_bytes(b"hello"), SegmentError::NotASegment { .. }));
        assert!(matches!(check_bytes(b"BREEZEWY"), SegmentError::Truncated { expected: 256, found: 8 }));
        let wrong = |change: fn(&mut Header)| {
            let mut header = header();
            change(&mut header);
            check(&header).unwrap_err()
        };
        assert!(matches!(wrong(|h| h.byte_order = h.byte_order.swap_bytes()), SegmentError::ForeignMachine));
        assert!(matches!(wrong(|h| h.pointer_width = 32), SegmentError::ForeignMachine));
        assert!(matches!(
            wrong(|h| h.abi_version = 9),
            SegmentError::WrongVersion { expected: ABI_VERSION, found: 9 }
        ));
        assert!(matches!(
            wrong(|h| h.total_len = 8192),
            SegmentError::Truncated { expected: 8192, found: 4096 }
        ));
    }
}
