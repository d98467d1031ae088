//! Second order, for `RwLock`: the first process dies in each state that it goes through, and then the
//! process that finds it dead is killed.

use std::cell::RefCell;
use std::path::PathBuf;

use breezeway::sync::RwLock;

use super::rwlock::{LockOperation, Operation, Parent, Seen, Side, Writer};
use super::state_word::open;
use crate::child::Child;
use crate::kill::{self, Death, KillPoint, Scenario};
use crate::kill_counts::KillCounts;
use crate::observe::LockHolder;
use crate::process;
use crate::trace::Trace;

/// A second process, after the first died at `point`.
struct SecondProcess {
    first: LockOperation,
    trace: Trace,
    point: usize,
    /// Whether the first process died while it was writing.
    tells: bool,
    second: Operation,
    others: &'static [Side],
}

impl Scenario for SecondProcess {
    type Handle = <LockOperation as Scenario>::Handle;

    fn reset(&mut self) {
        self.first.others = &[];
        kill::at_point(&mut self.first, &self.trace, KillPoint::after(self.point));
        assert_eq!(self.first.parent.look().tells(), self.tells, "where the first process died");
    }

    fn open(&self) -> Self::Handle {
        (Box::leak(Box::new(open::<RwLock>(&self.first.parent.name))), RefCell::default())
    }

    fn operate(&self, (lock, _): &Self::Handle) {
        match self.second {
            Operation::Write => assert_eq!(lock.write().unwrap().recovered(), self.tells),
            Operation::TryWrite => assert_eq!(lock.try_write().unwrap().recovered(), self.tells),
            Operation::Read => assert_eq!(lock.read().unwrap().recovered(), self.tells),
            Operation::TryRead => assert_eq!(lock.try_read().unwrap().recovered(), self.tells),
            Operation::Reap => drop(lock.segment().reap().unwrap()),
            other => unreachable!("{other:?}"),
        }
    }

    fn before_operation(&mut self, child: &Child) {
        self.first.others = self.others;
        self.first.id = self.first.parent.id_of(child);
        // They detect the death by themselves, and need not block for long.
        let parent = &self.first.parent;
        let come = |&side| (side, process::fork(|| parent.lock_and_exit(side)));
        self.first.waiters = self.others.iter().map(come).collect();
    }

    fn observe(&mut self, child: &Child) {
        self.first.observe(child);
    }

    fn check_survivors(&mut self, death: &Death) -> &'static str {
        let seen = self.first.seen;
        let tells = seen.tells();
        if self.others.is_empty() {
            assert_eq!(self.first.parent.look(), seen, "a death changes nothing");
            let writes = matches!(self.second, Operation::Write | Operation::TryWrite);
            assert!(tells == self.tells || writes, "no other operation reports it");
            let is_through = self.tells && !tells;
            assert!(
                !is_through || seen.writer == Writer::Nobody,
                "the second process was told, and has completed"
            );
            assert!(!death.completed || !writes || !tells, "the second process was told");
            self.first.parent.check(tells, death.point);
            return if tells { "reported to the survivors" } else { "nothing to report" };
        }
        if !death.point.is_multiple_of(8) {
            self.first.parent.reap();
        }
        self.first.join_waiters(self.tells);
        let known = self.others.contains(&Side::Write);
        self.first.parent.check(self.tells && !known, death.point);
        "all came through"
    }

    fn watched_files(&self, child: u32) -> Vec<PathBuf> {
        self.first.watched_files(child)
    }
}

/// The first process dies in each of the states that it goes through, once for each point of the
/// second.
fn after_each(
    name: &str,
    [first, second]: [Operation; 2],
    others: &'static [Side],
    run: fn(&mut SecondProcess) -> KillCounts,
) -> KillCounts {
    let mut first = LockOperation::new(Parent::new(name), first, &[]);
    let mut states: Vec<(Seen, LockHolder)> = Vec::new();
    let mut points = Vec::new();
    let trace = kill::trace_operation(&mut first, |first, _, trace| {
        let state = (first.seen, first.parent.view.holder());
        if states.last() != Some(&state) {
            states.push(state);
            points.push(trace.last());
        }
    });
    let mut both = SecondProcess { first, trace, point: 0, tells: false, second, others };
    let mut kills = KillCounts::default();
    // Before the first state and from the last one on, the first process has left nothing.
    for n in 1..states.len() - 1 {
        (both.point, both.tells) = (points[n], states[n].0.tells());
        kills.merge(&run(&mut both));
    }
    kills
}

pub(crate) fn write_after_writer_death(name: &str) -> KillCounts {
    let mut kills = after_each(name, [Operation::Write, Operation::Write], &[], kill::at_every_instruction);
    kills.merge(&after_each(name, [Operation::Write, Operation::TryWrite], &[], kill::at_every_instruction));
    kills
}

pub(crate) fn try_read_after_writer_death(name: &str) -> KillCounts {
    after_each(name, [Operation::Write, Operation::TryRead], &[], kill::at_every_instruction)
}

/// The second process detects by itself that the first is dead.
pub(crate) fn try_write_after_reader_death(name: &str) -> KillCounts {
    after_each(name, [Operation::Read, Operation::TryWrite], &[], kill::at_changes)
}

/// Kills the process that reaps.
pub(crate) fn reap(name: &str) -> KillCounts {
    let mut kills = after_each(name, [Operation::Write, Operation::Reap], &[], kill::at_changes);
    kills.merge(&after_each(name, [Operation::Read, Operation::Reap], &[], kill::at_changes));
    kills
}

/// Kills the process that reaps while others lock.
pub(crate) fn reap_contended(name: &str) -> KillCounts {
    let mut kills =
        after_each(name, [Operation::Read, Operation::Reap], &[Side::Write, Side::Read], kill::at_changes);
    kills.merge(&after_each(
        name,
        [Operation::Write, Operation::Reap],
        &[Side::Read, Side::Read],
        kill::at_changes,
    ));
    kills
}
