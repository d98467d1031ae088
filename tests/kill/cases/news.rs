//! The news of a holder's death: the next to have a guard is told, whoever had the lock in between, and nobody twice.

use breezeway::Value;

use super::value::Change;
use crate::child::Child;
use crate::drive::{self, Death, Point, Subject};
use crate::tally::Tally;
use crate::trace::Trace;
use crate::window::Holder;

const OLD: u64 = 1;
const NEW: u64 = 11;

/// A process that dies in a locked section.
struct First {
    change: Change<u64>,
    trace: Trace,
    point: usize,
}

impl First {
    fn new(name: &str) -> Self {
        let mut change = Change::new(name, OLD, NEW, |value, _, new| *value.lock().unwrap() = new);
        let mut held = Vec::new();
        let trace = drive::trace(&mut change, |change, child, trace| {
            if change.watched.lock.holder() == Holder::Thread(child.pid()) {
                held.push(trace.last());
            }
        });
        Self { change, trace, point: held[held.len() / 2] }
    }

    fn die(&mut self) {
        drive::die(&mut self.change, &self.trace, Point::after(self.point));
        assert_eq!(self.change.watched.lock.holder(), Holder::Dead, "it died holding the lock");
    }
}

/// The second one sets the value, and has no guard to be told by.
struct Quiet {
    first: First,
}

impl Subject for Quiet {
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

    fn survive(&mut self, death: &Death) -> &'static str {
        let outcome = self.first.change.check_value(death);
        self.first.change.check_lock(true);
        outcome
    }
}

/// A holder killed, then one that sets the value killed at every instruction: the next locker is told in any case.
pub(crate) fn set_after_death(name: &str) -> Tally {
    drive::every(&mut Quiet { first: First::new(name) })
}

/// The parent has set the value after the first one's death, so nobody has been told; the second one locks with a guard.
struct Told {
    first: First,
    /// The point at which the second one has given the lock back.
    released: Option<usize>,
}

impl Subject for Told {
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

    fn survive(&mut self, death: &Death) -> &'static str {
        self.first.change.check_value(death);
        let held = self.first.change.watched.was_held_by(death);
        let told = death.completed || self.released.is_some_and(|released| death.point >= released);
        assert!(!(held && told));
        self.first.change.check_lock(!told);
        if told { "told to the second" } else { "told to the survivor" }
    }
}

/// A holder killed, news of it to nobody, then one that locks with a guard killed at every instruction: the next locker is
/// told unless the second one came to an end of its section.
pub(crate) fn lock_after_untold_death(name: &str) -> Tally {
    let mut subject = Told { first: First::new(name), released: None };
    let mut held = false;
    drive::trace(&mut subject, |subject, child, trace| {
        let holds = subject.first.change.watched.lock.holder() == Holder::Thread(child.pid());
        if held && !holds {
            subject.released = Some(trace.last());
        }
        held = holds;
    });
    drive::every(&mut subject)
}
