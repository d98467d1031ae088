//! `Event`: it is set or it is not, and every process that waits when it is set comes through.

use std::time::Duration;

use breezeway::sync::Event;

use super::state_word::{self, StateWord, pin_without_spinning};
use crate::child::{Child, Stop};
use crate::kill::{self, Death, KillPoint, Scenario};
use crate::kill_counts::KillCounts;
use crate::process::Process;
use crate::process::fork_until_blocked;
use crate::progress;
use crate::trace::Trace;

/// What the child does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Set,
    Clear,
    /// Sets the event, and clears it immediately.
    SetAndClear,
    /// Waits until its timeout expires, or until the event is set.
    Wait,
}

/// The word of an unset event and of a set one, in the first generation and in the next.
const UNSET: u64 = 6;
const SET: u64 = 7;
const SET_NEXT: u64 = 9;
const UNSET_NEXT: u64 = 8;

/// Longer than one recheck interval.
const WAIT_TIMEOUT: Duration = Duration::from_millis(250);

/// Long enough to be stepped to the second futex wait on a busy machine.
const LONG_TIMEOUT: Duration = Duration::from_secs(1);

struct EventOperation {
    name: String,
    event: Event,
    word: StateWord,
    operation: Operation,
    /// The child's timeout, if it waits.
    timeout: Duration,
    /// The word when the child was last observed.
    seen: u64,
    /// How many other processes wait.
    others: usize,
    waiters: Vec<Process>,
}

impl EventOperation {
    fn new(name: &str, operation: Operation, others: usize) -> Self {
        let event: Event = state_word::create(name, ());
        let word = StateWord::of(event.segment(), 0);
        Self {
            name: name.to_owned(),
            event,
            word,
            operation,
            seen: 0,
            others,
            timeout: WAIT_TIMEOUT,
            waiters: Vec::new(),
        }
    }

    /// Forks a process that waits until the event is set.
    fn waiter(&self) -> Process {
        fork_until_blocked(|| {
            state_word::open::<Event>(&self.name).wait().unwrap();
            0
        })
    }

    fn join_waiters(&mut self) {
        self.waiters.drain(..).for_each(|waiter| assert_eq!(waiter.exit_code(), Some(0)));
    }

    /// The words that the operation goes through.
    fn states(&self) -> &'static [u64] {
        match self.operation {
            Operation::Set => &[UNSET, SET_NEXT],
            Operation::Clear => &[SET, UNSET],
            Operation::SetAndClear => &[UNSET, SET_NEXT, UNSET_NEXT],
            Operation::Wait => &[UNSET],
        }
    }
}

impl Scenario for EventOperation {
    type Handle = Event;

    fn reset(&mut self) {
        // Otherwise a waiter would reap, which is a long path.
        self.event.segment().reap().unwrap();
        self.word.set(self.states()[0]);
    }

    fn open(&self) -> Event {
        state_word::open(&self.name)
    }

    fn operate(&self, event: &Event) {
        match self.operation {
            Operation::Set => assert!(event.set()),
            Operation::Clear => assert!(event.clear()),
            Operation::SetAndClear => assert!(event.set() && event.clear()),
            Operation::Wait => {
                let _ = event.wait_timeout(kill::scaled_timeout(self.timeout));
            }
        }
    }

    fn before_operation(&mut self, _: &Child) {
        self.waiters = (0..self.others).map(|_| self.waiter()).collect();
    }

    fn observe(&mut self, _: &Child) {
        self.seen = self.word.get();
    }

    fn check_survivors(&mut self, death: &Death) -> &'static str {
        assert_eq!(self.word.get(), self.seen, "a death changes nothing");
        let states = self.states();
        let state = states.iter().position(|state| *state == self.seen).expect("a state it goes through");
        assert!(!death.completed || state == states.len() - 1, "a completed operation has taken effect");
        if state == 0 && self.others > 0 {
            // The next process does the operation instead.
            assert!(self.event.set() && self.event.clear());
        }
        self.join_waiters();
        assert!(self.event.set() || self.event.clear());
        ["as before", "changed", "changed back"][state]
    }

    /// Fewer than by default: each run takes as long as the wait.
    fn sample_size(&self) -> usize {
        40
    }
}

pub(crate) fn set(name: &str) -> KillCounts {
    kill::at_every_instruction(&mut EventOperation::new(name, Operation::Set, 0))
}

pub(crate) fn clear(name: &str) -> KillCounts {
    kill::at_every_instruction(&mut EventOperation::new(name, Operation::Clear, 0))
}

pub(crate) fn set_with_waiters(name: &str) -> KillCounts {
    kill::at_every_instruction(&mut EventOperation::new(name, Operation::Set, 2))
}

pub(crate) fn set_clear_with_waiters(name: &str) -> KillCounts {
    kill::at_every_instruction(&mut EventOperation::new(name, Operation::SetAndClear, 2))
}

/// Kills a waiter, while another one goes on waiting.
pub(crate) fn wait_timeout_unset(name: &str) -> KillCounts {
    let mut scenario = EventOperation::new(name, Operation::Wait, 1);
    pin_without_spinning();
    assert!(scenario.event.wait_timeout(Duration::from_millis(1)).is_err());
    kill::at_changes_and_blocked(&mut scenario)
}

/// The result of one attempt.
enum Attempt {
    /// The victim was not blocked when it was woken.
    NotBlocked,
    Killed,
    /// The victim has returned.
    Done,
}

/// The victim and another process wait; the event is set and cleared, which wakes them; the victim
/// is killed after this many steps.
fn kill_woken(scenario: &mut EventOperation, trace: &Trace, steps: usize) -> Attempt {
    let mut victim = kill::start_child(scenario);
    victim.run_route(trace.route(trace.blocking_points()[1]));
    if victim.step() != Stop::Blocked {
        return Attempt::NotBlocked;
    }
    scenario.waiters.push(scenario.waiter());
    let has_timed_out = victim.poll().is_some();
    assert!(scenario.event.set() && scenario.event.clear());
    if !has_timed_out {
        victim.wait();
    }
    let mut step = || match victim.step() {
        // It only had no CPU.
        Stop::Blocked => victim.wait(),
        stop => stop,
    };
    let is_done = (0..steps).any(|_| step() == Stop::Finished);
    victim.kill();
    scenario.join_waiters();
    assert_eq!(scenario.word.get(), UNSET_NEXT, "a waiter changes nothing");
    match (has_timed_out, is_done) {
        (true, _) => Attempt::NotBlocked,
        (false, false) => Attempt::Killed,
        (false, true) => Attempt::Done,
    }
}

/// Kills the victim at every instruction between its wake-up and its return.
pub(crate) fn wait_timeout_woken(name: &str) -> KillCounts {
    let mut scenario = EventOperation::new(name, Operation::Wait, 0);
    pin_without_spinning();
    scenario.timeout = LONG_TIMEOUT;
    // The first park, and a full one.
    let trace = kill::trace_blocking(&mut scenario, 2);
    let mut kills = KillCounts::default();
    let mut steps = 0;
    loop {
        progress::set_stage(format_args!("a waiter killed {steps} instructions after it was woken"));
        match kill_woken(&mut scenario, &trace, steps) {
            Attempt::NotBlocked => continue,
            Attempt::Killed => kills.count("killed running"),
            Attempt::Done => {
                kills.count("done");
                return kills;
            }
        }
        progress::count_kill();
        steps += 1;
    }
}

/// A child sets the event after another process was killed between setting it and waking the
/// waiters.
struct SetAgain {
    first: EventOperation,
    trace: Trace,
    point: usize,
}

impl Scenario for SetAgain {
    type Handle = Event;

    fn reset(&mut self) {
        kill::at_point(&mut self.first, &self.trace, KillPoint::after(self.point));
        assert_eq!(self.first.word.get(), SET_NEXT, "the first process has set it");
    }

    fn open(&self) -> Event {
        self.first.open()
    }

    fn operate(&self, event: &Event) {
        assert!(!event.set());
    }

    fn check_survivors(&mut self, _: &Death) -> &'static str {
        self.first.join_waiters();
        assert_eq!(self.first.word.get(), SET_NEXT, "it was set once");
        "through"
    }
}

/// Kills the second process at every instruction.
pub(crate) fn set_after_death(name: &str) -> KillCounts {
    let mut first = EventOperation::new(name, Operation::Set, 2);
    let mut point = None;
    let trace = kill::trace_operation(&mut first, |first, _, trace| {
        if first.seen == SET_NEXT {
            point.get_or_insert(trace.last());
        }
    });
    let point = point.expect("it is set");
    kill::at_every_instruction(&mut SetAgain { first, trace, point })
}
