//! Streams: one end sends, the other receives, as fast as both can.

use std::sync::Arc;
use std::time::Instant;

use breezeway::queue::Queue;
use breezeway_bench::kernel::affinity::PEER_CPU;
use breezeway_bench::kernel::fd_channel::pipe;
use breezeway_bench::message::{Message, Receiver, Sender};
use breezeway_bench::peer_process::{Job, PeerProcess};
use breezeway_bench::queues::{Polled, SpscLink};
use breezeway_bench::runner::Entry;
use breezeway_bench::stream::{
    BATCH, BatchReceiver, BatchSender, CAPACITY, receive, receive_batches, send, send_batches,
};
use crossbeam_queue::ArrayQueue;

use crate::selection::Selection;
use crate::threads::{ArrayQueueHandle, Rtrb};

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

pub fn add_processes(selection: &mut Selection) {
    selection.add(SPSC, |name| {
        let link = SpscLink::new::<u64>(CAPACITY).expect("a queue");
        let peer = PeerProcess::fork(|| vec![receive_all::<u64>(Polled(link.rx()))]);
        entry(name, Polled(link.tx::<u64>()), peer)
    });
    selection.add(SPSC_WAITING, |name| {
        let link = SpscLink::new::<u64>(CAPACITY).expect("a queue");
        let peer = PeerProcess::fork(|| vec![receive_all::<u64>(link.rx())]);
        entry(name, link.tx::<u64>(), peer)
    });
    selection.add(SPSC_BATCHES, |name| {
        let link = SpscLink::new::<u64>(CAPACITY).expect("a queue");
        batches(name, link.tx(), PeerProcess::fork(|| vec![receive_all_batches(link.rx())]))
    });
    selection.add(SPSC_LINES, |name| {
        let link = SpscLink::new::<[u64; 8]>(CAPACITY).expect("a queue");
        let peer = PeerProcess::fork(|| vec![receive_all::<[u64; 8]>(link.rx())]);
        entry::<[u64; 8]>(name, link.tx(), peer)
    });
    selection.add(QUEUE, |name| {
        let queue = Polled(Queue::<u64>::new(CAPACITY).expect("a queue"));
        let peer = PeerProcess::fork(|| vec![receive_all::<u64>(queue.clone())]);
        entry(name, queue, peer)
    });
    selection.add(QUEUE_WAITING, |name| {
        let queue = Queue::<u64>::new(CAPACITY).expect("a queue");
        let peer = PeerProcess::fork(|| vec![receive_all::<u64>(queue.clone())]);
        entry(name, queue, peer)
    });
    selection.add(PIPE, |name| {
        let (rx, tx) = pipe().expect("a pipe");
        entry::<[u64; 8]>(name, tx, PeerProcess::fork(|| vec![receive_all::<[u64; 8]>(rx)]))
    });
}

pub fn add_threads(selection: &mut Selection) {
    selection.add(RTRB, |name| {
        let (tx, rx) = rtrb::RingBuffer::<u64>::new(CAPACITY);
        entry(name, Rtrb(tx), PeerProcess::thread(PEER_CPU, || vec![receive_all::<u64>(Rtrb(rx))]))
    });
    selection.add(RTRB_BATCHES, |name| {
        let (tx, rx) = rtrb::RingBuffer::<u64>::new(CAPACITY);
        batches(name, Rtrb(tx), PeerProcess::thread(PEER_CPU, || vec![receive_all_batches(Rtrb(rx))]))
    });
    selection.add(ARRAY_QUEUE, |name| {
        let queue = ArrayQueueHandle(Arc::new(ArrayQueue::<u64>::new(CAPACITY)));
        let theirs = queue.clone();
        entry(name, queue, PeerProcess::thread(PEER_CPU, || vec![receive_all::<u64>(theirs)]))
    });
}

/// Measures from the first message that this process sends to when the peer has received the last.
pub fn entry<M: Message>(
    name: &'static str,
    mut tx: impl Sender<M> + 'static,
    peer: PeerProcess,
) -> Entry<'static> {
    Entry::new(name, move |times| {
        let receiver = peer.begin(0, times);
        let start = Instant::now();
        send(&mut tx, times);
        assert_eq!(receiver.spin_for_answer(), times);
        start.elapsed()
    })
}

/// The peer's job in [`entry`].
pub fn receive_all<M: Message>(mut rx: impl Receiver<M> + 'static) -> Job {
    Box::new(move |times, _| receive(&mut rx, times))
}

/// Measures a stream in batches.
fn batches(name: &'static str, mut tx: impl BatchSender<u64> + 'static, peer: PeerProcess) -> Entry<'static> {
    Entry::new(name, move |times| {
        let receiver = peer.begin(0, times);
        let start = Instant::now();
        send_batches(&mut tx, &mut [0; BATCH], times);
        assert_eq!(receiver.spin_for_answer(), times);
        start.elapsed()
    })
}

/// The peer's job in [`batches`].
fn receive_all_batches(mut rx: impl BatchReceiver<u64> + 'static) -> Job {
    Box::new(move |times, _| receive_batches(&mut rx, &mut [0; BATCH], times))
}
