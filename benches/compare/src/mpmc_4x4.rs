//! Four send and four receive through one queue, two of each on each CPU.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use breezeway_bench::kernel::affinity::{Cpu, OUR_CPU, PEER_CPU};
use breezeway_bench::kernel::clock;
use breezeway_bench::kernel::page::Page;
use breezeway_bench::message::{Receiver, Sender, poll_until};
use breezeway_bench::queues::Polled;
use breezeway_bench::peer_process::{PendingJob, Job, PeerProcess};
use breezeway_bench::runner::Entry;
use breezeway_bench::stream::CAPACITY;
use breezeway::queue::Queue;
use crossbeam_queue::ArrayQueue;

use crate::selection::Selection;
use crate::threads::ArrayQueueHandle;

pub const QUEUE: &str = "4 to 4, 8 B: breezeway Queue";
pub const QUEUE_WAITING: &str = "4 to 4, 8 B: breezeway Queue, waiting";
pub const ARRAY_QUEUE: &str = "4 to 4, 8 B: ArrayQueue, threads";

/// How many send, and how many receive.
const HALF: usize = 4;
/// Long enough that eight come to the CPU many times.
const BATCH: Duration = Duration::from_millis(20);
/// The part of a message that numbers it among its sender's; the others are the sender's number.
const NUMBER_BITS: u32 = 56;

pub fn add_processes(selection: &mut Selection) {
    selection.add(QUEUE, |name| {
        let queue = Polled(Queue::<u64>::new(CAPACITY).expect("a queue"));
        side(name, |cpu, part| PeerProcess::fork_to(cpu, || vec![part.of(queue.clone(), queue.clone())]))
    });
    selection.add(QUEUE_WAITING, |name| {
        let queue = Queue::<u64>::new(CAPACITY).expect("a queue");
        side(name, |cpu, part| PeerProcess::fork_to(cpu, || vec![part.of(queue.clone(), queue.clone())]))
    });
}

pub fn add_threads(selection: &mut Selection) {
    selection.add(ARRAY_QUEUE, |name| {
        let queue = ArrayQueueHandle(Arc::new(ArrayQueue::<u64>::new(CAPACITY)));
        side(name, |cpu, part| {
            let queue = queue.clone();
            PeerProcess::thread(cpu, move || vec![part.of(queue.clone(), queue)])
        })
    });
}

/// What one of the crowd does.
#[derive(Clone, Copy)]
pub struct Part {
    /// The sender of this number; or a receiver.
    sender: Option<usize>,
    gate: &'static AtomicU64,
    /// All that was received, added up.
    sum: &'static AtomicU64,
}

/// Everybody begins when the gate opens; the last one's end is the end.
pub fn side(name: &'static str, mut join: impl FnMut(Cpu, Part) -> PeerProcess) -> Entry<'static> {
    let page = Page::new();
    let (gate, sum) = (page.word(0), page.word(1));
    let crowd: Vec<PeerProcess> = (0..2 * HALF)
        .map(|n| {
            let cpu = if n % 2 == 0 { OUR_CPU } else { PEER_CPU };
            join(cpu, Part { sender: (n < HALF).then_some(n), gate, sum })
        })
        .collect();
    let mut opened = 0;
    let side = Entry::new(name, move |times| {
        let each = times.div_ceil(HALF as u64);
        let busy: Vec<_> = crowd.iter().map(|peer| peer.begin(0, each)).collect();
        opened += 1;
        sum.store(0, Ordering::Relaxed);
        let start = clock::now();
        gate.store(opened, Ordering::Release);
        let end = busy.into_iter().map(PendingJob::answer_asleep).fold(start, u64::max);
        let all = (0..HALF).flat_map(|sender| messages(sender, each)).fold(0, u64::wrapping_add);
        assert_eq!(sum.load(Ordering::Relaxed), all, "what was sent is what was received");
        Duration::from_nanos(end - start)
    });
    side.lasting(BATCH)
}

impl Part {
    /// Done with these ends; it answers when it was done.
    pub fn of(self, mut tx: impl Sender<u64> + 'static, mut rx: impl Receiver<u64> + 'static) -> Job {
        let mut opened = 0;
        Box::new(move |times, _| {
            opened += 1;
            poll_until(|| (self.gate.load(Ordering::Acquire) == opened).then_some(()));
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

/// What this one sends.
fn messages(sender: usize, times: u64) -> impl Iterator<Item = u64> {
    let mark = (sender as u64) << NUMBER_BITS;
    (1..=times).map(move |n| mark | n)
}

/// Checks that no sender's messages overtake each other, and adds them up.
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
