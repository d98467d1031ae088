//! Typed values, arrays, locks and queues in named shared memory, which a `kill -9` at any
//! instruction leaves consistent.
//!
//! Processes that know a name share a [`Value`], an [`Array`], an [`Atomic`], a [`sync::Mutex`] or
//! a [queue](mod@queue), each in a [`Segment`] of its own or many in one:
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
//! What can be shared is [`Shareable`]: numbers, `bool`, `char`, arrays of them, and types that
//! derive bytemuck's traits ([`mod@bytemuck`] is re-exported).
//!
//! # What it guarantees
//!
//! For SIGKILL, or a crash, at any single machine instruction of any operation: no survivor hangs,
//! nothing committed is lost or doubled, no value is torn. Each type's documentation explains its
//! row:
//!
//! | object | what survivors see |
//! |---|---|
//! | creating a [`Segment`] | the name exists complete, or not at all |
//! | [`sync::Mutex`], and every lock inside | a locker that comes after the death gets the lock at once, a parked one within milliseconds; its guard says so (`recovered()`) |
//! | [`sync::ReentrantMutex`] | all levels of the dead holder are given back; the next locker is told |
//! | [`Value`] | the old value or the new one; readers never wait for a writer, dead or alive |
//! | [`Array`], one element; [`Atomic`] | the old element or the new one |
//! | [`Array`], a locked section | the lock passes on with `recovered()`; [`Journaled`], the section is rolled back as a whole |
//! | [`queue::Queue`], [`queue::spsc`], [`queue::bytes`], `MessageQueue` | every push that returned is delivered exactly once to a live consumer; what was cut short has happened wholly or not at all |
//! | [`queue::Lease`], `JoinableQueue` | what a dead holder did not acknowledge is delivered again, before newer values, marked as redelivered, within 200 ms; a closed queue says `Closed` only when nothing can come back |
//! | `pipe` | every message whose `send` returned arrives once and whole; a peer's death is the end of file, or a broken pipe |
//! | [`sync::RwLock`] | dead readers and writers are evicted; the next guard tells of a writer's death |
//! | [`sync::Condvar`] | a killed waiter hangs no other, and its notification goes to another |
//! | [`sync::Semaphore`] | counts stay right, no waiter is stranded; a killed holder's permit is not given back |
//! | [`sync::BoundedSemaphore`] | permits belong to their holder; a killed holder's permits come back |
//! | [`sync::Event`] | it is set or it is not; a killed setter delays a waiter by at most 100 ms |
//! | [`sync::Barrier`] | it breaks for all parties, instead of waiting for the dead one |
//! | [`sync::Once`] | it is not done; the next caller does it, and is told |
//! | `process::Process`, `process::Pool` | a killed worker fails (or reruns) exactly its task; a killed parent leaves no daemon behind |
//!
//! Shared state is repaired only after a process's death has been *proven*: the kernel holds a file
//! lock for each participant and drops it with the process. A stopped process is alive. A process
//! that sleeps looks again every 100 ms, or every 5 ms if it waits for a lock, which bounds how late
//! it learns of a death. A process that polls, or finds a queue never empty, looks by the clock: a call that comes 50 ms after its last
//! look, or later, learns of every death before it.
//!
//! A process that dumps core is alive until the dump is written, as the kernel sees it: its peers
//! learn of its death after that. So segments are left out of core dumps by default
//! ([`SegmentBuilder::core_dumps`]); a handler of core dumps that is slow still delays the repair.
//!
//! # Participants
//!
//! A *participant* is a process that has a segment attached, however many handles and threads it
//! has there. A segment has a fixed number of places for them
//! ([`SegmentBuilder::participants`]).
//!
//! - If living processes have all places, opening returns [`SegmentError::TooManyParticipants`],
//!   with their number. The places of the dead are taken once they are repaired, so none is lost.
//! - A forked child becomes a participant of its own when it first uses a handle. If it cannot,
//!   because the places are taken, each operation returns `NotAttached`, and
//!   [`Segment::participant_id`] says why.
//! - A process leaves when it drops its last handle. Handles in statics, and those that are left at
//!   `process::exit` or `_exit`, are not dropped: the process then counts as one that died. Peers
//!   see what the table says for a death (a barrier breaks, an endpoint is disconnected), and a name
//!   that the process created stays, stale, until it is replaced, removed, or cleared away by
//!   `breezeway gc`. Drop handles, or take them out of the static, where that matters.
//!
//! Bytes that a peer has damaged make typed errors, not panics or undefined behaviour: lengths and
//! offsets are read once, checked, and kept in private memory; values are copied out, then checked.
//!
//! # What it does not
//!
//! - It does not survive the machine: what a power failure leaves of a file segment is what the
//!   file system wrote, though locks held at that time are recovered.
//! - It does not keep a *hostile* writer of the segment from spoiling payloads, or from taking and
//!   freeing locks. Segments are therefore private to their user (mode 0600) unless asked otherwise.
//! - Processes of several pid namespaces (containers that share the file) share everything. A handle
//!   of an anonymous segment, or of one whose name was removed, travels within a namespace only.
//! - On overlayfs a process's life hangs on a descriptor: there a process that closes all its
//!   descriptors counts as dead, and a forked child that touches nothing keeps its parent alive.
//! - A segment does not grow. A file that another program truncates while it is mapped is SIGBUS,
//!   as for every mapping; anonymous segments are sealed against that.
//! - It runs on Linux with glibc, on x86_64 and aarch64, and nowhere else.
//!
//! # Features
//!
//! None is on by default.
//!
//! - `serde`: every handle is a serde value, a reference to its segment and object; adds
//!   `MessageQueue` and `JoinableQueue`.
//! - `process`: `process`, with `Process` and `Pool`, and `pipe`; turns on `serde`. A program that
//!   has it runs a constructor before `main`.
//! - `async`: blocking waits as futures (`pop_async`, `lock_async`, …), queues and pipes as
//!   streams, for any executor. One thread sleeps for all tasks of a process, from the first that
//!   waits until a second after the last; `block_on` does without it. A waker must not take a lock
//!   that is held while its future is polled or dropped. `mem::forget` of a future that waits keeps
//!   its segment mapped for ever. A future that was woken and is neither polled nor dropped
//!   withholds its wake-up from other waiters for up to 100 ms.
//! - `raw_sync`: a [`sync::Mutex`] or [`sync::Event`] handed to `raw_sync` code.

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

#[cfg(not(loom))]
mod cell;
#[cfg(all(feature = "serde", not(loom)))]
mod codec;
#[cfg(not(loom))]
mod error;
#[cfg(loom)]
#[path = "error/under_loom.rs"]
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
#[cfg(feature = "async")]
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
    error::{
        ArrayError, BarrierError, BoundsError, CodecError, CondvarError, DoneError, EventError, LockError,
        PopError, PushError, SegmentError, SemaphoreError,
    },
    layout::fingerprint::Kind,
    segment::builder::SegmentBuilder,
    segment::object::{Initial, Object},
    segment::participants::Participant,
    segment::{ObjectInfo, Segment, Tagged},
    shareable::{AnyBits, Shareable},
};

/// The crate whose derives make a type [`Shareable`].
#[cfg(not(loom))]
pub use bytemuck;

#[cfg(all(feature = "async", not(loom)))]
pub use crate::reactor::{ItemStream, block_on};

#[cfg(all(feature = "process", not(loom)))]
pub use crate::error::{PoolError, SpawnError, TaskError};

#[cfg(all(doctest, feature = "async"))]
#[doc = include_str!("../README.md")]
struct Readme;
