//! What `breezeway bench` measures.
//!
//! - [`link`]: one way from a process to another, of each kind
//! - [`locks`]: locks, alone and contended

pub mod link;
pub mod locks;

use link::{Hot, Link, PosixMqLink, OsPipeLink, MessageQueueLink, QueueLink, SocketLink};

use super::case::{Case, Failure, Key, Mode, Pair, Readout, Work};
use super::kernel::fd_channel::Socket;
use super::message::Message;
use super::queues::{self, BytesLink, SpscLink, Polled};
use super::round_trip::baseline::{Flags, Line};
use super::round_trip::{ChannelPinger, FEW, echo};
use super::stream::{self, BATCH, BatchReceiver, BatchSender};

/// The kernel's pipe, which everything is compared with that has_number messages.
pub const PIPE: &str = "pipe";
/// The crate's own.
pub const OUR_PIPE: &str = "breezeway pipe";
/// What hardly any round trip is faster than where both look all the time.
pub const LINE: &str = "one line";
/// The same with a pause between two looks. Which of the two is faster depends on the processor; the faster one counts.
pub const LINE_PAUSING: &str = "one line, pausing";
/// And where both sleep.
pub const FUTEX: &str = "bare futex";

/// Everything, nothing of it made yet.
pub fn all() -> Vec<Case> {
    let mut cases = vec![one_line::<false>(LINE), one_line::<true>(LINE_PAUSING), bare_futex()];
    of_size::<u64>(&mut cases);
    of_size::<[u64; 8]>(&mut cases);
    of_size::<[u64; 64]>(&mut cases);
    of_size::<[u64; 512]>(&mut cases);
    of_size::<[u64; 8192]>(&mut cases);
    batches_of::<u64>(&mut cases);
    batches_of::<[u64; 8]>(&mut cases);
    batches_of::<[u64; 64]>(&mut cases);
    locks::add(&mut cases);
    cases
}

/// The cases whose names have all words of the pattern in them, and those they are compared with.
pub fn matching(pattern: &str) -> Vec<Case> {
    let mut cases = all();
    let is_named = |key: &Key| {
        let name = key.to_string();
        pattern.split_whitespace().all(|word| name.contains(word))
    };
    let named: Vec<(Key, Option<&'static str>)> =
        cases.iter().filter(|case| is_named(&case.key)).map(|case| (case.key, case.baseline)).collect();
    let is_needed = |key: &Key| {
        named
            .iter()
            .any(|(of, baseline)| *of == *key || is_pipe_for(of, key) || is_baseline(*baseline, of, key))
    };
    cases.retain(|case| is_needed(&case.key));
    cases
}

/// Whether this is the pipe that a case is compared with: one whose ends wait, as pipes do.
pub fn is_pipe_for(of: &Key, key: &Key) -> bool {
    let is_pipe = key.peer == PIPE && key.mode == Mode::Parked;
    is_pipe && key.work == of.work && key.bytes == of.bytes
}

/// Whether this is the baseline, of that name, that a case is compared with: the fastest of those that are.
pub fn is_baseline(name: Option<&str>, of: &Key, key: &Key) -> bool {
    let is_named = |name| key.peer == name || (name == LINE && key.peer == LINE_PAUSING);
    name.is_some_and(is_named) && key.work == of.work && key.mode == of.mode
}

/// Everything that has_number messages of one size.
fn of_size<M: Message>(cases: &mut Vec<Case>) {
    for work in [Work::RoundTrip, Work::Stream] {
        cases.push(hot::<M, Hot<SpscLink>>(work, "spsc"));
        cases.push(hot::<M, Hot<QueueLink<M>>>(work, "Queue"));
        cases.push(hot::<M, Hot<BytesLink>>(work, "bytes"));
        cases.push(hot::<M, Hot<MessageQueueLink>>(work, "MessageQueue"));
        cases.push(hot::<M, Hot<queues::pipe::PipeLink>>(work, OUR_PIPE));
        cases.push(hot::<M, OsPipeLink<true>>(work, PIPE));
        cases.push(hot::<M, SocketLink<STREAM, true>>(work, "unix stream"));
        cases.push(hot::<M, SocketLink<SEQPACKET, true>>(work, "unix seqpacket"));
        cases.push(hot::<M, PosixMqLink<true>>(work, "POSIX mq"));
        cases.push(parked::<M, SpscLink>(work, "spsc"));
        cases.push(parked::<M, QueueLink<M>>(work, "Queue"));
        cases.push(parked::<M, BytesLink>(work, "bytes"));
        cases.push(parked::<M, MessageQueueLink>(work, "MessageQueue"));
        cases.push(parked::<M, queues::pipe::PipeLink>(work, OUR_PIPE));
        cases.push(parked::<M, OsPipeLink<false>>(work, PIPE));
        cases.push(parked::<M, SocketLink<STREAM, false>>(work, "unix stream"));
        cases.push(parked::<M, SocketLink<SEQPACKET, false>>(work, "unix seqpacket"));
        cases.push(parked::<M, PosixMqLink<false>>(work, "POSIX mq"));
    }
}

const STREAM: bool = false;
const SEQPACKET: bool = true;

/// Which socket that is.
pub(super) const fn socket(is_seqpacket: bool) -> Socket {
    if is_seqpacket { Socket::SeqPacket } else { Socket::Stream }
}

fn hot<M: Message, L: Link<M>>(work: Work, peer: &'static str) -> Case {
    carrying::<M, L>(Key { work, peer, bytes: size_of::<M>(), mode: Mode::Hot })
}

fn parked<M: Message, L: Link<M>>(work: Work, peer: &'static str) -> Case {
    carrying::<M, L>(Key { work, peer, bytes: size_of::<M>(), mode: Mode::Parked })
}

fn carrying<M: Message, L: Link<M>>(key: Key) -> Case {
    match key.work {
        Work::RoundTrip => {
            let baseline = if key.mode == Mode::Hot { LINE } else { FUTEX };
            let make = Box::new(round_trip::<M, L>);
            Case { key, baseline: Some(baseline), reading: Readout::Samples, make }
        }
        _ => Case { key, baseline: None, reading: Readout::Span, make: Box::new(stream::<M, L>) },
    }
}

fn round_trip<M: Message, L: Link<M>>() -> Result<Pair, Failure> {
    let capacity = capacity_for::<M>(FEW);
    let (there, back) = (L::new(capacity)?, L::new(capacity)?);
    let (our_tx, our_rx, their_tx, their_rx) = (there.tx(), back.rx(), back.tx(), there.rx());
    Ok(Pair {
        ours: Box::new(move |desk| desk.timing(ChannelPinger::<M, _, _>::new(our_tx(), our_rx()))),
        theirs: Some(Box::new(move |_| echo::<M>(their_rx(), their_tx()))),
    })
}

fn stream<M: Message, L: Link<M>>() -> Result<Pair, Failure> {
    let link = L::new(capacity_for::<M>(stream::CAPACITY))?;
    let (open_tx, open_rx) = (link.tx(), link.rx());
    Ok(Pair {
        ours: Box::new(move |desk| {
            let mut tx = open_tx();
            desk.beginning(move |times| stream::send::<M>(&mut tx, times))
        }),
        theirs: Some(Box::new(move |desk| {
            let mut rx = open_rx();
            desk.ending(move |times| {
                stream::receive::<M>(&mut rx, times);
            })
        })),
    })
}

/// As many as that, where they do not take more than a core's own cache and something.
fn capacity_for<M>(messages: usize) -> usize {
    const MOST_BYTES: usize = 2 << 20;
    messages.min(MOST_BYTES / size_of::<M>())
}

fn batches_of<M: Message>(cases: &mut Vec<Case>) {
    let key = |mode| Key { work: Work::Stream, peer: "spsc, batches", bytes: size_of::<M>(), mode };
    let case = |mode, make| Case { key: key(mode), baseline: None, reading: Readout::Span, make };
    cases.push(case(Mode::Hot, Box::new(|| batches::<M, _, _>(Polled, Polled))));
    cases.push(case(Mode::Parked, Box::new(|| batches::<M, _, _>(|tx| tx, |rx| rx))));
}

fn batches<M: Message, T: BatchSender<M> + 'static, R: BatchReceiver<M> + 'static>(
    waiting_to_send: fn(breezeway::queue::spsc::Producer<M>) -> T,
    waiting_to_receive: fn(breezeway::queue::spsc::Consumer<M>) -> R,
) -> Result<Pair, Failure> {
    let ring = SpscLink::new::<M>(stream::CAPACITY)?;
    let same = ring.clone();
    Ok(Pair {
        ours: Box::new(move |desk| {
            let (mut tx, mut space) = (waiting_to_send(ring.tx()), vec![M::patterned(); BATCH]);
            desk.beginning(move |times| stream::send_batches(&mut tx, &mut space, times))
        }),
        theirs: Some(Box::new(move |desk| {
            let (mut rx, mut space) = (waiting_to_receive(same.rx()), vec![M::patterned(); BATCH]);
            desk.ending(move |times| {
                stream::receive_batches(&mut rx, &mut space, times);
            })
        })),
    })
}

fn one_line<const PAUSING: bool>(peer: &'static str) -> Case {
    Case {
        key: Key { work: Work::RoundTrip, peer, bytes: size_of::<u64>(), mode: Mode::Hot },
        baseline: None,
        reading: Readout::Samples,
        make: Box::new(|| {
            let (ours, theirs) = Line::<PAUSING>::ends();
            Ok(Pair {
                ours: Box::new(move |desk| desk.timing(ours)),
                theirs: Some(Box::new(move |_| theirs.echo())),
            })
        }),
    }
}

fn bare_futex() -> Case {
    Case {
        key: Key { work: Work::RoundTrip, peer: FUTEX, bytes: size_of::<u64>(), mode: Mode::Parked },
        baseline: None,
        reading: Readout::Samples,
        make: Box::new(|| {
            let (ours, theirs) = Flags::ends();
            Ok(Pair {
                ours: Box::new(move |desk| desk.timing(ours)),
                theirs: Some(Box::new(move |_| theirs.echo())),
            })
        }),
    }
}
