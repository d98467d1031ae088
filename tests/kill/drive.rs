//! Killing an operation at its instructions, one child for each.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::child::{Child, Stop};
use super::progress;
use super::tally::Tally;
use super::trace::{Route, Trace};
use super::window::{RobustHead, RobustList, Shadow, Window};

/// An operation, and what its survivors check.
pub(crate) trait Subject {
    /// What the child opens beforehand.
    type Handle;

    /// In the parent, before each child: everything is as it was.
    fn reset(&mut self) {}

    /// In the child, before the operation: opens what it needs. What the parent has open is not the child's.
    fn open(&self) -> Self::Handle;

    /// In the child: the operation, which must succeed.
    fn operate(&self, handle: &Self::Handle);

    /// In the parent, when the child is about to begin.
    fn begin(&mut self, _child: &Child) {}

    /// In the parent, while the child is stopped: after every step of the first run, and before each kill.
    fn observe(&mut self, _child: &Child) {}

    /// In the parent, after the death: checks what the contract promises, and says which of the allowed outcomes it was.
    fn survive(&mut self, death: &Death) -> &'static str;

    /// Files in which a change is worth a kill, for operations that are too long to be killed everywhere.
    fn files(&self, _child: u32) -> Vec<PathBuf> {
        Vec::new()
    }

    /// How many points to kill at that nobody can tell from their neighbours, for the same.
    fn sample(&self) -> usize {
        std::env::var("BREEZEWAY_KILL_SAMPLE").ok().and_then(|count| count.parse().ok()).unwrap_or(150)
    }
}

/// A child that was killed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Death {
    pub(crate) pid: u32,
    /// After how many instructions.
    pub(crate) point: usize,
    /// Whether the operation had come to its end.
    pub(crate) completed: bool,
    /// Whether it was in a system call that did not return.
    pub(crate) asleep: bool,
}

/// Where to kill: after so many instructions, perhaps asleep in the next one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Point {
    steps: usize,
    asleep: bool,
    aim: Aim,
}

/// What to do about a child that got elsewhere, because the operation went another way than in its first run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Aim {
    /// Nothing: its death is as good as another.
    About,
    /// Try again, and then step to the point from the last system call on.
    Close,
    /// Try again, and then step to the point from the start, so that it is what it says: after so many instructions.
    Exact,
}

impl Point {
    pub(crate) fn after(steps: usize) -> Self {
        Self { steps, asleep: false, aim: Aim::Exact }
    }
}

/// No operation is longer: one that is goes round in circles. (On aarch64, atomics made of a load and a store that may fail
/// do so when they are stepped. Its newer instructions are whole, and used where the processor has them.)
const LONGEST: usize = 2_000_000;

/// How often to try to find a child asleep. On a busy machine its time may be over before it comes to that, so each time it has twice
/// as long.
const ROUNDS: usize = 6;

/// How many times as long as else. A case is a process.
static PATIENCE: AtomicU32 = AtomicU32::new(1);

/// How long an operation waits that is to fall asleep in so long.
pub(crate) fn patiently(time: Duration) -> Duration {
    time * PATIENCE.load(Relaxed)
}

/// Runs the operation once, instruction by instruction. `each` is called at every point, the start included.
pub(crate) fn trace<S: Subject>(subject: &mut S, mut each: impl FnMut(&mut S, &Child, &Trace)) -> Trace {
    warm_up(subject);
    let mut trace = Trace::default();
    let mut child = start(subject);
    let pid = child.pid();
    let mut returned = false;
    loop {
        let counter = child.counter();
        trace.push(counter, returned);
        assert!(trace.last() < LONGEST, "an operation that ends");
        if trace.last().is_multiple_of(100) {
            progress::at(format_args!("stopped after instruction {} or soon behind", trace.last()));
        }
        subject.observe(&child);
        each(subject, &child, &trace);
        returned = child.is_system_call(counter);
        let mut stop = child.step_from(counter);
        if stop == Stop::Asleep {
            trace.push_sleep();
            stop = child.wait();
        }
        if stop == Stop::Done {
            subject.observe(&child);
            child.kill();
            subject.survive(&Death { pid, point: trace.last() + 1, completed: true, asleep: false });
            return trace;
        }
    }
}

/// As [`trace`], of an operation that waits: with so many sleeps at least.
pub(crate) fn trace_sleeping<S: Subject>(subject: &mut S, sleeps: usize) -> Trace {
    for _ in 0..ROUNDS {
        let trace = trace(subject, |_, _, _| {});
        if trace.sleeps().len() >= sleeps {
            return trace;
        }
        PATIENCE.fetch_add(PATIENCE.load(Relaxed), Relaxed);
    }
    panic!("a wait is a sleep");
}

/// Children that go first, untraced. After them, the next ones find their parent's memory alike, and take the same way.
const WARM_UPS: usize = 3;

fn warm_up<S: Subject>(subject: &mut S) {
    for _ in 0..WARM_UPS {
        progress::at(format_args!("before the first run"));
        let mut child = start(subject);
        let pid = child.pid();
        child.finish();
        subject.observe(&child);
        child.kill();
        subject.survive(&Death { pid, point: usize::MAX, completed: true, asleep: false });
    }
}

/// Kills the operation after every instruction.
pub(crate) fn every<S: Subject>(subject: &mut S) -> Tally {
    let mut tally = Tally::default();
    let trace = trace(subject, |_, _, _| {});
    for &steps in trace.sleeps() {
        kill(subject, &trace, Point { steps, asleep: true, aim: Aim::Exact }, &mut tally);
    }
    for steps in 0.. {
        if kill(subject, &trace, Point::after(steps), &mut tally).completed {
            break;
        }
    }
    tally
}

/// Kills the operation before and after every instruction that changes what others can see: the subject's files, the
/// child's robust list, anything the kernel knows (so at every system call); and at a sample of the others.
pub(crate) fn changes<S: Subject>(subject: &mut S) -> Tally {
    changes_unless_short(subject, 0)
}

/// An operation of no more than so many instructions is killed at all of them. For operations that are long only in some states.
pub(crate) fn changes_unless_short<S: Subject>(subject: &mut S, short: usize) -> Tally {
    let (trace, changes) = trace_changes(subject);
    kill_at_changes(subject, &trace, changes, short)
}

/// As [`changes`], of an operation that waits: killed asleep, too.
pub(crate) fn changes_and_sleep<S: Subject>(subject: &mut S) -> Tally {
    for _ in 0..ROUNDS {
        let (trace, changes) = trace_changes(subject);
        if !trace.sleeps().is_empty() {
            let tally = kill_at_changes(subject, &trace, changes, 0);
            if tally.has_asleep() {
                return tally;
            }
        }
        PATIENCE.fetch_add(PATIENCE.load(Relaxed), Relaxed);
    }
    panic!("a wait is a sleep");
}

/// The operation, and where it changes something.
fn trace_changes<S: Subject>(subject: &mut S) -> (Trace, Changes) {
    let mut changes = Changes::default();
    let trace = trace(subject, |subject, child, trace| changes.look(subject, child, trace));
    (trace, changes)
}

fn kill_at_changes<S: Subject>(subject: &mut S, trace: &Trace, changes: Changes, short: usize) -> Tally {
    let mut points: BTreeMap<usize, Aim> = if trace.last() <= short {
        (0..=trace.last()).map(|n| (n, Aim::Exact)).collect()
    } else {
        let calls = trace.system_calls().iter().flat_map(|&n| [n - 1, n]);
        let sample = sampled(subject.sample(), trace.last()).map(|n| (n, Aim::About));
        sample.chain(changes.points.into_iter().chain(calls).map(|n| (n, Aim::Close))).collect()
    };
    points.insert(trace.last() + 1, Aim::Close);

    let mut tally = Tally::of_steps(trace.last());
    for &steps in trace.sleeps() {
        kill(subject, trace, Point { steps, asleep: true, aim: Aim::Close }, &mut tally);
    }
    for (steps, aim) in points {
        kill(subject, trace, Point { steps, asleep: false, aim }, &mut tally);
    }
    tally
}

/// Finds the points worth a kill.
#[derive(Default)]
struct Changes {
    points: BTreeSet<usize>,
    shadows: BTreeMap<PathBuf, Shadow>,
    robust: Option<(RobustList, RobustHead)>,
    /// How many system calls have returned. Files come and go in these only.
    system_calls: usize,
}

impl Changes {
    fn look<S: Subject>(&mut self, subject: &S, child: &Child, trace: &Trace) {
        if trace.last() == 0 || self.system_calls != trace.system_calls().len() {
            self.system_calls = trace.system_calls().len();
            for path in subject.files(child.pid()) {
                if let (false, Some(window)) = (self.shadows.contains_key(&path), Window::open(&path)) {
                    self.shadows.insert(path, Shadow::new(window));
                }
            }
        }
        let (robust, before) = self.robust.get_or_insert_with(|| {
            let robust = RobustList::of(child.pid());
            let head = robust.head();
            (robust, head)
        });
        let head = robust.head();
        let mut changed = head != *before;
        *before = head;
        for shadow in self.shadows.values_mut() {
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
fn kill<S: Subject>(subject: &mut S, trace: &Trace, point: Point, tally: &mut Tally) -> Death {
    let death = die(subject, trace, point);
    if death.asleep {
        tally.count_asleep();
    }
    let asleep = if point.asleep { ", asleep" } else { "" };
    progress::at(format_args!("survivors of a death after instruction {}{asleep}", point.steps));
    tally.count(subject.survive(&death));
    progress::count_kill();
    death
}

/// How often to try the short way to a point.
const ATTEMPTS: usize = 3;

/// Kills one child at a point.
pub(crate) fn die<S: Subject>(subject: &mut S, trace: &Trace, point: Point) -> Death {
    progress::at(format_args!("on the way to a death after instruction {}", point.steps));
    let expected = trace.address(point.steps);
    for _ in 0..ATTEMPTS {
        let (death, address) = die_at(subject, trace.route(point.steps), point);
        if address == expected || expected.is_none() || point.aim == Aim::About {
            return death;
        }
        // A death like any other, though not the one that was meant.
        subject.survive(&death);
    }
    let route = match point.aim {
        Aim::Exact => Route::steps(point.steps),
        Aim::Close | Aim::About => trace.stepped_route(point.steps),
    };
    die_at(subject, route, point).0
}

/// Kills one child at the end of a route, and says before which instruction that was: `None` behind the operation.
fn die_at<S: Subject>(subject: &mut S, route: Route, point: Point) -> (Death, Option<u64>) {
    let mut child = start(subject);
    let mut stop = child.travel(route);
    let address = (stop != Stop::Done).then(|| child.counter());
    if point.asleep && stop == Stop::Underway {
        stop = child.step();
    }
    subject.observe(&child);
    let completed = stop == Stop::Done;
    let death = Death { pid: child.pid(), point: point.steps, completed, asleep: stop == Stop::Asleep };
    child.kill();
    (death, address)
}

/// A child that stands before its operation.
pub(crate) fn start<S: Subject>(subject: &mut S) -> Child {
    subject.reset();
    let child = Child::fork(|| subject.open(), |handle| subject.operate(handle));
    subject.begin(&child);
    child
}
