//! A waiter that is woken and killed before it can take the lock, while another waiter sleeps on.
//!
//! Who unlocks wakes one waiter, B, and forgets that there are others. If somebody takes the lock before B does, and B is
//! killed, nobody knows of the other one, D, when the lock is given back: the C library wakes nobody. D must look again
//! by itself.

use std::time::Duration;

use super::mutex::LockUnlock;
use super::waiter::{CLEANLY, Waiter, another_waiter, wait_once};
use crate::child::{Child, Stop};
use crate::drive::{self, Subject};
use crate::progress;
use crate::tally::Tally;
use crate::trace::Trace;

/// What became of one attempt to strand D.
enum Attempt {
    /// B's sleep was over before it was woken.
    TooSlow,
    /// B was killed after so many instructions, awake.
    Awake,
    /// B has gone back to sleep, and left word that there are waiters.
    AsleepAgain,
}

/// Wakes B, takes the lock before it, kills it after `steps` instructions, and gives the lock back.
fn strand(subject: &Waiter, trace: &Trace, steps: usize) -> Attempt {
    let mutex = &subject.parent.mutex;
    let guard = mutex.lock().unwrap();
    let mut b = Child::fork(|| subject.open(), |mutex| subject.operate(mutex));
    b.travel(trace.route(trace.sleeps()[0]));
    if b.step() != Stop::Asleep {
        return Attempt::TooSlow;
    }
    let d = another_waiter(&subject.name);
    while !d.is_on_a_futex() {
        std::thread::sleep(Duration::from_micros(100));
    }
    let too_slow = b.poll().is_some();
    drop(guard);
    if !too_slow {
        b.wait();
    }
    let guard = mutex.try_lock().expect("B has not come to it, and D sleeps");
    let gone = (0..steps).find(|_| b.step() == Stop::Asleep);
    b.kill();
    drop(guard);
    assert_eq!(d.exit_code(), Some(CLEANLY), "D is not stranded");
    match (too_slow, gone) {
        (true, _) => Attempt::TooSlow,
        (false, None) => Attempt::Awake,
        (false, Some(_)) => Attempt::AsleepAgain,
    }
}

/// B killed at every instruction between its waking and its next sleep.
pub(crate) fn waiter(name: &str) -> Tally {
    let mut subject = Waiter { name: name.to_owned(), parent: LockUnlock::new(name) };
    wait_once(&subject.parent);
    let mutex = subject.parent.mutex.clone();
    let guard = mutex.lock().unwrap();
    let trace = drive::trace_sleeping(&mut subject, 1);
    drop(guard);
    let mut tally = Tally::default();
    let mut steps = 0;
    loop {
        progress::at(format_args!("a waiter killed {steps} instructions after it was woken"));
        let attempt = strand(&subject, &trace, steps);
        subject.parent.check(false);
        match attempt {
            Attempt::TooSlow => continue,
            Attempt::Awake => tally.count("killed awake"),
            Attempt::AsleepAgain => tally.count("killed asleep again"),
        }
        progress::count_kill();
        if matches!(attempt, Attempt::AsleepAgain) {
            return tally;
        }
        steps += 1;
    }
}
