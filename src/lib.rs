//! Typed values, arrays and locks in named shared memory.
#![doc(test(attr(deny(warnings))))]
#![warn(rustdoc::broken_intra_doc_links)]

// Under loom there are only the algorithms, and only its models use them.
#![cfg_attr(loom, allow(dead_code))]

#[cfg(not(all(
    target_os = "linux",
    target_env = "gnu",
    any(target_arch = "x86_64", target_arch = "aarch64"),
    target_endian = "little"
)))]
compile_error!("breezeway runs on Linux with glibc, on x86_64 and little-endian aarch64");

mod primitive;

#[cfg(not(loom))]
mod cell;
#[cfg(not(loom))]
mod error;
#[cfg(not(loom))]
mod layout;
mod raw;
#[cfg(not(loom))]
mod segment;
#[cfg(not(loom))]
mod shareable;
#[cfg(not(loom))]
pub mod sync;
#[cfg(not(loom))]
mod sys;


#[cfg(not(loom))]
pub use crate::{
    cell::{Array, ArrayGuard, Atomic, AtomicInteger, AtomicPrimitive, Journaled, Value, ValueGuard},
    error::{LockError, SegmentError},
    layout::fingerprint::Kind,
    segment::object::{Initial, Object},
    segment::options::Options,
    segment::participants::Participant,
    segment::{ObjectInfo, Segment, Tagged},
    shareable::Shareable,
};
