//! Typed values, arrays, locks and queues in named shared memory, which a `kill -9` at any instruction leaves consistent.
//!
//! Processes that know a name share a [`Value`], an [`Array`], an [`Atomic`], a [`sync::Mutex`] or a [queue](mod@queue), each in a
//! [`Segment`] of its own or many in one:
//!
//! ```
//! use breezeway::{Array, Segment, Value};
//!
//! # let name = format!("breezeway-doc-lib-{}", std::process::id());
//! # let name = name.as_str();
//! let plant = Segment::create(name, 1 << 20)?;
//! let temperature = plant.add::<Value<f64>>("temperature", 20.0)?;
//! let history = plant.add::<Array<f32>>("history", 4096)?;
//!
//! // Any other process of this user:
//! let temperature = Segment::open(name)?.get::<Value<f64>>("temperature")?;
//! *temperature.lock()? += 1.5;
//! assert_eq!(temperature.get(), 21.5);
//! # drop(history);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What it guarantees
//!
//! For SIGKILL, or a crash, at any single machine instruction of any operation: nobody hangs, nothing committed is lost or
//! doubled, no value is torn. Each type's documentation has its row of that contract:
//!
//! | object | what survivors see |
//! |---|---|
//! | creating a [`Segment`] | the name exists complete, or not at all |
//! | [`sync::Mutex`], and every lock inside | the next locker gets it at once and is told (`recovered()`) |
//! | [`Value`] | the old value or the new one; readers never wait for a writer, dead or alive |
//! | [`Array`], one element; [`Atomic`] | the old or the new one |
//! | [`Array`], a locked section | the lock passes on with `recovered()`; [`Journaled`], the section is rolled back as a whole |
//! | [`queue::Queue`], [`queue::spsc`], [`queue::bytes`], `MessageQueue` | every push that returned is delivered exactly once to a living popper; what was cut short is there wholly or not at all |
//! | `pipe` | what was sent arrives, once; the peer's death is the end of file, in the middle of a message too |
//! | [`queue::Lease`], `JoinableQueue` | what its dead holder has not acknowledged is delivered again, and says so |
//! | [`sync::ReentrantMutex`] | all levels of the dead are given back; the next locker is told |
//! | [`sync::RwLock`] | dead readers and writers are evicted; the next is told of a writer's death |
//! | [`sync::Condvar`] | a killed waiter hangs nobody, and what it was notified of goes to another |
//! | [`sync::Semaphore`] | counts stay right, nobody is stranded; a killed holder's permit is not given back |
//! | [`sync::BoundedSemaphore`] | permits belong to their holder; a killed holder's come back |
//! | [`sync::Event`] | it is set or it is not; a killed setter delays a waiter by at most 100 ms |
//! | [`sync::Barrier`] | it breaks for all, instead of waiting for the dead |
//! | [`sync::Once`] | it is not done; the next caller does it, and is told |
//! | `pipe` | every message whose `send` returned arrives whole; a peer's death is the end of file, or a broken pipe |
//! | `process::Process`, `process::Pool` | a killed worker fails (or reruns) exactly its task; a killed parent leaves no daemon behind |
//!
//! A process is repaired after when its death is *proven* (the kernel holds a lock for each participant and drops it with the
//! process), never on a timeout: a stopped process is alive.
//!
//! Bytes that a peer has damaged make typed errors, not panics or undefined behaviour: lengths and places are read once, checked,
//! and kept in private memory; values are copied out, then checked.
//!
//! # What it does not
//!
//! - It does not survive the machine: what a power failure leaves of a file segment is what the file system wrote, though
//!   locks held at that time are recovered.
//! - It does not keep memory safe from a *hostile* writer of the lock words themselves: a held lock's list links are the C
//!   library's, in shared memory. Segments are therefore private to their user (mode 0600) unless asked otherwise.
//! - It does not join pid namespaces: locks know their holders by thread id, so a process of another namespace than those that
//!   use a segment is refused ([`SegmentError::ForeignNamespace`]).
//! - A segment does not grow. A file that somebody truncates while it is mapped is SIGBUS, as for every mapping; anonymous
//!   segments are sealed against that.
//! - It runs on Linux with glibc, on x86_64 and aarch64, and nowhere else.
//!
//! # Features
//!
//! - `process` (default): `process`, with `Process` and `Pool`, and `pipe`; implies `serde`.
//! - `serde`: every handle is a serde value, a reference to its segment and object.
//! - `async`: waiting as futures (`pop_async`, `lock_async`, …), queues and pipes as streams, for any executor. One thread sleeps for all
//!   tasks of a process, from the first that waits until a second after the last; `block_on` does without it. A waker must not take a
//!   lock that is held while its future is polled or dropped; `mem::forget` of a future that waits keeps its segment mapped for good.
//! - `raw_sync`: a [`sync::Mutex`] or [`sync::Event`] handed to `raw_sync` code.
//! - `bench`: the machinery that measures.
//! - `cli`: the `breezeway` command, which measures, shows segments and tidies them up; what it tells comes from [`mod@bench`] and
//!   [`inspect`].

#![warn(missing_docs, missing_debug_implementations, unreachable_pub)]
#![warn(clippy::unwrap_used, clippy::expect_used)]
#![doc(test(attr(deny(warnings), allow(unused_variables))))]
// Under loom there are only the algorithms, and only its models use them.
#![cfg_attr(loom, allow(dead_code, rustdoc::broken_intra_doc_links))]

#[cfg(not(all(
    target_os = "linux",
    target_env = "gnu",
    any(target_arch = "x86_64", target_arch = "aarch64"),
    target_endian = "little"
)))]
compile_error!("breezeway runs on Linux with glibc, on x86_64 and little-endian aarch64");

#[cfg(all(feature = "bench", not(loom)))]
pub mod bench;
#[cfg(not(loom))]
mod cell;
#[cfg(not(loom))]
mod error;
#[cfg(not(loom))]
pub mod inspect;
#[cfg(not(loom))]
mod layout;
#[cfg(all(feature = "process", not(loom)))]
pub mod pipe;
mod primitive;
#[cfg(all(feature = "process", not(loom)))]
pub mod process;
#[cfg(not(loom))]
pub mod queue;
mod raw;
#[cfg(all(feature = "async", not(loom)))]
mod reactor;
#[cfg(not(loom))]
mod segment;
#[cfg(not(loom))]
mod shareable;
#[cfg(not(loom))]
pub mod sync;
#[cfg(not(loom))]
mod sys;
#[cfg(loom)]
#[path = "sys/model.rs"]
mod sys;

#[cfg(not(loom))]
pub use crate::{
    cell::{Array, ArrayGuard, Atomic, AtomicInteger, AtomicPrimitive, Journaled, Value, ValueGuard},
    error::{DoneError, LockError, PopError, PushError, SegmentError},
    layout::fingerprint::Kind,
    segment::builder::SegmentBuilder,
    segment::object::{Initial, Object},
    segment::participants::Participant,
    segment::{ObjectInfo, Segment, Tagged},
    shareable::Shareable,
};

#[cfg(all(feature = "async", not(loom)))]
pub use crate::reactor::{ItemStream, block_on};

#[cfg(all(feature = "process", not(loom)))]
pub use crate::error::{PoolError, SpawnError, TaskError};

#[cfg(all(doctest, feature = "async"))]
#[doc = include_str!("../README.md")]
struct Readme;
