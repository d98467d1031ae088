//! `Barrier`: a waiter passes if all parties arrive, and gets an error if one of them dies. It
//! never waits for a dead party.

use std::time::Duration;

use breezeway::BarrierError;
use breezeway::sync::{Barrier, BarrierWaitResult};
use rustix::process::{Pid, Signal, kill_process};

use super::state_word::{self, StateWord, pin_without_spinning};
use crate::child::{Child, Stop};
use crate::kill::{self, Death, Scenario};
use crate::kill_counts::KillCounts;
use crate::process::Process;
use crate::process::fork_until_blocked;
use crate::progress;
use crate::stop::{self, StopScenario};
use crate::trace::Trace;

/// What the child does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    /// Arrives last, with an action.
    Last,
    /// Arrives last in the second generation, after it arrived in the first.
    LastAgain,
    /// Arrives if it is the last.
    TryWaitLast,
    /// Arrives first, waits until its timeout expires, and breaks the barrier.
    First,
    /// Aborts the barrier.
    Abort,
    /// Resets the barrier.
    Reset,
    /// Reaps a party that died after it arrived.
    Reap,
    /// Waits for one other party.
    WaitForOne,
}

impl Operation {
    /// How many processes wait at the barrier besides the child.
    fn waiters(self) -> usize {
        match self {
            Self::WaitForOne => 0,
            Self::LastAgain | Self::First | Self::Reap => 1,
            _ => 2,
        }
    }

    fn parties(self) -> usize {
        match self {
            Self::LastAgain | Self::WaitForOne => 2,
            _ => 3,
        }
    }

    /// Whether the child lets the waiters pass.
    fn is_last(self) -> bool {
        matches!(self, Self::Last | Self::LastAgain | Self::TryWaitLast)
    }
}

/// A waiter's result, as its exit code.
const PASSED: libc::c_int = 0;
const BROKEN: libc::c_int = 1;

/// Longer than one recheck interval.
const WAIT_TIMEOUT: Duration = Duration::from_millis(120);

/// The word: `{generation:31 | history:32 | broken:1}`.
const WORD: u64 = 0;
const FIRST_SLOT: u64 = 256;

fn generation(word: u64) -> u64 {
    word >> 33
}

fn code(result: Result<BarrierWaitResult, BarrierError>) -> libc::c_int {
    match result {
        Ok(_) => PASSED,
        Err(BarrierError::Broken) => BROKEN,
        Err(error) => panic!("{error}"),
    }
}

/// The words of the barrier that matter here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Seen {
    word: u64,
    /// The number of slots that are taken.
    arrived: usize,
}

struct BarrierOperation {
    name: String,
    barrier: Barrier,
    word: StateWord,
    slots: Vec<StateWord>,
    operation: Operation,
    /// Before the child's operation.
    before: Seen,
    /// When the child was last observed.
    seen: Seen,
    waiters: Vec<Process>,
}

impl BarrierOperation {
    fn new(name: &str, operation: Operation) -> Self {
        let parties = operation.parties();
        let barrier: Barrier = state_word::create(name, parties);
        let word = |at| StateWord::of(barrier.segment(), at);
        let slots = (0..2 * parties as u64).map(|n| word(FIRST_SLOT + 8 * n)).collect();
        let (word, seen) = (word(WORD), Seen::default());
        Self {
            name: name.to_owned(),
            barrier,
            word,
            slots,
            operation,
            before: seen,
            seen,
            waiters: Vec::new(),
        }
    }

    fn look(&self) -> Seen {
        let arrived = self.slots.iter().filter(|slot| slot.get() as u32 != 0).count();
        Seen { word: self.word.get(), arrived }
    }

    fn open_again(&self) -> Barrier {
        state_word::open(&self.name)
    }

    fn open_leaked(&self) -> &'static Barrier {
        Box::leak(Box::new(self.open_again()))
    }

    fn waiter(&self) -> Process {
        fork_until_blocked(|| code(self.open_again().wait()))
    }

    /// Leaves a party that has died after it arrived, of which no process knows.
    fn leave_dead_party(&self) {
        let before = self.barrier.waiting();
        let mut victim = Child::fork(|| self.open_leaked(), |barrier| assert!(barrier.wait().is_err()));
        while self.barrier.waiting() == before {
            assert_eq!(victim.step(), Stop::InOperation);
        }
        victim.kill();
    }

    /// All parties pass once, whatever happened before.
    fn exercise(&self) {
        self.barrier.reset();
        assert!(!self.barrier.is_broken() && self.barrier.waiting() == 0);
        let others: Vec<_> = (1..self.barrier.parties()).map(|_| self.waiter()).collect();
        assert_eq!(self.barrier.waiting(), others.len());
        let result = self.barrier.wait_timeout(Duration::from_secs(10)).unwrap();
        assert!(result.is_leader() && result.index() == others.len());
        others.into_iter().for_each(|other| assert_eq!(other.exit_code(), Some(PASSED)));
    }

    /// The child has changed nothing: the parent does the operation. Returns the waiters' result.
    fn operate_instead(&self) -> libc::c_int {
        match self.operation {
            Operation::Last | Operation::TryWaitLast => {
                assert!(self.barrier.wait_timeout(Duration::from_secs(10)).unwrap().is_leader());
                PASSED
            }
            Operation::First => {
                let other = self.waiter();
                assert!(self.barrier.wait_timeout(Duration::from_secs(10)).unwrap().is_leader());
                assert_eq!(other.exit_code(), Some(PASSED));
                PASSED
            }
            // The child will not arrive again; the waiter detects its death by itself.
            Operation::LastAgain => BROKEN,
            Operation::Abort => {
                self.barrier.abort();
                BROKEN
            }
            Operation::Reset => {
                self.barrier.reset();
                BROKEN
            }
            Operation::Reap => BROKEN,
            Operation::WaitForOne => PASSED,
        }
    }
}

fn send(process: &Process, signal: Signal) {
    kill_process(Pid::from_raw(process.pid()).expect("a process"), signal).unwrap();
}

impl Scenario for BarrierOperation {
    type Handle = &'static Barrier;

    fn reset(&mut self) {
        // Otherwise a waiter would reap, which is a long path.
        self.barrier.segment().reap().unwrap();
        self.slots.iter().for_each(|slot| slot.set(0));
        self.word.set(0);
        if self.operation == Operation::LastAgain {
            // It waits for the child in two generations.
            self.waiters.push(fork_until_blocked(|| {
                let barrier = self.open_again();
                barrier.wait().unwrap();
                code(barrier.wait())
            }));
        }
    }

    fn open(&self) -> Self::Handle {
        let barrier = self.open_leaked();
        if self.operation == Operation::LastAgain {
            assert!(barrier.wait().unwrap().is_leader());
        }
        barrier
    }

    fn operate(&self, barrier: &Self::Handle) {
        match self.operation {
            Operation::Last | Operation::LastAgain => {
                let mut done = false;
                assert!(barrier.wait_with(|| done = true).unwrap().is_leader());
                assert!(done);
            }
            Operation::TryWaitLast => assert!(barrier.try_wait().unwrap().is_leader()),
            Operation::First => {
                assert_eq!(
                    barrier.wait_timeout(kill::scaled_timeout(WAIT_TIMEOUT)),
                    Err(BarrierError::Timeout)
                )
            }
            Operation::Abort => barrier.abort(),
            Operation::Reset => barrier.reset(),
            Operation::Reap => assert_eq!(barrier.segment().reap().unwrap(), 1),
            Operation::WaitForOne => assert!(
                barrier.wait_timeout(kill::scaled_timeout(2 * WAIT_TIMEOUT)).is_err()
                    || barrier.waiting() == 0
            ),
        }
    }

    fn before_operation(&mut self, _: &Child) {
        while self.waiters.len() < self.operation.waiters() {
            let waiter = self.waiter();
            self.waiters.push(waiter);
        }
        let are_asleep = || self.waiters.iter().all(Process::is_in_futex_wait);
        while self.barrier.waiting() < self.waiters.len() || !are_asleep() {
            std::thread::sleep(Duration::from_micros(50));
        }
        if self.operation == Operation::Reap {
            // Otherwise the waiter would detect the dead party first.
            self.waiters.iter().for_each(|waiter| send(waiter, Signal::STOP));
            self.leave_dead_party();
        }
        self.before = self.look();
    }

    fn observe(&mut self, _: &Child) {
        self.seen = self.look();
    }

    fn check_survivors(&mut self, death: &Death) -> &'static str {
        let Seen { word, arrived } = self.seen;
        let (has_moved, has_arrived) = (word != self.before.word, arrived > self.before.arrived);
        assert!(!death.completed || has_moved, "a completed operation has taken effect");
        let has_passed = has_moved && self.operation.is_last();
        // Mostly the parent reaps, and the waiters need not detect the death themselves.
        let is_reaped = !death.point.is_multiple_of(8);
        if is_reaped && (has_arrived || matches!(self.operation, Operation::LastAgain | Operation::Reap)) {
            self.barrier.segment().reap().unwrap();
        }
        if self.operation == Operation::Reap {
            self.waiters.iter().for_each(|waiter| send(waiter, Signal::CONT));
        }
        let expected = match (has_moved, has_arrived) {
            (true, _) if has_passed => PASSED,
            (true, _) | (false, true) => BROKEN,
            (false, false) => self.operate_instead(),
        };
        self.waiters.drain(..).for_each(|waiter| assert_eq!(waiter.exit_code(), Some(expected)));
        if has_passed {
            // The waiters have exited regularly, and the child was killed.
            assert_eq!(generation(self.word.get()), generation(self.before.word) + 1);
            self.barrier.segment().reap().unwrap();
            assert_eq!(self.barrier.wait_timeout(Duration::from_secs(10)), Err(BarrierError::Broken));
        }
        self.exercise();
        match (has_moved, has_arrived) {
            (true, _) => "done",
            (false, true) => "arrived",
            (false, false) => "as before",
        }
    }
}

impl StopScenario for BarrierOperation {
    fn go_around(&mut self, _: &Child, _: usize) -> &'static str {
        assert!(!self.barrier.is_broken(), "no process has died");
        assert!(self.barrier.waiting() < self.barrier.parties() || self.seen.word == self.before.word);
        if self.seen.word == self.before.word { "waiters wait" } else { "waiters pass" }
    }
}

/// Stops the last party: the waiters wait until it has let them go, and all pass, by one leader.
pub(crate) fn stop_wait_last_with_waiters(name: &str) -> KillCounts {
    stop::at_every_instruction(&mut BarrierOperation::new(name, Operation::Last))
}

pub(crate) fn wait_last_with_waiters(name: &str) -> KillCounts {
    kill::at_every_instruction(&mut BarrierOperation::new(name, Operation::Last))
}

pub(crate) fn wait_last_again_with_waiter(name: &str) -> KillCounts {
    kill::at_every_instruction(&mut BarrierOperation::new(name, Operation::LastAgain))
}

pub(crate) fn try_wait_last_with_waiters(name: &str) -> KillCounts {
    kill::at_every_instruction(&mut BarrierOperation::new(name, Operation::TryWaitLast))
}

pub(crate) fn abort_with_waiters(name: &str) -> KillCounts {
    kill::at_every_instruction(&mut BarrierOperation::new(name, Operation::Abort))
}

pub(crate) fn reset_with_waiters(name: &str) -> KillCounts {
    kill::at_every_instruction(&mut BarrierOperation::new(name, Operation::Reset))
}

/// Second order: kills the process that reaps a party that died after it arrived.
pub(crate) fn reap_with_waiter(name: &str) -> KillCounts {
    kill::at_changes(&mut BarrierOperation::new(name, Operation::Reap))
}

/// Kills a waiter: running, blocked, and when its timeout has expired.
pub(crate) fn wait_timeout_incomplete(name: &str) -> KillCounts {
    let mut scenario = BarrierOperation::new(name, Operation::First);
    pin_without_spinning();
    kill::at_changes_and_blocked(&mut scenario)
}

/// How far a woken waiter came.
enum Woken {
    /// The waiter was not blocked in its second futex wait yet: the attempt does not count.
    NotBlocked,
    Killed,
    Done,
}

/// The victim waits, and the parent lets it pass; then the victim is killed after this many steps.
/// It has arrived once, and will not arrive again.
fn kill_woken(scenario: &mut BarrierOperation, trace: &Trace, steps: usize) -> Woken {
    let mut victim = kill::start_child(scenario);
    // The second futex wait: the first one is too short.
    victim.run_route(trace.route(trace.blocking_points()[1]));
    if victim.step() != Stop::Blocked {
        return Woken::NotBlocked;
    }
    assert!(scenario.barrier.wait_timeout(Duration::from_secs(10)).unwrap().is_leader());
    victim.wait();
    let is_done = (0..steps).any(|_| victim.step() == Stop::Finished);
    victim.kill();
    if !steps.is_multiple_of(8) {
        scenario.barrier.segment().reap().unwrap();
    }
    assert_eq!(scenario.barrier.wait_timeout(Duration::from_secs(10)), Err(BarrierError::Broken));
    scenario.exercise();
    if is_done { Woken::Done } else { Woken::Killed }
}

/// Kills a waiter at every instruction between its wake-up and its return.
pub(crate) fn wait_timeout_woken(name: &str) -> KillCounts {
    let mut scenario = BarrierOperation::new(name, Operation::WaitForOne);
    pin_without_spinning();
    // The first park, and a full one.
    let trace = kill::trace_blocking(&mut scenario, 2);
    let mut kills = KillCounts::default();
    let mut steps = 0;
    loop {
        progress::set_stage(format_args!("a waiter killed {steps} instructions after it was woken"));
        match kill_woken(&mut scenario, &trace, steps) {
            Woken::NotBlocked => continue,
            Woken::Killed => kills.count("killed running"),
            Woken::Done => {
                kills.count("done");
                return kills;
            }
        }
        progress::count_kill();
        steps += 1;
    }
}
