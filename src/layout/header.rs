//! The fixed tables: header, participant entries, directory entries.

use core::mem::{align_of, offset_of, size_of};

use bytemuck::{Pod, Zeroable};

use super::{ABI_VERSION, OBJECT_ALIGN, align_up};

/// The first eight bytes of every segment.
pub(crate) const MAGIC: [u8; 8] = *b"BREEZEWY";

/// A number that reads differently on a machine of another byte order.
pub(crate) const BYTE_ORDER: u32 = 0x0102_0304;

/// Set in [`Header::flags`]: the segment outlives its participants.
pub(crate) const FLAG_PERSIST: u64 = 1;

/// The header at byte 0. All but the fields after `creator_pidns` is written once, before the
/// segment has its name.
///
/// ```text
///   0 magic              32 id                     80 arena_at          112 flags            (atomic)
///   8 byte_order         48 creator_pid            88 created_at        120 directory_used   (atomic)
///  12 abi_version        52 participants           96 creator_start     128 directory_lock   (raw::mutex)
///  16 pointer_width      56 directory_capacity    104 creator_pidns     192 reaped_at        (atomic)
///  20 reserved           64 participants_at                             200 highest_id       (atomic)
///  24 total_len          72 directory_at
/// ```
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct Header {
    pub(crate) magic: [u8; 8],
    pub(crate) byte_order: u32,
    pub(crate) abi_version: u32,
    pub(crate) pointer_width: u32,
    pub(crate) reserved0: u32,
    pub(crate) total_len: u64,
    pub(crate) id: [u8; 16],
    pub(crate) creator_pid: u32,
    pub(crate) participants: u32,
    pub(crate) directory_capacity: u32,
    pub(crate) reserved1: u32,
    pub(crate) participants_at: u64,
    pub(crate) directory_at: u64,
    pub(crate) arena_at: u64,
    /// When the segment was created, in nanoseconds since the Unix epoch.
    pub(crate) created_at: u64,
    /// When the creator was started, in clock ticks since boot, as /proc counts them.
    pub(crate) creator_start: u64,
    pub(crate) creator_pidns: u64,
    pub(crate) flags: u64,
    /// How many directory entries count. Storing it is the commit point of adding an object.
    pub(crate) directory_used: u64,
    pub(crate) directory_lock: [u64; 8],
    /// When a process last looked for dead participants, in nanoseconds of its monotonic clock.
    pub(crate) reaped_at: u64,
    /// No participant has had a higher id.
    pub(crate) highest_id: u32,
    pub(crate) reserved2: u32,
    pub(crate) reserved3: [u64; 6],
}

/// One participant: a process that has the segment attached.
///
/// A participant counts as alive exactly while the OFD lock on byte `id` of the file is held;
/// `state` only says whether there is something to repair once it is not.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct ParticipantEntry {
    /// [`PARTICIPANT_FREE`] or [`PARTICIPANT_TAKEN`] (atomic).
    pub(crate) state: u32,
    pub(crate) pid: u32,
    pub(crate) start: u64,
    pub(crate) pidns: u64,
    /// When it attached, in nanoseconds since the Unix epoch.
    pub(crate) attached_at: u64,
    /// Which registration of this id it is; see [`Registration`](crate::raw::registration). Moved by
    /// a process that registers, while the entry is free (atomic).
    pub(crate) epoch: u32,
    pub(crate) reserved0: u32,
    pub(crate) reserved1: u64,
    /// The process's name, as `ps` shows it, NUL-padded.
    pub(crate) name: [u8; 16],
}

/// The entry is vacant, and nothing of an earlier participant is left to repair.
pub(crate) const PARTICIPANT_FREE: u32 = 0;
/// A participant has the entry, or died with it.
pub(crate) const PARTICIPANT_TAKEN: u32 = 1;

/// One named object.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct DirectoryEntry {
    /// UTF-8, NUL-padded; at most 63 bytes.
    pub(crate) name: [u8; 64],
    pub(crate) kind: u32,
    pub(crate) element_align: u32,
    /// Where the object starts, in bytes from the start of the segment.
    pub(crate) offset: u64,
    /// How long it is, in bytes.
    pub(crate) length: u64,
    pub(crate) element_size: u64,
    /// How many elements it was created with; 1 for a cell.
    pub(crate) element_count: u64,
    pub(crate) type_hash: u64,
    /// A second size, whose meaning is the kind's.
    pub(crate) aux: u64,
    pub(crate) reserved: u64,
    /// The element type's name for messages, NUL-padded, cut if it is too long.
    pub(crate) type_name: [u8; 64],
}

const _: () = {
    assert!(size_of::<Header>() == 256 && align_of::<Header>() == 8);
    assert!(offset_of!(Header, total_len) == 24);
    assert!(offset_of!(Header, id) == 32);
    assert!(offset_of!(Header, participants_at) == 64);
    assert!(offset_of!(Header, arena_at) == 80);
    assert!(offset_of!(Header, flags) == 112);
    assert!(offset_of!(Header, directory_used) == 120);
    assert!(offset_of!(Header, directory_lock) == 128);
    assert!(size_of::<ParticipantEntry>() == 64);
    assert!(size_of::<DirectoryEntry>() == 192);
    assert!(offset_of!(DirectoryEntry, type_name) == 128);
};

/// Where the tables of a segment lie, computed from how many entries they have. Only this knows
/// their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tables {
    pub(crate) participants: u32,
    pub(crate) directory_capacity: u32,
    pub(crate) participants_at: u64,
    pub(crate) directory_at: u64,
    pub(crate) arena_at: u64,
}

impl Tables {
    /// The tables for this many entries. It cannot overflow: both counts have 32 bits.
    pub(crate) const fn new(participants: u32, directory_capacity: u32) -> Self {
        let participants_at = size_of::<Header>() as u64;
        let directory_at = participants_at + participants as u64 * size_of::<ParticipantEntry>() as u64;
        let end = directory_at + directory_capacity as u64 * size_of::<DirectoryEntry>() as u64;
        let Some(arena_at) = align_up(end, OBJECT_ALIGN) else { unreachable!() };
        Self { participants, directory_capacity, participants_at, directory_at, arena_at }
    }
}

/// Which process created a segment, and when: the part of the header that differs from run to run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Creation {
    pub(crate) id: [u8; 16],
    pub(crate) pid: u32,
    pub(crate) start: u64,
    pub(crate) pidns: u64,
    pub(crate) at: u64,
}

impl Header {
    /// The header of a new, empty segment. The caller initialises the directory's lock.
    pub(crate) fn new(tables: Tables, total_len: u64, persist: bool, creation: Creation) -> Self {
        Self {
            magic: MAGIC,
            byte_order: BYTE_ORDER,
            abi_version: ABI_VERSION,
            pointer_width: usize::BITS,
            total_len,
            id: creation.id,
            creator_pid: creation.pid,
            participants: tables.participants,
            directory_capacity: tables.directory_capacity,
            participants_at: tables.participants_at,
            directory_at: tables.directory_at,
            arena_at: tables.arena_at,
            created_at: creation.at,
            creator_start: creation.start,
            creator_pidns: creation.pidns,
            flags: if persist { FLAG_PERSIST } else { 0 },
            ..Self::zeroed()
        }
    }
}

/// `text` as a NUL-padded field, cut at a character's end if it does not fit with one NUL.
pub(crate) fn text_field<const N: usize>(text: &str) -> [u8; N] {
    let mut field = [0; N];
    let cut = (0..=text.len().min(N - 1)).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
    field[..cut].copy_from_slice(&text.as_bytes()[..cut]);
    field
}

/// The text of a NUL-padded field; `None` if the field is not terminated, or not UTF-8.
pub(crate) fn field_text(field: &[u8]) -> Option<&str> {
    core::ffi::CStr::from_bytes_until_nul(field).ok()?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The header of ABI version 2, byte for byte. If this fails, the format has changed and needs
    /// a new version.
    #[test]
    fn header_new_has_the_golden_bytes() {
        let creation =
            Creation { id: *b"0123456789abcdef", pid: 0x1111, start: 0x2222, pidns: 0x3333, at: 0x4444 };
        let header = Header::new(Tables::new(128, 64), 1 << 20, true, creation);
        let mut golden = [0_u8; 256];
        let mut put = |at: usize, bytes: &[u8]| golden[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, b"BREEZEWY");
        put(8, &0x0102_0304_u32.to_ne_bytes());
        put(12, &2_u32.to_ne_bytes());
        put(16, &64_u32.to_ne_bytes());
        put(24, &0x10_0000_u64.to_ne_bytes());
        put(32, b"0123456789abcdef");
        put(48, &0x1111_u32.to_ne_bytes());
        put(52, &128_u32.to_ne_bytes());
        put(56, &64_u32.to_ne_bytes());
        put(64, &256_u64.to_ne_bytes());
        put(72, &8448_u64.to_ne_bytes());
        put(80, &20736_u64.to_ne_bytes());
        put(88, &0x4444_u64.to_ne_bytes());
        put(96, &0x2222_u64.to_ne_bytes());
        put(104, &0x3333_u64.to_ne_bytes());
        put(112, &1_u64.to_ne_bytes());
        assert_eq!(bytemuck::bytes_of(&header), golden);
    }

    #[test]
    fn text_field_is_cut_at_a_character() {
        assert_eq!(field_text(&text_field::<8>("plant")), Some("plant"));
        assert_eq!(field_text(&text_field::<8>("1234567é")), Some("1234567"));
        assert_eq!(field_text(&text_field::<8>("123456é")), Some("123456"));
        assert_eq!(field_text(b"12345678"), None);
        assert_eq!(field_text(b"\xff\0"), None);
    }
}
