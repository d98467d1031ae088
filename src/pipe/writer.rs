//! Messages into frames.

use serde::{Deserialize, Serialize};

use super::frame::{self, Frame, TRAILER_LEN};
use super::in_place_encoder::{Encoded, encode};
use super::wait_budget::WaitBudget;
use crate::error::PushError;
use crate::queue::bytes::BytesProducer;
use crate::raw::wait::Wait;
use crate::sys::clock::coarse_nanos;

/// The sending side.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct FrameWriter {
    tx: BytesProducer,
    /// The longest message.
    max: u64,
    /// How long the last one was: the next one may be so, too.
    #[serde(skip)]
    last_len: usize,
    /// When it was seen last whether the receiver lives, in nanoseconds.
    #[serde(skip)]
    liveness_checked_at: u64,
}

/// How often to see whether the receiver lives, at most, in nanoseconds: who sends now and then, and never has to wait for room,
/// would not hear of its death otherwise.
const LIVENESS_INTERVAL: u64 = 50_000_000;

/// What is reserved for a value at least, whose length is known when it is encoded.
const MIN_RESERVATION: usize = 64;

impl FrameWriter {
    pub(super) fn new(tx: BytesProducer, max: u64) -> Self {
        Self { tx, max, last_len: 0, liveness_checked_at: 0 }
    }

    pub(super) fn producer(&self) -> &BytesProducer {
        &self.tx
    }

    /// Bytes of a frame, at most, of what is sent in several: a quarter of the ring, so that both sides have something to do.
    fn frame_limit(&self) -> usize {
        self.tx.capacity() / 4
    }

    /// Sends a value.
    #[inline]
    pub(super) fn send<T: Serialize + ?Sized>(&mut self, value: &T, wait: Wait) -> Result<(), PushError<()>> {
        self.check_receiver();
        let budget = WaitBudget::new(wait);
        match self.encode_in_place(value, wait)? {
            None => Ok(()),
            Some(message) => self.send_rest(&message, &mut 0, budget),
        }
    }

    /// Encodes a value once there is room for one, and once only. A short one is sent by that. A long one is given out, to
    /// [go on](Self::send_rest) with.
    #[inline]
    pub(super) fn encode_in_place<T: Serialize + ?Sized>(
        &mut self,
        value: &T,
        wait: Wait,
    ) -> Result<Option<Vec<u8>>, PushError<()>> {
        let reserved = (2 * self.last_len).max(MIN_RESERVATION).min(self.frame_limit());
        let mut room = self.tx.reserve_within(reserved, wait)?;
        let place: &mut [u8] = &mut room;
        match encode(value, &mut place[..reserved - TRAILER_LEN]) {
            Ok(Encoded::InPlace(len)) if len as u64 <= self.max => {
                frame::write_whole_trailer(&mut place[len..len + TRAILER_LEN]);
                room.commit(len + TRAILER_LEN);
                self.last_len = len;
                Ok(None)
            }
            Ok(Encoded::InPlace(len)) => Err(too_large(len, self.max)),
            Ok(Encoded::Spilled(message)) => {
                drop(room);
                self.last_len = message.len();
                Ok(Some(message))
            }
            Err(error) => Err(PushError::Encode { value: (), source: error.into() }),
        }
    }

    /// Sends a message as it is.
    #[inline]
    pub(super) fn write(&mut self, message: &[u8], wait: Wait) -> Result<(), PushError<()>> {
        self.check_receiver();
        if message.len() + TRAILER_LEN > self.frame_limit() || message.len() as u64 > self.max {
            return self.send_rest(message, &mut 0, WaitBudget::new(wait));
        }
        self.write_frame(Frame::Whole(message), wait)
    }

    /// Sees whether the receiver lives, if that was not seen lately.
    #[inline]
    pub(super) fn check_receiver(&mut self) {
        let now = coarse_nanos();
        if now.wrapping_sub(self.liveness_checked_at) >= LIVENESS_INTERVAL {
            self.liveness_checked_at = now;
            self.tx.check_peers();
        }
    }

    /// Sends a message of which so much was sent before: a long one goes bit by bit. Where the time is up in the middle, it can be gone
    /// on with; another message gives it up.
    pub(super) fn send_rest(
        &mut self,
        message: &[u8],
        sent: &mut usize,
        budget: WaitBudget,
    ) -> Result<(), PushError<()>> {
        let longest = self.frame_len_for(message.len(), budget)?;
        let before = *sent;
        loop {
            let frame = Frame::of(message, *sent, longest);
            self.write_frame(frame, budget.remaining())?;
            *sent += frame.bytes().len();
            if *sent == message.len() {
                return Ok(());
            }
            if budget.should_yield(*sent - before, self.tx.capacity()) {
                return Err(PushError::Timeout(()));
            }
        }
    }

    /// In frames of how many bytes to send a message of this length.
    fn frame_len_for(&self, len: usize, budget: WaitBudget) -> Result<usize, PushError<()>> {
        if len as u64 > self.max {
            return Err(too_large(len, self.max));
        }
        if !budget.is_non_blocking() {
            return Ok(self.frame_limit());
        }
        // In several frames it would have to wait; but the ring holds a longer frame than those.
        let longest = self.tx.max_message();
        if len + TRAILER_LEN > longest {
            Err(too_large(len, (longest - TRAILER_LEN) as u64))
        } else {
            Ok(longest)
        }
    }

    #[inline]
    fn write_frame(&mut self, frame: Frame<'_>, wait: Wait) -> Result<(), PushError<()>> {
        let mut room = self.tx.reserve_within(frame.len(), wait)?;
        frame.write(&mut room);
        room.commit(frame.len());
        Ok(())
    }
}

#[cold]
fn too_large(len: usize, max: u64) -> PushError<()> {
    PushError::TooLarge { value: (), len, max: usize::try_from(max).unwrap_or(usize::MAX) }
}
