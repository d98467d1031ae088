//! [`FrameReader`]: puts messages together from frames.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::frame::Frame;
use super::yields::should_yield;
use crate::codec;
use crate::error::PopError;
use crate::queue::bytes::BytesConsumer;
use crate::raw::wait::Wait;

/// The receiving side of a pipe, without the messages' type.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct FrameReader {
    rx: BytesConsumer,
    /// The length of the longest message.
    max: u64,
    state: InboxState,
    /// A private copy of the message, as far as it has arrived: no peer changes it while it is
    /// decoded.
    inbox: Vec<u8>,
}

/// What the inbox holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum InboxState {
    /// No message.
    Empty,
    /// A part of a message of this many bytes.
    Part(u64),
    /// A message that was not received yet.
    Whole,
}

/// The inbox keeps memory up to this length for the next message, however short that is.
const MAX_RETAINED: usize = 1 << 20;

const CORRUPT: PopError = PopError::Corrupt { what: "a part of a message in a pipe" };

impl FrameReader {
    pub(super) fn new(rx: BytesConsumer, max: u64) -> Self {
        Self { rx, max, state: InboxState::Empty, inbox: Vec::new() }
    }

    pub(super) fn consumer(&self) -> &BytesConsumer {
        &self.rx
    }

    /// Receives the next message as a value. A message that cannot be decoded is taken out, too.
    #[inline]
    pub(super) fn recv<T: DeserializeOwned>(&mut self, wait: Wait) -> Result<T, PopError> {
        self.take_message(wait)?;
        let value = codec::from_bytes(&self.inbox).map_err(|source| PopError::Decode { source });
        self.release_inbox();
        value
    }

    /// Receives the bytes of the next message.
    pub(super) fn read(&mut self, wait: Wait) -> Result<Vec<u8>, PopError> {
        self.take_message(wait)?;
        Ok(core::mem::take(&mut self.inbox))
    }

    /// Receives the bytes of the next message into `space`, if they fit.
    #[inline]
    pub(super) fn read_into(&mut self, space: &mut [u8], wait: Wait) -> Result<usize, PopError> {
        self.take_message(wait)?;
        let len = self.inbox.len();
        let Some(space) = space.get_mut(..len) else {
            self.state = InboxState::Whole;
            return Err(PopError::TooShort { len });
        };
        space.copy_from_slice(&self.inbox);
        self.release_inbox();
        Ok(len)
    }

    /// Whether a message, the end of file or an error is there, waiting for it if `wait` says so.
    pub(super) fn is_ready(&mut self, wait: Wait) -> bool {
        !matches!(self.fill_inbox(wait), Err(PopError::Empty | PopError::Timeout))
    }

    /// Fills the inbox with a message, and hands the message to the caller.
    #[inline]
    fn take_message(&mut self, wait: Wait) -> Result<(), PopError> {
        let filled = self.fill_inbox(wait);
        match filled {
            Ok(()) => self.state = InboxState::Empty,
            Err(PopError::Truncated) => {
                self.state = InboxState::Empty;
                self.release_inbox();
            }
            Err(_) => {}
        }
        filled
    }

    /// Fills the inbox with a message, which stays in it.
    #[inline]
    fn fill_inbox(&mut self, wait: Wait) -> Result<(), PopError> {
        if self.state == InboxState::Empty {
            let frame = self.rx.read_within(wait)?;
            if let Some(Frame::Whole(message)) = Frame::parse(&frame) {
                self.inbox.clear();
                self.inbox.extend_from_slice(message);
                self.state = InboxState::Whole;
                return Ok(());
            }
            core::mem::forget(frame);
        }
        self.gather_frames(wait)
    }

    /// Fills the inbox with a message of several frames, frame by frame.
    #[cold]
    fn gather_frames(&mut self, wait: Wait) -> Result<(), PopError> {
        if !self.rx.is_ours() {
            return Err(PopError::HandedOver);
        }
        if self.state == InboxState::Whole {
            return Ok(());
        }
        let mut taken = 0;
        loop {
            // A sender that never pauses must not keep the receiver beyond its timeout.
            if taken > 0 && wait.has_timed_out() || should_yield(wait, taken, self.rx.capacity()) {
                return Err(PopError::Timeout);
            }
            if taken > self.rx.capacity() && matches!(wait, Wait::NonBlocking) {
                return Err(PopError::Empty);
            }
            let part_of = match self.state {
                InboxState::Part(total) => Some(total),
                InboxState::Empty | InboxState::Whole => None,
            };
            let frame = match self.rx.read_within(wait) {
                Err(PopError::Disconnected | PopError::Closed) if part_of.is_some() => {
                    return Err(PopError::Truncated);
                }
                frame => frame?,
            };
            taken += frame.len();
            let (total, bytes) = match (Frame::parse(&frame), part_of) {
                (Some(Frame::Whole(bytes)), _) => {
                    self.inbox.clear();
                    (bytes.len() as u64, bytes)
                }
                // The inbox grows by what has arrived: a damaged length allocates nothing.
                (Some(Frame::First { total, bytes }), _) if total <= self.max => {
                    self.inbox.clear();
                    (total, bytes)
                }
                (Some(Frame::More(bytes)), Some(total)) => (total, bytes),
                // The rest of a message whose beginning a dead receiver has taken out.
                (Some(Frame::More(_)), None) => continue,
                (Some(Frame::First { .. }) | None, _) => {
                    // The frame stays in the ring, so that later receivers get the error, too.
                    core::mem::forget(frame);
                    return Err(CORRUPT);
                }
            };
            if bytes.len() as u64 > total.saturating_sub(self.inbox.len() as u64) {
                core::mem::forget(frame);
                return Err(CORRUPT);
            }
            self.inbox.extend_from_slice(bytes);
            let is_whole = self.inbox.len() as u64 == total;
            self.state = if is_whole { InboxState::Whole } else { InboxState::Part(total) };
            if is_whole {
                return Ok(());
            }
        }
    }

    /// Empties the inbox. Memory of an unusually long message is freed after a shorter one.
    #[inline]
    fn release_inbox(&mut self) {
        if self.inbox.capacity() > MAX_RETAINED && self.inbox.len() < self.inbox.capacity() / 4 {
            self.inbox = Vec::new();
        }
        self.inbox.clear();
    }
}
