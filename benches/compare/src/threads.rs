//! rtrb and crossbeam's `ArrayQueue`. Neither waits by itself.

use std::sync::Arc;

use breezeway_bench::message::{Receiver, Sender, persist};
use breezeway_bench::stream::{BatchReceiver, BatchSender};
use crossbeam_queue::ArrayQueue;

/// One of the two ends of an rtrb.
pub struct One<E>(pub E);

/// One of the many ends of an `ArrayQueue`.
#[derive(Clone)]
pub struct Many<M>(pub Arc<ArrayQueue<M>>);

impl<M: Copy> Sender<M> for One<rtrb::Producer<M>> {
    #[inline(always)]
    fn send(&mut self, message: &M) {
        persist(|| self.0.push(*message).ok());
    }
}

impl<M> Receiver<M> for One<rtrb::Consumer<M>> {
    #[inline(always)]
    fn receive(&mut self, message: &mut M) {
        *message = persist(|| self.0.pop().ok());
    }
}

impl<M: Copy> Sender<M> for Many<M> {
    #[inline(always)]
    fn send(&mut self, message: &M) {
        persist(|| self.0.push(*message).ok());
    }
}

impl<M> Receiver<M> for Many<M> {
    #[inline(always)]
    fn receive(&mut self, message: &mut M) {
        *message = persist(|| self.0.pop());
    }
}

/// Batches, as many of a slice as there is room for at a time.
impl<M: Copy> BatchSender<M> for One<rtrb::Producer<M>> {
    #[inline(always)]
    fn send_all(&mut self, mut messages: &[M]) {
        while !messages.is_empty() {
            messages = persist(|| {
                let (sent, rest) = self.0.push_partial_slice(messages);
                (!sent.is_empty()).then_some(rest)
            });
        }
    }
}

impl<M: Copy> BatchReceiver<M> for One<rtrb::Consumer<M>> {
    #[inline(always)]
    fn receive_some(&mut self, space: &mut [M]) -> usize {
        persist(|| {
            let (received, _) = self.0.pop_partial_slice(space);
            (!received.is_empty()).then_some(received.len())
        })
    }
}
