//! What travels, and the two ends it travels between.

use std::hint::spin_loop;
use std::thread::yield_now;

use bytemuck::{Pod, Zeroable, bytes_of};

use breezeway::Shareable;

/// A message that carries a number.
pub trait Message: Pod + Shareable {
    /// A message whose bytes repeat with no power of two.
    fn patterned() -> Self;

    /// Writes a number at the message's beginning and end.
    fn set_number(&mut self, number: u64);

    /// Whether it has that number at its beginning and end.
    fn has_number(&self, number: u64) -> bool;
}

impl Message for u64 {
    #[inline(always)]
    fn patterned() -> Self {
        0
    }

    #[inline(always)]
    fn set_number(&mut self, number: u64) {
        *self = number;
    }

    #[inline(always)]
    fn has_number(&self, number: u64) -> bool {
        *self == number
    }
}

/// The words of a cache line: a message that is no longer carries its number in each word.
const SHORT: usize = 8;

impl<const WORDS: usize> Message for [u64; WORDS]
where
    [u64; WORDS]: Pod,
{
    fn patterned() -> Self {
        let mut words = Self::zeroed();
        words.iter_mut().enumerate().for_each(|(n, word)| *word = n as u64 % 251);
        words
    }

    #[inline(always)]
    fn set_number(&mut self, number: u64) {
        if WORDS <= SHORT {
            *self = [number; WORDS];
        } else {
            (self[0], self[WORDS - 1]) = (number, number);
        }
    }

    #[inline(always)]
    fn has_number(&self, number: u64) -> bool {
        if WORDS <= SHORT { *self == [number; WORDS] } else { (self[0], self[WORDS - 1]) == (number, number) }
    }
}

/// Whether every byte is that of a patterned message with this number.
pub fn is_intact<M: Message>(message: &M, number: u64) -> bool {
    let mut expected = M::patterned();
    expected.set_number(number);
    bytes_of(message) == bytes_of(&expected)
}

/// The end of a channel that messages go into.
pub trait Sender<M> {
    /// Sends a message; waits while there is no room.
    fn send(&mut self, message: &M);
}

/// The end of a channel that messages come out of.
pub trait Receiver<M> {
    /// Receives a message; waits while there is none.
    fn receive(&mut self, message: &mut M);
}

/// Attempts in a row before the first that gives the CPU away.
const SPIN_ATTEMPTS: u32 = 100;

/// Repeats an attempt until it succeeds. All polled channels wait like this.
#[inline(always)]
pub fn poll_until<R>(mut attempt: impl FnMut() -> Option<R>) -> R {
    let mut attempts = 0;
    loop {
        if let Some(result) = attempt() {
            return result;
        }
        attempts += 1;
        if attempts < SPIN_ATTEMPTS {
            spin_loop();
        } else {
            yield_now();
        }
    }
}
