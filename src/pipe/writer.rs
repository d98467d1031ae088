//! [`FrameWriter`]: splits messages into frames.

use serde::{Deserialize, Serialize};

use super::frame::{self, Frame, TRAILER_LEN};
use super::in_place_encoder::{Encoded, encode};
use super::yields::should_yield;
use crate::error::PushError;
use crate::queue::bytes::BytesProducer;
use crate::queue::transit;
use crate::raw::wait::Wait;
use crate::sys::clock::coarse_nanos;

/// The sending side of a pipe, without the messages' type.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct FrameWriter {
    tx: BytesProducer,
    /// The length of the longest message.
    max: u64,
    /// The length of the last message, by which the room for the next one is estimated.
    #[serde(skip)]
    last_len: usize,
    /// When the sender last checked that the receiver is alive, in nanoseconds.
    #[serde(skip)]
    liveness_checked_at: u64,
}

/// The shortest time between two checks that the receiver is alive, in nanoseconds. Without them a
/// sender that never waits for room would not learn of the receiver's death.
const LIVENESS_INTERVAL: u64 = 50_000_000;

/// The least room that is reserved for a value, whose length is known only after it is encoded.
const MIN_RESERVATION: usize = 64;

impl FrameWriter {
    pub(super) fn new(tx: BytesProducer, max: u64) -> Self {
        Self { tx, max, last_len: 0, liveness_checked_at: 0 }
    }

    pub(super) fn producer(&self) -> &BytesProducer {
        &self.tx
    }

    /// The longest frame of a message that needs several: a quarter of the ring, so that both sides
    /// can work at the same time.
    fn frame_limit(&self) -> usize {
        self.tx.capacity() / 4
    }

    /// Sends a value.
    #[inline]
    pub(super) fn send<T: Serialize + ?Sized>(&mut self, value: &T, wait: Wait) -> Result<(), PushError<()>> {
        self.check_receiver();
        let (sent, transits) = transit::collect(|| match self.encode_in_place(value, wait)? {
            None => Ok(()),
            Some(message) => self.send_rest(&message, &mut 0, wait),
        });
        if sent.is_err() {
            transits.give_back();
        }
        sent
    }

    /// Waits for room and encodes a value, only once. A short message is sent by that; a long one
    /// is returned, to be sent by [`send_rest`](Self::send_rest).
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
            Err(source) => Err(PushError::Encode { value: (), source }),
        }
    }

    /// Sends bytes without encoding them.
    #[inline]
    pub(super) fn write(&mut self, message: &[u8], wait: Wait) -> Result<(), PushError<()>> {
        self.check_receiver();
        if message.len() + TRAILER_LEN > self.frame_limit() || message.len() as u64 > self.max {
            return self.send_rest(message, &mut 0, wait);
        }
        self.write_frame(Frame::Whole(message), wait)
    }

    /// Checks that the receiver is alive, at most once in [`LIVENESS_INTERVAL`].
    #[inline]
    pub(super) fn check_receiver(&mut self) {
        let now = coarse_nanos();
        if now.wrapping_sub(self.liveness_checked_at) >= LIVENESS_INTERVAL {
            self.liveness_checked_at = now;
            self.tx.check_peers();
        }
    }

    /// Sends the bytes of a message after its first `sent`, in one frame or several. After a
    /// timeout in the middle the caller may continue; sending another message gives this one up.
    pub(super) fn send_rest(
        &mut self,
        message: &[u8],
        sent: &mut usize,
        wait: Wait,
    ) -> Result<(), PushError<()>> {
        let longest = self.frame_len_for(message.len(), wait)?;
        let before = *sent;
        loop {
            let frame = Frame::of(message, *sent, longest);
            self.write_frame(frame, wait)?;
            *sent += frame.bytes().len();
            if *sent == message.len() {
                return Ok(());
            }
            if should_yield(wait, *sent - before, self.tx.capacity()) {
                return Err(PushError::Timeout(()));
            }
        }
    }

    /// The longest frame for a message of this length.
    fn frame_len_for(&self, len: usize, wait: Wait) -> Result<usize, PushError<()>> {
        if len as u64 > self.max {
            return Err(too_large(len, self.max));
        }
        if !matches!(wait, Wait::NonBlocking) {
            return Ok(self.frame_limit());
        }
        // Several frames would wait for the receiver, so the message must fit into one frame, which
        // may be as long as the ring allows.
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
