//! Work done by breezeway and by what one might take in its place, each between two pinned
//! processes.
//!
//! An entry is called `peers, WORK: PEER`; [`table`] has a line for each of the [`WORKS`] and a
//! column for each of the [`PEERS`].
//!
//! - [`iceoryx`], [`ipc_channel`], [`raw_sync`]: iceoryx2, ipc-channel and raw_sync behind the
//!   traits of `breezeway-bench`
//! - [`locks`]: a mutex, and what it protects
//! - [`external`]: programs in other languages, which run a batch on request
//! - [`table`]: the table

pub mod external;
pub mod iceoryx;
pub mod ipc_channel;
pub mod locks;
pub mod raw_sync;
pub mod table;

use std::sync::Arc;
use std::time::Duration;

use breezeway_bench::catalogue::link::{Hot, Link, QueueLink};
use breezeway_bench::kernel::affinity::{OUR_CPU, PEER_CPU};
use breezeway_bench::kernel::clock;
use breezeway_bench::message::{Message, Receiver, Sender};
use breezeway_bench::peer_process::{Job, PeerProcess};
use breezeway_bench::queues::{BytesLink, SpscLink};
use breezeway_bench::round_trip::{self as trips, ChannelPinger, echo};
use breezeway_bench::runner::Entry;
use breezeway_bench::stream::{CAPACITY, receive, send};
use crossbeam_queue::ArrayQueue;

use crate::selection::Selection;
use crate::threads::{ArrayQueueHandle, Rtrb};
use crate::{parked, round_trip, stream};
use iceoryx::Topic;
use ipc_channel::Channel;
use raw_sync::RawSyncLink;

pub const ROUND_TRIP: &str = "round trip 64 B, hot";
pub const PARKED: &str = "round trip 64 B, parked";
pub const PARKED_MANY: &str = "round trip 64 B, parked, many to many";
pub const STREAM_8: &str = "stream 8 B, tried";
pub const STREAM_64: &str = "stream 64 B, tried";
pub const STREAM_8_WAITING: &str = "stream 8 B, waiting";
pub const STREAM_64_WAITING: &str = "stream 64 B, waiting";
pub const MANY_8: &str = "stream 8 B, many to many, tried";
pub const MANY_64_WAITING: &str = "stream 64 B, many to many, waiting";
pub const BULK: &str = "bulk 64 KiB";
pub const LOCK: &str = "mutex, alone";
pub const RACE: &str = "mutex, two at it";
pub const ADD: &str = "value += 1, alone";
pub const READ: &str = "value read, alone";
pub const TASK: &str = "pool, a trivial task";

pub const WORKS: [&str; 15] = [
    ROUND_TRIP,
    PARKED,
    PARKED_MANY,
    STREAM_8,
    STREAM_64,
    STREAM_8_WAITING,
    STREAM_64_WAITING,
    MANY_8,
    MANY_64_WAITING,
    BULK,
    LOCK,
    RACE,
    ADD,
    READ,
    TASK,
];

pub const OURS: &str = "breezeway";
pub const ICEORYX: &str = "iceoryx2";
pub const CHANNEL: &str = "ipc-channel";
pub const RAW_SYNC: &str = "raw_sync";
pub const RTRB: &str = "rtrb (threads)";
pub const ARRAY_QUEUE: &str = "ArrayQueue (threads)";
pub const BOOST: &str = "Boost";
pub const PYTHON: &str = "Python";

pub const PEERS: [&str; 8] = [OURS, ICEORYX, CHANNEL, RAW_SYNC, RTRB, ARRAY_QUEUE, BOOST, PYTHON];

/// 64 bytes.
type Line = [u64; 8];
/// 64 KiB.
type Bulk = [u64; 8 << 10];

/// As many of them as fit into 2 MiB with the queue's overhead; see [`crate::bulk`].
const BULKS: usize = 31;
/// Long enough to outweigh waking two processes.
const BATCH_TIME: Duration = Duration::from_millis(2);

/// The name of an entry.
pub fn name_of(work: &str, peer: &str) -> String {
    format!("peers, {work}: {peer}")
}

/// Makes an entry if it is selected.
pub fn add(
    selection: &mut Selection,
    work: &str,
    peer: &str,
    make: impl FnOnce(&'static str) -> Entry<'static>,
) {
    // Leaked: the few dozen names last until the program ends.
    selection.add(name_of(work, peer).leak(), make);
}

/// Called when [`parked::add_processes`] is.
pub fn add_parked(selection: &mut Selection) {
    add(selection, PARKED, OURS, there_and_back::<Line, SpscLink>);
    add(selection, PARKED, ICEORYX, there_and_back::<Line, Topic<Line, true>>);
    add(selection, PARKED, CHANNEL, there_and_back::<Line, Channel<false>>);
    add(selection, PARKED, RAW_SYNC, there_and_back::<Line, RawSyncLink<false>>);
    add(selection, PARKED_MANY, OURS, there_and_back::<Line, QueueLink<Line>>);
}

/// Adds the other processes, and returns what is missing and why.
pub fn add_processes(selection: &mut Selection) -> Vec<String> {
    add(selection, ROUND_TRIP, OURS, there_and_back::<Line, Hot<SpscLink>>);
    add(selection, ROUND_TRIP, ICEORYX, there_and_back::<Line, Topic<Line, false>>);
    add(selection, ROUND_TRIP, CHANNEL, there_and_back::<Line, Channel<true>>);
    add(selection, ROUND_TRIP, RAW_SYNC, there_and_back::<Line, RawSyncLink<true>>);
    add(selection, STREAM_8, OURS, one_way::<u64, Hot<SpscLink>>);
    add(selection, STREAM_8, ICEORYX, one_way::<u64, Topic<u64, false>>);
    add(selection, STREAM_64, OURS, one_way::<Line, Hot<SpscLink>>);
    add(selection, STREAM_64, ICEORYX, one_way::<Line, Topic<Line, false>>);
    add(selection, STREAM_8_WAITING, OURS, one_way::<u64, SpscLink>);
    add(selection, STREAM_8_WAITING, CHANNEL, one_way::<u64, Channel<false>>);
    add(selection, STREAM_64_WAITING, OURS, one_way::<Line, SpscLink>);
    add(selection, STREAM_64_WAITING, CHANNEL, one_way::<Line, Channel<false>>);
    add(selection, MANY_8, OURS, one_way::<u64, Hot<QueueLink<u64>>>);
    add(selection, MANY_64_WAITING, OURS, one_way::<Line, QueueLink<Line>>);
    add(selection, BULK, OURS, one_way::<Bulk, BytesLink>);
    add(selection, BULK, ICEORYX, one_way::<Bulk, Topic<Bulk, false>>);
    add(selection, BULK, CHANNEL, one_way::<Bulk, Channel<false>>);
    locks::add_processes(selection);
    external::add_processes(selection)
}

pub fn add_threads(selection: &mut Selection) {
    add(selection, ROUND_TRIP, RTRB, |name| {
        let [(tx, their_rx), (their_tx, rx)] =
            [(); 2].map(|()| rtrb::RingBuffer::<Line>::new(trips::CAPACITY));
        let peer = PeerProcess::thread(PEER_CPU, || vec![echo::<Line>(Rtrb(their_rx), Rtrb(their_tx))]);
        round_trip::entry(name, ChannelPinger::<Line, _, _>::new(Rtrb(tx), Rtrb(rx)), peer)
    });
    add(selection, ROUND_TRIP, ARRAY_QUEUE, |name| {
        let [there, back] =
            [(); 2].map(|()| ArrayQueueHandle(Arc::new(ArrayQueue::<Line>::new(trips::CAPACITY))));
        let (their_rx, their_tx) = (there.clone(), back.clone());
        let peer = PeerProcess::thread(PEER_CPU, || vec![echo::<Line>(their_rx, their_tx)]);
        round_trip::entry(name, ChannelPinger::<Line, _, _>::new(there, back), peer)
    });
    add(selection, STREAM_8, RTRB, through_rtrb::<u64>);
    add(selection, STREAM_64, RTRB, through_rtrb::<Line>);
    add(selection, MANY_8, ARRAY_QUEUE, |name| {
        let queue = ArrayQueueHandle(Arc::new(ArrayQueue::<u64>::new(CAPACITY)));
        let theirs = queue.clone();
        let peer = PeerProcess::thread(PEER_CPU, || vec![stream::receive_all::<u64>(theirs)]);
        stream::entry(name, queue, peer)
    });
}

fn through_rtrb<M: Message + Send>(name: &'static str) -> Entry<'static> {
    let (tx, rx) = rtrb::RingBuffer::<M>::new(CAPACITY);
    stream::entry(name, Rtrb(tx), PeerProcess::thread(PEER_CPU, || vec![stream::receive_all::<M>(Rtrb(rx))]))
}

/// Round trips through two links between two processes. Each process opens its own ends, because
/// some do not survive a fork.
fn there_and_back<M: Message, L: Link<M>>(name: &'static str) -> Entry<'static> {
    let [there, back] = [(); 2].map(|()| L::new(trips::CAPACITY).expect("a link"));
    let (our_tx, our_rx, their_tx, their_rx) = (there.tx(), back.rx(), back.tx(), there.rx());
    parked::entry(
        name,
        PEER_CPU,
        || parked::pinging(ChannelPinger::<M, _, _>::new(our_tx(), our_rx())),
        || echo::<M>(their_rx(), their_tx()),
    )
}

/// Measures a stream between two processes from when the first message is sent to when the last is
/// received.
fn one_way<M: Message, L: Link<M>>(name: &'static str) -> Entry<'static> {
    let capacity = if size_of::<M>() < size_of::<Bulk>() { CAPACITY } else { BULKS };
    let link = L::new(capacity).expect("a link");
    let (open_tx, open_rx) = (link.tx(), link.rx());
    let sender = PeerProcess::fork_on(OUR_CPU, || vec![sending(open_tx())]);
    let receiver = PeerProcess::fork(|| vec![receiving(open_rx())]);
    let entry = Entry::new(name, move |times| {
        let receiving = receiver.begin(0, times);
        let start = sender.begin(0, times).sleep_for_answer();
        Duration::from_nanos(receiving.sleep_for_answer() - start)
    });
    entry.min_batch_time(BATCH_TIME)
}

/// Sends, and answers when it began.
fn sending<M: Message>(mut tx: impl Sender<M> + 'static) -> Job {
    Box::new(move |times, _| {
        let start = clock::now();
        send(&mut tx, times);
        start
    })
}

/// Receives, and answers when it was done.
fn receiving<M: Message>(mut rx: impl Receiver<M> + 'static) -> Job {
    Box::new(move |times, _| {
        receive(&mut rx, times);
        clock::now()
    })
}
