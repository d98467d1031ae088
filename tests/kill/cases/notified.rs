//! A `Condvar`'s waiter that dies with a notification, and who puts that right: one who waits behind it comes through all the same.

use std::path::PathBuf;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::condvar::{Kind, Parent, Scene, Waiting};
use crate::child::{Child, Stop};
use crate::drive::{self, Death, Subject};
use crate::process::Process;
use crate::progress;
use crate::tally::Tally;
use crate::trace::Trace;

/// Longer than it takes to step to a sleep and to be notified there.
const PATIENCE: Duration = Duration::from_secs(1);

/// What became of one attempt to take a notification along.
enum Attempt {
    /// B's sleep was over before it was notified.
    TooSlow,
    /// B has left the item, for D.
    Left,
    /// B had the item.
    Had,
    Done,
}

/// B and D sleep; B is notified of an item, and killed after so many steps.
fn strand(subject: &mut Waiting, trace: &Trace, steps: usize) -> Attempt {
    let mut b = drive::start(subject);
    // Behind its nap, which is too short for this.
    b.travel(trace.route(trace.sleeps()[0]));
    if b.step() != Stop::Asleep {
        b.kill();
        return Attempt::TooSlow;
    }
    let parent = &subject.parent;
    let mut d = vec![parent.taker()];
    let too_slow = b.poll().is_some();
    parent.scene.locked(|| parent.scene.add_one());
    assert_eq!(parent.scene.condvar.notify_one(), 1);
    assert!(!parent.slots.waiters()[1].is_notified, "B was there first");
    if !too_slow {
        b.wait();
    }
    let is_done = (0..steps).any(|_| b.step() == Stop::Done);
    subject.observe(&b);
    let is_left = subject.parent.scene.items.load(Relaxed) == 1;
    let death = Death { pid: b.pid(), point: steps, completed: is_done, asleep: false };
    b.kill();
    let parent = &subject.parent;
    let held = parent.watched.was_held_by(&death);
    parent.notice(steps);
    parent.serve(&mut d, usize::from(is_left), held);
    parent.check_empty();
    assert!(!(is_left && is_done && !too_slow), "what has returned has happened");
    match (too_slow, is_done, is_left) {
        (true, ..) => Attempt::TooSlow,
        (_, true, _) => Attempt::Done,
        (.., true) => Attempt::Left,
        (.., false) => Attempt::Had,
    }
}

fn woken(name: &str, kind: Kind, stride: usize) -> Tally {
    let mut subject = Waiting::new(name, kind, PATIENCE);
    let trace = drive::trace_sleeping(&mut subject, 1);
    let mut tally = Tally::default();
    let mut steps = 0;
    loop {
        progress::at(format_args!("a waiter killed {steps} instructions after it was notified"));
        match strand(&mut subject, &trace, steps) {
            Attempt::TooSlow => continue,
            Attempt::Left => tally.count("the other had it"),
            Attempt::Had => tally.count("had it"),
            Attempt::Done => {
                tally.count("done");
                return tally;
            }
        }
        progress::count_kill();
        steps += stride;
    }
}

/// B killed at every instruction between its waking and its return, the lock given back.
pub(crate) fn woken_waiter(name: &str) -> Tally {
    woken(name, Kind::Plain, 1)
}

/// The same with a lock of two levels: three times as long, and killed at every third.
pub(crate) fn woken_waiter_reentrant(name: &str) -> Tally {
    woken(name, Kind::Reentrant, 3)
}

/// A child puts right what a waiter's death has left.
struct Repairer {
    parent: Parent,
    /// Whether the dead was notified.
    notified: bool,
    /// One who waits, too, and stands still meanwhile. It would do it instead.
    slow: Vec<Process>,
}

impl Subject for Repairer {
    type Handle = Scene;

    fn reset(&mut self) {
        let parent = &self.parent;
        parent.reset();
        let dead = parent.taker();
        let slow = parent.taker();
        stop(&slow);
        parent.scene.locked(|| {
            parent.scene.add_one();
            if self.notified {
                assert_eq!(parent.scene.condvar.notify_one(), 1);
            }
            kill(dead);
        });
        let waiters = parent.slots.waiters();
        assert_eq!((waiters.len(), waiters[0].is_notified), (2, self.notified));
        self.slow = vec![slow];
    }

    fn open(&self) -> Scene {
        self.parent.open()
    }

    fn operate(&self, scene: &Scene) {
        assert_eq!(scene.segment.reap().unwrap(), 1);
    }

    fn observe(&mut self, child: &Child) {
        self.parent.watched.observe(child);
    }

    fn survive(&mut self, death: &Death) -> &'static str {
        let waiters = self.parent.slots.waiters();
        let is_notified = waiters.last().expect("the slow one").is_notified;
        assert!(!death.completed || is_notified && waiters.len() == 1, "what has returned has happened");
        signal(&self.slow[0], libc::SIGCONT);
        self.parent.serve(&mut self.slow, 1, self.parent.watched.was_held_by(death));
        self.parent.check_empty();
        match (waiters.len(), is_notified) {
            (2, false) => "not begun",
            (1, false) => "freed",
            (1, true) => "done",
            _ => panic!("{waiters:?}"),
        }
    }

    fn files(&self, _: u32) -> Vec<PathBuf> {
        self.parent.scene.segment.path().into_iter().collect()
    }
}

fn signal(process: &Process, signal: libc::c_int) {
    // SAFETY: no memory is passed; it is not waited for yet, so the number is still its.
    unsafe { libc::kill(process.pid(), signal) };
}

fn stop(process: &Process) {
    signal(process, libc::SIGSTOP);
    let mut status = 0;
    // SAFETY: `status` is a local.
    let stopped = unsafe { libc::waitpid(process.pid(), &raw mut status, libc::WUNTRACED) };
    assert!(stopped == process.pid() && libc::WIFSTOPPED(status));
}

fn kill(process: Process) {
    signal(&process, libc::SIGKILL);
    assert_eq!(process.exit_code(), None);
}

/// The repair killed at each of its changes: after the death of one who was notified, and of one who was not but of whose items
/// others were not told either.
pub(crate) fn repairer(name: &str) -> Tally {
    let mut subject = Repairer { parent: Parent::new(name, Kind::Plain), notified: false, slow: Vec::new() };
    let mut tally = drive::changes(&mut subject);
    subject.notified = true;
    tally.merge(&drive::changes(&mut subject));
    tally
}
