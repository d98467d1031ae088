//! One end sends, the other receives, as fast as both can.

use super::message::{Message, Receiver, Sender, is_intact};

/// How many messages a queue holds.
pub const CAPACITY: usize = 1024;
/// And how many a batch.
pub const BATCH: usize = 64;

/// The end that several messages at a time go into.
pub trait BatchSender<M> {
    /// Puts them all in.
    fn send_all(&mut self, messages: &[M]);
}

/// The end that they come out of: at least one, as many as there are and there is space for.
pub trait BatchReceiver<M> {
    /// Takes some out, and says how many.
    fn receive_some(&mut self, space: &mut [M]) -> usize;
}

/// Sends so many.
#[inline(always)]
pub fn send<M: Message>(tx: &mut impl Sender<M>, times: u64) {
    let mut message = M::patterned();
    for n in 0..times {
        message.set_number(n);
        tx.send(&message);
    }
}

/// Receives so many, and looks at every byte of the last.
///
/// # Panics
/// Where they are not what was sent.
#[inline(always)]
pub fn receive<M: Message>(rx: &mut impl Receiver<M>, times: u64) -> u64 {
    let mut message = M::patterned();
    for n in 0..times {
        rx.receive(&mut message);
        assert!(message.has_number(n), "the next message");
    }
    assert!(times == 0 || is_intact(&message, times - 1), "all of it");
    times
}

/// Sends so many, in batches out of `space`.
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

/// Receives so many, in batches into `space`.
///
/// # Panics
/// Where they are not what was sent.
#[inline(always)]
pub fn receive_batches<M: Message>(rx: &mut impl BatchReceiver<M>, space: &mut [M], times: u64) -> u64 {
    let mut received = 0;
    while received < times {
        let len = rx.receive_some(space);
        // Without a branch for each: that would be more work than to receive them.
        let numbered = space[..len].iter().enumerate();
        let right = numbered.fold(true, |right, (n, message)| right & message.has_number(received + n as u64));
        assert!(right, "the next messages");
        received += len as u64;
    }
    received
}
