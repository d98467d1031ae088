//! Pipes: typed messages of any length between two processes, with an end of file.
//!
//! [`simplex`] creates a [`Sender`] and a [`Receiver`], [`duplex`] two [`Connection`]s that both
//! send and receive. A message is any serde value, or bytes. A short message is encoded where it is
//! read; a message that is longer than the ring streams through it. Each end belongs to one process
//! at a time, and travels: as an argument of a child, or as a part of a message.
//!
//! **When a process is killed at any instruction:** every message whose `send` returned is
//! delivered exactly once, whole and in order, to a live receiver. After that a dead (or dropped)
//! sender is the end of file: [`PopError::Disconnected`]. A sender that dies in the middle of a
//! message leaves no part of it, and before the end of file the receiver gets
//! [`PopError::Truncated`]. A dead (or dropped) receiver is the sender's broken pipe:
//! [`PushError::Disconnected`], which returns the value. No operation hangs: a process that sleeps,
//! or sends without ever waiting, gets the error within 100 ms.
//!
//! ```
//! use breezeway::pipe;
//!
//! let (mut here, mut there) = pipe::duplex::<(i32, i32), i32>()?;
//! // Usually another process, which gets its end as an argument:
//! let adder = std::thread::spawn(move || {
//!     while let Ok((x, y)) = there.recv() {
//!         there.send(x + y).ok();
//!     }
//! });
//! here.send((3, 4))?;
//! assert_eq!(here.recv()?, 7);
//! drop(here); // The end of file.
//! # adder.join().map_err(|_| "a panic")?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Sending an end to another process
//!
//! A serialised end belongs to the process that deserialises it, and the copy that is left in this
//! process can no longer be used. Until then the end is in transit, and belongs to the process that
//! serialised it. That process must keep an end or a copy for so long: without any, the pipe's
//! memory is gone. [`spsc`](crate::queue::spsc#sending-an-endpoint) has a table of what becomes of
//! an end whose bytes never arrive. A forked child cannot use its parent's ends either.
//!
//! # Deadlock
//!
//! If both ends of a [`duplex`] pipe send long messages at the same time and neither receives, they
//! wait for each other forever, as with every pipe.
//!
//! # Files
//!
//! - `connection`, `receiver`, `sender`: the ends; `builder`: the options of a pipe
//! - `endpoint_macros`, `futures`: the operations of all kinds of ends, blocking and as futures
//! - `wait`: waiting for many receiving ends and files at once
//! - `reader`, `writer`: frames into messages, messages into frames; `frame`: the format of a frame
//! - `in_place_encoder`: a value encoded where it is read
//!
//! [`PopError::Disconnected`]: crate::PopError::Disconnected
//! [`PopError::Truncated`]: crate::PopError::Truncated
//! [`PushError::Disconnected`]: crate::PushError::Disconnected

mod builder;
mod connection;
mod endpoint_macros;
mod frame;
#[cfg(feature = "async")]
mod futures;
mod in_place_encoder;
mod messages;
mod reader;
mod receiver;
mod sender;
mod wait;
mod writer;
mod yields;

pub use builder::PipeBuilder;
pub use connection::Connection;
pub use messages::Messages;
pub use receiver::Receiver;
pub use sender::Sender;
pub use wait::{Waitable, wait};

use crate::error::SegmentError;

/// Creates a one-way pipe of 64 KiB in an anonymous segment, for this process and the processes to
/// which it sends an end.
///
/// ```
/// use breezeway::{PopError, pipe};
///
/// let (mut tx, mut rx) = pipe::simplex::<String>()?;
/// tx.send("breeze".to_owned())?;
/// drop(tx);
/// assert_eq!(rx.recv()?, "breeze");
/// assert!(matches!(rx.recv(), Err(PopError::Disconnected)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// - [`SegmentError::NoSpace`] if there is no memory for the ring.
/// - [`SegmentError::Os`] if the operating system refuses.
#[doc(alias = "Pipe")]
pub fn simplex<T>() -> Result<(Sender<T>, Receiver<T>), SegmentError> {
    PipeBuilder::default().simplex()
}

/// Creates a two-way pipe of 64 KiB each way in an anonymous segment: the first end sends `A` and
/// receives `B`, the second end sends `B` and receives `A`.
///
/// # Errors
/// Those of [`simplex`].
#[doc(alias = "Pipe")]
#[allow(clippy::type_complexity)]
pub fn duplex<A, B>() -> Result<(Connection<A, B>, Connection<B, A>), SegmentError> {
    PipeBuilder::default().duplex()
}

/// A builder of a pipe with options: its capacity, and the length of its longest message.
pub fn builder() -> PipeBuilder {
    PipeBuilder::default()
}
