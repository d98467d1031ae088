//! Pipes: typed messages of any length between two processes, whose end is known.
//!
//! [`simplex`] makes a [`Sender`] and a [`Receiver`], [`duplex`] two [`Connection`]s that both send and receive. A message is
//! whatever serde knows, or bytes. Short ones are written where they are read from; one that is longer than the ring streams
//! through it. The ends belong to one process each, and travel: as an argument of a child, as a part of a message.
//!
//! **When a process is killed at any instruction:** every message whose `send` returned is delivered exactly once, whole and in
//! order, to a receiver that lives. Then a dead (or dropped) sender is the end of file: [`PopError::Disconnected`]. One that
//! dies in the middle of a message leaves nothing of it, which the receiver is told first: [`PopError::Truncated`]. A
//! dead (or dropped) receiver is the sender's broken pipe: [`PushError::Disconnected`], and the value comes back. Nobody hangs;
//! who sleeps, or sends without ever having to wait, is told within 100 ms.
//!
//! ```
//! use breezeway::pipe;
//!
//! let (mut here, mut there) = pipe::duplex::<(i32, i32), i32>()?;
//! // Mostly another process, which has got its end as an argument:
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
//! An end that was serialised is its reader's, and the copy that is left here has no say; as long as nobody has read it, it is in
//! the hands of the process that sent it, which keeps an end or a copy until then: without any, the pipe's memory is gone. A forked child has no say in its parent's ends either.
//!
//! Both ends of a [`duplex`] pipe sending long messages at the same time, and nobody receiving, wait for each other for ever, as with
//! every pipe.
//!
//! - `wait_budget`: how long an operation of several steps may wait
//! - `connection`, `receiver`, `sender`: the ends
//! - `in_place_encoder`: a value encoded where it will be read
//! - `endpoint_macros`: what ends of all kinds can
//! - `frame`: how messages lie in a ring
//! - `futures`: the ends for tasks
//! - `builder`: how large a pipe is
//! - `reader`, `writer`: frames into messages, messages into frames
//! - `wait`: waiting for many at once
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
mod wait_budget;
mod writer;

pub use builder::PipeBuilder;
pub use connection::Connection;
pub use messages::Messages;
pub use receiver::Receiver;
pub use sender::Sender;
pub use wait::{Waitable, wait};

use crate::error::SegmentError;

/// Makes a pipe in memory without a name, of 64 KiB, for this process and those it sends an end to.
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
/// `NoSpace`, `Os`.
#[doc(alias = "Pipe")]
pub fn simplex<T>() -> Result<(Sender<T>, Receiver<T>), SegmentError> {
    PipeBuilder::default().simplex()
}

/// Makes a pipe that goes both ways: the first end sends `A` and receives `B`, the second the other way round. 64 KiB each way.
///
/// # Errors
/// `NoSpace`, `Os`.
#[doc(alias = "Pipe")]
#[allow(clippy::type_complexity)]
pub fn duplex<A, B>() -> Result<(Connection<A, B>, Connection<B, A>), SegmentError> {
    PipeBuilder::default().duplex()
}

/// How to make a pipe, beyond what it carries.
pub fn builder() -> PipeBuilder {
    PipeBuilder::default()
}
