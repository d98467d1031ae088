//! Four processes send and four receive through one queue, two of each on each CPU.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use breezeway::queue::Queue;
use breezeway_bench::kernel::affinity::{Cpu, OUR_CPU, PEER_CPU};
use breezeway_bench::kernel::clock;
use breezeway_bench::kernel::page::Page;
use breezeway_bench::message::{Receiver, Sender, poll_until};
use breezeway_bench::peer_process::{Job, PeerProcess, PendingJob};
use breezeway_bench::queues::Polled;
use breezeway_bench::runner::Entry;
use breezeway_bench::stream::CAPACITY;
use crossbeam_queue::ArrayQueue;

use crate::selection::Selection;
use crate::threads::ArrayQueueHandle;

pub const QUEUE: &str = "4 to 4, 8 B: breezeway Queue";
pub const QUEUE_WAITING: &str = "4 to 4, 8 B: breezeway Queue, waiting";
pub const ARRAY_QUEUE: &str = "4 to 4, 8 B: ArrayQueue, threads";

/// The number of senders, and of receivers.
const HALF: usize = 4;
/// Long enough that each of the eight is scheduled many times.
const BATCH_TIME: Duration = Duration::from_millis(20);
/// The bits of a message that number it among its sender's; the others are the sender's number.
const NUMBER_BITS: u32 = 56;

pub fn add_processes(selection: &mut Selection) {
    selection.add(QUEUE, |name| {
        let queue = Polled(Queue::<u64>::new(CAPACITY).expect("a queue"));
        entry(name, |cpu, role| PeerProcess::fork_on(cpu, || vec![role.job(queue.clone(), queue.clone())]))
    });
    selection.add(QUEUE_WAITING, |name| {
        let queue = Queue::<u64>::new(CAPACITY).expect("a queue");
        entry(name, |cpu, role| PeerProcess::fork_on(cpu, || vec![role.job(queue.clone(), queue.clone())]))
    });
}

pub fn add_threads(selection: &mut Selection) {
    selection.add(ARRAY_QUEUE, |name| {
        let queue = ArrayQueueHandle(Arc::new(ArrayQueue::<u64>::new(CAPACITY)));
        entry(name, |cpu, role| {
            let queue = queue.clone();
            PeerProcess::thread(cpu, move || vec![role.job(queue.clone(), queue)])
        })
    });
}

/// What one of the eight does.
#[derive(Clone, Copy)]
struct Role {
    /// The sender's number; `None` for a receiver.
    sender: Option<usize>,
    /// The batch that may begin.
    batch: &'static AtomicU64,
    /// The sum of all messages received.
    sum: &'static AtomicU64,
}

/// Measures from the start of a batch, which all eight wait for, to the end of the last one's part.
fn entry(name: &'static str, mut spawn: impl FnMut(Cpu, Role) -> PeerProcess) -> Entry<'static> {
    let page = Page::new();
    let (batch, sum) = (page.word(0), page.word(1));
    let peers: Vec<PeerProcess> = (0..2 * HALF)
        .map(|n| {
            let cpu = if n % 2 == 0 { OUR_CPU } else { PEER_CPU };
            spawn(cpu, Role { sender: (n < HALF).then_some(n), batch, sum })
        })
        .collect();
    let mut batches = 0;
    let entry = Entry::new(name, move |times: u64| {
        let each = times.div_ceil(HALF as u64);
        let pending: Vec<_> = peers.iter().map(|peer| peer.begin(0, each)).collect();
        batches += 1;
        sum.store(0, Ordering::Relaxed);
        let start = clock::now();
        batch.store(batches, Ordering::Release);
        let end = pending.into_iter().map(PendingJob::sleep_for_answer).fold(start, u64::max);
        let all = (0..HALF).flat_map(|sender| messages(sender, each)).fold(0, u64::wrapping_add);
        assert_eq!(sum.load(Ordering::Relaxed), all, "what was sent is what was received");
        Duration::from_nanos(end - start)
    });
    entry.min_batch_time(BATCH_TIME)
}

impl Role {
    /// The job of this role, which answers when it was done.
    fn job(self, mut tx: impl Sender<u64> + 'static, mut rx: impl Receiver<u64> + 'static) -> Job {
        let mut batches = 0;
        Box::new(move |times, _| {
            batches += 1;
            poll_until(|| (self.batch.load(Ordering::Acquire) == batches).then_some(()));
            match self.sender {
                Some(sender) => messages(sender, times).for_each(|message| tx.send(&message)),
                None => {
                    self.sum.fetch_add(receive(&mut rx, times), Ordering::Relaxed);
                }
            }
            clock::now()
        })
    }
}

/// The messages of a sender.
fn messages(sender: usize, times: u64) -> impl Iterator<Item = u64> {
    let mark = (sender as u64) << NUMBER_BITS;
    (1..=times).map(move |n| mark | n)
}

/// Receives messages, checks that each sender's arrive in order, and returns their sum.
fn receive(rx: &mut impl Receiver<u64>, times: u64) -> u64 {
    let mut last = [0; HALF];
    let (mut message, mut sum) = (0, 0_u64);
    for _ in 0..times {
        rx.receive(&mut message);
        sum = sum.wrapping_add(message);
        let last = &mut last[(message >> NUMBER_BITS) as usize];
        let number = message & ((1 << NUMBER_BITS) - 1);
        assert!(number > *last, "in order");
        *last = number;
    }
    sum
}
