//! What `breezeway bench` measures.
//!
//! - [`link`]: one way from a process to another, of each kind
//! - [`locks`]: locks, alone and contended

pub mod link;
pub mod locks;

use link::{Hot, Link, Mailbox, Pipe, Posted, Shared, Sockets};

use super::case::{Case, Failure, Key, Mode, Pair, Reading, Work};
use super::kernel::wire::Socket;
use super::message::Message;
use super::ours::{self, ByteRing, Ring, Trying};
use super::round_trip::yardstick::{Flags, Line};
use super::round_trip::{Ends, FEW, echo};
use super::stream::{self, BATCH, BatchReceiver, BatchSender};

/// The kernel's pipe, which everything is compared with that carries messages.
pub const PIPE: &str = "pipe";
/// The crate's own.
pub const OUR_PIPE: &str = "breezeway pipe";
/// What hardly any round trip is faster than where both look all the time.
pub const LINE: &str = "naked line";
/// The same with a pause between two looks. Which of the two is faster depends on the processor; the faster one counts.
pub const LINE_PAUSING: &str = "naked line, pausing";
/// And where both sleep.
pub const FUTEX: &str = "bare futex";

/// Everything, nothing of it made yet.
pub fn all() -> Vec<Case> {
    let mut cases = vec![naked_line::<false>(LINE), naked_line::<true>(LINE_PAUSING), bare_futex()];
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
        cases.iter().filter(|case| is_named(&case.key)).map(|case| (case.key, case.yardstick)).collect();
    let is_needed = |key: &Key| {
        named
            .iter()
            .any(|(of, yardstick)| *of == *key || is_pipe_for(of, key) || is_yardstick(*yardstick, of, key))
    };
    cases.retain(|case| is_needed(&case.key));
    cases
}

/// Whether this is the pipe that a case is compared with: one whose ends wait, as pipes do.
pub fn is_pipe_for(of: &Key, key: &Key) -> bool {
    let is_pipe = key.peer == PIPE && key.mode == Mode::Parked;
    is_pipe && key.work == of.work && key.bytes == of.bytes
}

/// Whether this is the yardstick, of that name, that a case is compared with: the fastest of those that are.
pub fn is_yardstick(name: Option<&str>, of: &Key, key: &Key) -> bool {
    let is_named = |name| key.peer == name || (name == LINE && key.peer == LINE_PAUSING);
    name.is_some_and(is_named) && key.work == of.work && key.mode == of.mode
}

/// Everything that carries messages of one size.
fn of_size<M: Message>(cases: &mut Vec<Case>) {
    for work in [Work::RoundTrip, Work::Stream] {
        cases.push(hot::<M, Hot<Ring>>(work, "spsc"));
        cases.push(hot::<M, Hot<Shared<M>>>(work, "Queue"));
        cases.push(hot::<M, Hot<ByteRing>>(work, "bytes"));
        cases.push(hot::<M, Hot<Posted>>(work, "MessageQueue"));
        cases.push(hot::<M, Hot<ours::pipe::Pipe>>(work, OUR_PIPE));
        cases.push(hot::<M, Pipe<true>>(work, PIPE));
        cases.push(hot::<M, Sockets<STREAM, true>>(work, "unix stream"));
        cases.push(hot::<M, Sockets<SEQPACKET, true>>(work, "unix seqpacket"));
        cases.push(hot::<M, Mailbox<true>>(work, "POSIX mq"));
        cases.push(parked::<M, Ring>(work, "spsc"));
        cases.push(parked::<M, Shared<M>>(work, "Queue"));
        cases.push(parked::<M, ByteRing>(work, "bytes"));
        cases.push(parked::<M, Posted>(work, "MessageQueue"));
        cases.push(parked::<M, ours::pipe::Pipe>(work, OUR_PIPE));
        cases.push(parked::<M, Pipe<false>>(work, PIPE));
        cases.push(parked::<M, Sockets<STREAM, false>>(work, "unix stream"));
        cases.push(parked::<M, Sockets<SEQPACKET, false>>(work, "unix seqpacket"));
        cases.push(parked::<M, Mailbox<false>>(work, "POSIX mq"));
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
            let yardstick = if key.mode == Mode::Hot { LINE } else { FUTEX };
            let make = Box::new(round_trip::<M, L>);
            Case { key, yardstick: Some(yardstick), reading: Reading::Samples, make }
        }
        _ => Case { key, yardstick: None, reading: Reading::Span, make: Box::new(stream::<M, L>) },
    }
}

fn round_trip<M: Message, L: Link<M>>() -> Result<Pair, Failure> {
    let capacity = capacity_for::<M>(FEW);
    let (there, back) = (L::new(capacity)?, L::new(capacity)?);
    let (our_tx, our_rx, their_tx, their_rx) = (there.tx(), back.rx(), back.tx(), there.rx());
    Ok(Pair {
        ours: Box::new(move |desk| desk.timing(Ends::<M, _, _>::new(our_tx(), our_rx()))),
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
    let case = |mode, make| Case { key: key(mode), yardstick: None, reading: Reading::Span, make };
    cases.push(case(Mode::Hot, Box::new(|| batches::<M, _, _>(Trying, Trying))));
    cases.push(case(Mode::Parked, Box::new(|| batches::<M, _, _>(|tx| tx, |rx| rx))));
}

fn batches<M: Message, T: BatchSender<M> + 'static, R: BatchReceiver<M> + 'static>(
    waiting_to_send: fn(breezeway::queue::spsc::Producer<M>) -> T,
    waiting_to_receive: fn(breezeway::queue::spsc::Consumer<M>) -> R,
) -> Result<Pair, Failure> {
    let ring = Ring::new::<M>(stream::CAPACITY)?;
    let same = ring.clone();
    Ok(Pair {
        ours: Box::new(move |desk| {
            let (mut tx, mut space) = (waiting_to_send(ring.tx()), vec![M::blank(); BATCH]);
            desk.beginning(move |times| stream::send_batches(&mut tx, &mut space, times))
        }),
        theirs: Some(Box::new(move |desk| {
            let (mut rx, mut space) = (waiting_to_receive(same.rx()), vec![M::blank(); BATCH]);
            desk.ending(move |times| {
                stream::receive_batches(&mut rx, &mut space, times);
            })
        })),
    })
}

fn naked_line<const PAUSING: bool>(peer: &'static str) -> Case {
    Case {
        key: Key { work: Work::RoundTrip, peer, bytes: size_of::<u64>(), mode: Mode::Hot },
        yardstick: None,
        reading: Reading::Samples,
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
        yardstick: None,
        reading: Reading::Samples,
        make: Box::new(|| {
            let (ours, theirs) = Flags::ends();
            Ok(Pair {
                ours: Box::new(move |desk| desk.timing(ours)),
                theirs: Some(Box::new(move |_| theirs.echo())),
            })
        }),
    }
}
