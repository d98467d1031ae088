//! Messages into frames.

use serde::{Deserialize, Serialize};

use super::clock::Clock;
use super::draft::{Encoded, encode};
use super::frame::{self, EXTRA, Frame};
use crate::error::{CodecError, PushError};
use crate::queue::bytes::Producer;
use crate::raw::patience::Patience;
use crate::sys::clock::coarse_nanos;

/// The sending side.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Writer {
    tx: Producer,
    /// The longest message.
    max: u64,
    /// How long the last one was: the next one may be so, too.
    #[serde(skip)]
    last: usize,
    /// When it was seen last whether the receiver lives, in nanoseconds.
    #[serde(skip)]
    cared_at: u64,
}

/// How often to see whether the receiver lives, at most, in nanoseconds: who sends now and then, and never has to wait for room,
/// would not hear of its death otherwise.
const CARE_INTERVAL: u64 = 50_000_000;

/// What is reserved for a value at least, whose length is known when it is encoded.
const LIKELY: usize = 64;

impl Writer {
    pub(super) fn new(tx: Producer, max: u64) -> Self {
        Self { tx, max, last: 0, cared_at: 0 }
    }

    pub(super) fn producer(&self) -> &Producer {
        &self.tx
    }

    /// Bytes of a frame, at most, of what is sent in several: a quarter of the ring, so that both sides have something to do.
    fn part(&self) -> usize {
        self.tx.capacity() / 4
    }

    /// Sends a value.
    #[inline]
    pub(super) fn send<T: Serialize + ?Sized>(
        &mut self,
        value: &T,
        patience: Patience,
    ) -> Result<(), PushError<()>> {
        self.care();
        let clock = Clock::start(patience);
        match self.begin(value, patience)? {
            None => Ok(()),
            Some(message) => self.go_on(&message, &mut 0, clock),
        }
    }

    /// Encodes a value once there is room for one, and once only. A short one is sent by that. A long one is given out, to
    /// [go on](Self::go_on) with.
    #[inline]
    pub(super) fn begin<T: Serialize + ?Sized>(
        &mut self,
        value: &T,
        patience: Patience,
    ) -> Result<Option<Vec<u8>>, PushError<()>> {
        let likely = (2 * self.last).max(LIKELY).min(self.part());
        let mut room = self.tx.reserve_within(likely, patience)?;
        let place: &mut [u8] = &mut room;
        match encode(value, &mut place[..likely - EXTRA]) {
            Ok(Encoded::InPlace(len)) if len as u64 <= self.max => {
                frame::end_whole(&mut place[len..len + EXTRA]);
                room.commit(len + EXTRA);
                self.last = len;
                Ok(None)
            }
            Ok(Encoded::InPlace(len)) => Err(too_large(len, self.max)),
            Ok(Encoded::Apart(message)) => {
                drop(room);
                self.last = message.len();
                Ok(Some(message))
            }
            Err(error) => Err(PushError::Encode { value: (), source: CodecError::new(error) }),
        }
    }

    /// Sends a message as it is.
    #[inline]
    pub(super) fn write(&mut self, message: &[u8], patience: Patience) -> Result<(), PushError<()>> {
        self.care();
        if message.len() + EXTRA > self.part() || message.len() as u64 > self.max {
            return self.go_on(message, &mut 0, Clock::start(patience));
        }
        self.put(Frame::Whole(message), patience)
    }

    /// Sees whether the receiver lives, if that was not seen lately.
    #[inline]
    pub(super) fn care(&mut self) {
        let now = coarse_nanos();
        if now.wrapping_sub(self.cared_at) >= CARE_INTERVAL {
            self.cared_at = now;
            self.tx.care();
        }
    }

    /// Sends a message of which so much was sent before: a long one goes bit by bit. Where the time is up in the middle, it can be gone
    /// on with; another message gives it up.
    pub(super) fn go_on(
        &mut self,
        message: &[u8],
        sent: &mut usize,
        clock: Clock,
    ) -> Result<(), PushError<()>> {
        let longest = self.longest_frame(message.len(), clock)?;
        let before = *sent;
        loop {
            let frame = Frame::of(message, *sent, longest);
            self.put(frame, clock.left())?;
            *sent += frame.bytes().len();
            if *sent == message.len() {
                return Ok(());
            }
            if clock.makes_way(*sent - before, self.tx.capacity()) {
                return Err(PushError::Timeout(()));
            }
        }
    }

    /// In frames of how many bytes to send a message of this length.
    fn longest_frame(&self, len: usize, clock: Clock) -> Result<usize, PushError<()>> {
        if len as u64 > self.max {
            return Err(too_large(len, self.max));
        }
        if !clock.is_impatient() {
            return Ok(self.part());
        }
        // In several frames it would have to wait; but the ring holds a longer frame than those.
        let longest = self.tx.max_message();
        if len + EXTRA > longest { Err(too_large(len, (longest - EXTRA) as u64)) } else { Ok(longest) }
    }

    #[inline]
    fn put(&mut self, frame: Frame<'_>, patience: Patience) -> Result<(), PushError<()>> {
        let mut room = self.tx.reserve_within(frame.len(), patience)?;
        frame.write(&mut room);
        room.commit(frame.len());
        Ok(())
    }
}

#[cold]
fn too_large(len: usize, max: u64) -> PushError<()> {
    PushError::TooLarge { value: (), len, max: usize::try_from(max).unwrap_or(usize::MAX) }
}
