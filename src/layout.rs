//! The bytes of a segment, which are the same for every process that maps it.
//!
//! ```text
//!  byte 0          ┌────────────────────────────────────────────────────────────┐
//!                  │ Header            256 bytes: what the rest is and where    │
//!  256             ├────────────────────────────────────────────────────────────┤
//!                  │ ParticipantEntry   64 bytes × participants (ids 1..=N)     │
//!  directory_at    ├────────────────────────────────────────────────────────────┤
//!                  │ DirectoryEntry    192 bytes × objects (append-only)        │
//!  arena_at        ├────────────────────────────────────────────────────────────┤  128-aligned
//!                  │ object │ object │ …        each 128-aligned, in the order  │
//!                  │ of the directory; the bytes after the last are free        │
//!  total_len       └────────────────────────────────────────────────────────────┘
//! ```
//!
//! Everything is fixed-width and in the machine's own byte order; a segment of another byte order
//! is refused at opening. A change of any offset is a new [`ABI_VERSION`]; `tests/unit/layout.rs`
//! holds the bytes of this one.
//!
//! - [`header`]: the structs of the fixed tables, and where these lie
//! - [`fingerprint`]: an object's kind and element type

pub(crate) mod fingerprint;
pub(crate) mod header;

/// The version of everything in this module and of the states in `raw`.
pub(crate) const ABI_VERSION: u32 = 2;

/// The alignment of the arena and of objects: two cache lines, because processors fetch them in
/// pairs.
pub(crate) const OBJECT_ALIGN: u64 = 128;

/// `value` rounded up to a multiple of `align`, a power of two; `None` if that exceeds a `u64`.
pub(crate) const fn align_up(value: u64, align: u64) -> Option<u64> {
    match value.checked_add(align - 1) {
        Some(sum) => Some(sum & !(align - 1)),
        None => None,
    }
}
