//! Locks, alone and contended, and what a lock protects.

use std::hint::black_box;
use std::rc::Rc;

use crate::case::{Case, Key, MakeJob, Mode, Pair, Readout, Work};
use crate::kernel::pthread as c;
use crate::kernel::page::Page;
use crate::locks::{self, Lock};
use crate::contention::{THEM, SharedCounter, US};
use crate::runner::timed;
use breezeway::sync::{Mutex, RwLock, Semaphore};
use breezeway::{SegmentError, Value};

/// What a lock is compared with that passes on when its owner dies.
pub const ROBUST: &str = "pthread mutex, robust";
/// The one that does not.
pub const PLAIN: &str = "pthread mutex";
/// What a semaphore is compared with.
pub const SEM_T: &str = "sem_t";
/// What a readers' lock is compared with, by how it is taken.
pub const READ: &str = "pthread rwlock, read";
/// See [`READ`].
pub const WRITE: &str = "pthread rwlock, write";

/// Adds them all.
pub fn add(cases: &mut Vec<Case>) {
    both(cases, "Mutex", Some(ROBUST), Mutex::new);
    both(cases, ROBUST, None, || Ok(c::Mutex::robust(Page::new(), 0)));
    both(cases, PLAIN, None, || Ok(c::Mutex::plain(Page::new(), 0)));
    alone(cases, "Value::get", Some(ROBUST), || {
        let value = Value::new(7_u64)?;
        Ok(move || assert!(black_box(&value).get() == 7))
    });
    alone(cases, "Value::update", Some(ROBUST), || {
        let value = Value::new(7_u64)?;
        Ok(move || black_box(&value).update(|n| *n += 1).expect("the lock"))
    });
    both(cases, "Semaphore", Some(SEM_T), || Semaphore::new(1));
    both(cases, SEM_T, None, || Ok(c::Semaphore::new(Page::new(), 0)));
    alone(cases, "RwLock, read", Some(READ), || RwLock::new().map(|lock| taking(locks::ReadSide(lock))));
    two_readers(cases, "RwLock, read", Some(READ), RwLock::new);
    alone(cases, READ, None, || Ok(taking(locks::ReadSide(c::RwLock::new(Page::new(), 0)))));
    two_readers(cases, READ, None, || Ok(c::RwLock::new(Page::new(), 0)));
    both(cases, "RwLock, write", Some(WRITE), RwLock::new);
    both(cases, WRITE, None, || Ok(c::RwLock::new(Page::new(), 0)));
}

/// Something that one process does, nobody else being there.
fn alone<W: Fn() + 'static>(
    cases: &mut Vec<Case>,
    peer: &'static str,
    baseline: Option<&'static str>,
    make: impl Fn() -> Result<W, SegmentError> + 'static,
) {
    cases.push(Case {
        key: Key { work: Work::Lock, peer, bytes: 0, mode: Mode::Alone },
        baseline,
        reading: Readout::Elapsed,
        make: Box::new(move || {
            let once = make()?;
            let ours: MakeJob =
                Box::new(move |_| Box::new(move |times, _| timed(times, &once).as_nanos() as u64));
            Ok(Pair { ours, theirs: None })
        }),
    });
}

/// Taking a lock, and giving it back.
fn taking(lock: impl Lock + 'static) -> impl Fn() + 'static {
    move || black_box(&lock).locked(|| ())
}

/// A lock alone, and with two at it.
fn both<L: Lock + 'static>(
    cases: &mut Vec<Case>,
    peer: &'static str,
    baseline: Option<&'static str>,
    make: impl Fn() -> Result<L, SegmentError> + Copy + 'static,
) {
    alone(cases, peer, baseline, move || make().map(taking));
    cases.push(Case {
        key: Key { work: Work::Lock, peer, bytes: 0, mode: Mode::Contended },
        baseline,
        reading: Readout::Race,
        make: Box::new(move || {
            // Each process has its own copy of these after the fork, and counts its goals by itself.
            let lock = Rc::new(make()?);
            let (same, counter) = (Rc::clone(&lock), SharedCounter::new());
            let (mut our_goal, mut their_goal) = (0, 0);
            Ok(Pair {
                ours: Box::new(move |desk| {
                    desk.racing(move |times| {
                        our_goal += times;
                        let steps = counter.run(&*lock, US, our_goal);
                        desk.note_turns(counter.turns());
                        steps
                    })
                }),
                theirs: Some(Box::new(move |desk| {
                    desk.racing(move |times| {
                        their_goal += times;
                        counter.run(&*same, THEM, their_goal)
                    })
                })),
            })
        }),
    });
}

/// Two who read at the same time, each half of the sections.
fn two_readers<L: 'static>(
    cases: &mut Vec<Case>,
    peer: &'static str,
    baseline: Option<&'static str>,
    make: impl Fn() -> Result<L, SegmentError> + 'static,
) where
    locks::ReadSide<L>: Lock,
{
    cases.push(Case {
        key: Key { work: Work::Lock, peer, bytes: 0, mode: Mode::Contended },
        baseline,
        reading: Readout::Together,
        make: Box::new(move || {
            let ours = Rc::new(locks::ReadSide(make()?));
            let theirs = Rc::clone(&ours);
            Ok(Pair {
                ours: Box::new(move |desk| desk.racing(move |times| sections(&*ours, times - times / 2))),
                theirs: Some(Box::new(move |desk| desk.racing(move |times| sections(&*theirs, times / 2)))),
            })
        }),
    });
}

/// So many.
fn sections(lock: &impl Lock, times: u64) -> u64 {
    (0..times).for_each(|_| black_box(lock).locked(|| ()));
    times
}
