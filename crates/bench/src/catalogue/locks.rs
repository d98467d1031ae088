//! Locks, alone and contended, and what a lock protects.

use std::hint::black_box;
use std::rc::Rc;

use crate::case::{Case, JobPair, Key, MakeJob, Mode, Readout, Work};
use crate::contention::{PEER, SharedCounter, US};
use crate::kernel::page::Page;
use crate::kernel::pthread;
use crate::locks::{Lock, ReadSide};
use crate::runner::timed;
use breezeway::sync::{Mutex, RwLock, Semaphore};
use breezeway::{SegmentError, Value};

/// The baseline of a mutex that survives its owner's death.
pub const ROBUST: &str = "pthread mutex, robust";
/// The C library's mutex that does not.
pub const PLAIN: &str = "pthread mutex";
/// The baseline of a semaphore.
pub const SEM_T: &str = "sem_t";
/// The baseline of a readers–writer lock, locked for reading.
pub const READ: &str = "pthread rwlock, read";
/// The baseline of a readers–writer lock, locked for writing.
pub const WRITE: &str = "pthread rwlock, write";

/// Adds all cases.
pub fn add(cases: &mut Vec<Case>) {
    add_both(cases, "Mutex", Some(ROBUST), Mutex::new);
    add_both(cases, ROBUST, None, || Ok(pthread::Mutex::robust(Page::new(), 0)));
    add_both(cases, PLAIN, None, || Ok(pthread::Mutex::plain(Page::new(), 0)));
    add_alone(cases, "Value::get", Some(ROBUST), || {
        let value = Value::new(7_u64)?;
        Ok(move || assert!(black_box(&value).get() == 7))
    });
    add_alone(cases, "Value::update", Some(ROBUST), || {
        let value = Value::new(7_u64)?;
        Ok(move || black_box(&value).update(|n| *n += 1).expect("the lock"))
    });
    add_both(cases, "Semaphore", Some(SEM_T), || Semaphore::new(1));
    add_both(cases, SEM_T, None, || Ok(pthread::Semaphore::new(Page::new(), 0)));
    add_alone(cases, "RwLock, read", Some(READ), || Ok(locking(ReadSide(RwLock::new()?))));
    add_two_readers(cases, "RwLock, read", Some(READ), RwLock::new);
    add_alone(cases, READ, None, || Ok(locking(ReadSide(pthread::RwLock::new(Page::new(), 0)))));
    add_two_readers(cases, READ, None, || Ok(pthread::RwLock::new(Page::new(), 0)));
    add_both(cases, "RwLock, write", Some(WRITE), RwLock::new);
    add_both(cases, WRITE, None, || Ok(pthread::RwLock::new(Page::new(), 0)));
}

/// Adds what one process does while no other does.
fn add_alone<W: Fn() + 'static>(
    cases: &mut Vec<Case>,
    peer: &'static str,
    baseline: Option<&'static str>,
    make: impl Fn() -> Result<W, SegmentError> + 'static,
) {
    cases.push(Case {
        key: Key { work: Work::Lock, peer, bytes: 0, mode: Mode::Alone },
        baseline,
        readout: Readout::Elapsed,
        make: Box::new(move || {
            let once = make()?;
            let ours: MakeJob =
                Box::new(move |_| Box::new(move |times, _| timed(times, &once).as_nanos() as u64));
            Ok(JobPair { ours, theirs: None })
        }),
    });
}

/// Locks and unlocks.
fn locking(lock: impl Lock + 'static) -> impl Fn() + 'static {
    move || black_box(&lock).locked(|| ())
}

/// Adds a lock alone, and with two processes at it.
fn add_both<L: Lock + 'static>(
    cases: &mut Vec<Case>,
    peer: &'static str,
    baseline: Option<&'static str>,
    make: impl Fn() -> Result<L, SegmentError> + Copy + 'static,
) {
    add_alone(cases, peer, baseline, move || make().map(locking));
    cases.push(Case {
        key: Key { work: Work::Lock, peer, bytes: 0, mode: Mode::Contended },
        baseline,
        readout: Readout::Race,
        make: Box::new(move || {
            // After the fork each process has its own copy of these, and adds up its own goals.
            let ours = Rc::new(make()?);
            let (theirs, counter) = (Rc::clone(&ours), SharedCounter::new());
            let (mut our_goal, mut their_goal) = (0, 0);
            Ok(JobPair {
                ours: Box::new(move |shared| {
                    shared.racing(move |times| {
                        our_goal += times;
                        let steps = counter.run(&ours, US, our_goal);
                        shared.note_handovers(counter.handovers());
                        steps
                    })
                }),
                theirs: Some(Box::new(move |shared| {
                    shared.racing(move |times| {
                        their_goal += times;
                        counter.run(&theirs, PEER, their_goal)
                    })
                })),
            })
        }),
    });
}

/// Adds two processes that read at the same time, each half of the sections.
fn add_two_readers<L: 'static>(
    cases: &mut Vec<Case>,
    peer: &'static str,
    baseline: Option<&'static str>,
    make: impl Fn() -> Result<L, SegmentError> + 'static,
) where
    ReadSide<L>: Lock,
{
    cases.push(Case {
        key: Key { work: Work::Lock, peer, bytes: 0, mode: Mode::Contended },
        baseline,
        readout: Readout::Together,
        make: Box::new(move || {
            let ours = Rc::new(ReadSide(make()?));
            let theirs = Rc::clone(&ours);
            Ok(JobPair {
                ours: Box::new(move |shared| shared.racing(move |times| read(&ours, times - times / 2))),
                theirs: Some(Box::new(move |shared| shared.racing(move |times| read(&theirs, times / 2)))),
            })
        }),
    });
}

/// Has this many sections under the lock, and returns how many.
fn read(lock: &impl Lock, times: u64) -> u64 {
    (0..times).for_each(|_| black_box(lock).locked(|| ()));
    times
}
