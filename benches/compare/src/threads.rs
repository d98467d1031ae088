//! rtrb and crossbeam's `ArrayQueue`, both polled: neither has blocking calls.

use std::sync::Arc;

use breezeway_bench::message::{Receiver, Sender, poll_until};
use breezeway_bench::stream::{BatchReceiver, BatchSender};
use crossbeam_queue::ArrayQueue;

/// An end of an rtrb ring.
pub struct Rtrb<E>(pub E);

/// A handle to a shared `ArrayQueue`.
#[derive(Clone)]
pub struct ArrayQueueHandle<M>(pub Arc<ArrayQueue<M>>);

impl<M: Copy> Sender<M> for Rtrb<rtrb::Producer<M>> {
    #[inline(always)]
    fn send(&mut self, message: &M) {
        poll_until(|| self.0.push(*message).ok());
    }
}

impl<M> Receiver<M> for Rtrb<rtrb::Consumer<M>> {
    #[inline(always)]
    fn receive(&mut self, message: &mut M) {
        *message = poll_until(|| self.0.pop().ok());
    }
}

impl<M: Copy> Sender<M> for ArrayQueueHandle<M> {
    #[inline(always)]
    fn send(&mut self, message: &M) {
        poll_until(|| self.0.push(*message).ok());
    }
}

impl<M> Receiver<M> for ArrayQueueHandle<M> {
    #[inline(always)]
    fn receive(&mut self, message: &mut M) {
        *message = poll_until(|| self.0.pop());
    }
}

impl<M: Copy> BatchSender<M> for Rtrb<rtrb::Producer<M>> {
    #[inline(always)]
    fn send_all(&mut self, mut messages: &[M]) {
        while !messages.is_empty() {
            messages = poll_until(|| {
                let (sent, rest) = self.0.push_partial_slice(messages);
                (!sent.is_empty()).then_some(rest)
            });
        }
    }
}

impl<M: Copy> BatchReceiver<M> for Rtrb<rtrb::Consumer<M>> {
    #[inline(always)]
    fn receive_some(&mut self, space: &mut [M]) -> usize {
        poll_until(|| {
            let (received, _) = self.0.pop_partial_slice(space);
            (!received.is_empty()).then_some(received.len())
        })
    }
}
