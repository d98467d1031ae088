//! A process is stopped in the middle of its operation on a `Queue`, at every instruction in turn,
//! while others operate around it; then it goes on.
//!
//! It is alive, however long that takes. So no process undoes its work, it overwrites nothing when
//! it goes on, and every message is delivered once.

use std::sync::atomic::Ordering;

use breezeway::queue::Queue;
use breezeway::{Atomic, PopError, PushError};

use super::numbered::Numbered;
use super::queue::{Contents, Operation, Parent, contents, contents_with_returned};
use super::queue_ledger::{Ledger, Script, drop_one_lease, empty, empty_and_fill, fill, several_laps};
use super::settle::settled;
use crate::child::{Child, Stop};
use crate::kill::{self, Death, Scenario};
use crate::kill_counts::KillCounts;
use crate::progress;
use crate::trace::Trace;

const RESULT: &str = "result";
const CAPACITY: usize = 3;

/// The stopped process's result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PeerResult {
    /// It found no room, or no message.
    Refused,
    Pushed,
    /// It has taken this message for good.
    Took(u32),
    /// It has leased this message and dropped the lease.
    Returned(u32),
}

impl PeerResult {
    fn to_number(self) -> u64 {
        let (kind, number) = match self {
            Self::Refused => (1, 0),
            Self::Pushed => (2, 0),
            Self::Took(number) => (3, number),
            Self::Returned(number) => (4, number),
        };
        kind << 32 | u64::from(number)
    }

    fn describe(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Pushed => "pushed",
            Self::Took(_) => "took",
            Self::Returned(_) => "returned",
        }
    }

    fn from_number(result: u64) -> Self {
        match (result >> 32, result as u32) {
            (1, _) => Self::Refused,
            (2, _) => Self::Pushed,
            (3, number) => Self::Took(number),
            (4, number) => Self::Returned(number),
            _ => panic!("nothing was result: {result}"),
        }
    }
}

/// The process that is stopped.
pub(super) struct StoppedPeer<T: Numbered> {
    pub(super) parent: Parent<T>,
    operation: Operation,
    contents: Contents,
    result: Atomic<u64>,
    /// The queue's messages before the operation.
    pub(super) before: Vec<u32>,
}

impl<T: Numbered> StoppedPeer<T> {
    pub(super) fn new(parent: Parent<T>, operation: Operation, contents: Contents) -> Self {
        let result = parent.segment.get_or_add(RESULT, 0).unwrap();
        Self { parent, operation, contents, result, before: Vec::new() }
    }

    /// The message that it pushes.
    fn new_number(&self) -> u32 {
        self.parent.number(50)
    }

    /// Runs the process to a point of its operation, where it stops. `None` if it does not come to
    /// the point: where the operation reads the clock or allocates, the way that it takes depends on
    /// the time, and on what was allocated before.
    pub(super) fn stop_at(&mut self, trace: &Trace, point: usize) -> Option<Child> {
        const TRIES: u32 = 3;
        for _ in 0..TRIES {
            let mut child = kill::start_child(self);
            if child.run_route(trace.route(point)) == Stop::InOperation {
                return Some(child);
            }
            child.kill();
        }
        None
    }

    /// Lets the process go on to its end, and enters its result in the ledger.
    pub(super) fn finish(&self, mut child: Child, ledger: &mut Ledger) -> PeerResult {
        child.finish();
        child.kill();
        let result = PeerResult::from_number(self.result.load(Ordering::Relaxed));
        match result {
            PeerResult::Refused => {}
            PeerResult::Pushed => ledger.others.push(self.new_number()),
            PeerResult::Took(number) => ledger.taken.push(number),
            PeerResult::Returned(number) => ledger.returned.push(number),
        }
        ledger.returned.extend(&self.before[..usize::from(self.contents.returned)]);
        result
    }
}

impl<T: Numbered> Scenario for StoppedPeer<T> {
    type Handle = (Queue<T>, T, Atomic<u64>);

    fn reset(&mut self) {
        self.before = self.parent.set(self.contents);
        self.result.store(0, Ordering::Relaxed);
    }

    fn open(&self) -> Self::Handle {
        let queue = settled(self.parent.open());
        let result = queue.segment().get(RESULT).unwrap();
        (queue, T::of(self.new_number()), result)
    }

    fn operate(&self, (queue, new, result): &Self::Handle) {
        result.store(attempt(self.operation, queue, *new).to_number(), Ordering::Relaxed);
    }

    fn check_survivors(&mut self, _: &Death) -> &'static str {
        "on its own"
    }
}

/// Performs the operation without waiting.
pub(super) fn attempt<T: Numbered>(operation: Operation, queue: &Queue<T>, new: T) -> PeerResult {
    let refused = |error: PopError| match error {
        PopError::Empty => PeerResult::Refused,
        error => panic!("{error}"),
    };
    match operation {
        Operation::Push => match queue.try_push(new) {
            Ok(()) => PeerResult::Pushed,
            Err(PushError::Full(_) | PushError::Closed(_)) => PeerResult::Refused,
            Err(error) => panic!("{error}"),
        },
        Operation::Pop => queue.try_pop().map_or_else(refused, |value| PeerResult::Took(value.number())),
        Operation::LeaseAndAck => queue.try_lease().map_or_else(refused, |lease| {
            let number = lease.number();
            lease.ack().unwrap();
            PeerResult::Took(number)
        }),
        Operation::LeaseAndDrop => {
            queue.try_lease().map_or_else(refused, |lease| PeerResult::Returned(lease.number()))
        }
        other => panic!("no peer for a stopped one: {other:?}"),
    }
}

/// Empties the queue, whose length is right before each pop: a hint that the stopped process has
/// moved back misleads nobody.
fn assert_len<T: Numbered>(parent: &Parent<T>, ledger: &mut Ledger) {
    let mut left = Vec::new();
    loop {
        left.push(parent.queue.len());
        if !ledger.pop(parent) {
            break;
        }
    }
    assert!(left.iter().rev().copied().eq(0..left.len()), "the lengths at rest were {left:?}");
    assert!(parent.queue.is_empty());
}

/// Runs each script at each point of each operation.
fn at_every_instruction<T: Numbered>(name: &str, runs: &[(Operation, Contents)]) -> KillCounts {
    let scripts: [Script<T>; 5] = [several_laps, fill, empty, empty_and_fill, drop_one_lease];
    let mut kills = KillCounts::default();
    let mut parent = Parent::<T>::new(name, CAPACITY);
    // The scripts take leases, and the first one of a queue changes the way of a pop.
    assert!(parent.queue.try_lease().is_err(), "the queue is empty");
    for &(operation, contents) in runs {
        let mut peer = StoppedPeer::new(parent, operation, contents);
        let trace = kill::trace_operation(&mut peer, |_, _, _| {});
        for point in 0..trace.last() {
            for (n, script) in scripts.iter().enumerate() {
                progress::set_stage(format_args!(
                    "{operation:?}, {contents:?}, stopped after instruction {point}, script {n}"
                ));
                let Some(stopped) = peer.stop_at(&trace, point) else {
                    kills.count("took another way");
                    continue;
                };
                let mut ledger = Ledger { dead: Some(0), ..Ledger::default() };
                script(&peer.parent, &mut ledger);
                let result = peer.finish(stopped, &mut ledger);
                assert_len(&peer.parent, &mut ledger);
                ledger.assert_balanced(&peer.before);
                peer.parent.exercise();
                kills.count(result.describe());
                progress::count_kill();
            }
        }
        parent = peer.parent;
    }
    kills
}

pub(crate) fn push_stopped_peer(name: &str) -> KillCounts {
    at_every_instruction::<u64>(
        name,
        &[
            (Operation::Push, contents(0, 0)),
            (Operation::Push, contents(2, 1)),
            (Operation::Push, contents(0, 2)),
            (Operation::Push, contents_with_returned(0, 3)),
        ],
    )
}

pub(crate) fn pop_stopped_peer(name: &str) -> KillCounts {
    at_every_instruction::<u64>(
        name,
        &[
            (Operation::Pop, contents(2, 1)),
            (Operation::Pop, contents(1, 3)),
            (Operation::Pop, contents_with_returned(0, 3)),
            (Operation::Pop, contents_with_returned(2, 2)),
        ],
    )
}

pub(crate) fn lease_stopped_peer(name: &str) -> KillCounts {
    at_every_instruction::<u64>(
        name,
        &[
            (Operation::LeaseAndAck, contents(2, 2)),
            (Operation::LeaseAndAck, contents_with_returned(0, 3)),
            (Operation::LeaseAndDrop, contents(1, 3)),
            (Operation::LeaseAndDrop, contents_with_returned(0, 3)),
        ],
    )
}

/// The queue is closed and emptied in the middle of a push: either the message is popped, or the
/// push returns it.
pub(crate) fn push_stopped_peer_close(name: &str) -> KillCounts {
    let new_part = || StoppedPeer::new(Parent::<u64>::new(name, CAPACITY), Operation::Push, contents(2, 1));
    let trace = kill::trace_operation(&mut new_part(), |_, _, _| {});
    let mut kills = KillCounts::default();
    for point in 0..trace.last() {
        progress::set_stage(format_args!("closed while a process is stopped after instruction {point}"));
        // A closed queue remains closed.
        let mut peer = new_part();
        let stopped = peer.stop_at(&trace, point).expect("a push reads no clock");
        let mut ledger = Ledger::default();
        assert!(peer.parent.queue.close());
        empty(&peer.parent, &mut ledger);
        // A consumer that is told that the queue is closed goes away.
        let nobody_waits = matches!(peer.parent.queue.try_pop(), Err(PopError::Closed));
        let is_lost = nobody_waits && !ledger.popped.contains(&peer.new_number());
        let result = peer.finish(stopped, &mut ledger);
        assert!(!is_lost || result == PeerResult::Refused, "no process gets the message");
        empty(&peer.parent, &mut ledger);
        ledger.assert_balanced(&peer.before);
        assert!(matches!(peer.parent.queue.pop(), Err(PopError::Closed)));
        kills.count(result.describe());
        progress::count_kill();
    }
    kills
}
