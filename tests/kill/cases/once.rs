//! `Once`: it is done, or the next one does it and knows if somebody had begun.

use breezeway::sync::Once;
use breezeway::{Atomic, Segment};
use std::sync::atomic::Ordering::Relaxed;

use super::locked::SOON;
use super::sleeper::asleep;
use super::state_word::StateWord;
use crate::kill::child::Child;
use crate::kill::drive::{self, Death, Point, Subject};
use crate::kill::process::Process;
use crate::kill::tally::Tally;
use crate::kill::trace::Trace;

/// The word beside its lock, and what stands there.
const BESIDE: u64 = 56;
const NEW: u64 = 0;
const DONE: u64 = 1;
const BEGUN: u64 = 2;

/// How it went for who waited, as its exit code.
const WAS_DONE: libc::c_int = 0;
const DID_IT: libc::c_int = 1;
const DID_IT_AGAIN: libc::c_int = 2;

/// A child does what is to be done once: it fills two fields.
struct Call {
    name: String,
    segment: Segment,
    word: StateWord,
    fields: [Atomic<u64>; 2],
    /// The word when the child was seen last.
    seen: u64,
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
    fn new(name: &str, waits: bool) -> Self {
        let segment = Segment::create(name, 1 << 16).unwrap();
        segment.add::<Once>("once", ()).unwrap();
        let fields = ["a", "b"].map(|field| segment.add(field, 0).unwrap());
        let word = StateWord::of(&segment, BESIDE);
        Self { name: name.to_owned(), segment, word, fields, seen: NEW, waits, waiter: None }
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
        self.word.set(NEW);
        self.fields.iter().for_each(|field| field.store(0, Relaxed));
    }

    fn open(&self) -> Self::Handle {
        open(&self.name)
    }

    fn operate(&self, (once, fields): &Self::Handle) {
        once.call_once(|_| fill(fields)).unwrap();
    }

    fn observe(&mut self, child: &Child) {
        self.seen = self.word.get();
        assert!(self.seen != DONE || self.is_filled(), "what is done is there");
        // It comes when the child is at it, which holds the lock then.
        if self.waits && self.waiter.is_none() && self.seen == BEGUN {
            assert!(child.pid() != 0);
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
    }

    fn survive(&mut self, death: &Death) -> &'static str {
        assert!(!death.completed || self.seen == DONE, "what has returned has happened");
        if let Some(waiter) = self.waiter.take() {
            let expected = if self.seen == DONE { WAS_DONE } else { DID_IT_AGAIN };
            assert_eq!(waiter.exit_code(), Some(expected));
            let outcome = self.outcome();
            self.seen = DONE;
            self.check();
            return outcome;
        }
        self.check();
        self.outcome()
    }
}

pub(crate) fn call(name: &str) -> Tally {
    drive::every(&mut Call::new(name, false))
}

/// Somebody waits for the one that is killed at it.
pub(crate) fn call_with_waiter(name: &str) -> Tally {
    drive::every(&mut Call::new(name, true))
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
    let mut first = Call::new(name, false);
    let mut point = None;
    let trace = drive::trace(&mut first, |first, _, trace| {
        if first.seen == BEGUN {
            point.get_or_insert(trace.last());
        }
    });
    let point = point.expect("it begins");
    drive::every(&mut Recoverer { first, trace, point })
}
