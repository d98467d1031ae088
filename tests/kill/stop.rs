//! Stops an operation at its instructions, with one child for each, while its peers go on.
//!
//! A child that is stopped is alive, however long that takes. What it holds stays its own, its peers
//! wait for that and for nothing else, and when it goes on it completes as if it had not been stopped.
//! The peers' operations are bounded by the watchdog.

use super::child::{Child, Stop};
use super::kill::{self, Death, Scenario};
use super::kill_counts::KillCounts;
use super::progress;
use super::trace::Trace;

/// At how many instructions of a long operation to stop, apart from its changes.
const SAMPLE: usize = 60;

/// How often to try to stop a child at a point. An operation that reads the clock or allocates may
/// take another path than in its first run.
const TRIES: usize = 3;

/// An operation, and what its peers do while it is stopped. The scenario's survivors check what the
/// operation has done when it has gone on; its death counts as completed.
pub(crate) trait StopScenario: Scenario {
    /// In the parent, while the child is stopped after `point` instructions: operates, and checks that
    /// the child is not robbed. Returns what the child holds, in words.
    fn go_around(&mut self, stopped: &Child, point: usize) -> &'static str;
}

/// Stops the operation after every instruction.
pub(crate) fn at_every_instruction<S: StopScenario>(scenario: &mut S) -> KillCounts {
    let trace = kill::trace_operation(scenario, |_, _, _| {});
    at_points(scenario, &trace, 0..=trace.last(), KillCounts::default())
}

/// Stops the operation before and after every instruction that changes the scenario's files, at every
/// system call, and at a sample of the other instructions.
pub(crate) fn at_changes<S: StopScenario>(scenario: &mut S) -> KillCounts {
    let (trace, changes) = kill::trace_with_changes(scenario);
    let points = changes.points(&trace, SAMPLE);
    at_points(scenario, &trace, points, KillCounts::of_steps(trace.last()))
}

fn at_points<S: StopScenario>(
    scenario: &mut S,
    trace: &Trace,
    points: impl IntoIterator<Item = usize>,
    mut counts: KillCounts,
) -> KillCounts {
    for point in points {
        let Some(child) = stop_at(scenario, trace, point) else {
            counts.count("took another way");
            continue;
        };
        counts.count(go_around_and_finish(scenario, child, point));
        progress::count_kill();
    }
    counts
}

/// A child that is stopped after this many instructions. `None` if it completes before.
pub(crate) fn stop_at<S: Scenario>(scenario: &mut S, trace: &Trace, point: usize) -> Option<Child> {
    progress::set_stage(format_args!("on the way to a stop after instruction {point}"));
    for _ in 0..TRIES {
        let mut child = kill::start_child(scenario);
        if child.run_route(trace.route(point)) == Stop::InOperation {
            return Some(child);
        }
        check_finished(scenario, child, point);
    }
    None
}

/// Lets the peers operate around the stopped child, and then the child go on to its end.
fn go_around_and_finish<S: StopScenario>(scenario: &mut S, mut child: Child, point: usize) -> &'static str {
    progress::set_stage(format_args!("peers of a child that is stopped after instruction {point}"));
    scenario.observe(&child);
    let held = scenario.go_around(&child, point);
    progress::set_stage(format_args!("a child that goes on after instruction {point}"));
    child.finish();
    check_finished(scenario, child, point);
    held
}

/// Checks what the child has done. It is still a participant, and ends without dropping anything.
fn check_finished<S: Scenario>(scenario: &mut S, child: Child, point: usize) {
    scenario.observe(&child);
    let death = Death { pid: child.pid(), point, completed: true, blocked: false };
    child.kill();
    scenario.check_survivors(&death);
}
