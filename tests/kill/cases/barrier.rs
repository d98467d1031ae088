//! `Barrier`: who waits passes if all have come, and hears of it if one of them is dead. It never waits for the dead.

use std::time::Duration;

use breezeway::LockError;
use breezeway::sync::{Barrier, BarrierWaitResult};
use rustix::process::{Pid, Signal, kill_process};

use super::sleeper::asleep;
use super::state_word::{self, StateWord, without_spinning};
use crate::child::{Child, Stop};
use crate::drive::{self, Death, Subject};
use crate::process::Process;
use crate::progress;
use crate::tally::Tally;
use crate::trace::Trace;

/// What the child does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    /// Comes as the last one, with an action.
    Last,
    /// The same, and it was there the last time, too.
    LastAgain,
    /// Comes if it is the last one.
    LastWithoutWaiting,
    /// Comes before others, waits in vain, and breaks it.
    First,
    /// Aborts it.
    Abort,
    /// Resets it.
    Reset,
    /// Finds one that has arrived dead.
    Reap,
    /// Waits for one other.
    Meet,
}

impl Deed {
    /// Those who sleep at the barrier, beside the child.
    fn sleepers(self) -> usize {
        match self {
            Self::Meet => 0,
            Self::LastAgain | Self::First | Self::Reap => 1,
            _ => 2,
        }
    }

    fn parties(self) -> usize {
        match self {
            Self::LastAgain | Self::Meet => 2,
            _ => 3,
        }
    }

    /// Whether it lets the others pass.
    fn is_last(self) -> bool {
        matches!(self, Self::Last | Self::LastAgain | Self::LastWithoutWaiting)
    }
}

/// How it went for a sleeper, as its exit code.
const PASSED: libc::c_int = 0;
const BROKEN: libc::c_int = 1;

/// Longer than one sleep may be.
const PATIENCE: Duration = Duration::from_millis(120);

/// The word: `{generation:31 | history:32 | broken:1}`.
const WORD: u64 = 0;
const FIRST_SLOT: u64 = 256;

fn generation(word: u64) -> u64 {
    word >> 33
}

fn code(result: Result<BarrierWaitResult, LockError>) -> libc::c_int {
    match result {
        Ok(_) => PASSED,
        Err(LockError::Broken) => BROKEN,
        Err(error) => panic!("{error}"),
    }
}

/// What of the barrier's words matters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Seen {
    word: u64,
    /// Slots that anybody has.
    arrived: usize,
}

struct AtTheBarrier {
    name: String,
    barrier: Barrier,
    word: StateWord,
    slots: Vec<StateWord>,
    deed: Deed,
    /// When the child was about to begin.
    before: Seen,
    /// When it was seen last.
    seen: Seen,
    sleepers: Vec<Process>,
}

impl AtTheBarrier {
    fn new(name: &str, deed: Deed) -> Self {
        let parties = deed.parties();
        let barrier: Barrier = state_word::create(name, parties);
        let word = |at| StateWord::of(barrier.segment(), at);
        let slots = (0..2 * parties as u64).map(|n| word(FIRST_SLOT + 8 * n)).collect();
        let (word, seen) = (word(WORD), Seen::default());
        Self { name: name.to_owned(), barrier, word, slots, deed, before: seen, seen, sleepers: Vec::new() }
    }

    fn look(&self) -> Seen {
        let arrived = self.slots.iter().filter(|slot| slot.get() as u32 != 0).count();
        Seen { word: self.word.get(), arrived }
    }

    fn open_anew(&self) -> Barrier {
        state_word::open(&self.name)
    }

    fn open_for_good(&self) -> &'static Barrier {
        Box::leak(Box::new(self.open_anew()))
    }

    fn sleeper(&self) -> Process {
        asleep(|| code(self.open_anew().wait()))
    }

    /// One has arrived, and is dead; nobody knows.
    fn leave_a_dead_one(&self) {
        let before = self.barrier.waiting();
        let mut one = Child::fork(|| self.open_for_good(), |barrier| assert!(barrier.wait().is_err()));
        while self.barrier.waiting() == before {
            assert_eq!(one.step(), Stop::Underway);
        }
        one.kill();
    }

    /// All parties pass once, whatever was before.
    fn exercise(&self) {
        self.barrier.reset();
        assert!(!self.barrier.is_broken() && self.barrier.waiting() == 0);
        let others: Vec<_> = (1..self.barrier.parties()).map(|_| self.sleeper()).collect();
        assert_eq!(self.barrier.waiting(), others.len());
        let result = self.barrier.wait_timeout(Duration::from_secs(10)).unwrap();
        assert!(result.is_leader() && result.index() == others.len());
        others.into_iter().for_each(|other| assert_eq!(other.exit_code(), Some(PASSED)));
    }

    /// The child has done nothing that others see: one does it instead. What the sleepers come to.
    fn do_it_instead(&self) -> libc::c_int {
        match self.deed {
            Deed::Last | Deed::LastWithoutWaiting => {
                assert!(self.barrier.wait_timeout(Duration::from_secs(10)).unwrap().is_leader());
                PASSED
            }
            Deed::First => {
                let other = self.sleeper();
                assert!(self.barrier.wait_timeout(Duration::from_secs(10)).unwrap().is_leader());
                assert_eq!(other.exit_code(), Some(PASSED));
                PASSED
            }
            // It will not come again, and the sleeper finds out by itself.
            Deed::LastAgain => BROKEN,
            Deed::Abort => {
                self.barrier.abort();
                BROKEN
            }
            Deed::Reset => {
                self.barrier.reset();
                BROKEN
            }
            Deed::Reap => BROKEN,
            Deed::Meet => PASSED,
        }
    }
}

fn send(process: &Process, signal: Signal) {
    kill_process(Pid::from_raw(process.pid()).expect("a process"), signal).unwrap();
}

impl Subject for AtTheBarrier {
    type Handle = &'static Barrier;

    fn reset(&mut self) {
        // A waiter would do it instead, which is a long way.
        self.barrier.segment().reap().unwrap();
        self.slots.iter().for_each(|slot| slot.set(0));
        self.word.set(0);
        if self.deed == Deed::LastAgain {
            // It waits for the child twice.
            self.sleepers.push(asleep(|| {
                let barrier = self.open_anew();
                barrier.wait().unwrap();
                code(barrier.wait())
            }));
        }
    }

    fn open(&self) -> Self::Handle {
        let barrier = self.open_for_good();
        if self.deed == Deed::LastAgain {
            assert!(barrier.wait().unwrap().is_leader());
        }
        barrier
    }

    fn operate(&self, barrier: &Self::Handle) {
        match self.deed {
            Deed::Last | Deed::LastAgain => {
                let mut done = false;
                assert!(barrier.wait_with(|| done = true).unwrap().is_leader());
                assert!(done);
            }
            Deed::LastWithoutWaiting => assert!(barrier.try_wait().unwrap().is_leader()),
            Deed::First => {
                assert_eq!(barrier.wait_timeout(drive::patiently(PATIENCE)), Err(LockError::Timeout))
            }
            Deed::Abort => barrier.abort(),
            Deed::Reset => barrier.reset(),
            Deed::Reap => assert_eq!(barrier.segment().reap().unwrap(), 1),
            Deed::Meet => assert!(
                barrier.wait_timeout(drive::patiently(2 * PATIENCE)).is_err() || barrier.waiting() == 0
            ),
        }
    }

    fn begin(&mut self, _: &Child) {
        while self.sleepers.len() < self.deed.sleepers() {
            let sleeper = self.sleeper();
            self.sleepers.push(sleeper);
        }
        let are_asleep = || self.sleepers.iter().all(Process::is_on_a_futex);
        while self.barrier.waiting() < self.sleepers.len() || !are_asleep() {
            std::thread::sleep(Duration::from_micros(50));
        }
        if self.deed == Deed::Reap {
            // Or else it would find the dead one first.
            self.sleepers.iter().for_each(|sleeper| send(sleeper, Signal::STOP));
            self.leave_a_dead_one();
        }
        self.before = self.look();
    }

    fn observe(&mut self, _: &Child) {
        self.seen = self.look();
    }

    fn survive(&mut self, death: &Death) -> &'static str {
        let Seen { word, arrived } = self.seen;
        let (has_moved, has_arrived) = (word != self.before.word, arrived > self.before.arrived);
        assert!(!death.completed || has_moved, "what has returned has happened");
        let has_passed = has_moved && self.deed.is_last();
        // Mostly, somebody reaps, and the sleepers need not find out by themselves.
        let is_reaped = !death.point.is_multiple_of(8);
        if is_reaped && (has_arrived || matches!(self.deed, Deed::LastAgain | Deed::Reap)) {
            self.barrier.segment().reap().unwrap();
        }
        if self.deed == Deed::Reap {
            self.sleepers.iter().for_each(|sleeper| send(sleeper, Signal::CONT));
        }
        let expected = match (has_moved, has_arrived) {
            (true, _) if has_passed => PASSED,
            (true, _) | (false, true) => BROKEN,
            (false, false) => self.do_it_instead(),
        };
        self.sleepers.drain(..).for_each(|sleeper| assert_eq!(sleeper.exit_code(), Some(expected)));
        if has_passed {
            // Those who were there have ended as one should, and this one was killed.
            assert_eq!(generation(self.word.get()), generation(self.before.word) + 1);
            self.barrier.segment().reap().unwrap();
            assert_eq!(self.barrier.wait_timeout(Duration::from_secs(10)), Err(LockError::Broken));
        }
        self.exercise();
        match (has_moved, has_arrived) {
            (true, _) => "done",
            (false, true) => "arrived",
            (false, false) => "as before",
        }
    }
}

pub(crate) fn last(name: &str) -> Tally {
    drive::every(&mut AtTheBarrier::new(name, Deed::Last))
}

pub(crate) fn last_again(name: &str) -> Tally {
    drive::every(&mut AtTheBarrier::new(name, Deed::LastAgain))
}

pub(crate) fn last_without_waiting(name: &str) -> Tally {
    drive::every(&mut AtTheBarrier::new(name, Deed::LastWithoutWaiting))
}

pub(crate) fn abort(name: &str) -> Tally {
    drive::every(&mut AtTheBarrier::new(name, Deed::Abort))
}

pub(crate) fn reset(name: &str) -> Tally {
    drive::every(&mut AtTheBarrier::new(name, Deed::Reset))
}

/// Second order: whoever finds one dead that had arrived is killed, too.
pub(crate) fn reap(name: &str) -> Tally {
    drive::changes(&mut AtTheBarrier::new(name, Deed::Reap))
}

/// One that waits killed, awake or asleep, and when its time is up.
pub(crate) fn wait(name: &str) -> Tally {
    let mut subject = AtTheBarrier::new(name, Deed::First);
    without_spinning();
    drive::changes_and_sleep(&mut subject)
}

/// How far one came that was woken.
enum Woken {
    /// It had not begun to sleep in earnest: that counts for nothing.
    TooSlow,
    Killed,
    Done,
}

/// One sleeps, and the other lets it pass; then it is killed after so many steps. It was there, and will not come again.
fn wake_and_kill(subject: &mut AtTheBarrier, trace: &Trace, steps: usize) -> Woken {
    let mut one = drive::start(subject);
    // Its second sleep: the first is a nap, too short for this.
    one.travel(trace.route(trace.sleeps()[1]));
    if one.step() != Stop::Asleep {
        return Woken::TooSlow;
    }
    assert!(subject.barrier.wait_timeout(Duration::from_secs(10)).unwrap().is_leader());
    one.wait();
    let is_done = (0..steps).any(|_| one.step() == Stop::Done);
    one.kill();
    if !steps.is_multiple_of(8) {
        subject.barrier.segment().reap().unwrap();
    }
    assert_eq!(subject.barrier.wait_timeout(Duration::from_secs(10)), Err(LockError::Broken));
    subject.exercise();
    if is_done { Woken::Done } else { Woken::Killed }
}

/// One killed at every instruction between its waking and its return.
pub(crate) fn woken_waiter(name: &str) -> Tally {
    let mut subject = AtTheBarrier::new(name, Deed::Meet);
    without_spinning();
    // A nap and a sleep.
    let trace = drive::trace_sleeping(&mut subject, 2);
    let mut tally = Tally::default();
    let mut steps = 0;
    loop {
        progress::at(format_args!("a waiter killed {steps} instructions after it was woken"));
        match wake_and_kill(&mut subject, &trace, steps) {
            Woken::TooSlow => continue,
            Woken::Killed => tally.count("killed on its way"),
            Woken::Done => {
                tally.count("done");
                return tally;
            }
        }
        progress::count_kill();
        steps += 1;
    }
}
