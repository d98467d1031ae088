//! Named shared memory: a mapping with a header, participants, a directory of named typed objects,
//! and an arena.
//!
//! From the bottom up; a file imports only those above it in this list:
//!
//! - [`location`], [`access`], [`options`], [`geometry`]: a segment's name, users, options and
//!   checked header
//! - [`named`], [`backing`]: names from `shared_memory`, mapped memory from `memmap2`
//! - [`memory`]: a segment's bytes in this process
//! - [`admin_lock`]: attaching, replacing and removing exclude each other
//! - [`directory`]: names of objects, append-only
//! - [`repair`], [`participants`]: the attached processes, their liveness, and repair after deaths
//! - [`mapping`]: one process's membership in a mapped segment
//! - [`process_mappings`]: the mappings of this process, across forks
//! - [`handle`][]: the public handle, [`Segment`]
//! - [`open`], [`staging`], [`create`], [`builder`]: how segments are found, and come to be
//! - [`region`], [`object`], [`typed`], [`single`], [`object_macros`]: typed objects
//! - [`shared_ref`], [`lock`]: an object's state, and its lock, in a mapping that they keep
//! - `reference`: handles as serde values

mod access;
mod admin_lock;
mod backing;
pub(crate) mod builder;
mod create;
pub(crate) mod directory;
pub(crate) mod geometry;
mod handle;
pub(crate) mod location;
pub(crate) mod lock;
mod mapping;
mod memory;
mod named;
pub(crate) mod object;
pub(crate) mod object_macros;
pub(crate) mod open;
mod options;
pub(crate) mod participants;
mod process_mappings;
#[cfg(feature = "serde")]
pub(crate) mod reference;
mod region;
mod repair;
pub(crate) mod shared_ref;
pub(crate) mod single;
mod staging;
mod typed;

pub use handle::{ObjectInfo, Segment};
pub use typed::Tagged;
