//! `Semaphore`: the count is right, and no waiter is stranded.

use std::cell::RefCell;
use std::time::Duration;

use breezeway::SemaphoreError;
use breezeway::sync::{Semaphore, SemaphorePermit};

use super::state_word::{self, StateWord, pin_without_spinning};
use crate::child::{Child, Stop};
use crate::kill::{self, Death, Scenario};
use crate::kill_counts::KillCounts;
use crate::process::Process;
use crate::process::fork_until_blocked;
use crate::progress;
use crate::trace::Trace;

/// What the child does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Acquire,
    Release,
    /// Acquires, and releases by dropping the permit.
    AcquireAndDrop,
    /// Drops a permit.
    Drop,
    /// Tries and fails.
    TryAcquireEmpty,
    /// Waits until its timeout expires, or until it gets a permit.
    Wait,
}

/// How many permits it releases at once. One more than there are waiters: the one that is left
/// shows that the release was done.
const RELEASED: usize = 3;

/// Longer than one recheck interval.
const WAIT_TIMEOUT: Duration = Duration::from_millis(250);

/// Long enough to be stepped to the second futex wait on a busy machine.
const LONG_TIMEOUT: Duration = Duration::from_secs(1);

struct SemaphoreOperation {
    name: String,
    semaphore: Semaphore,
    count: StateWord,
    operation: Operation,
    /// The child's timeout, if it waits.
    timeout: Duration,
    before: u64,
    /// The count when the child was last observed.
    seen: u64,
    /// How many other processes wait.
    others: usize,
    waiters: Vec<Process>,
}

impl SemaphoreOperation {
    fn new(name: &str, operation: Operation, before: u64, others: usize) -> Self {
        let semaphore: Semaphore = state_word::create(name, 0);
        let count = StateWord::of(semaphore.segment(), 0);
        let name = name.to_owned();
        Self {
            name,
            semaphore,
            count,
            operation,
            before,
            seen: 0,
            others,
            timeout: WAIT_TIMEOUT,
            waiters: Vec::new(),
        }
    }

    /// Forks a process that waits until it has a permit, and keeps it.
    fn waiter(&self) -> Process {
        fork_until_blocked(|| {
            state_word::open::<Semaphore>(&self.name).acquire().unwrap().forget();
            0
        })
    }

    fn join_waiters(&mut self) {
        self.waiters.drain(..).for_each(|waiter| assert_eq!(waiter.exit_code(), Some(0)));
    }

    /// No other process waits.
    fn check_alone(&self, death: &Death) -> &'static str {
        let (after, between) = match self.operation {
            Operation::Acquire => (self.before - 1, None),
            Operation::Release => (self.before + RELEASED as u64, None),
            Operation::AcquireAndDrop => (self.before, Some(self.before - 1)),
            Operation::Wait | Operation::TryAcquireEmpty => (self.before, None),
            Operation::Drop => unreachable!("a process waits"),
        };
        assert_eq!(self.count.get(), self.seen, "a death changes nothing");
        assert!(!death.completed || self.seen == after, "a completed operation has taken effect");
        let is_known = self.seen == after || self.seen == self.before || Some(self.seen) == between;
        assert!(is_known, "{}", self.seen);
        // The survivors can acquire as many permits as the count says, and no more.
        let rest = core::iter::from_fn(|| self.semaphore.try_acquire().ok().map(|permit| permit.forget()));
        assert_eq!(rest.count() as u64, self.seen);
        self.semaphore.release(1).unwrap();
        drop(self.semaphore.acquire().unwrap());
        if self.seen == self.before { "as before" } else { "changed" }
    }

    /// The waiters may have taken their permits by now; or the next process releases them instead.
    fn survive_with_sleepers(&mut self, death: &Death) -> &'static str {
        let released = if self.operation == Operation::Drop { 1 } else { RELEASED };
        let was_seen = self.seen != 0;
        let by_others = if was_seen { 0 } else { released };
        self.semaphore.release(by_others).unwrap();
        let waiters = self.waiters.len();
        self.join_waiters();
        // A fast waiter may have been the only one to see it.
        let has_committed = match self.count.get() as usize + waiters - by_others {
            0 => false,
            by_child => {
                assert_eq!(by_child, released);
                true
            }
        };
        assert!(has_committed || !was_seen && !death.completed, "a completed operation has taken effect");
        if has_committed { "served" } else { "served by the next" }
    }
}

/// What the child has: a semaphore, and perhaps a permit.
type Handle = (&'static Semaphore, RefCell<Option<SemaphorePermit<'static>>>);

impl Scenario for SemaphoreOperation {
    type Handle = Handle;

    fn reset(&mut self) {
        // Otherwise a waiter would reap, which is a long path.
        self.semaphore.segment().reap().unwrap();
        self.count.set(self.before);
    }

    fn open(&self) -> Handle {
        let semaphore: &'static Semaphore = Box::leak(Box::new(state_word::open(&self.name)));
        let permit = (self.operation == Operation::Drop).then(|| semaphore.acquire().unwrap());
        (semaphore, RefCell::new(permit))
    }

    fn operate(&self, (semaphore, permit): &Handle) {
        match self.operation {
            Operation::Acquire => semaphore.acquire().unwrap().forget(),
            Operation::Release => semaphore.release(RELEASED).unwrap(),
            Operation::AcquireAndDrop => drop(semaphore.acquire().unwrap()),
            Operation::Drop => drop(permit.take()),
            Operation::TryAcquireEmpty => {
                assert_eq!(semaphore.try_acquire().err(), Some(SemaphoreError::WouldBlock));
                let too_many = Err(SemaphoreError::TooMany { limit: Semaphore::MAX_PERMITS });
                assert_eq!(semaphore.release(Semaphore::MAX_PERMITS + 1), too_many);
            }
            Operation::Wait => {
                if let Ok(permit) = semaphore.acquire_timeout(kill::scaled_timeout(self.timeout)) {
                    permit.forget();
                }
            }
        }
    }

    fn before_operation(&mut self, _: &Child) {
        self.waiters = (0..self.others).map(|_| self.waiter()).collect();
    }

    fn observe(&mut self, _: &Child) {
        self.seen = self.count.get();
    }

    fn check_survivors(&mut self, death: &Death) -> &'static str {
        if self.others == 0 { self.check_alone(death) } else { self.survive_with_sleepers(death) }
    }

    /// Fewer than by default: each run takes as long as the wait.
    fn sample_size(&self) -> usize {
        40
    }
}

pub(crate) fn acquire(name: &str) -> KillCounts {
    kill::at_every_instruction(&mut SemaphoreOperation::new(name, Operation::Acquire, 3, 0))
}

pub(crate) fn release(name: &str) -> KillCounts {
    kill::at_every_instruction(&mut SemaphoreOperation::new(name, Operation::Release, 3, 0))
}

pub(crate) fn acquire_and_drop(name: &str) -> KillCounts {
    kill::at_every_instruction(&mut SemaphoreOperation::new(name, Operation::AcquireAndDrop, 1, 0))
}

pub(crate) fn try_acquire_empty(name: &str) -> KillCounts {
    kill::at_every_instruction(&mut SemaphoreOperation::new(name, Operation::TryAcquireEmpty, 0, 0))
}

/// One process waits for the child's permit.
pub(crate) fn drop_permit_with_waiter(name: &str) -> KillCounts {
    kill::at_every_instruction(&mut SemaphoreOperation::new(name, Operation::Drop, 1, 1))
}

/// Two processes wait for what the child releases.
pub(crate) fn release_with_waiters(name: &str) -> KillCounts {
    kill::at_every_instruction(&mut SemaphoreOperation::new(name, Operation::Release, 0, RELEASED - 1))
}

/// Kills a waiter: the others notice nothing, and a released permit goes to another one.
pub(crate) fn acquire_timeout_empty(name: &str) -> KillCounts {
    let mut scenario = SemaphoreOperation::new(name, Operation::Wait, 0, 0);
    pin_without_spinning();
    kill::at_changes_and_blocked(&mut scenario)
}

/// The result of one attempt.
enum Attempt {
    /// The victim was not blocked when it was woken, or the other waiter was faster.
    NotBlocked,
    /// The victim was killed running, and the permit was left.
    Left,
    /// The victim was killed running, and had the permit.
    Had,
    /// The victim has returned.
    Done,
}

/// Longer than a waiter's first park, which is short.
const FIRST_PARK: Duration = Duration::from_millis(15);

/// The victim and another process wait; a permit is released, which wakes the victim; it is killed
/// after this many steps.
fn kill_woken(scenario: &mut SemaphoreOperation, trace: &Trace, steps: usize) -> Attempt {
    let mut victim = kill::start_child(scenario);
    victim.run_route(trace.route(trace.blocking_points()[1]));
    if victim.step() != Stop::Blocked {
        return Attempt::NotBlocked;
    }
    let other = scenario.waiter();
    std::thread::sleep(FIRST_PARK);
    while !other.is_in_futex_wait() {
        std::thread::sleep(Duration::from_micros(50));
    }
    let has_timed_out = victim.poll().is_some();
    scenario.semaphore.release(1).unwrap();
    if !has_timed_out {
        victim.wait();
    }
    // If the other waiter was faster, the victim has blocked again.
    let end = (0..steps).map(|_| victim.step()).find(|stop| *stop != Stop::InOperation);
    victim.kill();
    let is_left = scenario.count.get() > 0;
    if !is_left {
        scenario.semaphore.release(1).unwrap();
    }
    assert_eq!(other.exit_code(), Some(0), "the other waiter is not stranded");
    let rest = scenario.count.get();
    // If the other waiter was faster and took it, the permit released instead is left.
    assert!(rest == 0 || rest == 1 && !is_left && end != Some(Stop::Finished), "{rest} left");
    match (end, is_left) {
        _ if has_timed_out || rest == 1 => Attempt::NotBlocked,
        (Some(Stop::Finished), _) => Attempt::Done,
        (Some(_), _) => Attempt::NotBlocked,
        (None, true) => Attempt::Left,
        (None, false) => Attempt::Had,
    }
}

/// Kills the victim at every instruction between its wake-up and its return.
pub(crate) fn acquire_timeout_woken(name: &str) -> KillCounts {
    let mut scenario = SemaphoreOperation::new(name, Operation::Wait, 0, 0);
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
            Attempt::Left => kills.count("left to the other"),
            Attempt::Had => kills.count("taken by the victim"),
            Attempt::Done => {
                kills.count("done");
                return kills;
            }
        }
        progress::count_kill();
        steps += 1;
    }
}
