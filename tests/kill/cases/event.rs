//! `Event`: it is set or it is not, and whoever waits when it is set comes through.

use std::time::Duration;

use breezeway::sync::Event;

use super::sleeper::asleep;
use super::state_word::{self, StateWord, without_spinning};
use crate::child::{Child, Stop};
use crate::drive::{self, Death, Point, Subject};
use crate::process::Process;
use crate::progress;
use crate::tally::Tally;
use crate::trace::Trace;

/// What the child does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    Set,
    Clear,
    /// Sets it, and clears it at once.
    Pulse,
    /// Waits in vain, or until it is set.
    Wait,
}

/// The word of an event that is not set, and of one that is, then and in the next generation.
const UNSET: u64 = 6;
const SET: u64 = 7;
const SET_NEXT: u64 = 9;
const UNSET_NEXT: u64 = 8;

/// Longer than one sleep may be.
const PATIENCE: Duration = Duration::from_millis(250);

/// Long enough to come to the second sleep on a very busy machine, too.
const LONG_PATIENCE: Duration = Duration::from_secs(1);

struct AtTheEvent {
    name: String,
    event: Event,
    word: StateWord,
    deed: Deed,
    /// How long the child waits, if it does.
    patience: Duration,
    /// The word when the child was seen last.
    seen: u64,
    /// How many others sleep.
    others: usize,
    sleepers: Vec<Process>,
}

impl AtTheEvent {
    fn new(name: &str, deed: Deed, others: usize) -> Self {
        let event: Event = state_word::create(name, ());
        let word = StateWord::of(event.segment(), 0);
        Self {
            name: name.to_owned(),
            event,
            word,
            deed,
            seen: 0,
            others,
            patience: PATIENCE,
            sleepers: Vec::new(),
        }
    }

    /// A process that sleeps until the event is set.
    fn sleeper(&self) -> Process {
        asleep(|| {
            state_word::open::<Event>(&self.name).wait().unwrap();
            0
        })
    }

    fn all_come_through(&mut self) {
        self.sleepers.drain(..).for_each(|sleeper| assert_eq!(sleeper.exit_code(), Some(0)));
    }

    /// All the states that it goes through.
    fn states(&self) -> &'static [u64] {
        match self.deed {
            Deed::Set => &[UNSET, SET_NEXT],
            Deed::Clear => &[SET, UNSET],
            Deed::Pulse => &[UNSET, SET_NEXT, UNSET_NEXT],
            Deed::Wait => &[UNSET],
        }
    }
}

impl Subject for AtTheEvent {
    type Handle = Event;

    fn reset(&mut self) {
        // A waiter would do it instead, which is a long way.
        self.event.segment().reap().unwrap();
        self.word.set(self.states()[0]);
    }

    fn open(&self) -> Event {
        state_word::open(&self.name)
    }

    fn operate(&self, event: &Event) {
        match self.deed {
            Deed::Set => assert!(event.set()),
            Deed::Clear => assert!(event.clear()),
            Deed::Pulse => assert!(event.set() && event.clear()),
            Deed::Wait => {
                let _ = event.wait_timeout(drive::patiently(self.patience));
            }
        }
    }

    fn begin(&mut self, _: &Child) {
        self.sleepers = (0..self.others).map(|_| self.sleeper()).collect();
    }

    fn observe(&mut self, _: &Child) {
        self.seen = self.word.get();
    }

    fn survive(&mut self, death: &Death) -> &'static str {
        assert_eq!(self.word.get(), self.seen, "a death changes nothing");
        let states = self.states();
        let state = states.iter().position(|state| *state == self.seen).expect("a state it goes through");
        assert!(!death.completed || state == states.len() - 1, "what has returned has happened");
        if state == 0 && self.others > 0 {
            // The next one does it instead.
            assert!(self.event.set() && self.event.clear());
        }
        self.all_come_through();
        assert!(self.event.set() || self.event.clear());
        ["as before", "changed", "changed back"][state]
    }

    /// Fewer than others: each takes as long as it waits.
    fn sample(&self) -> usize {
        40
    }
}

pub(crate) fn set(name: &str) -> Tally {
    drive::every(&mut AtTheEvent::new(name, Deed::Set, 0))
}

pub(crate) fn clear(name: &str) -> Tally {
    drive::every(&mut AtTheEvent::new(name, Deed::Clear, 0))
}

pub(crate) fn set_with_sleepers(name: &str) -> Tally {
    drive::every(&mut AtTheEvent::new(name, Deed::Set, 2))
}

pub(crate) fn pulse_with_sleepers(name: &str) -> Tally {
    drive::every(&mut AtTheEvent::new(name, Deed::Pulse, 2))
}

/// A waiter killed, while another sleeps on.
pub(crate) fn wait(name: &str) -> Tally {
    let mut subject = AtTheEvent::new(name, Deed::Wait, 1);
    without_spinning();
    assert!(subject.event.wait_timeout(Duration::from_millis(1)).is_err());
    drive::changes_and_sleep(&mut subject)
}

/// What became of one attempt to strand D.
enum Attempt {
    /// B's sleep was over before it was woken.
    TooSlow,
    Killed,
    /// B was done.
    Done,
}

/// B and D sleep; the event is set and cleared, which wakes them; B is killed after so many steps.
fn strand(subject: &mut AtTheEvent, trace: &Trace, steps: usize) -> Attempt {
    let mut b = drive::start(subject);
    b.travel(trace.route(trace.sleeps()[1]));
    if b.step() != Stop::Asleep {
        return Attempt::TooSlow;
    }
    subject.sleepers.push(subject.sleeper());
    let too_slow = b.poll().is_some();
    assert!(subject.event.set() && subject.event.clear());
    if !too_slow {
        b.wait();
    }
    let mut step = || match b.step() {
        // It only had no CPU.
        Stop::Asleep => b.wait(),
        stop => stop,
    };
    let is_done = (0..steps).any(|_| step() == Stop::Done);
    b.kill();
    subject.all_come_through();
    assert_eq!(subject.word.get(), UNSET_NEXT, "who is through has changed nothing");
    match (too_slow, is_done) {
        (true, _) => Attempt::TooSlow,
        (false, false) => Attempt::Killed,
        (false, true) => Attempt::Done,
    }
}

/// B killed at every instruction between its waking and its return.
pub(crate) fn woken_waiter(name: &str) -> Tally {
    let mut subject = AtTheEvent::new(name, Deed::Wait, 0);
    without_spinning();
    subject.patience = LONG_PATIENCE;
    // A nap and a sleep.
    let trace = drive::trace_sleeping(&mut subject, 2);
    let mut tally = Tally::default();
    let mut steps = 0;
    loop {
        progress::at(format_args!("a waiter killed {steps} instructions after it was woken"));
        match strand(&mut subject, &trace, steps) {
            Attempt::TooSlow => continue,
            Attempt::Killed => tally.count("killed awake"),
            Attempt::Done => {
                tally.count("done");
                return tally;
            }
        }
        progress::count_kill();
        steps += 1;
    }
}

/// One that sets the event after the first was killed between setting it and waking anybody.
struct SetAgain {
    first: AtTheEvent,
    trace: Trace,
    point: usize,
}

impl Subject for SetAgain {
    type Handle = Event;

    fn reset(&mut self) {
        drive::die(&mut self.first, &self.trace, Point::after(self.point));
        assert_eq!(self.first.word.get(), SET_NEXT, "the first one has set it");
    }

    fn open(&self) -> Event {
        self.first.open()
    }

    fn operate(&self, event: &Event) {
        assert!(!event.set());
    }

    fn survive(&mut self, _: &Death) -> &'static str {
        self.first.all_come_through();
        assert_eq!(self.first.word.get(), SET_NEXT, "it was set once");
        "through"
    }
}

/// The second one killed everywhere.
pub(crate) fn set_after_death(name: &str) -> Tally {
    let mut first = AtTheEvent::new(name, Deed::Set, 2);
    let mut point = None;
    let trace = drive::trace(&mut first, |first, _, trace| {
        if first.seen == SET_NEXT {
            point.get_or_insert(trace.last());
        }
    });
    let point = point.expect("it is set");
    drive::every(&mut SetAgain { first, trace, point })
}
