//! `Once`: it is done, or the next one does it and knows if somebody had begun.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use breezeway::sync::Once;
use breezeway::{Atomic, LockError, Segment};

use super::locked::SOON;
use super::sleeper::asleep;
use super::state_word::{StateWord, without_spinning};
use crate::child::{self, Child, Stop};
use crate::drive::{self, Death, Point, Subject};
use crate::process::Process;
use crate::progress;
use crate::tally::Tally;
use crate::trace::Trace;
use crate::window::{Holder, LockView};

/// The word beside its lock, and what stands there.
const BESIDE: u64 = 56;
const NEW: u64 = 0;
const DONE: u64 = 1;
const BEGUN: u64 = 2;

/// How it went for who waited, as its exit code.
const WAS_DONE: libc::c_int = 0;
const DID_IT: libc::c_int = 1;
const DID_IT_AGAIN: libc::c_int = 2;

/// What the child does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    /// What is to be done once: it fills two fields.
    Fill,
    /// The same, and stops before it is through with it.
    FillAndStop,
    /// It begins, and panics.
    Panic,
    /// It finds somebody at it.
    Refused,
    /// It waits in vain for who is at it.
    Wait,
}

/// Long enough to step to the sleep before it is over, and longer than one sleep may be.
const PATIENCE: Duration = Duration::from_millis(120);

/// A child calls.
struct Call {
    name: String,
    segment: Segment,
    lock: LockView,
    word: StateWord,
    fields: [Atomic<u64>; 2],
    /// The word when the child was seen last.
    seen: u64,
    deed: Deed,
    /// Whether another waits for it.
    waits: bool,
    waiter: Option<Process>,
}

fn open(name: &str) -> (Once, [Atomic<u64>; 2]) {
    let segment = Segment::open(name).unwrap();
    (segment.get("once").unwrap(), ["a", "b"].map(|field| segment.get(field).unwrap()))
}

/// Fills the fields, whatever is there.
fn fill([a, b]: &[Atomic<u64>; 2]) {
    a.store(7, Relaxed);
    b.store(8, Relaxed);
}

impl Call {
    fn new(name: &str, deed: Deed, waits: bool) -> Self {
        let segment = Segment::options().participants(8).create(name, 1 << 16).unwrap();
        segment.add::<Once>("once", ()).unwrap();
        let fields = ["a", "b"].map(|field| segment.add(field, 0).unwrap());
        let (lock, word) = (LockView::of(&segment), StateWord::of(&segment, BESIDE));
        let name = name.to_owned();
        Self { name, segment, lock, word, fields, seen: NEW, deed, waits, waiter: None }
    }

    /// Another, which sleeps until it is done.
    fn wait(&mut self) {
        self.waiter = Some(asleep(|| {
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

    /// The next one does it, if it is not done, and is told the truth.
    fn check(&self) {
        let once = self.segment.get::<Once>("once").unwrap();
        assert_eq!(once.is_completed(), self.seen == DONE);
        let mut told = None;
        once.call_once_timeout(SOON, |state| {
            told = Some(state.recovered());
            fill(&self.fields);
        })
        .expect("nobody is at it");
        assert_eq!(told, (self.seen != DONE).then_some(self.seen == BEGUN), "whether anybody had begun");
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

impl Subject for Call {
    type Handle = (Once, [Atomic<u64>; 2]);

    fn reset(&mut self) {
        // A waiter would do it instead, which is a long way.
        self.segment.reap().unwrap();
        if matches!(self.deed, Deed::Refused | Deed::Wait) {
            return;
        }
        self.word.set(NEW);
        self.fields.iter().for_each(|field| field.store(0, Relaxed));
    }

    fn open(&self) -> Self::Handle {
        open(&self.name)
    }

    fn operate(&self, (once, fields): &Self::Handle) {
        match self.deed {
            Deed::Fill => once.call_once(|_| fill(fields)).unwrap(),
            Deed::FillAndStop => once
                .call_once(|_| {
                    fill(fields);
                    child::stop();
                })
                .unwrap(),
            Deed::Panic => {
                let call = || once.call_once(|_| resume_unwind(Box::new(())));
                assert!(catch_unwind(AssertUnwindSafe(call)).is_err());
            }
            Deed::Refused => {
                assert_eq!(once.try_call_once(|_| unreachable!()), Err(LockError::WouldBlock));
            }
            Deed::Wait => {
                let waited = once.call_once_timeout(drive::patiently(PATIENCE), |_| unreachable!());
                assert_eq!(waited, Err(LockError::Timeout));
            }
        }
    }

    fn observe(&mut self, child: &Child) {
        self.seen = self.word.get();
        assert!(self.seen != DONE || self.is_filled(), "what is done is there");
        let is_at_it = self.seen == BEGUN && self.lock.holder() == Holder::Thread(child.pid());
        if self.waits && self.waiter.is_none() && is_at_it {
            self.wait();
        }
    }

    fn survive(&mut self, death: &Death) -> &'static str {
        let after = match self.deed {
            Deed::Fill | Deed::FillAndStop => DONE,
            // In the first run, the waiter may have done it by now.
            Deed::Panic if self.waiter.is_some() => self.seen,
            Deed::Panic => BEGUN,
            Deed::Refused | Deed::Wait => {
                assert_eq!(self.seen, BEGUN, "who is at it is at it");
                return "still at it";
            }
        };
        assert!(!death.completed || self.seen == after, "what has returned has happened");
        if let Some(waiter) = self.waiter.take() {
            let was_done = self.deed != Deed::Panic && self.seen == DONE;
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

    fn files(&self, _: u32) -> Vec<PathBuf> {
        self.segment.path().into_iter().collect()
    }

    /// Fewer than others: some take as long as they wait.
    fn sample(&self) -> usize {
        40
    }
}

pub(crate) fn call(name: &str) -> Tally {
    drive::every(&mut Call::new(name, Deed::Fill, false))
}

/// Panicking is a long way.
pub(crate) fn panic(name: &str) -> Tally {
    drive::changes(&mut Call::new(name, Deed::Panic, false))
}

/// The next one does it when the one that is at it panics.
pub(crate) fn panic_with_waiter(name: &str) -> Tally {
    drive::changes(&mut Call::new(name, Deed::Panic, true))
}

/// This process is at it meanwhile, and comes to its end.
fn at_it(name: &str, deed: Deed, kill: impl FnOnce(&mut Call) -> Tally) -> Tally {
    let mut subject = Call::new(name, deed, false);
    let (once, _) = open(name);
    let mut tally = None;
    once.call_once(|_| {
        fill(&subject.fields);
        tally = Some(kill(&mut subject));
    })
    .unwrap();
    subject.seen = DONE;
    subject.check();
    tally.expect("it was done")
}

pub(crate) fn refused(name: &str) -> Tally {
    at_it(name, Deed::Refused, drive::every)
}

pub(crate) fn wait(name: &str) -> Tally {
    without_spinning();
    at_it(name, Deed::Wait, drive::changes_and_sleep)
}

/// One sleeps until the child is through with it, and the child is killed at every instruction of that.
pub(crate) fn complete_with_waiter(name: &str) -> Tally {
    let mut subject = Call::new(name, Deed::FillAndStop, false);
    let mut tally = Tally::default();
    for point in 0.. {
        progress::at(format_args!("on the way to a death {point} instructions behind the function"));
        let mut child = drive::start(&mut subject);
        child.finish();
        subject.wait();
        let completed = (0..point).any(|_| child.step() == Stop::Done);
        subject.observe(&child);
        let death = Death { pid: child.pid(), point, completed, asleep: false };
        child.kill();
        tally.count(subject.survive(&death));
        progress::count_kill();
        if completed {
            break;
        }
    }
    tally
}

/// Somebody waits for the one that is killed at it.
pub(crate) fn call_with_waiter(name: &str) -> Tally {
    drive::every(&mut Call::new(name, Deed::Fill, true))
}

/// One that does it after the first has been killed at it.
struct Recoverer {
    first: Call,
    trace: Trace,
    point: usize,
}

impl Subject for Recoverer {
    type Handle = (Once, [Atomic<u64>; 2]);

    fn reset(&mut self) {
        drive::die(&mut self.first, &self.trace, Point::after(self.point));
        assert_eq!(self.first.word.get(), BEGUN, "the first one died at it");
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

    fn survive(&mut self, death: &Death) -> &'static str {
        self.first.survive(death)
    }
}

pub(crate) fn recoverer(name: &str) -> Tally {
    let mut first = Call::new(name, Deed::Fill, false);
    let mut point = None;
    let trace = drive::trace(&mut first, |first, _, trace| {
        if first.seen == BEGUN {
            point.get_or_insert(trace.last());
        }
    });
    let point = point.expect("it begins");
    drive::every(&mut Recoverer { first, trace, point })
}
