//! Round trips: each message is answered with the next number.
//!
//! - [`baseline`]: what no queue is faster than

pub mod baseline;

use std::time::{Duration, Instant};

use super::message::{Message, Receiver, Sender, is_intact};
use super::peer_process::Job;

/// The capacity of a queue for round trips. Messages do not pile up, and a small ring stays in the
/// nearest cache.
pub const CAPACITY: usize = 64;

/// The side that sends first.
pub trait Pinger {
    /// Makes one round trip to make sure that the other side is ready, then `times` that count.
    /// After each, `after` is called with its number, which is 0 for the one that does not count.
    fn ping(&mut self, times: u64, after: impl FnMut(u64));

    /// Makes `times` round trips and returns how long they took.
    fn time(&mut self, times: u64) -> Duration {
        let mut start = Instant::now();
        self.ping(times, |n| {
            if n == 0 {
                start = Instant::now();
            }
        });
        start.elapsed()
    }
}

/// A pinger with two queues: one for its messages, one for the answers.
pub struct ChannelPinger<M, T, R> {
    tx: T,
    rx: R,
    message: M,
    answer: M,
}

impl<M: Message, T: Sender<M>, R: Receiver<M>> ChannelPinger<M, T, R> {
    /// A pinger that sends to `tx` and receives from `rx`.
    pub fn new(tx: T, rx: R) -> Self {
        Self { tx, rx, message: M::patterned(), answer: M::patterned() }
    }
}

impl<M: Message, T: Sender<M>, R: Receiver<M>> Pinger for ChannelPinger<M, T, R> {
    #[inline(always)]
    fn ping(&mut self, times: u64, mut after: impl FnMut(u64)) {
        for n in 0..=times {
            self.message.set_number(n);
            self.tx.send(&self.message);
            self.rx.receive(&mut self.answer);
            assert!(self.answer.has_number(n + 1), "the answer to this message");
            after(n);
        }
        assert!(is_intact(&self.answer, times + 1), "every byte of the answer");
    }
}

/// The job of the side that answers a pinger.
pub fn echo<M: Message>(mut rx: impl Receiver<M> + 'static, mut tx: impl Sender<M> + 'static) -> Job {
    let mut message = M::patterned();
    Box::new(move |times, _| {
        for n in 0..=times {
            rx.receive(&mut message);
            assert!(message.has_number(n), "the next message");
            message.set_number(n + 1);
            tx.send(&message);
        }
        times
    })
}
