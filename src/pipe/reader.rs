//! Frames into messages.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::frame::Frame;
use super::wait_budget::WaitBudget;
use crate::error::PopError;
use crate::queue::bytes::BytesConsumer;
use crate::queue::codec;
use crate::raw::wait::Wait;

/// The receiving side.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct FrameReader {
    rx: BytesConsumer,
    /// The longest message.
    max: u64,
    state: InboxState,
    /// A private copy of the message, as far as it has come: what is looked at, nobody else changes.
    inbox: Vec<u8>,
}

/// What is in the inbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum InboxState {
    /// Nothing.
    Empty,
    /// Some of a message of so many bytes.
    Part(u64),
    /// A message that is to be received.
    Whole,
}

/// Memory that is kept for the next message, whatever that is like.
const MAX_RETAINED: usize = 1 << 20;

const CORRUPT: PopError = PopError::Corrupt { what: "a part of a message in a pipe" };

impl FrameReader {
    pub(super) fn new(rx: BytesConsumer, max: u64) -> Self {
        Self { rx, max, state: InboxState::Empty, inbox: Vec::new() }
    }

    pub(super) fn consumer(&self) -> &BytesConsumer {
        &self.rx
    }

    /// The next message as a value. One that does not decode is taken out all the same.
    #[inline]
    pub(super) fn recv<T: DeserializeOwned>(&mut self, wait: Wait) -> Result<T, PopError> {
        self.take_message(wait)?;
        let value = codec::decode(&self.inbox);
        self.release_inbox();
        value
    }

    /// The next message as it is.
    pub(super) fn read(&mut self, wait: Wait) -> Result<Vec<u8>, PopError> {
        self.take_message(wait)?;
        Ok(core::mem::take(&mut self.inbox))
    }

    /// The next message as it is, if there is space for it.
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

    /// Whether there is a message, or a reason why there will be none.
    pub(super) fn is_ready(&mut self, wait: Wait) -> bool {
        !matches!(self.fill_inbox(wait), Err(PopError::Empty | PopError::Timeout))
    }

    /// Gets a message into the inbox, which is the caller's from then on.
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

    /// Gets a message into the inbox, where it stays.
    #[inline]
    fn fill_inbox(&mut self, wait: Wait) -> Result<(), PopError> {
        let budget = WaitBudget::new(wait);
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
        self.gather_frames(budget)
    }

    /// The same for messages that come in several frames.
    #[cold]
    fn gather_frames(&mut self, budget: WaitBudget) -> Result<(), PopError> {
        if !self.rx.is_ours() {
            return Err(PopError::HandedOver);
        }
        if self.state == InboxState::Whole {
            return Ok(());
        }
        let mut taken = 0;
        loop {
            // A sender that goes on and on must not keep one who has no time.
            if taken > 0 && budget.is_exhausted() || budget.should_yield(taken, self.rx.capacity()) {
                return Err(PopError::Timeout);
            }
            if taken > self.rx.capacity() && budget.is_non_blocking() {
                return Err(PopError::Empty);
            }
            let part_of = match self.state {
                InboxState::Part(total) => Some(total),
                InboxState::Empty | InboxState::Whole => None,
            };
            let frame = match self.rx.read_within(budget.remaining()) {
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
                // Never as much at once as a length claims: what has come is what is kept.
                (Some(Frame::First { total, bytes }), _) if total <= self.max => {
                    self.inbox.clear();
                    (total, bytes)
                }
                (Some(Frame::More(bytes)), Some(total)) => (total, bytes),
                // The rest of a message whose beginning a dead receiver took out.
                (Some(Frame::More(_)), None) => continue,
                (Some(Frame::First { .. }) | None, _) => {
                    // It stays, so that everybody is told.
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

    /// Done with the message: an unusually long one's memory is given back when one comes that is not.
    #[inline]
    fn release_inbox(&mut self) {
        if self.inbox.capacity() > MAX_RETAINED && self.inbox.len() < self.inbox.capacity() / 4 {
            self.inbox = Vec::new();
        }
        self.inbox.clear();
    }
}
