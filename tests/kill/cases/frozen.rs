//! A process that stands still in the middle of its work at a `Queue`, at every instruction in turn, while others work around it,
//! and then goes on.
//!
//! It is alive, however long that takes. So nobody undoes its work; it overwrites nothing when it goes on; and every message is
//! somebody's, once.

use std::sync::atomic::Ordering;

use breezeway::queue::Queue;
use breezeway::{Atomic, PopError, PushError};

use super::mpmc::{Act, Parent, Scene, Work, scene, scene_with_returned};
use super::number::Numbered;
use crate::kill::child::{Child, Stop};
use crate::kill::drive;
use crate::kill::progress;
use crate::kill::tally::Tally;
use crate::kill::trace::Trace;

const TOLD: &str = "told";
const CAPACITY: usize = 3;

/// What the slow one says when it is through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// It found no room, or no message.
    Refused,
    Pushed,
    /// It has had this message for good.
    Took(u32),
    /// It has had this message and let it fall.
    LetFall(u32),
}

impl Told {
    fn to_number(self) -> u64 {
        let (kind, number) = match self {
            Self::Refused => (1, 0),
            Self::Pushed => (2, 0),
            Self::Took(number) => (3, number),
            Self::LetFall(number) => (4, number),
        };
        kind << 32 | u64::from(number)
    }

    fn from_number(told: u64) -> Self {
        match (told >> 32, told as u32) {
            (1, _) => Self::Refused,
            (2, _) => Self::Pushed,
            (3, number) => Self::Took(number),
            (4, number) => Self::LetFall(number),
            _ => panic!("nothing was told: {told}"),
        }
    }
}

/// The slow one, standing still.
#[derive(Debug)]
pub(super) struct Slow {
    child: Child,
    told: Atomic<u64>,
}

impl Slow {
    /// Goes to a point of its act. The act is given a new message to push.
    pub(super) fn start<T: Numbered>(
        parent: &Parent<T>,
        act: Act,
        new: u32,
        trace: &Trace,
        point: usize,
    ) -> Self {
        let segment = &parent.segment;
        let told = segment.get::<Atomic<u64>>(TOLD).or_else(|_| segment.add(TOLD, 0)).unwrap();
        told.store(0, Ordering::Relaxed);
        let open = || {
            let queue = parent.open();
            let told = queue.segment().get::<Atomic<u64>>(TOLD).unwrap();
            (queue, T::of(new), told)
        };
        let mut child = Child::fork(open, |(queue, new, told)| {
            told.store(attempt(act, queue, *new).to_number(), Ordering::Relaxed);
        });
        assert_eq!(child.travel(trace.route(point)), Stop::Underway, "in the middle of it");
        Self { child, told }
    }

    /// Lets it go on to its end.
    pub(super) fn finish(mut self) -> Told {
        self.child.finish();
        self.child.kill();
        Told::from_number(self.told.load(Ordering::Relaxed))
    }
}

/// The act, as far as others let it.
fn attempt<T: Numbered>(act: Act, queue: &Queue<T>, new: T) -> Told {
    let refused = |error: PopError| match error {
        PopError::Empty => Told::Refused,
        error => panic!("{error}"),
    };
    match act {
        Act::Push => match queue.try_push(new) {
            Ok(()) => Told::Pushed,
            Err(PushError::Full(_)) => Told::Refused,
            Err(error) => panic!("{error}"),
        },
        Act::Pop => queue.try_pop().map_or_else(refused, |value| Told::Took(value.number())),
        Act::LeaseAndAck => queue.try_lease().map_or_else(refused, |lease| {
            let number = lease.number();
            lease.ack();
            Told::Took(number)
        }),
        Act::LeaseAndDrop => queue.try_lease().map_or_else(refused, |lease| Told::LetFall(lease.number())),
        other => panic!("no part for a slow one: {other:?}"),
    }
}

/// Those who work around the slow one, and what they have pushed and popped.
#[derive(Debug, Default)]
pub(super) struct Account {
    pub(super) pushed: Vec<u32>,
    pub(super) popped: Vec<u32>,
    /// What they had in hand and let fall.
    pub(super) let_fall: Vec<u32>,
}

impl Account {
    pub(super) fn push<T: Numbered>(&mut self, parent: &Parent<T>) -> bool {
        let number = parent.number(60) + self.pushed.len() as u32;
        let pushed = parent.queue.try_push(T::of(number)).is_ok();
        self.pushed.extend(pushed.then_some(number));
        pushed
    }

    pub(super) fn pop<T: Numbered>(&mut self, parent: &Parent<T>) -> bool {
        let popped = parent.queue.try_pop().map(|value| value.number());
        self.popped.extend(popped.iter());
        popped.is_ok()
    }

    fn pop_by_lease<T: Numbered>(&mut self, parent: &Parent<T>) -> bool {
        let Ok(lease) = parent.queue.try_lease() else { return false };
        self.popped.push(lease.number());
        lease.ack();
        true
    }

    /// What was in the queue beforehand, and what was pushed, must have been popped, each once. `out_of_order`: messages that somebody
    /// had in hand before. The others come in the order in which they were pushed.
    pub(super) fn settle(&self, before: &[u32], others: &[u32], out_of_order: &[u32]) {
        let mut all = [before, &self.pushed, others].concat();
        let mut popped = self.popped.clone();
        all.sort_unstable();
        popped.sort_unstable();
        assert_eq!(popped, all, "each message once, and in all {:?}", self.popped);
        let ours = |number: &&u32| !others.contains(number) && !out_of_order.contains(number);
        assert!(self.popped.iter().filter(ours).is_sorted(), "in order: {:?}", self.popped);
    }
}

/// What those around it do, while it stands still.
pub(super) type Script<T> = fn(&Parent<T>, &mut Account);

/// Several laps, with a message in the queue or without; and nobody is reaped.
pub(super) fn go_round<T: Numbered>(parent: &Parent<T>, account: &mut Account) {
    for _ in 0..2 * CAPACITY + 1 {
        account.push(parent);
        account.pop(parent);
    }
    assert_eq!(parent.segment.reap().unwrap(), 0, "a stopped process is alive");
    for _ in 0..CAPACITY + 1 {
        account.pop_by_lease(parent);
        account.push(parent);
    }
}

pub(super) fn fill<T: Numbered>(parent: &Parent<T>, account: &mut Account) {
    while account.push(parent) {}
}

fn empty<T: Numbered>(parent: &Parent<T>, account: &mut Account) {
    while account.pop(parent) {}
}

/// One full lap: the next message goes where the last one lay.
pub(super) fn empty_and_fill<T: Numbered>(parent: &Parent<T>, account: &mut Account) {
    empty(parent, account);
    fill(parent, account);
}

/// There is a message that somebody lets fall, and that producers have to pass.
fn let_fall<T: Numbered>(parent: &Parent<T>, account: &mut Account) {
    fill(parent, account);
    let first = parent.queue.try_lease();
    account.let_fall.extend(first.iter().map(|lease| lease.number()));
    account.pop(parent);
    drop(first);
    fill(parent, account);
}

/// Each script around it, for each point of its act.
fn at_every_instruction<T: Numbered>(name: &str, scenes: &[(Act, Scene)]) -> Tally {
    let scripts: [Script<T>; 5] = [go_round, fill, empty, empty_and_fill, let_fall];
    let mut tally = Tally::default();
    let mut parent = Parent::<T>::new(name, CAPACITY);
    for &(act, scene) in scenes {
        let mut work = Work::new(parent, scene, act);
        let trace = drive::trace(&mut work, |_, _, _| {});
        parent = work.parent;
        for point in 0..trace.last() {
            for (n, script) in scripts.iter().enumerate() {
                progress::at(format_args!(
                    "{act:?}, {scene:?}, frozen after instruction {point}, script {n}"
                ));
                tally.count(freeze(&mut parent, act, scene, &trace, point, *script));
                progress::count_kill();
            }
        }
    }
    tally
}

fn freeze<T: Numbered>(
    parent: &mut Parent<T>,
    act: Act,
    scene: Scene,
    trace: &Trace,
    point: usize,
    script: Script<T>,
) -> &'static str {
    let before = parent.set(scene);
    let new = parent.number(50);
    let slow = Slow::start(parent, act, new, trace, point);
    let mut account = Account::default();
    script(parent, &mut account);
    let told = slow.finish();
    let mut out_of_order = before[..usize::from(scene.returned)].to_vec();
    let mut others = Vec::new();
    match told {
        Told::Refused => {}
        Told::Pushed => others.push(new),
        Told::Took(number) => {
            account.popped.push(number);
            out_of_order.push(number);
        }
        Told::LetFall(number) => out_of_order.push(number),
    }
    empty(parent, &mut account);
    out_of_order.append(&mut account.let_fall);
    account.settle(&before, &others, &out_of_order);
    parent.exercise();
    match told {
        Told::Refused => "refused",
        Told::Pushed => "pushed",
        Told::Took(_) => "took",
        Told::LetFall(_) => "let fall",
    }
}

pub(crate) fn push(name: &str) -> Tally {
    at_every_instruction::<u64>(
        name,
        &[
            (Act::Push, scene(0, 0)),
            (Act::Push, scene(2, 1)),
            (Act::Push, scene(0, 2)),
            (Act::Push, scene_with_returned(0, 3)),
        ],
    )
}

pub(crate) fn pop(name: &str) -> Tally {
    at_every_instruction::<u64>(
        name,
        &[
            (Act::Pop, scene(2, 1)),
            (Act::Pop, scene(1, 3)),
            (Act::Pop, scene_with_returned(0, 3)),
            (Act::Pop, scene_with_returned(2, 2)),
        ],
    )
}

pub(crate) fn lease(name: &str) -> Tally {
    at_every_instruction::<u64>(
        name,
        &[
            (Act::LeaseAndAck, scene(2, 2)),
            (Act::LeaseAndAck, scene_with_returned(0, 3)),
            (Act::LeaseAndDrop, scene(1, 3)),
            (Act::LeaseAndDrop, scene_with_returned(0, 3)),
        ],
    )
}
