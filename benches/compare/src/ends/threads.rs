//! rtrb and crossbeam's `ArrayQueue`. Neither waits by itself.

use std::sync::Arc;

use crossbeam_queue::ArrayQueue;

use crate::message::{Receiver, Sender, persist};
use crate::stream::{BatchReceiver, BatchSender};

impl<M: Copy> Sender<M> for rtrb::Producer<M> {
    #[inline(always)]
    fn send(&mut self, message: M) {
        persist(|| self.push(message).ok());
    }
}

impl<M> Receiver<M> for rtrb::Consumer<M> {
    #[inline(always)]
    fn receive(&mut self) -> M {
        persist(|| self.pop().ok())
    }
}

impl<M: Copy> Sender<M> for Arc<ArrayQueue<M>> {
    #[inline(always)]
    fn send(&mut self, message: M) {
        persist(|| self.push(message).ok());
    }
}

impl<M> Receiver<M> for Arc<ArrayQueue<M>> {
    #[inline(always)]
    fn receive(&mut self) -> M {
        persist(|| self.pop())
    }
}

/// Batches, as many of a slice as there is room for at a time.
impl BatchSender for rtrb::Producer<u64> {
    #[inline(always)]
    fn send_all(&mut self, mut messages: &[u64]) {
        while !messages.is_empty() {
            messages = persist(|| {
                let (sent, rest) = self.push_partial_slice(messages);
                (!sent.is_empty()).then_some(rest)
            });
        }
    }
}

impl BatchReceiver for rtrb::Consumer<u64> {
    #[inline(always)]
    fn receive_some(&mut self, space: &mut [u64]) -> usize {
        persist(|| {
            let (received, _) = self.pop_partial_slice(space);
            (!received.is_empty()).then_some(received.len())
        })
    }
}
