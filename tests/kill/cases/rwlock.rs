//! `RwLock`: dead readers and writers are evicted, and a death in a section is told to all until a writer knows.

use std::cell::RefCell;
use std::path::PathBuf;

use breezeway::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::locked::SOON;
use super::sleeper::asleep;
use super::state_word::{StateWord, create, open};
use super::waiter::{AFTER_DEATH, CLEANLY};
use crate::child::Child;
use crate::drive::{self, Death, Point, Subject};
use crate::process::{self, Process};
use crate::tally::Tally;
use crate::trace::Trace;
use crate::window::{Holder, LockView};

/// Where the writer's word lies, in one with the word for untold deaths; and each participant's count.
const WRITER: u64 = 128;
const COUNTS: u64 = 384;
const LINE: u64 = 64;
const WAITING: u64 = 1 << 30;
const WRITING: u64 = 1 << 31;

/// As many as there are at a time.
const PLACES: u64 = 5;

/// The lock, and what the parent can see of it.
pub(super) struct Parent {
    pub(super) name: String,
    pub(super) lock: RwLock,
    view: LockView,
    word: StateWord,
    counts: Vec<StateWord>,
}

/// What the writer does that the word names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Writer {
    Nobody,
    Waits(u64),
    Writes(u64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) writer: Writer,
    /// Whether a death is to be told.
    pub(super) untold: bool,
    /// By participant, from the first on.
    pub(super) counts: [u64; PLACES as usize],
}

impl Seen {
    /// Whether whoever comes next is to be told of a death, if the writer is dead.
    pub(super) fn tells(&self) -> bool {
        self.untold || matches!(self.writer, Writer::Writes(_))
    }

    /// Whether it is as if this participant had never come.
    fn is_free_of(&self, id: u64) -> bool {
        let is_writer = matches!(self.writer, Writer::Waits(writer) | Writer::Writes(writer) if writer == id);
        !is_writer && self.counts[id as usize - 1] == 0
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Read,
    Write,
}

impl Parent {
    pub(super) fn new(name: &str) -> Self {
        let lock = create::<RwLock>(name, ());
        let segment = lock.segment();
        let (view, word) = (LockView::of(segment), StateWord::of(segment, WRITER));
        let counts = (0..PLACES).map(|n| StateWord::of(segment, COUNTS + n * LINE)).collect();
        Self { name: name.to_owned(), lock, view, word, counts }
    }

    pub(super) fn look(&self) -> Seen {
        let (writer, untold) = (self.word.get() & 0xffff_ffff, self.word.get() >> 32 != 0);
        let id = writer & !(WAITING | WRITING);
        let writer = match writer {
            0 => Writer::Nobody,
            word if word & WRITING != 0 => Writer::Writes(id),
            _ => Writer::Waits(id),
        };
        let counts = core::array::from_fn(|n| self.counts[n].get());
        Seen { writer, untold, counts }
    }

    /// Nobody is in it or in the way.
    pub(super) fn is_idle(&self) -> bool {
        let seen = self.look();
        (seen.writer, seen.counts, self.view.holder())
            == (Writer::Nobody, [0; PLACES as usize], Holder::Nobody)
    }

    /// As which participant a process has come.
    pub(super) fn id_of(&self, child: &Child) -> u64 {
        let all = self.lock.segment().participants().unwrap();
        all.iter().find(|participant| participant.pid == child.pid()).expect("it has attached").id.into()
    }

    pub(super) fn reap(&self) {
        self.lock.segment().reap().unwrap();
    }

    /// The survivors, who take turns in who comes first and how, get the lock and are told the truth, once.
    pub(super) fn check(&self, tells: bool, turn: usize) {
        // Mostly, somebody reaps, and the survivors need not find out by themselves.
        let reaped = !turn.is_multiple_of(8);
        if reaped {
            self.reap();
        }
        match turn % 4 {
            0 => assert_eq!(self.lock.read_timeout(SOON).expect("readers come in").recovered(), tells),
            1 => assert_eq!(self.lock.try_read().expect("readers come in at once").recovered(), tells),
            _ => {}
        }
        let guard = if reaped { self.lock.try_write() } else { self.lock.write_timeout(SOON) };
        let guard = guard.expect("a writer comes in");
        assert_eq!(guard.recovered(), tells, "whether a writer died");
        drop(guard);
        assert!(!self.lock.try_read().expect("it works on").recovered(), "a writer knows");
        assert!(!self.lock.try_write().expect("it works on").recovered(), "that is told once");
        assert!(self.is_idle(), "nothing is left: {:?}", self.look());
    }

    /// A process that sleeps until it has had the lock, and says by its exit code whether it was told of a death.
    pub(super) fn sleeper(&self, side: Side) -> Process {
        asleep(|| self.go_through(side))
    }

    fn go_through(&self, side: Side) -> libc::c_int {
        let lock = open::<RwLock>(&self.name);
        let told = match side {
            Side::Read => lock.read().unwrap().recovered(),
            Side::Write => lock.write().unwrap().recovered(),
        };
        if told { AFTER_DEATH } else { CLEANLY }
    }
}

/// What the child does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    /// Locks and unlocks.
    Read,
    TryRead,
    ReadTimeout,
    Write,
    TryWrite,
    WriteTimeout,
    /// Unlocks.
    DropRead,
    DropWrite,
    /// Is refused by its parent, which has the other side.
    RefusedRead,
    RefusedWrite,
    /// Repairs after the dead.
    Reap,
}

pub(super) enum Guard {
    Read(RwLockReadGuard<'static>),
    Write(RwLockWriteGuard<'static>),
}

/// A child at the lock.
pub(super) struct AtTheLock {
    pub(super) parent: Parent,
    pub(super) deed: Deed,
    /// Who sleeps there meanwhile.
    others: &'static [Side],
    sleepers: Vec<(Side, Process)>,
    id: u64,
    /// When it was seen last.
    pub(super) seen: Seen,
}

impl AtTheLock {
    pub(super) fn new(parent: Parent, deed: Deed, others: &'static [Side]) -> Self {
        let seen = parent.look();
        Self { parent, deed, others, sleepers: Vec::new(), id: 0, seen }
    }

    /// All of them come through, and a death in the section is told to all up to the writer, of whom there is one at most.
    fn all_come_through(&mut self, tells: bool) {
        let has_writer = self.others.contains(&Side::Write);
        for (side, sleeper) in self.sleepers.drain(..) {
            let told = match sleeper.exit_code() {
                Some(CLEANLY) => false,
                Some(AFTER_DEATH) => true,
                other => panic!("a sleeper ended by {other:?}"),
            };
            let may_not_know = side == Side::Read && has_writer;
            assert!(told == tells || tells && may_not_know, "{side:?} was told: {told}, to tell: {tells}");
        }
    }
}

impl Subject for AtTheLock {
    type Handle = (&'static RwLock, RefCell<Option<Guard>>);

    fn reset(&mut self) {
        self.parent.reap();
    }

    fn open(&self) -> Self::Handle {
        let lock: &'static RwLock = Box::leak(Box::new(open::<RwLock>(&self.parent.name)));
        let guard = match self.deed {
            Deed::DropRead => Some(Guard::Read(lock.read().unwrap())),
            Deed::DropWrite => Some(Guard::Write(lock.write().unwrap())),
            _ => None,
        };
        (lock, RefCell::new(guard))
    }

    fn operate(&self, (lock, guard): &Self::Handle) {
        match self.deed {
            Deed::Read => drop(lock.read().unwrap()),
            Deed::TryRead => drop(lock.try_read().unwrap()),
            Deed::ReadTimeout => drop(lock.read_timeout(SOON).unwrap()),
            Deed::Write => drop(lock.write().unwrap()),
            Deed::TryWrite => drop(lock.try_write().unwrap()),
            Deed::WriteTimeout => drop(lock.write_timeout(SOON).unwrap()),
            Deed::DropRead | Deed::DropWrite => match guard.take() {
                Some(Guard::Read(guard)) => drop(guard),
                Some(Guard::Write(guard)) => drop(guard),
                None => unreachable!("it has locked"),
            },
            Deed::RefusedRead => assert!(lock.try_read().is_err()),
            Deed::RefusedWrite => assert!(lock.try_write().is_err()),
            Deed::Reap => drop(lock.segment().reap().unwrap()),
        }
    }

    fn begin(&mut self, child: &Child) {
        self.id = self.parent.id_of(child);
        self.sleepers = self.others.iter().map(|&side| (side, self.parent.sleeper(side))).collect();
    }

    fn observe(&mut self, _: &Child) {
        self.seen = self.parent.look();
    }

    fn survive(&mut self, death: &Death) -> &'static str {
        let (seen, id) = (self.seen, self.id);
        assert!(!death.completed || seen.is_free_of(id), "what has returned has happened: {seen:?}");
        let tells = seen.writer == Writer::Writes(id);
        if self.others.is_empty() {
            assert_eq!(self.parent.look(), seen, "a death changes nothing");
        } else if !death.point.is_multiple_of(8) {
            self.parent.reap();
        }
        match self.deed {
            Deed::RefusedRead | Deed::RefusedWrite => {
                self.parent.reap();
                assert!(self.parent.look().is_free_of(id));
                // Its parent has it, and readers are not kept out by one who would not wait for them.
                assert!(self.deed == Deed::RefusedRead || self.parent.lock.try_read().is_ok());
            }
            _ => {
                let known = !self.others.is_empty() && self.others.contains(&Side::Write);
                self.all_come_through(tells);
                self.parent.check(tells && !known, death.point);
            }
        }
        match seen {
            _ if tells => "died writing",
            Seen { writer: Writer::Waits(writer), .. } if writer == id => "died waiting",
            _ if seen.counts[id as usize - 1] > 0 => "died reading",
            _ => "died outside",
        }
    }

    fn files(&self, _: u32) -> Vec<PathBuf> {
        self.parent.lock.segment().path().into_iter().collect()
    }
}

fn each(name: &str, deeds: &[Deed]) -> Tally {
    let mut tally = Tally::default();
    for &deed in deeds {
        tally.merge(&drive::every(&mut AtTheLock::new(Parent::new(name), deed, &[])));
    }
    tally
}

pub(crate) fn read(name: &str) -> Tally {
    each(name, &[Deed::Read, Deed::TryRead, Deed::ReadTimeout])
}

pub(crate) fn write(name: &str) -> Tally {
    each(name, &[Deed::Write, Deed::TryWrite, Deed::WriteTimeout])
}

/// A reader unlocks. A writer sleeps for it, and another reader behind that one.
pub(crate) fn read_unlock_with_sleepers(name: &str) -> Tally {
    drive::every(&mut AtTheLock::new(Parent::new(name), Deed::DropRead, &[Side::Write, Side::Read]))
}

/// A writer unlocks. Readers sleep for it; then a reader and another writer.
pub(crate) fn write_unlock_with_sleepers(name: &str) -> Tally {
    let mut tally = Tally::default();
    for others in [&[Side::Read, Side::Read], &[Side::Read, Side::Write]] {
        let mut subject = AtTheLock::new(Parent::new(name), Deed::DropWrite, others);
        tally.merge(&drive::every(&mut subject));
    }
    tally
}

/// One that will not wait, and is refused by its parent.
pub(crate) fn refused(name: &str) -> Tally {
    let mut tally = Tally::default();
    for deed in [Deed::RefusedRead, Deed::RefusedWrite] {
        let mut subject = AtTheLock::new(Parent::new(name), deed, &[]);
        let lock = subject.parent.lock.clone();
        let guards = match deed {
            Deed::RefusedRead => (None, Some(lock.write().unwrap())),
            _ => (Some(lock.read().unwrap()), None),
        };
        tally.merge(&drive::changes_unless_short(&mut subject, 1000));
        drop(guards);
        subject.parent.check(false, 1);
    }
    tally
}

/// A second one, after a first that died at a point of its own.
struct Second {
    first: AtTheLock,
    trace: Trace,
    point: usize,
    /// Whether the first died in its section.
    tells: bool,
    second: Deed,
    others: &'static [Side],
}

impl Subject for Second {
    type Handle = <AtTheLock as Subject>::Handle;

    fn reset(&mut self) {
        self.first.others = &[];
        drive::die(&mut self.first, &self.trace, Point::after(self.point));
        assert_eq!(self.first.parent.look().tells(), self.tells, "where the first one died");
    }

    fn open(&self) -> Self::Handle {
        (Box::leak(Box::new(open::<RwLock>(&self.first.parent.name))), RefCell::default())
    }

    fn operate(&self, (lock, _): &Self::Handle) {
        match self.second {
            Deed::Write => assert_eq!(lock.write().unwrap().recovered(), self.tells),
            Deed::TryWrite => assert_eq!(lock.try_write().unwrap().recovered(), self.tells),
            Deed::Read => assert_eq!(lock.read().unwrap().recovered(), self.tells),
            Deed::TryRead => assert_eq!(lock.try_read().unwrap().recovered(), self.tells),
            Deed::Reap => drop(lock.segment().reap().unwrap()),
            other => unreachable!("{other:?}"),
        }
    }

    fn begin(&mut self, child: &Child) {
        self.first.others = self.others;
        self.first.id = self.first.parent.id_of(child);
        // They come upon the dead by themselves, and need not sleep for long.
        let parent = &self.first.parent;
        let come = |&side| (side, process::fork(|| parent.go_through(side)));
        self.first.sleepers = self.others.iter().map(come).collect();
    }

    fn observe(&mut self, child: &Child) {
        self.first.observe(child);
    }

    fn survive(&mut self, death: &Death) -> &'static str {
        let seen = self.first.seen;
        let tells = seen.tells();
        if self.others.is_empty() {
            assert_eq!(self.first.parent.look(), seen, "a death changes nothing");
            let writes = matches!(self.second, Deed::Write | Deed::TryWrite);
            assert!(tells == self.tells || writes, "nobody else makes it known");
            let is_through = self.tells && !tells;
            assert!(!is_through || seen.writer == Writer::Nobody, "it was told, and came to its end");
            assert!(!death.completed || !writes || !tells, "it was told");
            self.first.parent.check(tells, death.point);
            return if tells { "told to the survivors" } else { "nothing to tell" };
        }
        if !death.point.is_multiple_of(8) {
            self.first.parent.reap();
        }
        self.first.all_come_through(self.tells);
        let known = self.others.contains(&Side::Write);
        self.first.parent.check(self.tells && !known, death.point);
        "all came through"
    }

    fn files(&self, child: u32) -> Vec<PathBuf> {
        self.first.files(child)
    }
}

/// The first one dies in each of the states that it goes through, once for each point of the second.
fn after_each(
    name: &str,
    [first, second]: [Deed; 2],
    others: &'static [Side],
    run: fn(&mut Second) -> Tally,
) -> Tally {
    let mut first = AtTheLock::new(Parent::new(name), first, &[]);
    let mut states: Vec<(Seen, Holder)> = Vec::new();
    let mut points = Vec::new();
    let trace = drive::trace(&mut first, |first, _, trace| {
        let state = (first.seen, first.parent.view.holder());
        if states.last() != Some(&state) {
            states.push(state);
            points.push(trace.last());
        }
    });
    let mut both = Second { first, trace, point: 0, tells: false, second, others };
    let mut tally = Tally::default();
    // Before the first state and from the last on, nothing is left to be seen.
    for n in 1..states.len() - 1 {
        (both.point, both.tells) = (points[n], states[n].0.tells());
        tally.merge(&run(&mut both));
    }
    tally
}

pub(crate) fn write_after_writer(name: &str) -> Tally {
    let mut tally = after_each(name, [Deed::Write, Deed::Write], &[], drive::every);
    tally.merge(&after_each(name, [Deed::Write, Deed::TryWrite], &[], drive::every));
    tally
}

pub(crate) fn read_after_writer(name: &str) -> Tally {
    after_each(name, [Deed::Write, Deed::TryRead], &[], drive::every)
}

/// The second one finds out by itself that the first is dead.
pub(crate) fn write_after_reader(name: &str) -> Tally {
    after_each(name, [Deed::Read, Deed::TryWrite], &[], drive::changes)
}

/// The repair, killed.
pub(crate) fn reap(name: &str) -> Tally {
    let mut tally = after_each(name, [Deed::Write, Deed::Reap], &[], drive::changes);
    tally.merge(&after_each(name, [Deed::Read, Deed::Reap], &[], drive::changes));
    tally
}

/// The same while others come upon the dead.
pub(crate) fn reap_with_others(name: &str) -> Tally {
    let mut tally = after_each(name, [Deed::Read, Deed::Reap], &[Side::Write, Side::Read], drive::changes);
    tally.merge(&after_each(name, [Deed::Write, Deed::Reap], &[Side::Read, Side::Read], drive::changes));
    tally
}
