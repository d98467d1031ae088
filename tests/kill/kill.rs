//! Kills an operation at its instructions, with one child for each.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::child::{Child, Stop};
use super::kill_counts::KillCounts;
use super::observe::{ChangeDetector, FileMapping};
use super::progress;
use super::trace::{Route, Trace};
use super::trace_lock::TraceLock;

/// An operation, and what its survivors check.
pub(crate) trait Scenario {
    /// What the child opens beforehand.
    type Handle;

    /// In the parent, before each child: restores the initial state.
    fn reset(&mut self) {}

    /// In the child, before the operation: opens what it needs. It must not use what the parent has
    /// open.
    fn open(&self) -> Self::Handle;

    /// In the child: performs the operation, which must succeed.
    fn operate(&self, handle: &Self::Handle);

    /// In the parent, when the child is about to begin.
    fn before_operation(&mut self, _child: &Child) {}

    /// In the parent, while the child is stopped: after every step of the first run, and before
    /// each kill.
    fn observe(&mut self, _child: &Child) {}

    /// In the parent, after the death: checks what the contract promises, and returns which of the
    /// allowed outcomes it was.
    fn check_survivors(&mut self, death: &Death) -> &'static str;

    /// Files in which a change is worth a kill, for operations that are too long to be killed at
    /// every instruction.
    fn watched_files(&self, _child: u32) -> Vec<PathBuf> {
        Vec::new()
    }

    /// How many points to kill at between the changes, for the same operations.
    fn sample_size(&self) -> usize {
        std::env::var("BREEZEWAY_KILL_SAMPLE").ok().and_then(|count| count.parse().ok()).unwrap_or(150)
    }
}

/// A child that was killed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Death {
    pub(crate) pid: u32,
    /// After how many instructions.
    pub(crate) point: usize,
    /// Whether the operation had returned.
    pub(crate) completed: bool,
    /// Whether the child was blocked in a system call.
    pub(crate) blocked: bool,
}

/// Where to kill: after this many instructions, perhaps blocked in the next one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KillPoint {
    steps: usize,
    blocked: bool,
    precision: Precision,
}

/// What to do about a child that comes out elsewhere because the operation took another path than
/// in its first run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Precision {
    /// Nothing: its death is as good as any.
    Any,
    /// Try again, and then step to the point from the last system call on.
    SinceSystemCall,
    /// Try again, and then step to the point from the start, so that the death is after exactly
    /// this many instructions.
    Exact,
}

impl KillPoint {
    pub(crate) fn after(steps: usize) -> Self {
        Self { steps, blocked: false, precision: Precision::Exact }
    }
}

/// No operation is longer: a longer one is an endless loop. (On aarch64, an atomic operation made
/// of a load-exclusive and a store-exclusive fails for ever when it is stepped. The newer
/// instructions are single ones, and used if the processor has them.)
const LONGEST: usize = 2_000_000;

/// How often to try to find a child blocked. On a busy machine its timeout may expire before it
/// comes to that, so the timeout doubles each time.
const ROUNDS: usize = 6;

/// By what the timeouts of this case's operations are multiplied. A case is a process.
static TIMEOUT_SCALE: AtomicU32 = AtomicU32::new(1);

/// The timeout of an operation that is to block within the given one.
pub(crate) fn scaled_timeout(time: Duration) -> Duration {
    time * TIMEOUT_SCALE.load(Relaxed)
}

/// Runs the operation once, instruction by instruction. Calls `each` at every point, the start
/// included.
pub(crate) fn trace_operation<S: Scenario>(
    scenario: &mut S,
    mut each: impl FnMut(&mut S, &Child, &Trace),
) -> Trace {
    warm_up(scenario);
    let _lock = TraceLock::acquire();
    progress::set_stage(format_args!("about to trace"));
    let mut trace = Trace::default();
    let mut child = start_child(scenario);
    let pid = child.pid();
    let mut returned = false;
    loop {
        let counter = child.program_counter();
        trace.push(counter, returned);
        assert!(trace.last() < LONGEST, "an operation that ends");
        if trace.last().is_multiple_of(100) {
            progress::set_stage(format_args!(
                "stopped after instruction {} or up to 100 later",
                trace.last()
            ));
        }
        scenario.observe(&child);
        each(scenario, &child, &trace);
        returned = child.is_system_call(counter);
        let mut stop = child.step_from(counter);
        if stop == Stop::Blocked {
            trace.push_blocking();
            stop = child.wait();
        }
        if stop == Stop::Finished {
            scenario.observe(&child);
            child.kill();
            scenario.check_survivors(&Death {
                pid,
                point: trace.last() + 1,
                completed: true,
                blocked: false,
            });
            return trace;
        }
    }
}

/// Traces an operation that waits until there are this many futex waits in it.
pub(crate) fn trace_blocking<S: Scenario>(scenario: &mut S, count: usize) -> Trace {
    for _ in 0..ROUNDS {
        let trace = trace_operation(scenario, |_, _, _| {});
        if trace.blocking_points().len() >= count {
            return trace;
        }
        TIMEOUT_SCALE.fetch_add(TIMEOUT_SCALE.load(Relaxed), Relaxed);
    }
    panic!("the operation blocks");
}

/// Children that run first, untraced. The later children find their parent's memory alike, and take
/// the same path.
const WARM_UPS: usize = 3;

fn warm_up<S: Scenario>(scenario: &mut S) {
    for _ in 0..WARM_UPS {
        progress::set_stage(format_args!("before the first run"));
        let mut child = start_child(scenario);
        let pid = child.pid();
        child.finish();
        scenario.observe(&child);
        child.kill();
        scenario.check_survivors(&Death { pid, point: usize::MAX, completed: true, blocked: false });
    }
}

/// Kills the operation after every instruction.
pub(crate) fn at_every_instruction<S: Scenario>(scenario: &mut S) -> KillCounts {
    let mut kills = KillCounts::default();
    let trace = trace_operation(scenario, |_, _, _| {});
    for &steps in trace.blocking_points() {
        kill_and_check(
            scenario,
            &trace,
            KillPoint { steps, blocked: true, precision: Precision::Exact },
            &mut kills,
        );
    }
    for steps in 0.. {
        if kill_and_check(scenario, &trace, KillPoint::after(steps), &mut kills).completed {
            break;
        }
    }
    kills
}

/// Kills the operation before and after every instruction that changes what other processes can
/// see: the scenario's files, and anything the kernel knows (so at every system call); and at a
/// sample of the other instructions.
pub(crate) fn at_changes<S: Scenario>(scenario: &mut S) -> KillCounts {
    at_changes_unless_short(scenario, 0)
}

/// Kills the operation at every instruction if it has no more than `short`, and at its changes
/// otherwise. For operations that are long only in some states.
pub(crate) fn at_changes_unless_short<S: Scenario>(scenario: &mut S, short: usize) -> KillCounts {
    let (trace, changes) = trace_with_changes(scenario);
    kill_at_changes(scenario, &trace, changes, short)
}

/// Kills an operation that waits at its changes, and while it is blocked.
pub(crate) fn at_changes_and_blocked<S: Scenario>(scenario: &mut S) -> KillCounts {
    for _ in 0..ROUNDS {
        let (trace, changes) = trace_with_changes(scenario);
        if !trace.blocking_points().is_empty() {
            let kills = kill_at_changes(scenario, &trace, changes, 0);
            if kills.has_blocked() {
                return kills;
            }
        }
        TIMEOUT_SCALE.fetch_add(TIMEOUT_SCALE.load(Relaxed), Relaxed);
    }
    panic!("the operation blocks");
}

/// The operation, and where it changes something.
pub(crate) fn trace_with_changes<S: Scenario>(scenario: &mut S) -> (Trace, Changes) {
    let mut changes = Changes::default();
    let trace = trace_operation(scenario, |scenario, child, trace| changes.look(scenario, child, trace));
    (trace, changes)
}

fn kill_at_changes<S: Scenario>(
    scenario: &mut S,
    trace: &Trace,
    changes: Changes,
    short: usize,
) -> KillCounts {
    let mut points = changes.chosen_points(trace, scenario.sample_size(), short);
    points.insert(trace.last() + 1, Precision::SinceSystemCall);

    let mut kills = KillCounts::of_steps(trace.last());
    for &steps in trace.blocking_points() {
        kill_and_check(
            scenario,
            trace,
            KillPoint { steps, blocked: true, precision: Precision::SinceSystemCall },
            &mut kills,
        );
    }
    for (steps, precision) in points {
        kill_and_check(scenario, trace, KillPoint { steps, blocked: false, precision }, &mut kills);
    }
    kills
}

/// Finds the points worth a kill.
#[derive(Default)]
pub(crate) struct Changes {
    points: BTreeSet<usize>,
    detectors: BTreeMap<PathBuf, ChangeDetector>,
    /// How many system calls have returned. Files appear and disappear only in these.
    system_calls: usize,
}

impl Changes {
    /// All points of a trace of at most `short`. Of a longer one: those before and after each change
    /// and system call, and a sample of the others.
    fn chosen_points(self, trace: &Trace, sample: usize, short: usize) -> BTreeMap<usize, Precision> {
        if trace.last() <= short {
            return (0..=trace.last()).map(|n| (n, Precision::Exact)).collect();
        }
        let calls = trace.system_calls().iter().flat_map(|&n| [n - 1, n]);
        let sample = sampled(sample, trace.last()).map(|n| (n, Precision::Any));
        let changes = self.points.into_iter().chain(calls).map(|n| (n, Precision::SinceSystemCall));
        sample.chain(changes).collect()
    }

    /// The points of a long trace before and after each change and system call, and a sample of the
    /// others.
    pub(crate) fn points(self, trace: &Trace, sample: usize) -> Vec<usize> {
        self.chosen_points(trace, sample, 0).into_keys().collect()
    }

    fn look<S: Scenario>(&mut self, scenario: &S, child: &Child, trace: &Trace) {
        if trace.last() == 0 || self.system_calls != trace.system_calls().len() {
            self.system_calls = trace.system_calls().len();
            for path in scenario.watched_files(child.pid()) {
                if let (false, Some(mapping)) = (self.detectors.contains_key(&path), FileMapping::open(&path))
                {
                    self.detectors.insert(path, ChangeDetector::new(mapping));
                }
            }
        }
        let mut changed = false;
        for shadow in self.detectors.values_mut() {
            changed |= shadow.has_changed();
        }
        if changed {
            self.points.extend([trace.last().saturating_sub(1), trace.last()]);
        }
    }
}

/// `count` numbers up to `last`, the same in every run.
fn sampled(count: usize, last: usize) -> impl Iterator<Item = usize> {
    // SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).
    let mut state = 0x6272_6565_7a65_7761_u64;
    std::iter::repeat_with(move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % (last as u64 + 1)) as usize
    })
    .take(count)
}

/// Kills one child at a point, and lets the survivors check.
fn kill_and_check<S: Scenario>(
    scenario: &mut S,
    trace: &Trace,
    point: KillPoint,
    kills: &mut KillCounts,
) -> Death {
    let death = at_point(scenario, trace, point);
    if death.blocked {
        kills.count_blocked();
    }
    let blocked = if point.blocked { ", blocked" } else { "" };
    progress::set_stage(format_args!("survivors of a death after instruction {}{blocked}", point.steps));
    kills.count(scenario.check_survivors(&death));
    progress::count_kill();
    death
}

/// How many instructions before the point the short route ends, by attempt. The first attempts go all
/// the way. If the operation has left the path of its trace before the point, a later attempt ends
/// where it is still on it, and steps the rest.
const LAGS: [usize; 4] = [0, 0, 16, 128];

/// Kills one child at a point.
pub(crate) fn at_point<S: Scenario>(scenario: &mut S, trace: &Trace, point: KillPoint) -> Death {
    progress::set_stage(format_args!("on the way to a death after instruction {}", point.steps));
    for near in LAGS.iter().filter_map(|lag| point.steps.checked_sub(*lag)) {
        let expected = trace.address(near);
        let (death, address) = kill_after_route(scenario, trace.route(near), near, point);
        if address == expected || expected.is_none() || point.precision == Precision::Any {
            return death;
        }
        // A death like any other, though at another point.
        scenario.check_survivors(&death);
    }
    let route = match point.precision {
        Precision::Exact => Route::steps(point.steps),
        Precision::SinceSystemCall | Precision::Any => trace.stepped_route(point.steps),
    };
    kill_after_route(scenario, route, point.steps, point).0
}

/// Kills one child at a point, to which it steps from the end of a route to a point `near` before it.
/// Returns the address of its next instruction at that point: `None` after the operation.
fn kill_after_route<S: Scenario>(
    scenario: &mut S,
    route: Route,
    near: usize,
    point: KillPoint,
) -> (Death, Option<u64>) {
    let mut child = start_child(scenario);
    let mut stop = child.run_route(route);
    let address = (stop != Stop::Finished).then(|| child.program_counter());
    if stop != Stop::Finished && near < point.steps {
        stop = child.run_route(Route::steps(point.steps - near));
    }
    if point.blocked && stop == Stop::InOperation {
        stop = child.step();
    }
    scenario.observe(&child);
    let completed = stop == Stop::Finished;
    let death = Death { pid: child.pid(), point: point.steps, completed, blocked: stop == Stop::Blocked };
    child.kill();
    (death, address)
}

/// A child that stands before its operation.
pub(crate) fn start_child<S: Scenario>(scenario: &mut S) -> Child {
    scenario.reset();
    let child = Child::fork(|| scenario.open(), |handle| scenario.operate(handle));
    scenario.before_operation(&child);
    child
}
