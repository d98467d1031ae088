//! There and back: a message is answered with the next number.
//!
//! - [`yardstick`]: what no queue is faster than

pub mod yardstick;

use std::time::{Duration, Instant};

use super::message::{Message, Receiver, Sender, is_whole};
use super::partner::Job;

/// How many messages a queue holds: questions and answers do not queue up, and so few stay in the cache that is nearest.
pub const FEW: usize = 64;

/// Who asks, and waits for the answer.
pub trait Ask {
    /// So many round trips, and one before that tells that the partner is there and is not to be counted. After each,
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
pub struct Ends<M, T, R> {
    tx: T,
    rx: R,
    question: M,
    answer: M,
}

impl<M: Message, T: Sender<M>, R: Receiver<M>> Ends<M, T, R> {
    /// Of those.
    pub fn new(tx: T, rx: R) -> Self {
        Self { tx, rx, question: M::blank(), answer: M::blank() }
    }
}

impl<M: Message, T: Sender<M>, R: Receiver<M>> Ask for Ends<M, T, R> {
    #[inline(always)]
    fn ask(&mut self, times: u64, mut after: impl FnMut(u64)) {
        for n in 0..=times {
            self.question.stamp(n);
            self.tx.send(&self.question);
            self.rx.receive(&mut self.answer);
            assert!(self.answer.carries(n + 1), "the answer to this message");
            after(n);
        }
        assert!(is_whole(&self.answer, times + 1), "all of it");
    }
}

/// Answers as many as the other asks.
pub fn echo<M: Message>(mut rx: impl Receiver<M> + 'static, mut tx: impl Sender<M> + 'static) -> Job {
    let mut message = M::blank();
    Box::new(move |times, _| {
        for n in 0..=times {
            rx.receive(&mut message);
            assert!(message.carries(n), "the next message");
            message.stamp(n + 1);
            tx.send(&message);
        }
        times
    })
}
