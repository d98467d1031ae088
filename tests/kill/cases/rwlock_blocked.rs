//! Waiting for an `RwLock`: a waiter's death blocks no process, on neither side.

use std::time::{Duration, Instant};

use breezeway::LockError;
use breezeway::sync::{RwLock, RwLockReadGuard};

use super::mutex_blocked::{AFTER_DEATH, CLEANLY};
use super::rwlock::{Parent, Side, Writer};
use super::state_word::{open, pin_without_spinning};
use crate::child::{Child, Stop};
use crate::kill::{self, Death, Scenario};
use crate::kill_counts::KillCounts;
use crate::progress;

/// Long enough to be stepped to a futex wait before the timeout expires.
const STEPPING_TIMEOUT: Duration = Duration::from_millis(600);
/// Longer than one recheck interval.
const EXPIRING_TIMEOUT: Duration = Duration::from_millis(130);
/// Longer than two recheck intervals.
const WAKING_TIMEOUT: Duration = Duration::from_millis(400);

/// How soon a handle that only tries has asked about a dead writer: a few ticks of the clock.
const POLLED_WITHIN: Duration = Duration::from_millis(200);

/// A child that waits while its parent holds the other side, and may be let in.
struct Waiter {
    parent: Parent,
    side: Side,
    timeout: Duration,
}

impl Waiter {
    fn new(name: &str, side: Side, timeout: Duration) -> Self {
        pin_without_spinning();
        Self { parent: Parent::new(name), side, timeout }
    }

    /// Holds the other side while `operation` runs.
    fn while_held<R>(&mut self, operation: impl FnOnce(&mut Self) -> R) -> R {
        let lock = self.parent.lock.clone();
        match self.side {
            Side::Read => {
                let _guard = lock.write().unwrap();
                operation(self)
            }
            Side::Write => {
                let _guard = lock.read().unwrap();
                operation(self)
            }
        }
    }

    /// A child in its second futex wait (the first one is too short). `None` if its timeout expired
    /// before.
    fn block_twice(&mut self) -> Option<Child> {
        let mut victim = kill::start_child(self);
        (victim.run_until_blocked() == Stop::Blocked).then_some(victim)
    }

    /// Lets the victim in, and kills it this many steps after its wake-up, while another process
    /// waits. `None` if the victim was not blocked when it was woken.
    fn kill_woken(&mut self, steps: usize) -> Option<&'static str> {
        let lock = self.parent.lock.clone();
        let guards = match self.side {
            Side::Read => (None, Some(lock.write().unwrap())),
            Side::Write => (Some(lock.read().unwrap()), None),
        };
        let mut victim = self.block_twice()?;
        let other = self.parent.waiter(Side::Read);
        // The other process has come in for a moment to check, and woken the writer when it left.
        let has_timed_out = victim.poll().is_some() && victim.run_until_blocked() != Stop::Blocked;
        drop(guards);
        if !has_timed_out {
            victim.wait();
        }
        let end = (0..steps).map(|_| victim.step()).find(|stop| *stop != Stop::InOperation);
        let tells = self.parent.look().tells();
        victim.kill();
        if !steps.is_multiple_of(8) {
            self.parent.reap();
        }
        assert_eq!(
            other.exit_code(),
            Some(if tells { AFTER_DEATH } else { CLEANLY }),
            "the other waiter is not stranded"
        );
        self.parent.check(tells, steps);
        match (end, tells) {
            _ if has_timed_out => None,
            (Some(Stop::Finished), _) => Some("done"),
            (Some(_), _) => None,
            (None, true) => Some("died writing"),
            (None, false) => Some("died outside, or reading"),
        }
    }

    /// Lets the victim's timeout expire while another process waits after it, and kills it after
    /// `advance` has run it for this many stops. `None` if the victim was not blocked before.
    fn kill_expired(&mut self, advance: Advance, stops: usize) -> Option<&'static str> {
        let lock = self.parent.lock.clone();
        let guard = lock.read().unwrap();
        let mut victim = self.block_twice()?;
        let other = self.parent.waiter(Side::Read);
        if victim.poll().is_none() {
            victim.wait();
        }
        let is_done = advance(&self.parent, &mut victim, stops);
        let is_still_there = self.parent.look().writer != Writer::Nobody;
        assert!(!(is_done && is_still_there), "a completed operation has taken effect");
        victim.kill();
        if !stops.is_multiple_of(8) {
            self.parent.reap();
        }
        assert_eq!(other.exit_code(), Some(CLEANLY), "the other waiter is not stranded");
        drop(guard);
        self.parent.check(false, stops);
        Some(match (is_done, is_still_there) {
            (true, _) => "done",
            (_, true) => "evicted",
            _ => "released",
        })
    }
}

type Advance = fn(&Parent, &mut Child, usize) -> bool;

/// Runs from one system call to the next. Returns whether the operation has returned.
fn by_calls(_: &Parent, victim: &mut Child, calls: usize) -> bool {
    (0..calls).any(|_| victim.run_to_system_call() == Stop::Finished)
}

/// Runs to the first system call after the store that lets readers in, which is the one that wakes
/// them, and then step by step. Returns whether the operation has returned.
fn by_steps(parent: &Parent, victim: &mut Child, steps: usize) -> bool {
    while parent.look().writer != Writer::Nobody {
        assert_eq!(victim.run_to_system_call(), Stop::InOperation, "a completed operation has taken effect");
    }
    (0..steps).any(|_| victim.step() == Stop::Finished)
}

impl Scenario for Waiter {
    type Handle = RwLock;

    fn reset(&mut self) {
        self.parent.reap();
    }

    fn open(&self) -> RwLock {
        open(&self.parent.name)
    }

    fn operate(&self, lock: &RwLock) {
        match self.side {
            Side::Read => drop(lock.read_timeout(kill::scaled_timeout(self.timeout))),
            Side::Write => drop(lock.write_timeout(kill::scaled_timeout(self.timeout))),
        }
    }

    /// The parent holds what it held, and the dead process holds nothing.
    fn check_survivors(&mut self, death: &Death) -> &'static str {
        let (lock, me) = (&self.parent.lock, self.parent.lock.segment().participant_id().unwrap());
        let check_reader = |is_wanted| {
            if self.side == Side::Write && is_wanted {
                assert!(!poll_read(lock).recovered());
            }
        };
        let is_read_first = !death.point.is_multiple_of(4);
        check_reader(is_read_first);
        self.parent.reap();
        // A reader that follows lets itself in.
        check_reader(!is_read_first);
        let seen = self.parent.look();
        assert!(!seen.untold);
        let counts = seen.counts.iter().sum::<u64>();
        match self.side {
            Side::Read => assert_eq!((seen.writer, counts), (Writer::Writes(me.into()), 0)),
            Side::Write => assert_eq!((seen.writer, counts), (Writer::Nobody, 1)),
        }
        "still held"
    }

    /// Fewer than by default: each run takes as long as the wait.
    fn sample_size(&self) -> usize {
        40
    }
}

/// Tries to read until it succeeds: a handle that tries asks about the writer once a tick of the
/// clock at most.
fn poll_read(lock: &RwLock) -> RwLockReadGuard<'_> {
    let begin = Instant::now();
    loop {
        match lock.try_read() {
            Err(LockError::WouldBlock) if begin.elapsed() < POLLED_WITHIN => std::thread::yield_now(),
            found => return found.expect("readers get the lock"),
        }
    }
}

fn wait(name: &str, side: Side) -> KillCounts {
    let mut scenario = Waiter::new(name, side, STEPPING_TIMEOUT);
    let kills = scenario.while_held(kill::at_changes_and_blocked);
    scenario.parent.check(false, 1);
    kills
}

/// Kills a reader that waits for its parent.
pub(crate) fn read_timeout_held(name: &str) -> KillCounts {
    wait(name, Side::Read)
}

/// Kills a writer that waits for its parent: readers come in after it.
pub(crate) fn write_timeout_held(name: &str) -> KillCounts {
    wait(name, Side::Write)
}

/// Counts the outcomes of attempts, until one reaches the end of the operation.
fn until_done(kills: &mut KillCounts, mut attempt: impl FnMut(usize) -> Option<&'static str>) {
    let mut count = 0;
    loop {
        progress::set_stage(format_args!("a waiter killed {count} stops after its futex wait"));
        let Some(outcome) = attempt(count) else { continue };
        kills.count(outcome);
        if outcome == "done" {
            return;
        }
        progress::count_kill();
        count += 1;
    }
}

fn woken(name: &str, side: Side) -> KillCounts {
    let mut scenario = Waiter::new(name, side, WAKING_TIMEOUT);
    let mut kills = KillCounts::default();
    until_done(&mut kills, |steps| scenario.kill_woken(steps));
    kills
}

/// Kills the child at every instruction between its wake-up and its end.
pub(crate) fn read_timeout_woken(name: &str) -> KillCounts {
    woken(name, Side::Read)
}

pub(crate) fn write_timeout_woken(name: &str) -> KillCounts {
    woken(name, Side::Write)
}

/// A writer's timeout expires while a reader waits after it. Kills the writer at each system call,
/// and at every instruction between letting the reader in, before it wakes the reader, and its end.
pub(crate) fn write_timeout_expired_with_waiter(name: &str) -> KillCounts {
    let mut scenario = Waiter::new(name, Side::Write, EXPIRING_TIMEOUT);
    let mut kills = KillCounts::default();
    for advance in [by_calls as Advance, by_steps] {
        until_done(&mut kills, |stops| scenario.kill_expired(advance, stops));
    }
    kills
}
