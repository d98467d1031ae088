//! `RwLock`: dead readers and writers are evicted, and a writer's death is reported to every locker
//! up to the next writer.

use std::cell::RefCell;
use std::path::PathBuf;

use breezeway::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::lock_watch::SURVIVOR_TIMEOUT;
use super::mutex_blocked::{AFTER_DEATH, CLEANLY};
use super::state_word::{StateWord, create, open};
use crate::child::Child;
use crate::kill::{self, Death, Scenario};
use crate::kill_counts::KillCounts;
use crate::observe::{LockHolder, LockView};
use crate::process::{Process, fork_until_blocked};

/// The offset of the writer's word, which is followed by the word for unreported deaths; and that
/// of the participants' counts.
const WRITER: u64 = 128;
const COUNTS: u64 = 384;
const LINE: u64 = 64;
const WAITING: u64 = 1 << 30;
const WRITING: u64 = 1 << 31;

/// As many as attach at a time.
const PLACES: u64 = 5;

/// The lock, observed by the surviving process.
pub(super) struct Parent {
    pub(super) name: String,
    pub(super) lock: RwLock,
    pub(super) view: LockView,
    word: StateWord,
    counts: Vec<StateWord>,
}

/// What the word says about a writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Writer {
    Nobody,
    Waits(u64),
    Writes(u64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) writer: Writer,
    /// Whether a death is to be reported.
    pub(super) untold: bool,
    /// By participant, from the first one.
    pub(super) counts: [u64; PLACES as usize],
}

impl Seen {
    /// Whether the next locker is to be told of a death, if the writer is dead.
    pub(super) fn tells(&self) -> bool {
        self.untold || matches!(self.writer, Writer::Writes(_))
    }

    /// Whether the participant holds nothing and waits for nothing.
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

    /// No process holds the lock or waits for it.
    pub(super) fn is_idle(&self) -> bool {
        let seen = self.look();
        (seen.writer, seen.counts, self.view.holder())
            == (Writer::Nobody, [0; PLACES as usize], LockHolder::Nobody)
    }

    /// The participant id of a process.
    pub(super) fn id_of(&self, child: &Child) -> u64 {
        let all = self.lock.segment().participants().unwrap();
        all.iter().find(|participant| participant.pid == child.pid()).expect("it has attached").id.into()
    }

    pub(super) fn reap(&self) {
        self.lock.segment().reap().unwrap();
    }

    /// The survivors get the lock and are told of the death, once. `turn` chooses which of them
    /// comes first, and how.
    pub(super) fn check(&self, tells: bool, turn: usize) {
        // Mostly the parent reaps, and the survivors need not detect the death themselves.
        let reaped = !turn.is_multiple_of(8);
        if reaped {
            self.reap();
        }
        match turn % 4 {
            0 => assert_eq!(
                self.lock.read_timeout(SURVIVOR_TIMEOUT).expect("readers get the lock").recovered(),
                tells
            ),
            1 => {
                assert_eq!(self.lock.try_read().expect("readers get the lock immediately").recovered(), tells)
            }
            _ => {}
        }
        let guard = if reaped { self.lock.try_write() } else { self.lock.write_timeout(SURVIVOR_TIMEOUT) };
        let guard = guard.expect("a writer gets the lock");
        assert_eq!(guard.recovered(), tells, "whether a writer died");
        drop(guard);
        assert!(!self.lock.try_read().expect("the lock still works").recovered(), "a writer knows");
        assert!(
            !self.lock.try_write().expect("the lock still works").recovered(),
            "a death is reported once"
        );
        assert!(self.is_idle(), "nothing is left: {:?}", self.look());
    }

    /// Forks a process that waits until it has had the lock, and reports by its exit code whether
    /// it was told of a death.
    pub(super) fn waiter(&self, side: Side) -> Process {
        fork_until_blocked(|| self.lock_and_exit(side))
    }

    pub(super) fn lock_and_exit(&self, side: Side) -> libc::c_int {
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
pub(super) enum Operation {
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
    /// Tries while its parent holds the other side.
    RefusedRead,
    RefusedWrite,
    /// Reaps.
    Reap,
}

pub(super) enum Guard {
    Read(RwLockReadGuard<'static>),
    Write(RwLockWriteGuard<'static>),
}

/// A child that operates on the lock.
pub(super) struct LockOperation {
    pub(super) parent: Parent,
    pub(super) operation: Operation,
    /// The processes that wait meanwhile.
    pub(super) others: &'static [Side],
    pub(super) waiters: Vec<(Side, Process)>,
    pub(super) id: u64,
    /// When the child was last observed.
    pub(super) seen: Seen,
}

impl LockOperation {
    pub(super) fn new(parent: Parent, operation: Operation, others: &'static [Side]) -> Self {
        let seen = parent.look();
        Self { parent, operation, others, waiters: Vec::new(), id: 0, seen }
    }

    /// All waiters get the lock. A death in the section is reported to all up to the writer, of
    /// which there is at most one.
    pub(super) fn join_waiters(&mut self, tells: bool) {
        let has_writer = self.others.contains(&Side::Write);
        for (side, waiter) in self.waiters.drain(..) {
            let told = match waiter.exit_code() {
                Some(CLEANLY) => false,
                Some(AFTER_DEATH) => true,
                other => panic!("a waiter ended by {other:?}"),
            };
            let may_not_know = side == Side::Read && has_writer;
            assert!(told == tells || tells && may_not_know, "{side:?} was told: {told}, to tell: {tells}");
        }
    }
}

impl Scenario for LockOperation {
    type Handle = (&'static RwLock, RefCell<Option<Guard>>);

    fn reset(&mut self) {
        self.parent.reap();
    }

    fn open(&self) -> Self::Handle {
        let lock: &'static RwLock = Box::leak(Box::new(open::<RwLock>(&self.parent.name)));
        let guard = match self.operation {
            Operation::DropRead => Some(Guard::Read(lock.read().unwrap())),
            Operation::DropWrite => Some(Guard::Write(lock.write().unwrap())),
            _ => None,
        };
        (lock, RefCell::new(guard))
    }

    fn operate(&self, (lock, guard): &Self::Handle) {
        match self.operation {
            Operation::Read => drop(lock.read().unwrap()),
            Operation::TryRead => drop(lock.try_read().unwrap()),
            Operation::ReadTimeout => drop(lock.read_timeout(SURVIVOR_TIMEOUT).unwrap()),
            Operation::Write => drop(lock.write().unwrap()),
            Operation::TryWrite => drop(lock.try_write().unwrap()),
            Operation::WriteTimeout => drop(lock.write_timeout(SURVIVOR_TIMEOUT).unwrap()),
            Operation::DropRead | Operation::DropWrite => match guard.take() {
                Some(Guard::Read(guard)) => drop(guard),
                Some(Guard::Write(guard)) => drop(guard),
                None => unreachable!("it has locked"),
            },
            Operation::RefusedRead => assert!(lock.try_read().is_err()),
            Operation::RefusedWrite => assert!(lock.try_write().is_err()),
            Operation::Reap => drop(lock.segment().reap().unwrap()),
        }
    }

    fn before_operation(&mut self, child: &Child) {
        self.id = self.parent.id_of(child);
        self.waiters = self.others.iter().map(|&side| (side, self.parent.waiter(side))).collect();
    }

    fn observe(&mut self, _: &Child) {
        self.seen = self.parent.look();
    }

    fn check_survivors(&mut self, death: &Death) -> &'static str {
        let (seen, id) = (self.seen, self.id);
        assert!(!death.completed || seen.is_free_of(id), "a completed operation has taken effect: {seen:?}");
        let tells = seen.writer == Writer::Writes(id);
        if self.others.is_empty() {
            assert_eq!(self.parent.look(), seen, "a death changes nothing");
        } else if !death.point.is_multiple_of(8) {
            self.parent.reap();
        }
        match self.operation {
            Operation::RefusedRead | Operation::RefusedWrite => {
                self.parent.reap();
                assert!(self.parent.look().is_free_of(id));
                // The parent holds the lock, and a writer that would not wait does not keep readers
                // out.
                assert!(self.operation == Operation::RefusedRead || self.parent.lock.try_read().is_ok());
            }
            _ => {
                let known = !self.others.is_empty() && self.others.contains(&Side::Write);
                self.join_waiters(tells);
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

    fn watched_files(&self, _: u32) -> Vec<PathBuf> {
        self.parent.lock.segment().path().into_iter().collect()
    }
}

fn each(name: &str, operations: &[Operation]) -> KillCounts {
    let mut kills = KillCounts::default();
    for &operation in operations {
        kills.merge(&kill::at_every_instruction(&mut LockOperation::new(Parent::new(name), operation, &[])));
    }
    kills
}

pub(crate) fn read(name: &str) -> KillCounts {
    each(name, &[Operation::Read, Operation::TryRead, Operation::ReadTimeout])
}

pub(crate) fn write(name: &str) -> KillCounts {
    each(name, &[Operation::Write, Operation::TryWrite, Operation::WriteTimeout])
}

/// A reader unlocks. A writer waits for it, and after the writer another reader.
pub(crate) fn read_unlock_with_waiters(name: &str) -> KillCounts {
    kill::at_every_instruction(&mut LockOperation::new(
        Parent::new(name),
        Operation::DropRead,
        &[Side::Write, Side::Read],
    ))
}

/// A writer unlocks. Two readers wait for it; then a reader and a writer.
pub(crate) fn write_unlock_with_waiters(name: &str) -> KillCounts {
    let mut kills = KillCounts::default();
    for others in [&[Side::Read, Side::Read], &[Side::Read, Side::Write]] {
        let mut scenario = LockOperation::new(Parent::new(name), Operation::DropWrite, others);
        kills.merge(&kill::at_every_instruction(&mut scenario));
    }
    kills
}

/// Tries that fail because the parent holds the lock.
pub(crate) fn try_read_try_write_held(name: &str) -> KillCounts {
    let mut kills = KillCounts::default();
    for operation in [Operation::RefusedRead, Operation::RefusedWrite] {
        let mut scenario = LockOperation::new(Parent::new(name), operation, &[]);
        let lock = scenario.parent.lock.clone();
        let guards = match operation {
            Operation::RefusedRead => (None, Some(lock.write().unwrap())),
            _ => (Some(lock.read().unwrap()), None),
        };
        kills.merge(&kill::at_changes_unless_short(&mut scenario, 1000));
        drop(guards);
        scenario.parent.check(false, 1);
    }
    kills
}
