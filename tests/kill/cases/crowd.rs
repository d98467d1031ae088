//! A `Queue` with one that stands still in the middle of its work, one that is killed at every instruction of its own, and others
//! who work around both.
//!
//! The dead one's work is undone, the slow one's is not. When it goes on, it finishes what it began.

use breezeway::queue::Queue;

use super::frozen::{Account, Part, Script, attempt, empty, empty_and_fill, fill, go_round, let_fall};
use super::mpmc::{Act, Parent, Scene, scene, scene_with_returned};
use super::number::Numbered;
use super::slots::Changes;
use crate::child::Child;
use crate::drive::{self, Death, Subject};
use crate::tally::Tally;
use crate::trace::Trace;

const CAPACITY: usize = 4;

/// A child that works at a queue where another one stands still.
struct Victim<T: Numbered> {
    slow: Part<T>,
    slow_trace: Trace,
    /// Where the slow one stands still.
    point: usize,
    standing: Option<Child>,
    act: Act,
    /// The messages in the queue when the victim came, and when it was last seen; how many of these somebody had had in hand.
    found: Vec<u32>,
    left: Vec<u32>,
    in_hand: usize,
}

impl<T: Numbered> Victim<T> {
    fn new_number(&self) -> u32 {
        self.slow.parent.number(51)
    }
}

impl<T: Numbered> Subject for Victim<T> {
    type Handle = (Queue<T>, T);

    fn reset(&mut self) {
        self.standing = Some(self.slow.freeze_at(&self.slow_trace, self.point));
        self.found = self.slow.parent.slots.messages().0;
    }

    fn open(&self) -> Self::Handle {
        (self.slow.parent.open(), T::of(self.new_number()))
    }

    fn operate(&self, (queue, new): &Self::Handle) {
        attempt(self.act, queue, *new);
    }

    fn observe(&mut self, _: &Child) {
        (self.left, self.in_hand) = self.slow.parent.slots.messages();
    }

    fn survive(&mut self, death: &Death) -> &'static str {
        let (mut account, outcome) =
            Account::after_death((&self.found, &self.left), self.in_hand, self.new_number());
        account.dead = Some(1);
        let scripts: [Script<T>; 5] = [go_round, fill, empty, empty_and_fill, let_fall];
        scripts[death.point % scripts.len()](&self.slow.parent, &mut account);
        let slow = self.standing.take().expect("one that stands still");
        self.slow.finish(slow, &mut account);
        self.slow.parent.segment.reap().unwrap();
        empty(&self.slow.parent, &mut account);
        account.settle(&self.slow.before);
        self.slow.parent.exercise();
        outcome
    }
}

/// The slow one stands still behind each instruction by which it changes what others see, and before the first of them; the
/// victim is killed everywhere.
fn every(name: &str, slow: Act, scene: Scene, victims: &[Act]) -> Tally {
    let mut part = Part::new(Parent::<u64>::new(name, CAPACITY), slow, scene);
    let mut changes = Changes::default();
    let mut slow_trace = drive::trace(&mut part, |part, _, trace| changes.look(&part.parent.slots, trace));
    // Right before the first one it knows all it will know, and has done nothing.
    let points = [&[changes.points[0] - 1], &changes.points[..]].concat();
    let mut tally = Tally::default();
    for &act in victims {
        for &point in &points {
            let (found, left) = (Vec::new(), Vec::new());
            let mut victim =
                Victim { slow: part, slow_trace, point, standing: None, act, found, left, in_hand: 0 };
            tally.merge(&drive::every(&mut victim));
            (part, slow_trace) = (victim.slow, victim.slow_trace);
        }
    }
    tally
}

const VICTIMS: &[Act] = &[Act::Push, Act::Pop, Act::LeaseAndAck];

pub(crate) fn slow_push(name: &str) -> Tally {
    every(name, Act::Push, scene(2, 2), VICTIMS)
}

pub(crate) fn slow_pop(name: &str) -> Tally {
    every(name, Act::Pop, scene(3, 2), VICTIMS)
}

pub(crate) fn slow_lease(name: &str) -> Tally {
    every(name, Act::LeaseAndAck, scene_with_returned(1, 4), VICTIMS)
}

pub(crate) fn slow_return(name: &str) -> Tally {
    every(name, Act::LeaseAndDrop, scene(1, 3), VICTIMS)
}
