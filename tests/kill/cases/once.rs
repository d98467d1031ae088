//! `Once`: it is completed, or the next caller runs the function and is told if an earlier run had
//! begun.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use breezeway::sync::Once;
use breezeway::{Atomic, LockError, Segment};

use super::lock_watch::SURVIVOR_TIMEOUT;
use super::state_word::{StateWord, pin_without_spinning};
use crate::child::{self, Child, Stop};
use crate::kill::{self, Death, KillPoint, Scenario};
use crate::kill_counts::KillCounts;
use crate::observe::{LockHolder, LockView};
use crate::process::Process;
use crate::process::fork_until_blocked;
use crate::progress;
use crate::trace::Trace;

/// The word beside the lock, and its values.
const BESIDE: u64 = 56;
const NEW: u64 = 0;
const DONE: u64 = 1;
const BEGUN: u64 = 2;

/// A waiter's result, as its exit code.
const WAS_DONE: libc::c_int = 0;
const DID_IT: libc::c_int = 1;
const DID_IT_AGAIN: libc::c_int = 2;

/// What the child does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    /// Runs the function, which fills two fields.
    Fill,
    /// Runs the function, and stops before it returns.
    FillAndStop,
    /// The function panics.
    Panic,
    /// Tries while another process runs the function.
    TryRunning,
    /// Waits until its timeout expires while another process runs the function.
    Wait,
}

/// Long enough to be stepped to the futex wait before the timeout expires, and longer than one
/// recheck interval.
const WAIT_TIMEOUT: Duration = Duration::from_millis(120);

/// A child calls.
struct Call {
    name: String,
    segment: Segment,
    lock: LockView,
    word: StateWord,
    fields: [Atomic<u64>; 2],
    /// The word when the child was last observed.
    seen: u64,
    operation: Operation,
    /// Whether another process waits for the child.
    waits: bool,
    waiter: Option<Process>,
}

fn open(name: &str) -> (Once, [Atomic<u64>; 2]) {
    let segment = Segment::open(name).unwrap();
    (segment.get("once").unwrap(), ["a", "b"].map(|field| segment.get(field).unwrap()))
}

/// Fills the fields, whatever they contain.
fn fill([a, b]: &[Atomic<u64>; 2]) {
    a.store(7, Relaxed);
    b.store(8, Relaxed);
}

impl Call {
    fn new(name: &str, operation: Operation, waits: bool) -> Self {
        let segment = super::small_segment::create(name);
        segment.add::<Once>("once", ()).unwrap();
        let fields = ["a", "b"].map(|field| segment.add(field, 0).unwrap());
        let (lock, word) = (LockView::of(&segment), StateWord::of(&segment, BESIDE));
        let name = name.to_owned();
        Self { name, segment, lock, word, fields, seen: NEW, operation, waits, waiter: None }
    }

    /// Forks another process, which waits until the function has run.
    fn wait(&mut self) {
        self.waiter = Some(fork_until_blocked(|| {
            let (once, fields) = open(&self.name);
            let mut code = WAS_DONE;
            once.call_once(|state| {
                fill(&fields);
                code = if state.recovered() { DID_IT_AGAIN } else { DID_IT };
            })
            .unwrap();
            code
        }));
    }

    fn is_filled(&self) -> bool {
        self.fields.each_ref().map(|field| field.load(Relaxed)) == [7, 8]
    }

    /// The next caller runs the function, if it has not completed, and is told whether a run had
    /// begun.
    fn check(&self) {
        let once = self.segment.get::<Once>("once").unwrap();
        assert_eq!(once.is_completed(), self.seen == DONE);
        let mut told = None;
        once.call_once_timeout(SURVIVOR_TIMEOUT, |state| {
            told = Some(state.recovered());
            fill(&self.fields);
        })
        .expect("no process runs it");
        assert_eq!(told, (self.seen != DONE).then_some(self.seen == BEGUN), "whether a run had begun");
        assert!(self.is_filled() && once.is_completed());
        once.call_once(|_| panic!("it is done")).unwrap();
    }

    fn outcome(&self) -> &'static str {
        match self.seen {
            NEW => "not begun",
            DONE => "done",
            BEGUN => "begun",
            other => panic!("{other}"),
        }
    }
}

impl Scenario for Call {
    type Handle = (Once, [Atomic<u64>; 2]);

    fn reset(&mut self) {
        // Otherwise a waiter would run the function, which is a long path.
        self.segment.reap().unwrap();
        if matches!(self.operation, Operation::TryRunning | Operation::Wait) {
            return;
        }
        self.word.set(NEW);
        self.fields.iter().for_each(|field| field.store(0, Relaxed));
    }

    fn open(&self) -> Self::Handle {
        open(&self.name)
    }

    fn operate(&self, (once, fields): &Self::Handle) {
        match self.operation {
            Operation::Fill => once.call_once(|_| fill(fields)).unwrap(),
            Operation::FillAndStop => once
                .call_once(|_| {
                    fill(fields);
                    child::stop();
                })
                .unwrap(),
            Operation::Panic => {
                let call = || once.call_once(|_| resume_unwind(Box::new(())));
                assert!(catch_unwind(AssertUnwindSafe(call)).is_err());
            }
            Operation::TryRunning => {
                assert_eq!(once.try_call_once(|_| unreachable!()), Err(LockError::WouldBlock));
            }
            Operation::Wait => {
                let waited = once.call_once_timeout(kill::scaled_timeout(WAIT_TIMEOUT), |_| unreachable!());
                assert_eq!(waited, Err(LockError::Timeout));
            }
        }
    }

    fn observe(&mut self, child: &Child) {
        self.seen = self.word.get();
        assert!(self.seen != DONE || self.is_filled(), "a completed function has filled the fields");
        let is_running = self.seen == BEGUN && self.lock.holder() == LockHolder::Thread(child.pid());
        if self.waits && self.waiter.is_none() && is_running {
            self.wait();
        }
    }

    fn check_survivors(&mut self, death: &Death) -> &'static str {
        let after = match self.operation {
            Operation::Fill | Operation::FillAndStop => DONE,
            // In the first run, the waiter may have run the function by now.
            Operation::Panic if self.waiter.is_some() => self.seen,
            Operation::Panic => BEGUN,
            Operation::TryRunning | Operation::Wait => {
                assert_eq!(self.seen, BEGUN, "the function still runs");
                return "still running";
            }
        };
        assert!(!death.completed || self.seen == after, "a completed operation has taken effect");
        if let Some(waiter) = self.waiter.take() {
            let was_done = self.operation != Operation::Panic && self.seen == DONE;
            let expected = if was_done { WAS_DONE } else { DID_IT_AGAIN };
            assert_eq!(waiter.exit_code(), Some(expected));
            let outcome = self.outcome();
            self.seen = DONE;
            self.check();
            return outcome;
        }
        self.check();
        self.outcome()
    }

    fn watched_files(&self, _: u32) -> Vec<PathBuf> {
        self.segment.path().into_iter().collect()
    }

    /// Fewer than by default: some runs take as long as the wait.
    fn sample_size(&self) -> usize {
        40
    }
}

pub(crate) fn call_once(name: &str) -> KillCounts {
    kill::at_every_instruction(&mut Call::new(name, Operation::Fill, false))
}

/// Panicking is a long path.
pub(crate) fn call_once_panic(name: &str) -> KillCounts {
    kill::at_changes(&mut Call::new(name, Operation::Panic, false))
}

/// The waiter runs the function after the child has panicked.
pub(crate) fn call_once_panic_with_waiter(name: &str) -> KillCounts {
    kill::at_changes(&mut Call::new(name, Operation::Panic, true))
}

/// This process runs the function meanwhile, and completes it.
fn while_running(name: &str, operation: Operation, kill: impl FnOnce(&mut Call) -> KillCounts) -> KillCounts {
    let mut scenario = Call::new(name, operation, false);
    let (once, _) = open(name);
    let mut kills = None;
    once.call_once(|_| {
        fill(&scenario.fields);
        kills = Some(kill(&mut scenario));
    })
    .unwrap();
    scenario.seen = DONE;
    scenario.check();
    kills.expect("it was done")
}

pub(crate) fn try_call_once_running(name: &str) -> KillCounts {
    while_running(name, Operation::TryRunning, kill::at_every_instruction)
}

pub(crate) fn call_once_timeout_running(name: &str) -> KillCounts {
    pin_without_spinning();
    while_running(name, Operation::Wait, kill::at_changes_and_blocked)
}

/// A process waits for the child, which is killed at every instruction after its function has
/// returned.
pub(crate) fn call_once_return_with_waiter(name: &str) -> KillCounts {
    let mut scenario = Call::new(name, Operation::FillAndStop, false);
    let mut kills = KillCounts::default();
    for point in 0.. {
        progress::set_stage(format_args!("on the way to a death {point} instructions after the function"));
        let mut child = kill::start_child(&mut scenario);
        child.finish();
        scenario.wait();
        let completed = (0..point).any(|_| child.step() == Stop::Finished);
        scenario.observe(&child);
        let death = Death { pid: child.pid(), point, completed, blocked: false };
        child.kill();
        kills.count(scenario.check_survivors(&death));
        progress::count_kill();
        if completed {
            break;
        }
    }
    kills
}

/// Kills the child while a process waits for it.
pub(crate) fn call_once_with_waiter(name: &str) -> KillCounts {
    kill::at_every_instruction(&mut Call::new(name, Operation::Fill, true))
}

/// A child runs the function after another process was killed while it ran it.
struct Recoverer {
    first: Call,
    trace: Trace,
    point: usize,
}

impl Scenario for Recoverer {
    type Handle = (Once, [Atomic<u64>; 2]);

    fn reset(&mut self) {
        kill::at_point(&mut self.first, &self.trace, KillPoint::after(self.point));
        assert_eq!(self.first.word.get(), BEGUN, "the first process died at it");
    }

    fn open(&self) -> Self::Handle {
        self.first.open()
    }

    fn operate(&self, (once, fields): &Self::Handle) {
        once.call_once(|state| {
            assert!(state.recovered());
            fill(fields);
        })
        .unwrap();
    }

    fn observe(&mut self, child: &Child) {
        self.first.observe(child);
    }

    fn check_survivors(&mut self, death: &Death) -> &'static str {
        self.first.check_survivors(death)
    }
}

pub(crate) fn call_once_after_death(name: &str) -> KillCounts {
    let mut first = Call::new(name, Operation::Fill, false);
    let mut point = None;
    let trace = kill::trace_operation(&mut first, |first, _, trace| {
        if first.seen == BEGUN {
            point.get_or_insert(trace.last());
        }
    });
    let point = point.expect("it begins");
    kill::at_every_instruction(&mut Recoverer { first, trace, point })
}
