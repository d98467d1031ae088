//! Waiting for an `RwLock`: a waiter's death hangs nobody, on neither side.

use std::time::Duration;

use breezeway::sync::RwLock;

use super::rwlock::{Parent, Side, Writer};
use super::state_word::{open, without_spinning};
use super::waiter::{AFTER_DEATH, CLEANLY};
use crate::child::{Child, Stop};
use crate::drive::{self, Death, Subject};
use crate::progress;
use crate::tally::Tally;

/// Long enough to step to a sleep before it is over.
const TO_STEP: Duration = Duration::from_millis(600);
/// Longer than one sleep may be.
const TO_GIVE_UP: Duration = Duration::from_millis(130);
/// Longer than two.
const TO_BE_WOKEN: Duration = Duration::from_millis(400);

/// A child waits, while its parent has the other side; or is let in.
struct Waiter {
    parent: Parent,
    side: Side,
    patience: Duration,
}

impl Waiter {
    fn new(name: &str, side: Side, patience: Duration) -> Self {
        without_spinning();
        Self { parent: Parent::new(name), side, patience }
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

    /// A child in its second sleep (the first is a nap, too short for this). `None` where it was too slow.
    fn asleep(&mut self) -> Option<Child> {
        let mut b = drive::start(self);
        (b.run_to_sleep() == Stop::Asleep).then_some(b)
    }

    /// Lets B in, and kills it so many steps after it was woken, while D sleeps on. `None` where it was too slow.
    fn wake_and_kill(&mut self, steps: usize) -> Option<&'static str> {
        let lock = self.parent.lock.clone();
        let guards = match self.side {
            Side::Read => (None, Some(lock.write().unwrap())),
            Side::Write => (Some(lock.read().unwrap()), None),
        };
        let mut b = self.asleep()?;
        let d = self.parent.sleeper(Side::Read);
        // D has come in for a moment to look, and told the writer when it went.
        let too_slow = b.poll().is_some() && b.run_to_sleep() != Stop::Asleep;
        drop(guards);
        if !too_slow {
            b.wait();
        }
        let end = (0..steps).map(|_| b.step()).find(|stop| *stop != Stop::Underway);
        let tells = self.parent.look().tells();
        b.kill();
        if !steps.is_multiple_of(8) {
            self.parent.reap();
        }
        assert_eq!(d.exit_code(), Some(if tells { AFTER_DEATH } else { CLEANLY }), "D is not stranded");
        self.parent.check(tells, steps);
        match (end, tells) {
            _ if too_slow => None,
            (Some(Stop::Done), _) => Some("done"),
            (Some(_), _) => None,
            (None, true) => Some("died writing"),
            (None, false) => Some("died outside, or reading"),
        }
    }

    /// Lets B give up, while D sleeps behind it, and kills it after it has gone on a way of so many stops; which says whether it came to
    /// its end.
    fn give_up(&mut self, way: Way, stops: usize) -> Option<&'static str> {
        let lock = self.parent.lock.clone();
        let guard = lock.read().unwrap();
        let mut b = self.asleep()?;
        let d = self.parent.sleeper(Side::Read);
        if b.poll().is_none() {
            b.wait();
        }
        let is_done = way(&self.parent, &mut b, stops);
        let is_still_there = self.parent.look().writer != Writer::Nobody;
        assert!(!(is_done && is_still_there), "what has returned has happened");
        b.kill();
        if !stops.is_multiple_of(8) {
            self.parent.reap();
        }
        assert_eq!(d.exit_code(), Some(CLEANLY), "D is not stranded");
        drop(guard);
        self.parent.check(false, stops);
        Some(match (is_done, is_still_there) {
            (true, _) => "done",
            (_, true) => "evicted",
            _ => "had let go",
        })
    }
}

type Way = fn(&Parent, &mut Child, usize) -> bool;

/// From one system call to the next.
fn by_calls(_: &Parent, b: &mut Child, calls: usize) -> bool {
    (0..calls).any(|_| b.next_call() == Stop::Done)
}

/// To the first system call behind the store that lets readers in, which is the one that wakes them, and step by step from there.
fn by_steps(parent: &Parent, b: &mut Child, steps: usize) -> bool {
    while parent.look().writer != Writer::Nobody {
        assert_eq!(b.next_call(), Stop::Underway, "what has returned has happened");
    }
    (0..steps).any(|_| b.step() == Stop::Done)
}

impl Subject for Waiter {
    type Handle = RwLock;

    fn reset(&mut self) {
        self.parent.reap();
    }

    fn open(&self) -> RwLock {
        open(&self.parent.name)
    }

    fn operate(&self, lock: &RwLock) {
        match self.side {
            Side::Read => drop(lock.read_timeout(drive::patiently(self.patience))),
            Side::Write => drop(lock.write_timeout(drive::patiently(self.patience))),
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
    let mut subject = Waiter::new(name, side, TO_STEP);
    let tally = subject.kept_out(drive::changes_and_sleep);
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

/// Counts what becomes of attempts, until one comes to the end of the work.
fn until_done(tally: &mut Tally, mut attempt: impl FnMut(usize) -> Option<&'static str>) {
    let mut count = 0;
    loop {
        progress::at(format_args!("a waiter killed {count} stops after its sleep"));
        let Some(outcome) = attempt(count) else { continue };
        tally.count(outcome);
        if outcome == "done" {
            return;
        }
        progress::count_kill();
        count += 1;
    }
}

fn woken(name: &str, side: Side) -> Tally {
    let mut subject = Waiter::new(name, side, TO_BE_WOKEN);
    let mut tally = Tally::default();
    until_done(&mut tally, |steps| subject.wake_and_kill(steps));
    tally
}

/// Killed at every instruction between its waking and its end.
pub(crate) fn woken_reader(name: &str) -> Tally {
    woken(name, Side::Read)
}

pub(crate) fn woken_writer(name: &str) -> Tally {
    woken(name, Side::Write)
}

/// A writer that gives up while a reader sleeps behind it, killed at each system call, and at every instruction between letting the
/// reader in, of which it has not told it yet, and its end.
pub(crate) fn write_gives_up(name: &str) -> Tally {
    let mut subject = Waiter::new(name, Side::Write, TO_GIVE_UP);
    let mut tally = Tally::default();
    for way in [by_calls as Way, by_steps] {
        until_done(&mut tally, |stops| subject.give_up(way, stops));
    }
    tally
}
