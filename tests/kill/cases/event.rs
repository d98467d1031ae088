//! `Event`: it is set or it is not, and whoever waits when it is set comes through.

use std::time::Duration;

use breezeway::sync::Event;

use super::semaphore::without_spinning;
use super::sleeper::asleep;
use super::state_word::StateWord;
use crate::kill::child::Child;
use crate::kill::drive::{self, Death, Subject};
use crate::kill::process::Process;
use crate::kill::tally::Tally;

/// What the child does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    Set,
    Clear,
    /// Sets it, and clears it at once.
    Pulse,
    /// Waits in vain.
    Wait,
}

/// The word of an event that is not set, and of one that is, then and in the next generation.
const UNSET: u64 = 6;
const SET: u64 = 7;
const SET_NEXT: u64 = 9;
const UNSET_NEXT: u64 = 8;

/// Longer than one sleep may be.
const PATIENCE: Duration = Duration::from_millis(120);

struct AtTheEvent {
    name: String,
    event: Event,
    word: StateWord,
    deed: Deed,
    /// The word when the child was seen last.
    seen: u64,
    /// How many others sleep.
    others: usize,
    sleepers: Vec<Process>,
}

impl AtTheEvent {
    fn new(name: &str, deed: Deed, others: usize) -> Self {
        let event = Event::create(name).unwrap();
        let word = StateWord::of(event.segment(), 0);
        Self { name: name.to_owned(), event, word, deed, seen: 0, others, sleepers: Vec::new() }
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
        Event::open(&self.name).unwrap()
    }

    fn operate(&self, event: &Event) {
        match self.deed {
            Deed::Set => assert!(event.set()),
            Deed::Clear => assert!(event.clear()),
            Deed::Pulse => assert!(event.set() && event.clear()),
            Deed::Wait => assert!(event.wait_timeout(PATIENCE).is_err()),
        }
    }

    fn begin(&mut self, _: &Child) {
        let sleep = || {
            asleep(|| {
                Event::open(&self.name).unwrap().wait().unwrap();
                0
            })
        };
        self.sleepers = (0..self.others).map(|_| sleep()).collect();
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
        self.sleepers.drain(..).for_each(|sleeper| assert_eq!(sleeper.exit_code(), Some(0)));
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
    // On a very busy machine the time may be over before the child comes to sleep.
    let mut rounds = std::iter::repeat_with(|| drive::changes(&mut subject)).take(5);
    rounds.find(Tally::has_asleep).expect("a wait is a sleep")
}
