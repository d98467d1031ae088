//! Frames into messages.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::clock::Clock;
use super::frame::Frame;
use crate::error::PopError;
use crate::queue::bytes::Consumer;
use crate::queue::codec;
use crate::raw::patience::Patience;

/// The receiving side.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Reader {
    rx: Consumer,
    /// The longest message.
    max: u64,
    state: Inbox,
    /// A private copy of the message, as far as it has come: what is looked at, nobody else changes.
    inbox: Vec<u8>,
}

/// What is in the inbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Inbox {
    /// Nothing.
    Empty,
    /// Some of a message of so many bytes.
    Part(u64),
    /// A message that is to be received.
    Whole,
}

/// Memory that is kept for the next message, whatever that is like.
const KEPT: usize = 1 << 20;

const CORRUPT: PopError = PopError::Corrupt { what: "a part of a message in a pipe" };

impl Reader {
    pub(super) fn new(rx: Consumer, max: u64) -> Self {
        Self { rx, max, state: Inbox::Empty, inbox: Vec::new() }
    }

    pub(super) fn consumer(&self) -> &Consumer {
        &self.rx
    }

    /// The next message as a value. One that does not decode is taken out all the same.
    #[inline]
    pub(super) fn recv<T: DeserializeOwned>(&mut self, patience: Patience) -> Result<T, PopError> {
        self.take(patience)?;
        let value = codec::decode(&self.inbox);
        self.put_away();
        value
    }

    /// The next message as it is.
    pub(super) fn read(&mut self, patience: Patience) -> Result<Vec<u8>, PopError> {
        self.take(patience)?;
        Ok(core::mem::take(&mut self.inbox))
    }

    /// The next message as it is, if there is space for it.
    #[inline]
    pub(super) fn read_into(&mut self, space: &mut [u8], patience: Patience) -> Result<usize, PopError> {
        self.take(patience)?;
        let len = self.inbox.len();
        let Some(space) = space.get_mut(..len) else {
            self.state = Inbox::Whole;
            return Err(PopError::TooShort { len });
        };
        space.copy_from_slice(&self.inbox);
        self.put_away();
        Ok(len)
    }

    /// Whether there is a message, or a reason why there will be none.
    pub(super) fn is_ready(&mut self, patience: Patience) -> bool {
        !matches!(self.fill(patience), Err(PopError::Empty | PopError::Timeout))
    }

    /// Gets a message into the inbox, which is the caller's from then on.
    #[inline]
    fn take(&mut self, patience: Patience) -> Result<(), PopError> {
        let filled = self.fill(patience);
        match filled {
            Ok(()) => self.state = Inbox::Empty,
            Err(PopError::Truncated) => {
                self.state = Inbox::Empty;
                self.put_away();
            }
            Err(_) => {}
        }
        filled
    }

    /// Gets a message into the inbox, where it stays.
    #[inline]
    fn fill(&mut self, patience: Patience) -> Result<(), PopError> {
        let clock = Clock::start(patience);
        if self.state == Inbox::Empty {
            let frame = self.rx.read_within(patience)?;
            if let Some(Frame::Whole(message)) = Frame::parse(&frame) {
                self.inbox.clear();
                self.inbox.extend_from_slice(message);
                self.state = Inbox::Whole;
                return Ok(());
            }
            core::mem::forget(frame);
        }
        self.gather(clock)
    }

    /// The same for messages that come in several frames.
    #[cold]
    fn gather(&mut self, clock: Clock) -> Result<(), PopError> {
        if !self.rx.is_ours() {
            return Err(PopError::HandedOver);
        }
        if self.state == Inbox::Whole {
            return Ok(());
        }
        let mut taken = 0;
        loop {
            // A sender that goes on and on must not keep one who has no time.
            if taken > 0 && clock.is_over() || clock.makes_way(taken, self.rx.capacity()) {
                return Err(PopError::Timeout);
            }
            if taken > self.rx.capacity() && clock.is_impatient() {
                return Err(PopError::Empty);
            }
            let part_of = match self.state {
                Inbox::Part(total) => Some(total),
                Inbox::Empty | Inbox::Whole => None,
            };
            let frame = match self.rx.read_within(clock.left()) {
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
            self.state = if is_whole { Inbox::Whole } else { Inbox::Part(total) };
            if is_whole {
                return Ok(());
            }
        }
    }

    /// Done with the message: an unusually long one's memory is given back when one comes that is not.
    #[inline]
    fn put_away(&mut self) {
        if self.inbox.capacity() > KEPT && self.inbox.len() < self.inbox.capacity() / 4 {
            self.inbox = Vec::new();
        }
        self.inbox.clear();
    }
}
