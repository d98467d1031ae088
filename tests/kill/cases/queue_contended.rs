//! A `Queue` with one process stopped in the middle of its operation, another killed at every
//! instruction of its own, and survivors that operate around both.
//!
//! The dead process's work is undone, the stopped one's is not: when it goes on, it completes what
//! it has begun.

use breezeway::queue::Queue;

use super::numbered::Numbered;
use super::queue::{Contents, Operation, Parent, contents, contents_with_returned};
use super::queue_ledger::{Ledger, Script, drop_one_lease, empty, empty_and_fill, fill, several_laps};
use super::queue_slots::SlotChanges;
use super::settle::settled;
use super::stop_queue::{StoppedPeer, attempt};
use crate::child::Child;
use crate::kill::{self, Death, Scenario};
use crate::kill_counts::KillCounts;
use crate::trace::Trace;

const CAPACITY: usize = 4;

/// A child that operates on a queue while another process is stopped there.
struct Victim<T: Numbered> {
    peer: StoppedPeer<T>,
    peer_trace: Trace,
    /// Where the other process is stopped.
    point: usize,
    stopped_child: Option<Child>,
    operation: Operation,
    /// The queue's messages when the victim began, and when it was last observed; how many of these
    /// had been leased.
    found: Vec<u32>,
    left: Vec<u32>,
    leased: usize,
}

impl<T: Numbered> Victim<T> {
    fn new_number(&self) -> u32 {
        self.peer.parent.number(51)
    }
}

impl<T: Numbered> Scenario for Victim<T> {
    type Handle = (Queue<T>, T);

    fn reset(&mut self) {
        self.stopped_child = self.peer.stop_at(&self.peer_trace, self.point);
        assert!(self.stopped_child.is_some(), "the point at which it changes the queue");
        self.found = self.peer.parent.slots.messages().0;
    }

    fn open(&self) -> Self::Handle {
        (settled(self.peer.parent.open()), T::of(self.new_number()))
    }

    fn operate(&self, (queue, new): &Self::Handle) {
        attempt(self.operation, queue, *new);
    }

    fn observe(&mut self, _: &Child) {
        (self.left, self.leased) = self.peer.parent.slots.messages();
    }

    fn check_survivors(&mut self, death: &Death) -> &'static str {
        let (mut ledger, outcome) =
            Ledger::after_death((&self.found, &self.left), self.leased, self.new_number());
        ledger.dead = Some(1);
        let scripts: [Script<T>; 5] = [several_laps, fill, empty, empty_and_fill, drop_one_lease];
        scripts[death.point % scripts.len()](&self.peer.parent, &mut ledger);
        let child = self.stopped_child.take().expect("a stopped process");
        self.peer.finish(child, &mut ledger);
        self.peer.parent.segment.reap().unwrap();
        empty(&self.peer.parent, &mut ledger);
        ledger.assert_balanced(&self.peer.before);
        self.peer.parent.exercise();
        outcome
    }
}

/// Stops the first process after each instruction by which it changes the queue, and before the
/// first of them; kills the victim at every instruction.
fn every(name: &str, stopped: Operation, contents: Contents, victims: &[Operation]) -> KillCounts {
    let mut peer = StoppedPeer::new(Parent::<u64>::new(name, CAPACITY), stopped, contents);
    let mut changes = SlotChanges::default();
    let mut peer_trace =
        kill::trace_operation(&mut peer, |peer, _, trace| changes.look(&peer.parent.slots, trace));
    // Right before its first change, the process has read everything, and changed nothing.
    let points = [&[changes.points[0] - 1], &changes.points[..]].concat();
    let mut kills = KillCounts::default();
    for &operation in victims {
        for &point in &points {
            let (found, left) = (Vec::new(), Vec::new());
            let mut victim =
                Victim { peer, peer_trace, point, stopped_child: None, operation, found, left, leased: 0 };
            kills.merge(&kill::at_every_instruction(&mut victim));
            (peer, peer_trace) = (victim.peer, victim.peer_trace);
        }
    }
    kills
}

const VICTIMS: &[Operation] = &[Operation::Push, Operation::Pop, Operation::LeaseAndAck];

pub(crate) fn stopped_push(name: &str) -> KillCounts {
    every(name, Operation::Push, contents(2, 2), VICTIMS)
}

pub(crate) fn stopped_pop(name: &str) -> KillCounts {
    every(name, Operation::Pop, contents(3, 2), VICTIMS)
}

pub(crate) fn stopped_ack(name: &str) -> KillCounts {
    every(name, Operation::LeaseAndAck, contents_with_returned(1, 4), VICTIMS)
}

pub(crate) fn stopped_drop_lease(name: &str) -> KillCounts {
    every(name, Operation::LeaseAndDrop, contents(1, 3), VICTIMS)
}
