//! A `Condvar`'s waiter dies with a notification: the next waiter gets the item in any case. And
//! the repair after such a death is killed.

use std::path::PathBuf;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::condvar::{ItemCounter, Kind, Parent};
use super::condvar_wait::Waiting;
use crate::child::{Child, Stop};
use crate::kill::{self, Death, Scenario};
use crate::kill_counts::KillCounts;
use crate::process::Process;
use crate::progress;
use crate::trace::Trace;

/// Longer than it takes to step to a futex wait and be notified there.
const WAIT_TIMEOUT: Duration = Duration::from_secs(1);

/// The result of one attempt.
enum Attempt {
    /// The victim was not blocked when it was notified.
    NotBlocked,
    /// The victim has left the item for the other waiter.
    Left,
    /// The victim has taken the item.
    Had,
    Done,
}

/// The victim and another process wait; the victim is notified of an item, and killed after this
/// many steps.
fn kill_woken(scenario: &mut Waiting, trace: &Trace, steps: usize) -> Attempt {
    let mut victim = kill::start_child(scenario);
    // After the first park, which is too short.
    victim.run_route(trace.route(trace.blocking_points()[0]));
    if victim.step() != Stop::Blocked {
        victim.kill();
        return Attempt::NotBlocked;
    }
    let parent = &scenario.parent;
    let mut other = vec![parent.taker()];
    let has_timed_out = victim.poll().is_some();
    parent.counter.locked(|| parent.counter.add_one());
    assert_eq!(parent.counter.condvar.notify_one(), 1);
    assert!(!parent.slots.waiters()[1].is_notified, "the victim came first");
    if !has_timed_out {
        victim.wait();
    }
    let is_done = (0..steps).any(|_| victim.step() == Stop::Finished);
    scenario.observe(&victim);
    let is_left = scenario.parent.counter.items.load(Relaxed) == 1;
    let death = Death { pid: victim.pid(), point: steps, completed: is_done, blocked: false };
    victim.kill();
    let parent = &scenario.parent;
    let held = parent.watch.was_held_by(&death);
    parent.notice(steps);
    parent.serve(&mut other, usize::from(is_left), held);
    parent.check_empty();
    assert!(!(is_left && is_done && !has_timed_out), "a completed operation has taken effect");
    match (has_timed_out, is_done, is_left) {
        (true, ..) => Attempt::NotBlocked,
        (_, true, _) => Attempt::Done,
        (.., true) => Attempt::Left,
        (.., false) => Attempt::Had,
    }
}

fn woken(name: &str, kind: Kind, stride: usize) -> KillCounts {
    let mut scenario = Waiting::new(name, kind, WAIT_TIMEOUT);
    let trace = kill::trace_blocking(&mut scenario, 1);
    let mut kills = KillCounts::default();
    let mut steps = 0;
    loop {
        progress::set_stage(format_args!("a waiter killed {steps} instructions after it was notified"));
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
        steps += stride;
    }
}

/// Kills the victim at every instruction between its wake-up and its return, when it has unlocked.
pub(crate) fn wait_timeout_woken(name: &str) -> KillCounts {
    woken(name, Kind::Plain, 1)
}

/// Kills the victim at every third instruction where it holds the lock twice: that path is three
/// times as long.
pub(crate) fn wait_timeout_woken_reentrant(name: &str) -> KillCounts {
    woken(name, Kind::Reentrant, 3)
}

/// A child reaps a waiter that has died.
struct ReapAfterDeath {
    parent: Parent,
    /// Whether the dead waiter was notified.
    notified: bool,
    /// Another waiter, which is stopped meanwhile. It would repair the condition variable instead
    /// of the child.
    stopped: Vec<Process>,
}

impl Scenario for ReapAfterDeath {
    type Handle = ItemCounter;

    fn reset(&mut self) {
        let parent = &self.parent;
        parent.reset();
        let dead = parent.taker();
        let stopped = parent.taker();
        stop(&stopped);
        parent.counter.locked(|| {
            parent.counter.add_one();
            if self.notified {
                assert_eq!(parent.counter.condvar.notify_one(), 1);
            }
            send_kill(dead);
        });
        let waiters = parent.slots.waiters();
        assert_eq!((waiters.len(), waiters[0].is_notified), (2, self.notified));
        self.stopped = vec![stopped];
    }

    fn open(&self) -> ItemCounter {
        self.parent.open()
    }

    fn operate(&self, counter: &ItemCounter) {
        assert_eq!(counter.segment.reap().unwrap(), 1);
    }

    fn observe(&mut self, child: &Child) {
        self.parent.watch.observe(child);
    }

    fn check_survivors(&mut self, death: &Death) -> &'static str {
        let waiters = self.parent.slots.waiters();
        let is_notified = waiters.last().expect("the stopped one").is_notified;
        assert!(
            !death.completed || is_notified && waiters.len() == 1,
            "a completed operation has taken effect"
        );
        signal(&self.stopped[0], libc::SIGCONT);
        self.parent.serve(&mut self.stopped, 1, self.parent.watch.was_held_by(death));
        self.parent.check_empty();
        match (waiters.len(), is_notified) {
            (2, false) => "not begun",
            (1, false) => "freed",
            (1, true) => "done",
            _ => panic!("{waiters:?}"),
        }
    }

    fn watched_files(&self, _: u32) -> Vec<PathBuf> {
        self.parent.counter.segment.path().into_iter().collect()
    }
}

fn signal(process: &Process, signal: libc::c_int) {
    // SAFETY: no memory is passed; it is not waited for yet, so the number is still its.
    unsafe { libc::kill(process.pid(), signal) };
}

fn stop(process: &Process) {
    signal(process, libc::SIGSTOP);
    process.wait_until_stopped();
}

fn send_kill(process: Process) {
    signal(&process, libc::SIGKILL);
    assert_eq!(process.exit_code(), None);
}

/// Kills the repair at each of its changes: after the death of a notified waiter, and of one that
/// was not notified while the items of which it was not told are other waiters' too.
pub(crate) fn reap_after_death(name: &str) -> KillCounts {
    let mut scenario =
        ReapAfterDeath { parent: Parent::new(name, Kind::Plain), notified: false, stopped: Vec::new() };
    let mut kills = kill::at_changes(&mut scenario);
    scenario.notified = true;
    kills.merge(&kill::at_changes(&mut scenario));
    kills
}
