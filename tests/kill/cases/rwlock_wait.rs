//! Waiting for an `RwLock`: a waiter's death hangs nobody, on neither side.

use std::time::Duration;

use breezeway::LockError;
use breezeway::sync::RwLock;

use super::rwlock::{Parent, Side, Writer};
use super::semaphore::without_spinning;
use super::waiter::{AFTER_DEATH, CLEANLY};
use crate::kill::child::Stop;
use crate::kill::drive::{self, Death, Subject};
use crate::kill::progress;
use crate::kill::tally::Tally;
use crate::kill::trace::Trace;

/// Long enough to step to the second sleep before it is over. Longer than one sleep may be.
const PATIENCE: Duration = Duration::from_millis(250);

/// A child waits, while its parent has the other side; or is let in.
struct Waiter {
    parent: Parent,
    side: Side,
}

impl Waiter {
    fn new(name: &str, side: Side) -> Self {
        let parent = Parent::new(name);
        without_spinning();
        // The first wait counts the CPUs, for the children too.
        let guard = parent.lock.read().unwrap();
        assert_eq!(parent.lock.write_timeout(Duration::from_millis(1)).err(), Some(LockError::Timeout));
        drop(guard);
        Self { parent, side }
    }

    /// Holds the other side while something goes on.
    fn kept_out<R>(&mut self, act: impl FnOnce(&mut Self) -> R) -> R {
        let lock = self.parent.lock.clone();
        match self.side {
            Side::Read => {
                let _guard = lock.write().unwrap();
                act(self)
            }
            Side::Write => {
                let _guard = lock.read().unwrap();
                act(self)
            }
        }
    }

    /// Lets it in at its second sleep (the first is a nap, too short for this), and kills it so many steps later. `None` where it was
    /// too slow.
    fn wake_and_kill(&mut self, trace: &Trace, steps: usize) -> Option<&'static str> {
        let lock = self.parent.lock.clone();
        let guards = match self.side {
            Side::Read => (None, Some(lock.write().unwrap())),
            Side::Write => (Some(lock.read().unwrap()), None),
        };
        let mut b = drive::start(self);
        b.travel(trace.route(trace.sleeps()[1]));
        if b.step() != Stop::Asleep {
            b.kill();
            return None;
        }
        let d = self.parent.sleeper(Side::Read);
        let too_slow = b.poll().is_some();
        drop(guards);
        if !too_slow {
            b.wait();
        }
        let is_done = (0..steps).any(|_| b.step() == Stop::Done);
        let tells = self.parent.look().tells();
        b.kill();
        if !steps.is_multiple_of(8) {
            self.parent.reap();
        }
        assert_eq!(d.exit_code(), Some(if tells { AFTER_DEATH } else { CLEANLY }), "D is not stranded");
        self.parent.check(tells, steps);
        match (too_slow, is_done, tells) {
            (true, ..) => None,
            (_, true, _) => Some("done"),
            (.., true) => Some("had it"),
            (.., false) => Some("had it not"),
        }
    }

    /// Lets it give up, while a reader sleeps behind it, and kills it so many steps after its last sleep.
    fn give_up(&mut self, trace: &Trace, steps: usize) -> Option<&'static str> {
        let lock = self.parent.lock.clone();
        let guard = lock.read().unwrap();
        let mut b = drive::start(self);
        b.travel(trace.route(*trace.sleeps().last().expect("a sleep")));
        if b.step() != Stop::Asleep {
            b.kill();
            return None;
        }
        let d = self.parent.sleeper(Side::Read);
        if b.poll().is_none() {
            b.wait();
        }
        let is_done = (0..steps).any(|_| b.step() == Stop::Done);
        let is_still_there = self.parent.look().writer != Writer::Nobody;
        assert!(!(is_done && is_still_there));
        b.kill();
        if !steps.is_multiple_of(8) {
            self.parent.reap();
        }
        assert_eq!(d.exit_code(), Some(CLEANLY), "D is not stranded");
        drop(guard);
        self.parent.check(false, steps);
        Some(match (is_done, is_still_there) {
            (true, _) => "done",
            (_, true) => "evicted",
            _ => "had let go",
        })
    }
}

impl Subject for Waiter {
    type Handle = RwLock;

    fn reset(&mut self) {
        self.parent.reap();
    }

    fn open(&self) -> RwLock {
        RwLock::open(&self.parent.name).unwrap()
    }

    fn operate(&self, lock: &RwLock) {
        match self.side {
            Side::Read => drop(lock.read_timeout(PATIENCE)),
            Side::Write => drop(lock.write_timeout(PATIENCE)),
        }
    }

    /// The parent has what it had, and the dead has nothing.
    fn survive(&mut self, death: &Death) -> &'static str {
        let (lock, me) = (&self.parent.lock, self.parent.lock.segment().participant_id().unwrap());
        if self.side == Side::Write && !death.point.is_multiple_of(4) {
            assert!(!lock.try_read().expect("readers come in at once").recovered());
        }
        self.parent.reap();
        let seen = self.parent.look();
        assert!(!seen.untold);
        let counts = seen.counts.iter().sum::<u64>();
        match self.side {
            Side::Read => assert_eq!((seen.writer, counts), (Writer::Writes(me.into()), 0)),
            Side::Write => assert_eq!((seen.writer, counts), (Writer::Nobody, 1)),
        }
        "still held"
    }

    /// Fewer than others: each takes as long as it waits.
    fn sample(&self) -> usize {
        40
    }
}

fn wait(name: &str, side: Side) -> Tally {
    let mut subject = Waiter::new(name, side);
    // On a very busy machine the time may be over before the child comes to sleep.
    let tally = subject.kept_out(|subject| {
        let mut rounds = std::iter::repeat_with(|| drive::changes(subject)).take(5);
        rounds.find(Tally::has_asleep).expect("a wait is a sleep")
    });
    subject.parent.check(false, 1);
    tally
}

/// A reader that waits for its parent, killed.
pub(crate) fn read(name: &str) -> Tally {
    wait(name, Side::Read)
}

/// A writer that waits for its parent, killed: readers come in behind it.
pub(crate) fn write(name: &str) -> Tally {
    wait(name, Side::Write)
}

/// Two sleeps or more of a wait, traced.
fn trace(subject: &mut Waiter) -> Trace {
    subject.kept_out(|subject| {
        let mut traces = std::iter::repeat_with(|| drive::trace(subject, |_, _, _| {})).take(5);
        traces.find(|trace| trace.sleeps().len() > 1).expect("a wait is two sleeps and more")
    })
}

fn woken(name: &str, side: Side) -> Tally {
    let mut subject = Waiter::new(name, side);
    let trace = trace(&mut subject);
    let mut tally = Tally::default();
    let mut steps = 0;
    loop {
        progress::at(format_args!("a waiter killed {steps} instructions after it was woken"));
        let Some(outcome) = subject.wake_and_kill(&trace, steps) else { continue };
        tally.count(outcome);
        if outcome == "done" {
            return tally;
        }
        progress::count_kill();
        steps += 1;
    }
}

/// Killed at every instruction between its waking and its end.
pub(crate) fn woken_reader(name: &str) -> Tally {
    woken(name, Side::Read)
}

pub(crate) fn woken_writer(name: &str) -> Tally {
    woken(name, Side::Write)
}

/// Instructions at its end of which each is killed at; and of those before, one in so many.
const LAST: usize = 160;
const ONE_IN: usize = 40;

/// A writer that gives up while a reader sleeps behind it.
pub(crate) fn write_gives_up(name: &str) -> Tally {
    let mut subject = Waiter::new(name, Side::Write);
    let trace = trace(&mut subject);
    let end = trace.last() - trace.sleeps().last().expect("a sleep");
    let coarse = (0..end.saturating_sub(LAST)).step_by(ONE_IN);
    let mut tally = Tally::default();
    for steps in coarse.chain(end.saturating_sub(LAST)..).take(end) {
        progress::at(format_args!("a writer killed {steps} instructions after its last sleep"));
        let outcome = core::iter::repeat_with(|| subject.give_up(&trace, steps)).flatten().next();
        let outcome = outcome.expect("it sleeps in the end");
        tally.count(outcome);
        if outcome == "done" {
            break;
        }
        progress::count_kill();
    }
    tally
}
