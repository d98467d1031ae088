//! A waiter is woken and killed before it can take the lock, while another waiter goes on waiting.
//!
//! An unlock wakes one waiter, the victim. If another process takes the lock first, and the victim
//! is killed, the wake-up is spent: the next unlock, or the end of its own park, must bring the
//! other waiter to look again.

use std::time::Duration;

use super::mutex::LockUnlock;
use super::mutex_blocked::{CLEANLY, Waiter, another_waiter, count_cpus};
use crate::child::{Child, Stop};
use crate::kill::{self, Scenario};
use crate::kill_counts::KillCounts;
use crate::progress;
use crate::trace::Trace;

/// The result of one attempt.
enum Attempt {
    /// The victim was not blocked when it was woken.
    NotBlocked,
    /// The victim was killed running, after this many instructions.
    Running,
    /// The victim has blocked again, and marked the lock as having waiters.
    BlockedAgain,
}

/// Wakes the victim, takes the lock before it, kills it after `steps` instructions, and unlocks.
fn kill_woken(scenario: &Waiter, trace: &Trace, steps: usize) -> Attempt {
    let mutex = &scenario.parent.mutex;
    let guard = mutex.lock().unwrap();
    let mut victim = Child::fork(|| scenario.open(), |mutex| scenario.operate(mutex));
    victim.run_route(trace.route(trace.blocking_points()[0]));
    if victim.step() != Stop::Blocked {
        return Attempt::NotBlocked;
    }
    let other = another_waiter(&scenario.name);
    while !other.is_in_futex_wait() {
        std::thread::sleep(Duration::from_micros(100));
    }
    let has_timed_out = victim.poll().is_some();
    drop(guard);
    if !has_timed_out {
        victim.wait();
    }
    let guard = mutex.try_lock().expect("the victim has not run, and the other waiter is blocked");
    let blocked_again = (0..steps).find(|_| victim.step() == Stop::Blocked);
    victim.kill();
    drop(guard);
    assert_eq!(other.exit_code(), Some(CLEANLY), "the other waiter is not stranded");
    match (has_timed_out, blocked_again) {
        (true, _) => Attempt::NotBlocked,
        (false, None) => Attempt::Running,
        (false, Some(_)) => Attempt::BlockedAgain,
    }
}

/// Kills the victim at every instruction between its wake-up and its next futex wait.
pub(crate) fn lock_timeout_woken(name: &str) -> KillCounts {
    let mut scenario = Waiter { name: name.to_owned(), parent: LockUnlock::new(name) };
    count_cpus();
    let mutex = scenario.parent.mutex.clone();
    let guard = mutex.lock().unwrap();
    let trace = kill::trace_blocking(&mut scenario, 1);
    drop(guard);
    let mut kills = KillCounts::default();
    let mut steps = 0;
    loop {
        progress::set_stage(format_args!("a waiter killed {steps} instructions after it was woken"));
        let attempt = kill_woken(&scenario, &trace, steps);
        scenario.parent.check(false);
        match attempt {
            Attempt::NotBlocked => continue,
            Attempt::Running => kills.count("killed running"),
            Attempt::BlockedAgain => kills.count("killed blocked again"),
        }
        progress::count_kill();
        if matches!(attempt, Attempt::BlockedAgain) {
            return kills;
        }
        steps += 1;
    }
}
