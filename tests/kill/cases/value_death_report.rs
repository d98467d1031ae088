//! The report of a holder's death: the next process that gets a guard is told, whichever had the
//! lock in between, and none is told twice.

use breezeway::Value;

use super::value::Change;
use crate::child::Child;
use crate::kill::{self, Death, KillPoint, Scenario};
use crate::kill_counts::KillCounts;
use crate::observe::LockHolder;
use crate::trace::Trace;

const OLD: u64 = 1;
const NEW: u64 = 11;

/// A process that dies while it holds the lock.
struct DeadHolder {
    change: Change<u64>,
    trace: Trace,
    point: usize,
}

impl DeadHolder {
    fn new(name: &str) -> Self {
        let mut change = Change::new(name, OLD, NEW, |value, _, new| *value.lock().unwrap() = new);
        let mut held = Vec::new();
        let trace = kill::trace_operation(&mut change, |change, child, trace| {
            if change.watch.lock.holder() == LockHolder::Thread(child.pid()) {
                held.push(trace.last());
            }
        });
        Self { change, trace, point: held[held.len() / 2] }
    }

    fn die(&mut self) {
        kill::at_point(&mut self.change, &self.trace, KillPoint::after(self.point));
        assert_eq!(self.change.watch.lock.holder(), LockHolder::Dead, "it died holding the lock");
    }
}

/// The second process sets the value, and gets no guard that could tell it.
struct SetAfterDeath {
    first: DeadHolder,
}

impl Scenario for SetAfterDeath {
    type Handle = Value<u64>;

    fn reset(&mut self) {
        self.first.die();
    }

    fn open(&self) -> Value<u64> {
        self.first.change.open()
    }

    fn operate(&self, value: &Value<u64>) {
        value.set(NEW).unwrap();
    }

    fn observe(&mut self, child: &Child) {
        self.first.change.observe(child);
    }

    fn check_survivors(&mut self, death: &Death) -> &'static str {
        let outcome = self.first.change.check_value(death);
        self.first.change.check_lock(true);
        outcome
    }
}

/// Kills a holder, then a process that sets the value, at every instruction: the next locker is
/// told in any case.
pub(crate) fn set_after_death(name: &str) -> KillCounts {
    kill::at_every_instruction(&mut SetAfterDeath { first: DeadHolder::new(name) })
}

/// The parent has set the value after the first death, so no process has been told; the second one
/// locks with a guard.
struct LockAfterUnreportedDeath {
    first: DeadHolder,
    /// The point at which the second process has released the lock.
    released: Option<usize>,
}

impl Scenario for LockAfterUnreportedDeath {
    type Handle = Value<u64>;

    fn reset(&mut self) {
        self.first.die();
        self.first.change.reset();
    }

    fn open(&self) -> Value<u64> {
        self.first.change.open()
    }

    fn operate(&self, value: &Value<u64>) {
        let mut guard = value.lock().unwrap();
        assert!(guard.recovered());
        *guard = NEW;
    }

    fn observe(&mut self, child: &Child) {
        self.first.change.observe(child);
    }

    fn check_survivors(&mut self, death: &Death) -> &'static str {
        self.first.change.check_value(death);
        let held = self.first.change.watch.was_held_by(death);
        let told = death.completed || self.released.is_some_and(|released| death.point >= released);
        assert!(!(held && told));
        self.first.change.check_lock(!told);
        if told { "reported to the second" } else { "reported to the survivor" }
    }
}

/// Kills a holder, sets the value, and kills a process that locks with a guard, at every
/// instruction: the next locker is told unless the second process has left its section.
pub(crate) fn lock_after_unreported_death(name: &str) -> KillCounts {
    let mut scenario = LockAfterUnreportedDeath { first: DeadHolder::new(name), released: None };
    let mut held = false;
    kill::trace_operation(&mut scenario, |scenario, child, trace| {
        let holds = scenario.first.change.watch.lock.holder() == LockHolder::Thread(child.pid());
        if held && !holds {
            scenario.released = Some(trace.last());
        }
        held = holds;
    });
    kill::at_every_instruction(&mut scenario)
}
