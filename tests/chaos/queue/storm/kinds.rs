//! The kinds of queue a storm runs on, each as its producers and its consumers use it.

use std::time::Duration;

#[cfg(feature = "serde")]
use breezeway::queue::{JoinableQueue, MessageQueue};
use breezeway::queue::{Queue, bytes, spsc};
use breezeway::{PopError, PushError, Segment};

/// The kinds of queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Values,
    Batches,
    Pages,
    Leases,
    #[cfg(feature = "serde")]
    Messages,
    #[cfg(feature = "serde")]
    Jobs,
    Spsc,
    Bytes,
}

const KINDS: &[Kind] = &[
    Kind::Values,
    Kind::Batches,
    Kind::Pages,
    Kind::Leases,
    #[cfg(feature = "serde")]
    Kind::Messages,
    #[cfg(feature = "serde")]
    Kind::Jobs,
    Kind::Spsc,
    Kind::Bytes,
];

/// What came of an attempt to take something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    Some,
    /// Nothing, this time.
    Nothing,
    /// The queue is closed, and empty.
    Over,
}

/// Takes note of a message, and of whether somebody else had it before.
pub type Note<'a> = dyn FnMut(u64, bool) + 'a;

pub type Push = Box<dyn FnMut(u64)>;
pub type Take = Box<dyn FnMut(&mut Note) -> Taken>;

const CAPACITY: usize = 13;
const BATCH: usize = 7;
const SOON: Duration = Duration::from_micros(300);

/// Large enough to be leased for the time of a pop.
type Page = [u64; 64];

/// A message, and a text of a length that follows from it.
#[cfg(feature = "serde")]
type Words = (u64, String);

fn page(message: u64) -> Page {
    std::array::from_fn(|n| message ^ n as u64)
}

impl Kind {
    pub fn of(name: &str) -> Self {
        *KINDS.iter().find(|kind| format!("{kind:?}") == name).unwrap()
    }

    /// Whether it has one producer and one consumer.
    pub fn is_single(self) -> bool {
        matches!(self, Self::Spsc | Self::Bytes)
    }

    /// Whether each message is delivered until it is acknowledged.
    pub fn is_leased(self) -> bool {
        match self {
            #[cfg(feature = "serde")]
            Self::Jobs => true,
            kind => kind == Self::Leases,
        }
    }

    /// Whether a producer's messages come in order, even behind the dead. A large value comes out of it.
    pub fn is_ordered(self) -> bool {
        !self.is_leased() && self != Self::Pages
    }

    /// Values that a consumer may have taken out, and have died with.
    pub fn at_stake(self) -> u64 {
        match self {
            Self::Batches => BATCH as u64,
            kind => u64::from(!kind.is_leased()),
        }
    }

    /// Makes the queue.
    pub fn add_to(self, segment: &Segment) {
        let added = match self {
            Self::Values | Self::Batches | Self::Leases => {
                segment.add::<Queue<u64>>("it", CAPACITY).map(drop)
            }
            Self::Pages => segment.add::<Queue<Page>>("it", CAPACITY).map(drop),
            #[cfg(feature = "serde")]
            Self::Messages => segment.add::<MessageQueue<Words>>("it", CAPACITY).map(drop),
            #[cfg(feature = "serde")]
            Self::Jobs => segment.add::<JoinableQueue<Words>>("it", CAPACITY).map(drop),
            Self::Spsc => segment.add::<spsc::Producer<u64>>("it", CAPACITY).map(spsc::Producer::release),
            Self::Bytes => segment.add::<bytes::BytesProducer>("it", 256).map(bytes::BytesProducer::release),
        };
        added.unwrap();
    }

    /// Closes it.
    pub fn close(self, segment: &Segment) {
        let closed = match self {
            Self::Values | Self::Batches | Self::Leases => segment.get::<Queue<u64>>("it").map(|q| q.close()),
            Self::Pages => segment.get::<Queue<Page>>("it").map(|q| q.close()),
            #[cfg(feature = "serde")]
            Self::Messages => segment.get::<MessageQueue<Words>>("it").map(|q| q.close()),
            #[cfg(feature = "serde")]
            Self::Jobs => segment.get::<JoinableQueue<Words>>("it").map(|q| q.close()),
            Self::Spsc => segment.get::<spsc::Producer<u64>>("it").map(|tx| tx.close()),
            Self::Bytes => segment.get::<bytes::BytesProducer>("it").map(|tx| tx.close()),
        };
        assert!(closed.unwrap());
    }

    /// A producer's side.
    pub fn push(self, segment: &Segment) -> Push {
        match self {
            Self::Values | Self::Leases => {
                let queue = segment.get::<Queue<u64>>("it").unwrap();
                Box::new(move |message| {
                    until_pushed(|| match message % 3 {
                        0 => queue.try_push(message),
                        1 => queue.push_timeout(message, SOON),
                        _ => queue.push(message),
                    })
                })
            }
            Self::Batches => {
                let queue = segment.get::<Queue<u64>>("it").unwrap();
                Box::new(move |message| queue.push_slice(&[message]).unwrap())
            }
            Self::Pages => {
                let queue = segment.get::<Queue<Page>>("it").unwrap();
                Box::new(move |message| queue.push(page(message)).unwrap())
            }
            #[cfg(feature = "serde")]
            Self::Messages => {
                let queue = segment.get::<MessageQueue<Words>>("it").unwrap();
                Box::new(move |message| queue.push((message, words(message))).unwrap())
            }
            #[cfg(feature = "serde")]
            Self::Jobs => {
                let queue = segment.get::<JoinableQueue<Words>>("it").unwrap();
                Box::new(move |message| queue.push((message, words(message))).unwrap())
            }
            Self::Spsc => {
                let mut tx = segment.get::<spsc::Producer<u64>>("it").unwrap();
                Box::new(move |message| {
                    until_pushed(|| match message % 3 {
                        0 => tx.try_push(message),
                        1 => tx.push_timeout(message, SOON),
                        _ => tx.push(message),
                    })
                })
            }
            Self::Bytes => {
                let mut tx = segment.get::<bytes::BytesProducer>("it").unwrap();
                Box::new(move |message| until_pushed(|| write(&mut tx, message)))
            }
        }
    }

    /// A consumer's side.
    pub fn take(self, segment: &Segment) -> Take {
        match self {
            Self::Values => {
                let queue = segment.get::<Queue<u64>>("it").unwrap();
                let mut how = in_turn();
                Box::new(move |note| {
                    let value = match how() {
                        0 => queue.try_pop(),
                        1 => queue.pop_timeout(SOON),
                        _ => queue.pop(),
                    };
                    found(value, |message| note(message, false))
                })
            }
            Self::Batches => {
                let queue = segment.get::<Queue<u64>>("it").unwrap();
                let mut batch = [0; BATCH];
                Box::new(move |note| {
                    let count = queue.pop_slice(&mut batch);
                    found(count, |count| batch[..count].iter().for_each(|message| note(*message, false)))
                })
            }
            Self::Pages => {
                let queue = segment.get::<Queue<Page>>("it").unwrap();
                Box::new(move |note| {
                    found(queue.pop(), |found| {
                        assert!(found == page(found[0]), "a torn value");
                        note(found[0], false);
                    })
                })
            }
            Self::Leases => {
                let queue = segment.get::<Queue<u64>>("it").unwrap();
                let mut how = in_turn();
                Box::new(move |note| {
                    let lease = match how() {
                        0 => queue.try_lease(),
                        1 => queue.lease_timeout(SOON),
                        _ => queue.lease(),
                    };
                    found(lease, |lease| {
                        if is_let_fall(*lease, lease.redelivered()) {
                            return;
                        }
                        note(*lease, lease.redelivered());
                        lease.ack().unwrap();
                    })
                })
            }
            #[cfg(feature = "serde")]
            Self::Messages => {
                let queue = segment.get::<MessageQueue<Words>>("it").unwrap();
                Box::new(move |note| {
                    found(queue.pop(), |(message, text)| {
                        assert_eq!(text, words(message));
                        note(message, false);
                    })
                })
            }
            #[cfg(feature = "serde")]
            Self::Jobs => {
                let queue = segment.get::<JoinableQueue<Words>>("it").unwrap();
                Box::new(move |note| {
                    found(queue.lease(), |job| {
                        if is_let_fall(job.0, job.redelivered()) {
                            return;
                        }
                        assert_eq!(job.1, words(job.0));
                        note(job.0, job.redelivered());
                        job.ack().unwrap();
                    })
                })
            }
            Self::Spsc => {
                let mut rx = segment.get::<spsc::Consumer<u64>>("it").unwrap();
                let mut how = in_turn();
                Box::new(move |note| {
                    let value = match how() {
                        0 => rx.try_pop(),
                        1 => rx.pop_timeout(SOON),
                        _ => rx.pop(),
                    };
                    found(value, |message| note(message, false))
                })
            }
            Self::Bytes => {
                let mut rx = segment.get::<bytes::BytesConsumer>("it").unwrap();
                Box::new(move |note| {
                    found(rx.read().map(|read| whole(&read)), |message| note(message, false))
                })
            }
        }
    }
}

/// The three ways to wait, in turn.
fn in_turn() -> impl FnMut() -> u32 {
    let mut turn = 0;
    move || {
        turn = (turn + 1) % 3;
        turn
    }
}

/// Hands on what was found.
fn found<T>(taken: Result<T, PopError>, hand_on: impl FnOnce(T)) -> Taken {
    match taken {
        Ok(value) => {
            hand_on(value);
            Taken::Some
        }
        Err(PopError::Empty | PopError::Timeout | PopError::Disconnected) => Taken::Nothing,
        Err(PopError::Closed) => Taken::Over,
        Err(error) => panic!("{error}"),
    }
}

/// Pushes, again and again where there is no room, or nobody right now to push to.
fn until_pushed<T>(mut push: impl FnMut() -> Result<(), PushError<T>>) {
    loop {
        match push() {
            Ok(()) => return,
            Err(PushError::Full(_) | PushError::Timeout(_) | PushError::Disconnected(_)) => {
                std::thread::yield_now();
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// Some are let fall by who has them first, as by a panic.
fn is_let_fall(message: u64, redelivered: bool) -> bool {
    !redelivered && message % 64 == 5
}

#[cfg(feature = "serde")]
fn words(message: u64) -> String {
    "breeze ".repeat((message % 23) as usize)
}

/// A message of 8 bytes and up to 60 more.
fn write(tx: &mut bytes::BytesProducer, message: u64) -> Result<(), PushError<()>> {
    let len = 8 + (message % 61) as usize;
    let mut reserved = tx.reserve(len + (message % 3) as usize)?;
    reserved[..8].copy_from_slice(&message.to_le_bytes());
    reserved[8..len].fill(message as u8);
    reserved.commit(len);
    Ok(())
}

fn whole(read: &[u8]) -> u64 {
    let (number, rest) = read.split_first_chunk().unwrap();
    let message = u64::from_le_bytes(*number);
    assert_eq!(rest.len() as u64, message % 61);
    assert!(rest.iter().all(|byte| *byte == message as u8), "a torn message");
    message
}
