//! One end sends, the other receives, as fast as both can.

use std::sync::Arc;
use std::time::Instant;

use breezeway::queue::Queue;
use crossbeam_queue::ArrayQueue;

use crate::ends::kernel::pipe;
use crate::ends::ours::{Ring, Trying};
use crate::message::{Message, Receiver, Sender};
use crate::program::Program;
use crate::support::cpu::PARTNER_CPU;
use crate::support::partner::{Job, Partner};
use crate::support::sides::Side;

pub const SPSC: &str = "stream 8 B: breezeway spsc";
pub const SPSC_WAITING: &str = "stream 8 B: breezeway spsc, waiting";
pub const SPSC_BATCHES: &str = "stream 8 B: breezeway spsc, batches of 64";
pub const SPSC_LINES: &str = "stream 64 B: breezeway spsc";
pub const RTRB: &str = "stream 8 B: rtrb, threads";
pub const RTRB_BATCHES: &str = "stream 8 B: rtrb, threads, batches of 64";
pub const QUEUE: &str = "1 to 1, 8 B: breezeway Queue";
pub const QUEUE_WAITING: &str = "1 to 1, 8 B: breezeway Queue, waiting";
pub const ARRAY_QUEUE: &str = "1 to 1, 8 B: ArrayQueue, threads";
pub const PIPE: &str = "stream 64 B: pipe";

/// How many messages a queue holds.
pub const CAPACITY: usize = 1024;
/// And how many a batch.
const BATCH: usize = 64;

pub fn add_processes(program: &mut Program) {
    program.add(SPSC, |name| {
        let ring = Ring::new::<u64>(CAPACITY);
        let partner = Partner::fork(|| vec![receive_all::<u64>(Trying(ring.rx()))]);
        side(name, Trying(ring.tx::<u64>()), partner)
    });
    program.add(SPSC_WAITING, |name| {
        let ring = Ring::new::<u64>(CAPACITY);
        let partner = Partner::fork(|| vec![receive_all::<u64>(ring.rx())]);
        side(name, ring.tx::<u64>(), partner)
    });
    program.add(SPSC_BATCHES, |name| {
        let ring = Ring::new::<u64>(CAPACITY);
        batches(name, ring.tx(), Partner::fork(|| vec![receive_batches(ring.rx())]))
    });
    program.add(SPSC_LINES, |name| {
        let ring = Ring::new::<[u64; 8]>(CAPACITY);
        let partner = Partner::fork(|| vec![receive_all::<[u64; 8]>(ring.rx())]);
        side::<[u64; 8]>(name, ring.tx(), partner)
    });
    program.add(QUEUE, |name| {
        let queue = Trying(Queue::<u64>::new(CAPACITY).expect("a queue"));
        let partner = Partner::fork(|| vec![receive_all::<u64>(queue.clone())]);
        side(name, queue, partner)
    });
    program.add(QUEUE_WAITING, |name| {
        let queue = Queue::<u64>::new(CAPACITY).expect("a queue");
        let partner = Partner::fork(|| vec![receive_all::<u64>(queue.clone())]);
        side(name, queue, partner)
    });
    program.add(PIPE, |name| {
        let (rx, tx) = pipe();
        side::<[u64; 8]>(name, tx, Partner::fork(|| vec![receive_all::<[u64; 8]>(rx)]))
    });
}

pub fn add_threads(program: &mut Program) {
    program.add(RTRB, |name| {
        let (tx, rx) = rtrb::RingBuffer::<u64>::new(CAPACITY);
        side(name, tx, Partner::thread(PARTNER_CPU, || vec![receive_all::<u64>(rx)]))
    });
    program.add(RTRB_BATCHES, |name| {
        let (tx, rx) = rtrb::RingBuffer::<u64>::new(CAPACITY);
        batches(name, tx, Partner::thread(PARTNER_CPU, || vec![receive_batches(rx)]))
    });
    program.add(ARRAY_QUEUE, |name| {
        let queue = Arc::new(ArrayQueue::<u64>::new(CAPACITY));
        let theirs = Arc::clone(&queue);
        side(name, queue, Partner::thread(PARTNER_CPU, || vec![receive_all::<u64>(theirs)]))
    });
}

/// We send, and the partner has received everything.
pub fn side<M: Message>(
    name: &'static str,
    mut tx: impl Sender<M> + 'static,
    partner: Partner,
) -> Side<'static> {
    Side::new(name, move |times| {
        let receiver = partner.begin(0, times);
        let start = Instant::now();
        (0..times).for_each(|n| tx.send(M::numbered(n)));
        assert_eq!(receiver.answer(), times);
        start.elapsed()
    })
}

/// The partner's part of [`side`].
pub fn receive_all<M: Message>(mut rx: impl Receiver<M> + 'static) -> Job {
    Box::new(move |times, _| {
        (0..times).for_each(|n| assert!(rx.receive() == M::numbered(n), "the next message"));
        times
    })
}

/// The end that several messages at a time go into.
pub trait BatchSender {
    fn send_all(&mut self, messages: &[u64]);
}

/// The end that they come out of: at least one, as many as there are and there is space for.
pub trait BatchReceiver {
    fn receive_some(&mut self, space: &mut [u64]) -> usize;
}

/// The same in batches.
pub fn batches(name: &'static str, mut tx: impl BatchSender + 'static, partner: Partner) -> Side<'static> {
    Side::new(name, move |times| {
        let receiver = partner.begin(0, times);
        let start = Instant::now();
        let mut batch = [0; BATCH];
        let mut sent = 0;
        while sent < times {
            let len = (times - sent).min(BATCH as u64);
            let messages = &mut batch[..len as usize];
            messages.iter_mut().enumerate().for_each(|(n, message)| *message = sent + n as u64);
            tx.send_all(messages);
            sent += len;
        }
        assert_eq!(receiver.answer(), times);
        start.elapsed()
    })
}

/// The partner's part of [`batches`].
pub fn receive_batches(mut rx: impl BatchReceiver + 'static) -> Job {
    Box::new(move |times, _| {
        let mut space = [0; BATCH];
        let mut received = 0;
        while received < times {
            let len = rx.receive_some(&mut space);
            // Without a branch for each: that would be more work than to receive them.
            let numbered = space[..len].iter().enumerate();
            let wrong = numbered.fold(0, |wrong, (n, message)| wrong | ((received + n as u64) ^ message));
            assert_eq!(wrong, 0, "the next messages");
            received += len as u64;
        }
        received
    })
}
