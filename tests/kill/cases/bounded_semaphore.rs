//! `BoundedSemaphore`: a dead process's permits come back, no other process's do, and no waiter is
//! stranded.

use std::cell::RefCell;
use std::path::PathBuf;
use std::time::Duration;

use breezeway::SemaphoreError;
use breezeway::sync::{BoundedSemaphore, BoundedSemaphorePermit};

use super::lock_watch::SURVIVOR_TIMEOUT;
use super::state_word::{StateWord, create, open, pin_without_spinning};
use crate::child::{Child, Stop};
use crate::kill::{self, Death, Scenario};
use crate::kill_counts::KillCounts;
use crate::process::fork_until_blocked;
use crate::process::{self, Process};
use crate::progress;

/// The offset of the permits' words, of which there are two.
const WORDS: u64 = 128;
const FORGOTTEN: u32 = 1 << 31;

/// Long enough to be single-stepped to a futex wait before the timeout expires.
const STEPPING_TIMEOUT: Duration = Duration::from_millis(250);

/// What the child does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    /// Acquires a permit, and keeps it.
    Acquire,
    /// Acquires a permit, and drops it.
    TryAndDrop,
    TimeoutAndDrop,
    Forget,
    Drop,
    Release,
    /// Does both, with a permit each.
    DropAndRelease,
    /// Releases without a permit, which fails.
    ReleaseNone,
    /// Tries to acquire while the parent holds all permits.
    Refused,
    Wait,
    /// Acquires a permit of a dead process.
    AcquireAfterDeath,
    /// Reaps a dead process.
    Reap,
}

/// What the other processes do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Others {
    None,
    /// Two wait, for both permits.
    Waiting,
    /// Two acquire.
    Acquiring,
}

struct PermitOperation {
    name: String,
    semaphore: BoundedSemaphore,
    words: StateWord,
    operation: Operation,
    others: Others,
    waiters: Vec<Process>,
    id: u32,
    /// The permits when the child was last observed.
    seen: [u32; 2],
}

impl PermitOperation {
    fn new(name: &str, operation: Operation, others: Others) -> Self {
        let semaphore = create::<BoundedSemaphore>(name, 2);
        let words = StateWord::of(semaphore.segment(), WORDS);
        Self {
            name: name.to_owned(),
            semaphore,
            words,
            operation,
            others,
            waiters: Vec::new(),
            id: 0,
            seen: [0; 2],
        }
    }

    fn look(&self) -> [u32; 2] {
        let both = self.words.get();
        [both as u32, (both >> 32) as u32]
    }

    fn reap(&self) {
        self.semaphore.segment().reap().unwrap();
    }

    /// The survivors can acquire both permits, and no more.
    fn check(&self, turn: usize) {
        // Mostly the parent reaps, and the survivors need not detect the death themselves.
        let reaped = !turn.is_multiple_of(8);
        if reaped {
            self.reap();
            assert_eq!(self.look(), [0; 2], "nothing is left");
        }
        let take = || {
            if reaped {
                self.semaphore.try_acquire()
            } else {
                self.semaphore.acquire_timeout(SURVIVOR_TIMEOUT)
            }
        };
        let both = [take().expect("a permit"), take().expect("the other permit")];
        assert_eq!(self.semaphore.try_acquire().err(), Some(SemaphoreError::WouldBlock), "there are two");
        drop(both);
        assert_eq!(self.semaphore.release(), Err(SemaphoreError::NotHeld));
        assert_eq!(self.look(), [0; 2]);
    }

    fn lock_and_exit(&self) -> libc::c_int {
        drop(open::<BoundedSemaphore>(&self.name).acquire().unwrap());
        0
    }

    /// A child dies with both permits, one of them forgotten.
    fn leave_dead_holder(&self) {
        let take = || {
            let semaphore: &'static _ = Box::leak(Box::new(open::<BoundedSemaphore>(&self.name)));
            core::mem::forget(semaphore.acquire().unwrap());
            semaphore.acquire().unwrap().forget();
        };
        Child::fork(take, |()| {}).kill();
        assert!(!self.look().contains(&0));
    }

    /// How many permits the child had. Checks that they are possible for this operation.
    fn had(&self, completed: bool) -> usize {
        let is_its = |word: &u32| word & !FORGOTTEN == self.id;
        let had = self.seen.iter().filter(|word| is_its(word)).count();
        let forgotten = self.seen.iter().filter(|word| is_its(word) && *word & FORGOTTEN != 0).count();
        let is_as_it_should_be = match self.operation {
            Operation::Acquire | Operation::AcquireAfterDeath => (had, forgotten) == (1, 0),
            Operation::Forget => (had, forgotten) == (1, 1),
            Operation::ReleaseNone => (had, forgotten) == (1, 0),
            _ => had == 0,
        };
        assert!(!completed || is_as_it_should_be, "a completed operation has taken effect: {:x?}", self.seen);
        let least = usize::from(matches!(self.operation, Operation::Forget | Operation::ReleaseNone));
        let most = if self.operation == Operation::DropAndRelease { 2 } else { 1 };
        assert!((least..=most).contains(&had), "{:x?}", self.seen);
        had
    }
}

impl Scenario for PermitOperation {
    type Handle = (&'static BoundedSemaphore, RefCell<Option<BoundedSemaphorePermit<'static>>>);

    fn reset(&mut self) {
        self.reap();
        if matches!(self.operation, Operation::AcquireAfterDeath | Operation::Reap) {
            self.leave_dead_holder();
        }
    }

    fn open(&self) -> Self::Handle {
        let semaphore: &'static _ = Box::leak(Box::new(open::<BoundedSemaphore>(&self.name)));
        let has_one = matches!(
            self.operation,
            Operation::Forget | Operation::Drop | Operation::DropAndRelease | Operation::ReleaseNone
        );
        let permit = has_one.then(|| semaphore.acquire().unwrap());
        if matches!(self.operation, Operation::Release | Operation::DropAndRelease) {
            semaphore.acquire().unwrap().forget();
        }
        (semaphore, RefCell::new(permit))
    }

    fn operate(&self, (semaphore, permit): &Self::Handle) {
        match self.operation {
            Operation::Acquire => *permit.borrow_mut() = Some(semaphore.acquire().unwrap()),
            Operation::TryAndDrop => drop(semaphore.try_acquire().unwrap()),
            Operation::TimeoutAndDrop => drop(semaphore.acquire_timeout(SURVIVOR_TIMEOUT).unwrap()),
            Operation::Forget => permit.take().expect("a permit").forget(),
            Operation::Drop => drop(permit.take()),
            Operation::Release => semaphore.release().unwrap(),
            Operation::DropAndRelease => {
                drop(permit.take());
                semaphore.release().unwrap();
            }
            Operation::ReleaseNone => assert_eq!(semaphore.release(), Err(SemaphoreError::NotHeld)),
            Operation::Refused => assert!(semaphore.try_acquire().is_err()),
            Operation::Wait => drop(semaphore.acquire_timeout(kill::scaled_timeout(STEPPING_TIMEOUT))),
            Operation::AcquireAfterDeath => *permit.borrow_mut() = Some(semaphore.try_acquire().unwrap()),
            Operation::Reap => drop(semaphore.segment().reap().unwrap()),
        }
    }

    fn before_operation(&mut self, child: &Child) {
        let all = self.semaphore.segment().participants().unwrap();
        self.id = all.iter().find(|participant| participant.pid == child.pid()).expect("it has attached").id;
        self.waiters = match self.others {
            Others::None => Vec::new(),
            Others::Waiting => (0..2).map(|_| fork_until_blocked(|| self.lock_and_exit())).collect(),
            Others::Acquiring => (0..2).map(|_| process::fork(|| self.lock_and_exit())).collect(),
        };
    }

    fn observe(&mut self, _: &Child) {
        self.seen = self.look();
    }

    fn check_survivors(&mut self, death: &Death) -> &'static str {
        if self.others != Others::None {
            if !death.point.is_multiple_of(8) {
                self.reap();
            }
            self.waiters.drain(..).for_each(|waiter| assert_eq!(waiter.exit_code(), Some(0), "stranded"));
            self.check(1);
            return "all came through";
        }
        assert_eq!(self.look(), self.seen, "a death changes nothing");
        if matches!(self.operation, Operation::Refused | Operation::Wait) {
            let me = self.semaphore.segment().participant_id().unwrap();
            self.reap();
            assert_eq!(self.look(), [me; 2], "endpoint they were, they are");
            return "still held";
        }
        let had = if self.operation == Operation::Reap { 0 } else { self.had(death.completed) };
        self.check(death.point);
        ["died with none", "died with one", "died with both"][had]
    }

    fn watched_files(&self, _: u32) -> Vec<PathBuf> {
        self.semaphore.segment().path().into_iter().collect()
    }

    /// Fewer than by default if each run takes as long as the wait.
    fn sample_size(&self) -> usize {
        if self.operation == Operation::Wait { 40 } else { 150 }
    }
}

fn each(name: &str, operations: &[Operation]) -> KillCounts {
    let mut kills = KillCounts::default();
    for &operation in operations {
        kills.merge(&kill::at_every_instruction(&mut PermitOperation::new(name, operation, Others::None)));
    }
    kills
}

pub(crate) fn acquire(name: &str) -> KillCounts {
    each(name, &[Operation::Acquire, Operation::TryAndDrop, Operation::TimeoutAndDrop])
}

pub(crate) fn release(name: &str) -> KillCounts {
    each(
        name,
        &[
            Operation::Forget,
            Operation::Drop,
            Operation::Release,
            Operation::DropAndRelease,
            Operation::ReleaseNone,
        ],
    )
}

/// The child releases two permits in turn, and a process waits for each.
pub(crate) fn release_with_waiters(name: &str) -> KillCounts {
    kill::at_every_instruction(&mut PermitOperation::new(name, Operation::DropAndRelease, Others::Waiting))
}

/// Runs the case while the parent holds both permits.
fn while_held(name: &str, operation: Operation, run: fn(&mut PermitOperation) -> KillCounts) -> KillCounts {
    let mut scenario = PermitOperation::new(name, operation, Others::None);
    let semaphore = scenario.semaphore.clone();
    let both = [(); 2].map(|()| semaphore.acquire().unwrap());
    let kills = run(&mut scenario);
    drop(both);
    scenario.check(1);
    kills
}

pub(crate) fn try_acquire_empty(name: &str) -> KillCounts {
    while_held(name, Operation::Refused, kill::at_changes)
}

/// Kills a waiter: the holders notice nothing.
pub(crate) fn acquire_timeout_empty(name: &str) -> KillCounts {
    pin_without_spinning();
    while_held(name, Operation::Wait, kill::at_changes_and_blocked)
}

/// The permits belong to a dead process, whose death the child detects by itself.
pub(crate) fn try_acquire_after_death(name: &str) -> KillCounts {
    kill::at_changes(&mut PermitOperation::new(name, Operation::AcquireAfterDeath, Others::None))
}

/// Kills the process that reaps: alone, and while others acquire.
pub(crate) fn reap(name: &str) -> KillCounts {
    let mut kills = kill::at_changes(&mut PermitOperation::new(name, Operation::Reap, Others::None));
    kills.merge(&kill::at_changes(&mut PermitOperation::new(name, Operation::Reap, Others::Acquiring)));
    kills
}

/// The victim and another process wait; a released permit wakes the victim, which is killed after
/// this many steps. `None` if the victim was not blocked when it was woken.
fn kill_woken(scenario: &mut PermitOperation, steps: usize) -> Option<&'static str> {
    let semaphore = scenario.semaphore.clone();
    let [first, second] = [(); 2].map(|()| semaphore.acquire().unwrap());
    let mut victim = kill::start_child(scenario);
    // The second futex wait: the first one is too short.
    if victim.run_until_blocked() != Stop::Blocked {
        return None;
    }
    let other = fork_until_blocked(|| scenario.lock_and_exit());
    let has_timed_out = victim.poll().is_some();
    drop(first);
    if !has_timed_out {
        victim.wait();
    }
    let end = (0..steps).map(|_| victim.step()).find(|stop| *stop != Stop::InOperation);
    let had = scenario.look().iter().any(|word| word & !FORGOTTEN == scenario.id);
    victim.kill();
    if !steps.is_multiple_of(8) {
        scenario.reap();
    }
    assert_eq!(other.exit_code(), Some(0), "the other waiter is not stranded");
    drop(second);
    scenario.check(1);
    match end {
        _ if has_timed_out => None,
        Some(Stop::Finished) => Some("done"),
        Some(_) => None,
        None => Some(if had { "died with the permit" } else { "died without the permit" }),
    }
}

/// Kills the victim at every instruction between its wake-up and its end.
pub(crate) fn acquire_timeout_woken(name: &str) -> KillCounts {
    pin_without_spinning();
    let mut scenario = PermitOperation::new(name, Operation::Wait, Others::None);
    let mut kills = KillCounts::default();
    let mut steps = 0;
    loop {
        progress::set_stage(format_args!("a waiter killed {steps} instructions after it was woken"));
        let Some(outcome) = kill_woken(&mut scenario, steps) else { continue };
        kills.count(outcome);
        if outcome == "done" {
            return kills;
        }
        progress::count_kill();
        steps += 1;
    }
}
