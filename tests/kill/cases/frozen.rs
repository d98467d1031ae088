//! A process that stands still in the middle of its work at a `Queue`, at every instruction in turn, while others work around it,
//! and then goes on.
//!
//! It is alive, however long that takes. So nobody undoes its work; it overwrites nothing when it goes on; and every message is
//! somebody's, once.

use std::sync::atomic::Ordering;

use breezeway::queue::Queue;
use breezeway::{Atomic, PopError, PushError};

use super::mpmc::{Act, Parent, Scene, scene, scene_with_returned};
use super::number::Numbered;
use crate::child::{Child, Stop};
use crate::drive::{self, Death, Subject};
use crate::progress;
use crate::tally::Tally;
use crate::trace::Trace;

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

    fn in_words(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Pushed => "pushed",
            Self::Took(_) => "took",
            Self::LetFall(_) => "let fall",
        }
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

/// The part of the slow one.
pub(super) struct Part<T: Numbered> {
    pub(super) parent: Parent<T>,
    act: Act,
    scene: Scene,
    told: Atomic<u64>,
    /// What is in the queue beforehand.
    pub(super) before: Vec<u32>,
}

impl<T: Numbered> Part<T> {
    pub(super) fn new(parent: Parent<T>, act: Act, scene: Scene) -> Self {
        let told = parent.segment.get_or_add(TOLD, 0).unwrap();
        Self { parent, act, scene, told, before: Vec::new() }
    }

    /// The message that it pushes.
    fn new_number(&self) -> u32 {
        self.parent.number(50)
    }

    /// Goes to a point of it, and stands still.
    pub(super) fn freeze_at(&mut self, trace: &Trace, point: usize) -> Child {
        let mut child = drive::start(self);
        assert_eq!(child.travel(trace.route(point)), Stop::Underway, "in the middle of it");
        child
    }

    /// Lets it go on to its end; it is entered in the account.
    pub(super) fn finish(&self, mut child: Child, account: &mut Account) -> Told {
        child.finish();
        child.kill();
        let told = Told::from_number(self.told.load(Ordering::Relaxed));
        match told {
            Told::Refused => {}
            Told::Pushed => account.others.push(self.new_number()),
            Told::Took(number) => account.taken.push(number),
            Told::LetFall(number) => account.let_fall.push(number),
        }
        account.let_fall.extend(&self.before[..usize::from(self.scene.returned)]);
        told
    }
}

impl<T: Numbered> Subject for Part<T> {
    type Handle = (Queue<T>, T, Atomic<u64>);

    fn reset(&mut self) {
        self.before = self.parent.set(self.scene);
        self.told.store(0, Ordering::Relaxed);
    }

    fn open(&self) -> Self::Handle {
        let queue = self.parent.open();
        let told = queue.segment().get(TOLD).unwrap();
        (queue, T::of(self.new_number()), told)
    }

    fn operate(&self, (queue, new, told): &Self::Handle) {
        told.store(attempt(self.act, queue, *new).to_number(), Ordering::Relaxed);
    }

    fn survive(&mut self, _: &Death) -> &'static str {
        "on its own"
    }
}

/// The act, as far as others let it.
pub(super) fn attempt<T: Numbered>(act: Act, queue: &Queue<T>, new: T) -> Told {
    let refused = |error: PopError| match error {
        PopError::Empty => Told::Refused,
        error => panic!("{error}"),
    };
    match act {
        Act::Push => match queue.try_push(new) {
            Ok(()) => Told::Pushed,
            Err(PushError::Full(_) | PushError::Closed(_)) => Told::Refused,
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

/// What became of all messages.
#[derive(Debug, Default)]
pub(super) struct Account {
    /// By those who work around the slow one.
    pushed: Vec<u32>,
    popped: Vec<u32>,
    /// Pushed by others.
    pub(super) others: Vec<u32>,
    /// Popped by others.
    pub(super) taken: Vec<u32>,
    /// What somebody had in hand and let fall.
    pub(super) let_fall: Vec<u32>,
    /// How many there are to be reaped at most (who attempts often enough does that, too), where that is known.
    pub(super) dead: Option<u32>,
}

impl Account {
    /// After the death of one that found these messages to be had, left those, of which so many come first because somebody had them in
    /// hand, and may have pushed this one. And what became of its work.
    pub(super) fn after_death(
        (found, left): (&[u32], &[u32]),
        in_hand: usize,
        new: u32,
    ) -> (Self, &'static str) {
        let missing_in = |some: &[u32], others: &[u32]| -> Vec<u32> {
            others.iter().filter(|number| !some.contains(number)).copied().collect()
        };
        let (others, taken) = (missing_in(found, left), missing_in(left, found));
        let outcome = match (&others[..], &taken[..]) {
            ([], []) => "as before",
            (&[number], []) if number == new => "pushed",
            ([], [_]) => "popped",
            _ => panic!("from {found:?} to {left:?}"),
        };
        (Self { others, taken, let_fall: left[..in_hand].to_vec(), ..Self::default() }, outcome)
    }

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

    /// What was in the queue beforehand, and what was pushed, must have been popped, each once, and in the order in which it was pushed
    /// (others are not compared with others, and what was let fall comes when it comes).
    pub(super) fn settle(&self, before: &[u32]) {
        let mut all = [before, &self.pushed, &self.others].concat();
        let mut popped = [&self.popped[..], &self.taken].concat();
        all.sort_unstable();
        popped.sort_unstable();
        assert_eq!(popped, all, "each message once, with {self:?}");
        let ours = |number: &&u32| !self.others.contains(number) && !self.let_fall.contains(number);
        assert!(self.popped.iter().filter(ours).is_sorted(), "in order: {self:?}");
    }
}

/// What those around it do, while it stands still.
pub(super) type Script<T> = fn(&Parent<T>, &mut Account);

/// Several laps, with a message in the queue or without; and nobody is reaped.
pub(super) fn go_round<T: Numbered>(parent: &Parent<T>, account: &mut Account) {
    for _ in 0..2 * parent.queue.capacity() + 1 {
        account.push(parent);
        account.pop(parent);
    }
    let reaped = parent.segment.reap().unwrap();
    assert!(account.dead.is_none_or(|dead| reaped <= dead), "a stopped process is alive");
    for _ in 0..=parent.queue.capacity() {
        account.pop_by_lease(parent);
        account.push(parent);
    }
}

pub(super) fn fill<T: Numbered>(parent: &Parent<T>, account: &mut Account) {
    while account.push(parent) {}
}

pub(super) fn empty<T: Numbered>(parent: &Parent<T>, account: &mut Account) {
    while account.pop(parent) {}
}

/// One full lap: the next message goes where the last one lay.
pub(super) fn empty_and_fill<T: Numbered>(parent: &Parent<T>, account: &mut Account) {
    empty(parent, account);
    fill(parent, account);
}

/// There is a message that somebody lets fall, and that producers have to pass.
pub(super) fn let_fall<T: Numbered>(parent: &Parent<T>, account: &mut Account) {
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
        let mut part = Part::new(parent, act, scene);
        let trace = drive::trace(&mut part, |_, _, _| {});
        for point in 0..trace.last() {
            for (n, script) in scripts.iter().enumerate() {
                progress::at(format_args!(
                    "{act:?}, {scene:?}, frozen after instruction {point}, script {n}"
                ));
                let slow = part.freeze_at(&trace, point);
                let mut account = Account { dead: Some(0), ..Account::default() };
                script(&part.parent, &mut account);
                let told = part.finish(slow, &mut account);
                empty(&part.parent, &mut account);
                account.settle(&part.before);
                part.parent.exercise();
                tally.count(told.in_words());
                progress::count_kill();
            }
        }
        parent = part.parent;
    }
    tally
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

/// The queue is closed, and found empty, in the middle of a push: either somebody gets the message, or the push comes back with it.
pub(crate) fn push_at_close(name: &str) -> Tally {
    let new_part = || Part::new(Parent::<u64>::new(name, CAPACITY), Act::Push, scene(2, 1));
    let trace = drive::trace(&mut new_part(), |_, _, _| {});
    let mut tally = Tally::default();
    for point in 0..trace.last() {
        progress::at(format_args!("closed while one stands still after instruction {point}"));
        // A closed queue remains so.
        let mut part = new_part();
        let slow = part.freeze_at(&trace, point);
        let mut account = Account::default();
        assert!(part.parent.queue.close());
        empty(&part.parent, &mut account);
        // Who is told that nothing more comes goes away.
        let nobody_waits = matches!(part.parent.queue.try_pop(), Err(PopError::Closed));
        let is_lost = nobody_waits && !account.popped.contains(&part.new_number());
        let told = part.finish(slow, &mut account);
        assert!(!is_lost || told == Told::Refused, "nobody gets the message");
        empty(&part.parent, &mut account);
        account.settle(&part.before);
        assert!(matches!(part.parent.queue.pop(), Err(PopError::Closed)));
        tally.count(told.in_words());
        progress::count_kill();
    }
    tally
}
