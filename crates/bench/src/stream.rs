//! Streams: one end sends, the other receives, as fast as both can.

use super::message::{Message, Receiver, Sender, is_intact};

/// The capacity of a queue for streams, in messages.
pub const CAPACITY: usize = 1024;
/// Messages in a batch.
pub const BATCH: usize = 64;

/// The end of a channel that several messages at a time go into.
pub trait BatchSender<M> {
    /// Sends all messages; waits while there is no room.
    fn send_all(&mut self, messages: &[M]);
}

/// The end of a channel that several messages at a time come out of.
pub trait BatchReceiver<M> {
    /// Receives at least one message and at most as many as `space` holds, and returns how many.
    fn receive_some(&mut self, space: &mut [M]) -> usize;
}

/// Sends `times` numbered messages.
#[inline(always)]
pub fn send<M: Message>(tx: &mut impl Sender<M>, times: u64) {
    let mut message = M::patterned();
    for n in 0..times {
        message.set_number(n);
        tx.send(&message);
    }
}

/// Receives `times` messages, and checks every byte of the last.
#[inline(always)]
pub fn receive<M: Message>(rx: &mut impl Receiver<M>, times: u64) -> u64 {
    let mut message = M::patterned();
    for n in 0..times {
        rx.receive(&mut message);
        assert!(message.has_number(n), "the next message");
    }
    assert!(times == 0 || is_intact(&message, times - 1), "every byte of the message");
    times
}

/// Sends `times` numbered messages, in batches as long as `space`.
#[inline(always)]
pub fn send_batches<M: Message>(tx: &mut impl BatchSender<M>, space: &mut [M], times: u64) {
    let mut sent = 0;
    while sent < times {
        let len = (times - sent).min(space.len() as u64);
        let messages = &mut space[..len as usize];
        messages.iter_mut().enumerate().for_each(|(n, message)| message.set_number(sent + n as u64));
        tx.send_all(messages);
        sent += len;
    }
}

/// Receives `times` messages, in batches of up to the length of `space`.
#[inline(always)]
pub fn receive_batches<M: Message>(rx: &mut impl BatchReceiver<M>, space: &mut [M], times: u64) -> u64 {
    let mut received = 0;
    while received < times {
        let len = rx.receive_some(space);
        // Without a branch for each message: that would take longer than to receive it.
        let numbered = space[..len].iter().enumerate();
        let are_next = numbered.fold(true, |all, (n, message)| all & message.has_number(received + n as u64));
        assert!(are_next, "the next messages");
        received += len as u64;
    }
    received
}
