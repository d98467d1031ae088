//! Second order: kills a process that operates on a `Queue`, in each state that it leaves behind,
//! and then the next process, which repairs the queue, at every instruction.

use std::path::PathBuf;

use breezeway::queue::Queue;

use super::numbered::Numbered;
use super::queue::{Contents, Operation, Parent, QueueOperation, contents, contents_with_returned};
use super::queue_ledger::{Ledger, Script, drop_one_lease, empty, empty_and_fill, fill, several_laps};
use super::queue_slots::{SlotChanges, SlotState};
use super::stop_queue::attempt;
use crate::child::Child;
use crate::kill::{self, Death, KillPoint, Scenario};
use crate::kill_counts::KillCounts;
use crate::trace::Trace;

const CAPACITY: usize = 3;

/// A process that finds a busy slot polls for a while before it checks whether the owner lives. The
/// polls are alike.
const SHORT: usize = 1000;

/// What the second process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Second {
    Operates(Operation),
    Reaps,
}

/// The second process.
struct SecondProcess<T: Numbered> {
    first: QueueOperation<T>,
    trace: Trace,
    /// Where the first process dies.
    point: usize,
    /// How many messages are pushed between the two deaths.
    between: usize,
    second: Second,
    /// The queue's messages when the second process began, and when it was last observed; how many
    /// of these had been leased.
    found: Vec<u32>,
    left: Vec<u32>,
    leased: usize,
    /// Whether nothing of the first process's work was left to repair.
    is_clear: bool,
}

impl<T: Numbered> SecondProcess<T> {
    fn parent(&self) -> &Parent<T> {
        &self.first.parent
    }

    /// A number that the first process does not push.
    fn new_number(&self) -> u32 {
        self.parent().number(52)
    }
}

impl<T: Numbered> Scenario for SecondProcess<T> {
    type Handle = (Queue<T>, T);

    fn reset(&mut self) {
        kill::at_point(&mut self.first, &self.trace, KillPoint::after(self.point));
        for n in 0..self.between {
            self.parent().queue.try_push(T::of(self.parent().number(53 + n))).unwrap();
        }
        self.found = self.parent().slots.messages().0;
    }

    fn open(&self) -> Self::Handle {
        (self.parent().open(), T::of(self.new_number()))
    }

    fn operate(&self, (queue, new): &Self::Handle) {
        match self.second {
            Second::Operates(operation) => drop(attempt(operation, queue, *new)),
            Second::Reaps => assert_eq!(queue.segment().reap().unwrap(), 1),
        }
    }

    fn observe(&mut self, _: &Child) {
        let slots = &self.parent().slots;
        let is_clear = !slots.any(SlotState::Writing) && !slots.any(SlotState::Leased);
        (self.left, self.leased) = slots.messages();
        self.is_clear = is_clear;
    }

    fn check_survivors(&mut self, death: &Death) -> &'static str {
        let (mut ledger, outcome) =
            Ledger::after_death((&self.found, &self.left), self.leased, self.new_number());
        ledger.dead = (self.second != Second::Reaps).then_some(2);
        let scripts: [Script<T>; 5] = [several_laps, fill, empty, empty_and_fill, drop_one_lease];
        scripts[death.point % scripts.len()](self.parent(), &mut ledger);
        self.parent().segment.reap().unwrap();
        empty(self.parent(), &mut ledger);
        ledger.assert_balanced(&self.found);
        self.parent().exercise();
        if outcome == "as before" && self.is_clear { "clear" } else { outcome }
    }

    fn watched_files(&self, _: u32) -> Vec<PathBuf> {
        self.parent().segment.path().into_iter().collect()
    }
}

/// How the first process dies: its operation, the queue's contents, and how many messages are
/// pushed afterwards.
type First = (Operation, Contents, usize);

fn every<T: Numbered>(name: &str, second: Second, firsts: &[First]) -> KillCounts {
    let mut kills = KillCounts::default();
    let mut parent = Parent::<T>::new(name, CAPACITY);
    for &(operation, contents, between) in firsts {
        let mut first = QueueOperation::new(parent, contents, operation);
        let mut changes = SlotChanges::default();
        let mut trace =
            kill::trace_operation(&mut first, |first, _, trace| changes.look(&first.parent.slots, trace));
        for point in changes.points {
            let (found, left) = (Vec::new(), Vec::new());
            let mut second_process = SecondProcess {
                first,
                trace,
                point,
                between,
                second,
                found,
                left,
                leased: 0,
                is_clear: true,
            };
            kills.merge(&kill::at_changes_unless_short(&mut second_process, SHORT));
            (first, trace) = (second_process.first, second_process.trace);
        }
        parent = first.parent;
    }
    kills
}

/// The dead process's slot is the next one, or the last one of a lap, where it blocks the
/// producers.
pub(crate) fn push_after_death(name: &str) -> KillCounts {
    every::<u64>(
        name,
        Second::Operates(Operation::Push),
        &[
            (Operation::Push, contents(2, 1), 0),
            (Operation::Push, contents(1, 0), CAPACITY - 1),
            (Operation::LeaseAndAck, contents(2, 2), 1),
            (Operation::LeaseAndDrop, contents(0, 3), 0),
        ],
    )
}

/// The dead process's slot is the first one, or a later one.
pub(crate) fn pop_after_death(name: &str) -> KillCounts {
    every::<u64>(
        name,
        Second::Operates(Operation::Pop),
        &[
            (Operation::Push, contents(2, 0), 1),
            (Operation::Push, contents(2, 1), 0),
            (Operation::Pop, contents(2, 2), 0),
            (Operation::LeaseAndDrop, contents(1, 2), 0),
        ],
    )
}

pub(crate) fn lease_after_death(name: &str) -> KillCounts {
    every::<[u32; 6]>(
        name,
        Second::Operates(Operation::LeaseAndDrop),
        &[
            (Operation::Push, contents(1, 0), 1),
            (Operation::LeaseAndAck, contents(2, 2), 0),
            (Operation::LeaseAndDrop, contents_with_returned(0, 3), 1),
        ],
    )
}

pub(crate) fn reap_after_death(name: &str) -> KillCounts {
    every::<u64>(
        name,
        Second::Reaps,
        &[(Operation::Push, contents(2, 1), 0), (Operation::LeaseAndDrop, contents_with_returned(0, 3), 1)],
    )
}
