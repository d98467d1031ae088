//! Second order: one is killed at work at a `Queue`, in each state that it leaves behind, and then the one that comes next, and
//! clears up behind it, at every instruction.

use std::path::PathBuf;

use breezeway::queue::Queue;

use super::frozen::{Account, Script, attempt, empty, empty_and_fill, fill, go_round, let_fall};
use super::mpmc::{Act, Parent, Scene, Work, scene, scene_with_returned};
use super::number::Numbered;
use super::slots::{Changes, State};
use crate::child::Child;
use crate::drive::{self, Death, Point, Subject};
use crate::tally::Tally;
use crate::trace::Trace;

const CAPACITY: usize = 3;

/// Who finds another at work looks for a while, before it sees whether that one lives. The looks are alike.
const SHORT: usize = 1000;

/// What the second one does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Second {
    Works(Act),
    Reaps,
}

/// The second one.
struct Successor<T: Numbered> {
    first: Work<T>,
    trace: Trace,
    /// Where the first one dies.
    point: usize,
    /// Messages that are pushed between the two deaths.
    between: usize,
    second: Second,
    /// The messages in the queue when the second one came, and when it was last seen; how many of these somebody had had in hand.
    found: Vec<u32>,
    left: Vec<u32>,
    in_hand: usize,
    /// Whether nothing of the dead one's work was to be undone any more.
    is_clear: bool,
}

impl<T: Numbered> Successor<T> {
    fn parent(&self) -> &Parent<T> {
        &self.first.parent
    }

    /// Not what the first one pushes, or may have pushed.
    fn new_number(&self) -> u32 {
        self.parent().number(52)
    }
}

impl<T: Numbered> Subject for Successor<T> {
    type Handle = (Queue<T>, T);

    fn reset(&mut self) {
        drive::die(&mut self.first, &self.trace, Point::after(self.point));
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
            Second::Works(act) => drop(attempt(act, queue, *new)),
            Second::Reaps => assert_eq!(queue.segment().reap().unwrap(), 1),
        }
    }

    fn observe(&mut self, _: &Child) {
        let slots = &self.parent().slots;
        let is_clear = !slots.any(State::Writing) && !slots.any(State::Leased);
        (self.left, self.in_hand) = slots.messages();
        self.is_clear = is_clear;
    }

    fn survive(&mut self, death: &Death) -> &'static str {
        let (mut account, outcome) =
            Account::after_death((&self.found, &self.left), self.in_hand, self.new_number());
        account.dead = (self.second != Second::Reaps).then_some(2);
        let scripts: [Script<T>; 5] = [go_round, fill, empty, empty_and_fill, let_fall];
        scripts[death.point % scripts.len()](self.parent(), &mut account);
        self.parent().segment.reap().unwrap();
        empty(self.parent(), &mut account);
        account.settle(&self.found);
        self.parent().exercise();
        if outcome == "as before" && self.is_clear { "clear" } else { outcome }
    }

    fn files(&self, _: u32) -> Vec<PathBuf> {
        self.parent().segment.path().into_iter().collect()
    }
}

/// How the first one dies: in its act, in a scene; and what is pushed behind it.
type First = (Act, Scene, usize);

fn every<T: Numbered>(name: &str, second: Second, firsts: &[First]) -> Tally {
    let mut tally = Tally::default();
    let mut parent = Parent::<T>::new(name, CAPACITY);
    for &(act, scene, between) in firsts {
        let mut first = Work::new(parent, scene, act);
        let mut changes = Changes::default();
        let mut trace = drive::trace(&mut first, |first, _, trace| changes.look(&first.parent.slots, trace));
        for point in changes.points {
            let (found, left) = (Vec::new(), Vec::new());
            let mut successor =
                Successor { first, trace, point, between, second, found, left, in_hand: 0, is_clear: true };
            tally.merge(&drive::changes_unless_short(&mut successor, SHORT));
            (first, trace) = (successor.first, successor.trace);
        }
        parent = first.parent;
    }
    tally
}

/// The dead one's slot is the next one; or the last one of a lap, and then in the way.
pub(crate) fn push(name: &str) -> Tally {
    every::<u64>(
        name,
        Second::Works(Act::Push),
        &[
            (Act::Push, scene(2, 1), 0),
            (Act::Push, scene(1, 0), CAPACITY - 1),
            (Act::LeaseAndAck, scene(2, 2), 1),
            (Act::LeaseAndDrop, scene(0, 3), 0),
        ],
    )
}

/// The dead one's slot is the first one, or it comes later.
pub(crate) fn pop(name: &str) -> Tally {
    every::<u64>(
        name,
        Second::Works(Act::Pop),
        &[
            (Act::Push, scene(2, 0), 1),
            (Act::Push, scene(2, 1), 0),
            (Act::Pop, scene(2, 2), 0),
            (Act::LeaseAndDrop, scene(1, 2), 0),
        ],
    )
}

pub(crate) fn lease(name: &str) -> Tally {
    every::<[u32; 6]>(
        name,
        Second::Works(Act::LeaseAndDrop),
        &[
            (Act::Push, scene(1, 0), 1),
            (Act::LeaseAndAck, scene(2, 2), 0),
            (Act::LeaseAndDrop, scene_with_returned(0, 3), 1),
        ],
    )
}

pub(crate) fn reap(name: &str) -> Tally {
    every::<u64>(
        name,
        Second::Reaps,
        &[(Act::Push, scene(2, 1), 0), (Act::LeaseAndDrop, scene_with_returned(0, 3), 1)],
    )
}
