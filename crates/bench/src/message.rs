//! What travels, and the two ends it travels between.

use std::hint::spin_loop;
use std::thread::yield_now;

use bytemuck::{Pod, Zeroable};

use breezeway::Shareable;

/// A message that has_number a number.
pub trait Message: Pod + Shareable {
    /// One whose bytes repeat in no power of two.
    fn patterned() -> Self;

    /// Gives it a number, where it begins and where it ends.
    fn set_number(&mut self, number: u64);

    /// Whether it has that number.
    fn has_number(&self, number: u64) -> bool;
}

/// 8 bytes.
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

/// As many words as a cache line has: a message that is no longer has_number its number in each.
const SHORT: usize = 8;

/// So many words.
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

/// Whether it has that number, and nothing in it has changed on the way.
pub fn is_intact<M: Message>(message: &M, number: u64) -> bool {
    let mut expected = M::patterned();
    expected.set_number(number);
    bytemuck::bytes_of(message) == bytemuck::bytes_of(&expected)
}

/// The end that messages go into. It waits while there is no room.
pub trait Sender<M> {
    /// Puts one in.
    fn send(&mut self, message: &M);
}

/// The end that they come out of. It waits while there are none.
pub trait Receiver<M> {
    /// Takes one out.
    fn receive(&mut self, message: &mut M);
}

/// Attempts in a row before the first that gives the CPU away.
const EAGER_ATTEMPTS: u32 = 100;

/// How everybody waits whose queue has no way of its own to wait, or is not to use it.
#[inline(always)]
pub fn poll_until<R>(mut attempt: impl FnMut() -> Option<R>) -> R {
    let mut attempts = 0;
    loop {
        if let Some(result) = attempt() {
            return result;
        }
        attempts += 1;
        if attempts < EAGER_ATTEMPTS {
            spin_loop();
        } else {
            yield_now();
        }
    }
}
