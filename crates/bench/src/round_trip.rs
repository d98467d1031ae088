//! There and back: a message is answered with the next number.
//!
//! - [`baseline`]: what no queue is faster than

pub mod baseline;

use std::time::{Duration, Instant};

use super::message::{Message, Receiver, Sender, is_intact};
use super::peer_process::Job;

/// How many messages a queue holds: questions and answers do not queue up, and so few stay in the cache that is nearest.
pub const FEW: usize = 64;

/// Who asks, and waits for the answer.
pub trait Pinger {
    /// So many round trips, and one before that tells that the peer is there and is not to be counted. After each,
    /// `after` is called with its number, from 0.
    fn ask(&mut self, times: u64, after: impl FnMut(u64));

    /// The same, and how long those took that count.
    fn time(&mut self, times: u64) -> Duration {
        let mut start = Instant::now();
        self.ask(times, |n| {
            if n == 0 {
                start = Instant::now();
            }
        });
        start.elapsed()
    }
}

/// The ends of two queues: one that questions go into, one that answers come out of.
pub struct ChannelPinger<M, T, R> {
    tx: T,
    rx: R,
    question: M,
    answer: M,
}

impl<M: Message, T: Sender<M>, R: Receiver<M>> ChannelPinger<M, T, R> {
    /// Of those.
    pub fn new(tx: T, rx: R) -> Self {
        Self { tx, rx, question: M::patterned(), answer: M::patterned() }
    }
}

impl<M: Message, T: Sender<M>, R: Receiver<M>> Pinger for ChannelPinger<M, T, R> {
    #[inline(always)]
    fn ask(&mut self, times: u64, mut after: impl FnMut(u64)) {
        for n in 0..=times {
            self.question.set_number(n);
            self.tx.send(&self.question);
            self.rx.receive(&mut self.answer);
            assert!(self.answer.has_number(n + 1), "the answer to this message");
            after(n);
        }
        assert!(is_intact(&self.answer, times + 1), "all of it");
    }
}

/// Answers as many as the other asks.
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
