//! Random sequences of operations on queues, against a naive model of each.

use std::collections::VecDeque;
use std::time::Duration;

use breezeway::queue::{Lease, Queue, bytes, spsc};
use breezeway::{PopError, PushError, Segment};
use proptest::prelude::*;
use support::numbered::Numbered;

#[derive(Clone, Debug)]
enum Step {
    Push,
    PushSlice(usize),
    Pop,
    PopSlice(usize),
    Lease,
    Ack(usize),
    GiveBack(usize),
    Reopen(bool),
    Drop(bool),
    Close,
}

const LONGEST: usize = 7;

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => Just(Step::Push),
        4 => (0..LONGEST).prop_map(Step::PushSlice),
        8 => Just(Step::Pop),
        4 => (0..LONGEST).prop_map(Step::PopSlice),
        6 => Just(Step::Lease),
        4 => any::<usize>().prop_map(Step::Ack),
        3 => any::<usize>().prop_map(Step::GiveBack),
        2 => any::<bool>().prop_map(Step::Reopen),
        1 => any::<bool>().prop_map(Step::Drop),
    ]
}

/// At most one close, near the end: little happens afterwards.
fn steps() -> impl Strategy<Value = Vec<Step>> {
    (prop::collection::vec(step(), 0..120), prop::collection::vec(step(), 0..20), any::<bool>()).prop_map(
        |(mut steps, rest, closes)| {
            steps.extend(closes.then_some(Step::Close));
            steps.extend(rest);
            steps
        },
    )
}

/// Both ends of a single-producer queue, each of which may be gone, and the model.
struct Ends<T: Numbered> {
    segment: Segment,
    tx: Option<spsc::Producer<T>>,
    rx: Option<spsc::Consumer<T>>,
    capacity: usize,
    model: VecDeque<T>,
    next: u64,
    is_closed: bool,
}

impl<T: Numbered> Ends<T> {
    fn take(&mut self, step: &Step) {
        match step {
            Step::Push => self.push(),
            Step::PushSlice(len) => self.push_slice(*len),
            Step::Pop | Step::Lease | Step::Ack(_) => self.pop(),
            Step::PopSlice(len) | Step::GiveBack(len) => self.pop_slice(len % LONGEST),
            // Let go of, and taken again; or gone for a while.
            Step::Reopen(true) => {
                if let Some(tx) = self.tx.take() {
                    tx.release();
                }
                self.tx = Some(self.segment.get("queue").unwrap());
            }
            Step::Reopen(false) => {
                if let Some(rx) = self.rx.take() {
                    rx.release();
                }
                self.rx = Some(self.segment.get("queue").unwrap());
            }
            Step::Drop(true) => drop(self.tx.take()),
            Step::Drop(false) => drop(self.rx.take()),
            Step::Close => {
                let closed = self.tx.as_ref().map(spsc::Producer::close);
                let closed = closed.or_else(|| self.rx.as_ref().map(spsc::Consumer::close));
                assert_ne!(closed, Some(false));
                self.is_closed |= closed.is_some();
            }
        }
        let lens = [self.tx.as_ref().map(spsc::Producer::len), self.rx.as_ref().map(spsc::Consumer::len)];
        assert!(lens.iter().flatten().all(|len| *len == self.model.len()), "{lens:?} after {step:?}");
    }

    fn push(&mut self) {
        let Some(tx) = &mut self.tx else { return };
        let value = T::of(self.next);
        let result = tx.try_push(value);
        let is_full = self.model.len() == self.capacity;
        match &result {
            Ok(()) => {
                assert!(!is_full && !self.is_closed && self.rx.is_some());
                self.model.push_back(value);
                self.next += 1;
            }
            Err(PushError::Closed(back)) => assert!(self.is_closed && *back == value),
            Err(PushError::Disconnected(back)) => {
                assert!(!self.is_closed && self.rx.is_none() && *back == value);
            }
            Err(PushError::Full(back)) => assert!(is_full && *back == value),
            Err(other) => panic!("{other:?}"),
        }
    }

    fn push_slice(&mut self, len: usize) {
        let Some(tx) = &mut self.tx else { return };
        let values: Vec<T> = (self.next..self.next + len as u64).map(T::of).collect();
        let room = self.capacity - self.model.len();
        match tx.try_push_slice(&values) {
            Ok(count) => {
                assert_eq!(count, room.min(len));
                assert!(len == 0 || room > 0 && !self.is_closed && self.rx.is_some());
                self.model.extend(&values[..count]);
                self.next += count as u64;
            }
            Err(PushError::Closed(0)) => assert!(self.is_closed),
            Err(PushError::Disconnected(0)) => assert!(!self.is_closed && self.rx.is_none()),
            Err(PushError::Full(0)) => assert_eq!(room, 0),
            Err(other) => panic!("{other:?}"),
        }
    }

    fn pop(&mut self) {
        let Some(rx) = &mut self.rx else { return };
        let result = rx.pop_timeout(Duration::ZERO);
        match self.model.pop_front() {
            Some(value) => assert_eq!(result.unwrap(), value),
            None => self.is_nothing(result.unwrap_err()),
        }
    }

    fn pop_slice(&mut self, len: usize) {
        let Some(rx) = &mut self.rx else { return };
        let mut out = vec![T::of(0); len];
        match rx.try_pop_slice(&mut out) {
            Ok(count) => {
                // It need not look how many more have come than it knows of.
                assert!((len.min(1)..=len.min(self.model.len())).contains(&count));
                assert!(self.model.drain(..count).eq(out[..count].iter().copied()));
            }
            Err(error) => {
                assert!(self.model.is_empty());
                self.is_nothing(error);
            }
        }
    }

    fn is_nothing(&self, error: PopError) {
        match error {
            PopError::Closed => assert!(self.is_closed),
            PopError::Disconnected => assert!(!self.is_closed && self.tx.is_none()),
            PopError::Empty | PopError::Timeout => assert!(!self.is_closed && self.tx.is_some()),
            other => panic!("{other:?}"),
        }
    }
}

fn ends_agree<T: Numbered>(capacity: usize, steps: &[Step]) {
    let segment = Segment::builder().participants(2).objects(1).create_anonymous(1 << 16).unwrap();
    let (tx, rx) = spsc::add::<T>(&segment, "queue", capacity).unwrap();
    let (tx, rx, model) = (Some(tx), Some(rx), VecDeque::new());
    let mut ends = Ends { segment, tx, rx, capacity, model, next: 0, is_closed: false };
    steps.iter().for_each(|step| ends.take(step));
}

/// The model of a queue with leases.
struct Model<T> {
    waiting: VecDeque<T>,
    /// Let fall; they come before all others, in any order.
    returned: Vec<T>,
    is_closed: bool,
    has_leased: bool,
}

impl<T: Numbered> Model<T> {
    /// What comes out next, if it may be this.
    fn next_is(&mut self, value: T) -> bool {
        if self.returned.is_empty() {
            return self.waiting.pop_front() == Some(value);
        }
        let at = self.returned.iter().position(|one| *one == value);
        at.map(|at| self.returned.swap_remove(at)).is_some()
    }

    /// Whether there may be room that a producer cannot get at: a place that a lease has left in the midst of others is used when
    /// the ring has come round to it.
    fn may_have_holes(&self) -> bool {
        self.has_leased && !self.waiting.is_empty()
    }

    fn is_nothing(&self, error: &PopError) -> bool {
        let is_right = match error {
            PopError::Empty | PopError::Timeout => !self.is_closed,
            PopError::Closed => self.is_closed,
            _ => false,
        };
        is_right && self.waiting.is_empty() && self.returned.is_empty()
    }
}

fn queue_agrees<T: Numbered>(capacity: usize, steps: &[Step]) {
    let queue = Queue::<T>::new(capacity).unwrap();
    let mut model =
        Model { waiting: VecDeque::new(), returned: Vec::new(), is_closed: false, has_leased: false };
    let mut leases: Vec<Lease<'_, T>> = Vec::new();
    let mut next = 0;
    for step in steps {
        let room = capacity - model.waiting.len() - model.returned.len() - leases.len();
        match step {
            Step::Push | Step::Reopen(_) => match queue.try_push(T::of(next)) {
                Ok(()) => {
                    assert!(room > 0 && !model.is_closed);
                    model.waiting.push_back(T::of(next));
                    next += 1;
                }
                Err(PushError::Closed(_)) => assert!(model.is_closed),
                Err(PushError::Full(_)) => assert!(room == 0 || model.may_have_holes()),
                Err(other) => panic!("{other:?}"),
            },
            Step::PushSlice(len) => {
                let values: Vec<T> = (next..next + *len as u64).map(T::of).collect();
                match queue.try_push_slice(&values) {
                    Ok(count) => {
                        assert!(count == room.min(*len) || count < room.min(*len) && model.may_have_holes());
                        assert!(*len == 0 || count > 0 && !model.is_closed);
                        model.waiting.extend(&values[..count]);
                        next += count as u64;
                    }
                    Err(PushError::Closed(0)) => assert!(model.is_closed),
                    Err(PushError::Full(0)) => assert!(room == 0 || model.may_have_holes()),
                    Err(other) => panic!("{other:?}"),
                }
            }
            Step::Pop | Step::Drop(_) => match queue.pop_timeout(Duration::ZERO) {
                Ok(value) => assert!(model.next_is(value)),
                Err(error) => assert!(model.is_nothing(&error), "{error:?}"),
            },
            Step::PopSlice(len) => {
                let mut out = vec![T::of(0); *len];
                match queue.try_pop_slice(&mut out) {
                    Ok(count) => {
                        assert_eq!(count, (*len).min(model.waiting.len() + model.returned.len()));
                        assert!(out[..count].iter().all(|value| model.next_is(*value)));
                    }
                    Err(error) => assert!(model.is_nothing(&error), "{error:?}"),
                }
            }
            Step::Lease => match queue.try_lease() {
                Ok(lease) => {
                    assert_eq!(lease.redelivered(), !model.returned.is_empty());
                    assert!(model.next_is(*lease));
                    leases.push(lease);
                    model.has_leased = true;
                }
                Err(error) => assert!(model.is_nothing(&error), "{error:?}"),
            },
            Step::Ack(at) if !leases.is_empty() => leases.remove(at % leases.len()).ack().unwrap(),
            Step::GiveBack(at) if !leases.is_empty() => {
                let lease = leases.remove(at % leases.len());
                model.returned.push(*lease);
            }
            Step::Ack(_) | Step::GiveBack(_) => {}
            Step::Close => {
                assert!(queue.close());
                model.is_closed = true;
            }
        }
        assert_eq!(queue.len(), model.waiting.len() + model.returned.len());
        assert_eq!(queue.is_closed(), model.is_closed);
    }
    // However it went, nothing is lost, and no place.
    model.returned.extend(leases.iter().map(|lease| **lease));
    drop(leases);
    while let Ok(value) = queue.try_pop() {
        assert!(model.next_is(value));
    }
    assert!(model.waiting.is_empty() && model.returned.is_empty());
    for n in (0..capacity as u64).filter(|_| !model.is_closed) {
        queue.try_push(T::of(n)).unwrap();
    }
    assert!(queue.try_push(T::of(0)).is_err());
}

#[derive(Clone, Debug)]
enum ByteStep {
    Push(usize),
    Commit(usize, usize),
    LetGo(usize),
    Read,
    Forget,
    Reopen,
    Close,
}

fn byte_step() -> impl Strategy<Value = ByteStep> {
    let len = || prop_oneof![0..20_usize, 0..200_usize];
    prop_oneof![
        8 => len().prop_map(ByteStep::Push),
        4 => (len(), len()).prop_map(|(reserved, committed)| ByteStep::Commit(reserved, committed)),
        1 => len().prop_map(ByteStep::LetGo),
        10 => Just(ByteStep::Read),
        1 => Just(ByteStep::Forget),
        1 => Just(ByteStep::Reopen),
    ]
}

/// The ring of a queue of bytes: where its producer is, and what lies in it.
struct Ring {
    capacity: usize,
    at: usize,
    used: usize,
    messages: VecDeque<(Vec<u8>, usize)>,
}

impl Ring {
    fn frame(len: usize) -> usize {
        8 + len.next_multiple_of(8)
    }

    /// The pad before a message of this length.
    fn pad(&self, len: usize) -> usize {
        let to_end = self.capacity - self.at;
        if Self::frame(len) <= to_end { 0 } else { to_end }
    }

    fn has_room(&self, len: usize) -> bool {
        self.used + self.pad(len) + Self::frame(len) <= self.capacity
    }

    /// Puts a message where one of `reserved` bytes was to lie.
    fn put(&mut self, message: Vec<u8>, reserved: usize) {
        let taken = self.pad(reserved) + Self::frame(message.len());
        (self.at, self.used) = ((self.at + taken) % self.capacity, self.used + taken);
        self.messages.push_back((message, taken));
    }
}

fn bytes_agree(capacity: usize, steps: &[ByteStep]) {
    let segment = Segment::builder().participants(2).objects(1).create_anonymous(1 << 16).unwrap();
    let (mut tx, mut rx) = bytes::add(&segment, "queue", capacity).unwrap();
    let mut ring = Ring { capacity: tx.capacity(), at: 0, used: 0, messages: VecDeque::new() };
    let max = tx.max_message();
    let mut is_closed = false;
    for (n, step) in steps.iter().enumerate() {
        match step {
            ByteStep::Push(len) => {
                let message: Vec<u8> = (0..*len).map(|at| (at + n) as u8).collect();
                match tx.try_push(&message) {
                    Ok(()) => {
                        assert!(*len <= max && ring.has_room(*len) && !is_closed);
                        ring.put(message, *len);
                    }
                    Err(error) => assert!(is_refused(&error, *len, max, &ring, is_closed), "{error:?}"),
                }
            }
            ByteStep::Commit(len, committed) => match tx.try_reserve(*len) {
                Ok(mut reserved) => {
                    let committed = (*committed).min(*len);
                    reserved.iter_mut().enumerate().for_each(|(at, byte)| *byte = (at * n) as u8);
                    let message = reserved[..committed].to_vec();
                    reserved.commit(committed);
                    ring.put(message, *len);
                }
                Err(error) => assert!(is_refused(&error, *len, max, &ring, is_closed), "{error:?}"),
            },
            ByteStep::LetGo(len) => {
                if let Ok(mut reserved) = tx.reserve_timeout(*len, Duration::ZERO) {
                    reserved.fill(0xff);
                }
            }
            ByteStep::Read => match (rx.try_read(), ring.messages.pop_front()) {
                (Ok(read), Some((message, taken))) => {
                    assert_eq!(*read, message[..]);
                    ring.used -= taken;
                }
                (Err(PopError::Empty), None) => assert!(!is_closed),
                (Err(PopError::Closed), None) => assert!(is_closed),
                other => panic!("{other:?}"),
            },
            ByteStep::Forget => {
                if let Ok(read) = rx.read_timeout(Duration::ZERO) {
                    assert_eq!(*read, ring.messages[0].0[..]);
                    std::mem::forget(read);
                }
            }
            ByteStep::Reopen => {
                tx.release();
                rx.release();
                (tx, rx) = (segment.get("queue").unwrap(), segment.get("queue").unwrap());
            }
            ByteStep::Close => is_closed = tx.close(),
        }
        assert_eq!((tx.len(), rx.len()), (ring.used, ring.used), "after {step:?}");
    }
}

fn is_refused(error: &PushError<()>, len: usize, max: usize, ring: &Ring, is_closed: bool) -> bool {
    match error {
        PushError::TooLarge { len: found, max: largest, .. } => len > max && (*found, *largest) == (len, max),
        PushError::Full(()) => !ring.has_room(len) && !is_closed,
        PushError::Closed(()) => is_closed,
        _ => false,
    }
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config(192))]

    #[test]
    fn spsc_push_pop_match_deque_model(capacity in 1..9_usize, steps in steps()) {
        ends_agree::<u64>(capacity, &steps);
        ends_agree::<[u8; 3]>(capacity, &steps);
        ends_agree::<[u64; 3]>(capacity, &steps);
    }

    #[test]
    fn mpmc_push_pop_lease_match_deque_model(capacity in 1..9_usize, steps in steps()) {
        queue_agrees::<u64>(capacity, &steps);
        queue_agrees::<[u8; 7]>(capacity, &steps);
        queue_agrees::<[u64; 512]>(capacity, &steps);
    }

    #[test]
    fn bytes_push_read_match_deque_model(
        capacity in 1..500_usize,
        mut steps in prop::collection::vec(byte_step(), 0..150),
        rest in prop::option::of(prop::collection::vec(byte_step(), 0..20)),
    ) {
        if let Some(rest) = rest {
            steps.push(ByteStep::Close);
            steps.extend(rest);
        }
        bytes_agree(capacity, &steps);
    }
}
