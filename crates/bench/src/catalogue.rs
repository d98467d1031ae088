//! What `breezeway bench` measures.
//!
//! - [`link`]: one-way channels between two processes, of each kind
//! - [`locks`]: locks, alone and contended

pub mod link;
pub mod locks;

use link::{
    Hot, Link, MessageQueueLink, OsPipeLink, PosixMqLink, QueueLink, SeqpacketSocketLink, StreamSocketLink,
};

use super::case::{Case, Failure, JobPair, Key, Mode, Readout, Work};
use super::message::Message;
use super::queues::pipe::PipeLink;
use super::queues::{BytesLink, Polled, SpscLink};
use super::round_trip::baseline::{FutexPair, OneLine};
use super::round_trip::{self, ChannelPinger, Pinger, echo};
use super::stream::{self, BATCH, BatchReceiver, BatchSender};
use crate::peer_process::Job;

/// The kernel's pipe, the baseline of everything that carries messages.
pub const PIPE: &str = "pipe";
/// Breezeway's pipe.
pub const OUR_PIPE: &str = "breezeway pipe";
/// One cache line that goes to and fro: the baseline of round trips between polling processes.
pub const ONE_LINE: &str = "one line";
/// [`ONE_LINE`] with a pause between two looks. Which of the two is faster depends on the
/// processor; the faster counts.
pub const ONE_LINE_PAUSING: &str = "one line, pausing";
/// Two futexes: the baseline of round trips between sleeping processes.
pub const FUTEX: &str = "bare futex";

/// All cases; nothing is created yet.
pub fn all() -> Vec<Case> {
    let mut cases = vec![
        baseline(ONE_LINE, Mode::Hot, OneLine::<false>::ends, OneLine::echo),
        baseline(ONE_LINE_PAUSING, Mode::Hot, OneLine::<true>::ends, OneLine::echo),
        baseline(FUTEX, Mode::Parked, FutexPair::ends, FutexPair::echo),
    ];
    add_of_size::<u64>(&mut cases);
    add_of_size::<[u64; 8]>(&mut cases);
    add_of_size::<[u64; 64]>(&mut cases);
    add_of_size::<[u64; 512]>(&mut cases);
    add_of_size::<[u64; 8192]>(&mut cases);
    add_batches_of::<u64>(&mut cases);
    add_batches_of::<[u64; 8]>(&mut cases);
    add_batches_of::<[u64; 64]>(&mut cases);
    locks::add(&mut cases);
    cases
}

/// The cases whose names contain all words of the pattern, and those they are compared with.
pub fn matching(pattern: &str) -> Vec<Case> {
    let mut cases = all();
    let matches = |key: &Key| {
        let name = key.to_string();
        pattern.split_whitespace().all(|word| name.contains(word))
    };
    let matched: Vec<(Key, Option<&'static str>)> =
        cases.iter().filter(|case| matches(&case.key)).map(|case| (case.key, case.baseline)).collect();
    let is_needed = |key: &Key| {
        matched
            .iter()
            .any(|(of, baseline)| *of == *key || is_pipe_for(of, key) || is_baseline(*baseline, of, key))
    };
    cases.retain(|case| is_needed(&case.key));
    cases
}

/// Whether `key` is the pipe that `of` is compared with: with blocking ends, as pipes are mostly
/// used.
pub fn is_pipe_for(of: &Key, key: &Key) -> bool {
    let is_pipe = key.peer == PIPE && matches!(key.mode, Mode::Parked | Mode::Blocking);
    is_pipe && key.work == of.work && key.bytes == of.bytes
}

/// Whether `key` is the baseline of that name that `of` is compared with.
pub fn is_baseline(name: Option<&str>, of: &Key, key: &Key) -> bool {
    let has_name = |name| key.peer == name || (name == ONE_LINE && key.peer == ONE_LINE_PAUSING);
    let has_mode = key.mode == of.mode || (of.mode == Mode::Blocking && key.mode == Mode::Hot);
    name.is_some_and(has_name) && key.work == of.work && has_mode
}

/// Adds everything that carries messages of one size.
fn add_of_size<M: Message>(cases: &mut Vec<Case>) {
    for work in [Work::RoundTrip, Work::Stream] {
        let mut hot =
            |peer, make: fn(Work, &'static str, Mode) -> Case| cases.push(make(work, peer, Mode::Hot));
        hot("spsc", channel::<M, Hot<SpscLink>>);
        hot("Queue", channel::<M, Hot<QueueLink<M>>>);
        hot("bytes", channel::<M, Hot<BytesLink>>);
        hot("MessageQueue", channel::<M, Hot<MessageQueueLink>>);
        hot(OUR_PIPE, channel::<M, Hot<PipeLink>>);
        hot(PIPE, channel::<M, OsPipeLink<true>>);
        hot("unix stream", channel::<M, StreamSocketLink<true>>);
        hot("unix seqpacket", channel::<M, SeqpacketSocketLink<true>>);
        hot("POSIX mq", channel::<M, PosixMqLink<true>>);
        // The processes of a stream have a CPU each, too.
        let mode = if work == Work::Stream { Mode::Blocking } else { Mode::Parked };
        let mut parked =
            |peer, make: fn(Work, &'static str, Mode) -> Case| cases.push(make(work, peer, mode));
        parked("spsc", channel::<M, SpscLink>);
        parked("Queue", channel::<M, QueueLink<M>>);
        parked("bytes", channel::<M, BytesLink>);
        parked("MessageQueue", channel::<M, MessageQueueLink>);
        parked(OUR_PIPE, channel::<M, PipeLink>);
        parked(PIPE, channel::<M, OsPipeLink<false>>);
        parked("unix stream", channel::<M, StreamSocketLink<false>>);
        parked("unix seqpacket", channel::<M, SeqpacketSocketLink<false>>);
        parked("POSIX mq", channel::<M, PosixMqLink<false>>);
        if work == Work::RoundTrip {
            let mut blocking = |peer, make: fn(Work, &'static str, Mode) -> Case| {
                cases.push(make(work, peer, Mode::Blocking))
            };
            blocking("spsc", channel::<M, SpscLink>);
            blocking("Queue", channel::<M, QueueLink<M>>);
            blocking("MessageQueue", channel::<M, MessageQueueLink>);
        }
    }
}

/// Round trips or a stream of `M` through links of one kind.
fn channel<M: Message, L: Link<M>>(work: Work, peer: &'static str, mode: Mode) -> Case {
    let key = Key { work, peer, bytes: size_of::<M>(), mode };
    if work == Work::RoundTrip {
        let baseline = if mode == Mode::Parked { FUTEX } else { ONE_LINE };
        let make = Box::new(round_trip::<M, L>);
        return Case { key, baseline: Some(baseline), readout: Readout::Samples, make };
    }
    Case { key, baseline: None, readout: Readout::Span, make: Box::new(stream::<M, L>) }
}

fn round_trip<M: Message, L: Link<M>>() -> Result<JobPair, Failure> {
    let capacity = capacity_for::<M>(round_trip::CAPACITY);
    let (there, back) = (L::new(capacity)?, L::new(capacity)?);
    let (our_tx, our_rx, their_tx, their_rx) = (there.tx(), back.rx(), back.tx(), there.rx());
    Ok(JobPair {
        ours: Box::new(move |shared| shared.sampling(ChannelPinger::<M, _, _>::new(our_tx(), our_rx()))),
        theirs: Some(Box::new(move |_| echo::<M>(their_rx(), their_tx()))),
    })
}

fn stream<M: Message, L: Link<M>>() -> Result<JobPair, Failure> {
    let link = L::new(capacity_for::<M>(stream::CAPACITY))?;
    let (open_tx, open_rx) = (link.tx(), link.rx());
    Ok(JobPair {
        ours: Box::new(move |shared| {
            let mut tx = open_tx();
            shared.answering_start(move |times| stream::send::<M>(&mut tx, times))
        }),
        theirs: Some(Box::new(move |shared| {
            let mut rx = open_rx();
            shared.answering_end(move |times| {
                stream::receive::<M>(&mut rx, times);
            })
        })),
    })
}

/// The wanted capacity, or less, so that a queue takes little more than a core's own cache.
fn capacity_for<M>(wanted: usize) -> usize {
    const MAX_BYTES: usize = 2 << 20;
    wanted.min(MAX_BYTES / size_of::<M>())
}

fn add_batches_of<M: Message>(cases: &mut Vec<Case>) {
    let key = |mode| Key { work: Work::Stream, peer: "spsc, batches", bytes: size_of::<M>(), mode };
    let case = |mode, make| Case { key: key(mode), baseline: None, readout: Readout::Span, make };
    cases.push(case(Mode::Hot, Box::new(|| batches::<M, _, _>(Polled, Polled))));
    cases.push(case(Mode::Blocking, Box::new(|| batches::<M, _, _>(|tx| tx, |rx| rx))));
}

/// A stream in batches through an spsc queue whose ends are wrapped.
fn batches<M: Message, T: BatchSender<M> + 'static, R: BatchReceiver<M> + 'static>(
    wrap_tx: fn(breezeway::queue::spsc::Producer<M>) -> T,
    wrap_rx: fn(breezeway::queue::spsc::Consumer<M>) -> R,
) -> Result<JobPair, Failure> {
    let ours = SpscLink::new::<M>(stream::CAPACITY)?;
    let theirs = ours.clone();
    Ok(JobPair {
        ours: Box::new(move |shared| {
            let (mut tx, mut space) = (wrap_tx(ours.tx()), vec![M::patterned(); BATCH]);
            shared.answering_start(move |times| stream::send_batches(&mut tx, &mut space, times))
        }),
        theirs: Some(Box::new(move |shared| {
            let (mut rx, mut space) = (wrap_rx(theirs.rx()), vec![M::patterned(); BATCH]);
            shared.answering_end(move |times| {
                stream::receive_batches(&mut rx, &mut space, times);
            })
        })),
    })
}

/// Round trips without a queue.
fn baseline<P: Pinger + 'static>(
    peer: &'static str,
    mode: Mode,
    ends: fn() -> (P, P),
    echo: fn(P) -> Job,
) -> Case {
    Case {
        key: Key { work: Work::RoundTrip, peer, bytes: size_of::<u64>(), mode },
        baseline: None,
        readout: Readout::Samples,
        make: Box::new(move || {
            let (ours, theirs) = ends();
            Ok(JobPair {
                ours: Box::new(move |shared| shared.sampling(ours)),
                theirs: Some(Box::new(move |_| echo(theirs))),
            })
        }),
    }
}
