//! The path of an operation through its instructions, and how to reach each of them without a step
//! for every one before it.

use std::cell::OnceCell;
use std::collections::HashMap;

/// The operation, as it ran once.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    points: Vec<TracePoint>,
    /// Points at which a system call has just returned.
    system_calls: Vec<usize>,
    /// Points from which the next step blocks.
    blocking_points: Vec<usize>,
    /// How often each address was reached since the last system call.
    visits: HashMap<u64, usize>,
    /// The cheapest routes to the points, computed once the trace is complete.
    paths: OnceCell<Vec<PathStep>>,
}

/// Where the operation was after a number of steps.
#[derive(Clone, Copy, Debug)]
struct TracePoint {
    /// Of the next instruction.
    address: u64,
    /// How often the address had been reached since the last system call: 1 is the first time.
    visit: usize,
}

/// A route to a point of an operation: past system calls, then by breakpoints and steps.
///
/// How the child gets there does not matter to the contract, only that it is killed between two
/// instructions. Stepping all the way costs two context switches an instruction, which makes
/// killing everywhere quadratic; this is nearly linear.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Route {
    /// How many system calls to pass.
    pub(crate) system_calls: usize,
    pub(crate) legs: Vec<Leg>,
}

/// A part of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leg {
    /// This many instructions.
    Steps(usize),
    Breakpoint(BreakpointLeg),
}

/// A breakpoint on the route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BreakpointLeg {
    pub(crate) address: u64,
    /// At which visit to stop: 1 is the first.
    pub(crate) visit: usize,
    /// How many instructions it is to there, in case no breakpoint can be set.
    pub(crate) steps: usize,
}

/// The cost of running into a breakpoint, in steps. Passing it costs one more.
const BREAKPOINT_COST: usize = 1;

/// How far back a leg may begin, unless that is at the start. Nested loops are seldom longer.
const LONGEST_LEG: usize = 400;

/// The last part of the cheapest route to a point; the rest is the cheapest route to `from`.
#[derive(Clone, Copy, Debug)]
struct PathStep {
    cost: usize,
    /// Where the last leg begins, and at which visit it ends, unless it is a step.
    from: usize,
    visit: Option<usize>,
}

impl Route {
    /// The route that steps from the start.
    pub(crate) fn steps(steps: usize) -> Self {
        Self { system_calls: 0, legs: vec![Leg::Steps(steps)] }
    }
}

impl Trace {
    /// Records where the child is; `returned`: the last step was a system call.
    pub(crate) fn push(&mut self, address: u64, returned: bool) {
        if returned {
            self.system_calls.push(self.points.len());
            self.visits.clear();
        }
        let visit = self.visits.entry(address).or_default();
        *visit += 1;
        self.points.push(TracePoint { address, visit: *visit });
    }

    /// Records that the step from the last point blocked.
    pub(crate) fn push_blocking(&mut self) {
        self.blocking_points.push(self.last());
    }

    /// The last point before the end of the operation.
    pub(crate) fn last(&self) -> usize {
        self.points.len() - 1
    }

    /// Points from which the next step blocks.
    pub(crate) fn blocking_points(&self) -> &[usize] {
        &self.blocking_points
    }

    /// Points at which a system call has just returned.
    pub(crate) fn system_calls(&self) -> &[usize] {
        &self.system_calls
    }

    /// The address of the child at point `n`, if the operation takes the path of the trace.
    pub(crate) fn address(&self, n: usize) -> Option<u64> {
        self.points.get(n).map(|point| point.address)
    }

    /// The route to point `n` that steps from the last system call on.
    pub(crate) fn stepped_route(&self, n: usize) -> Route {
        let (system_calls, start) = self.start_of(n);
        Route { system_calls, legs: vec![Leg::Steps(n - start)] }
    }

    /// How many system calls return before point `n`, and the point at which the last of them has
    /// returned.
    fn start_of(&self, n: usize) -> (usize, usize) {
        let system_calls = self.system_calls.partition_point(|&at| at <= n);
        let start = if system_calls == 0 { 0 } else { self.system_calls[system_calls - 1] };
        (system_calls, start)
    }

    /// The cheapest route to point `n`.
    pub(crate) fn route(&self, n: usize) -> Route {
        let paths = self.paths.get_or_init(|| self.shortest_paths());
        let known = n.min(self.last());
        let (system_calls, start) = self.start_of(known);
        let mut legs = Vec::new();
        let mut steps = n - known;
        let mut at = known;
        while at > start {
            let step = paths[at];
            match step.visit {
                None => steps += 1,
                Some(visit) => {
                    legs.push(Leg::Steps(core::mem::take(&mut steps)));
                    legs.push(Leg::Breakpoint(BreakpointLeg {
                        address: self.points[at].address,
                        visit,
                        steps: at - step.from,
                    }));
                }
            }
            at = step.from;
        }
        legs.push(Leg::Steps(steps));
        legs.reverse();
        Route { system_calls, legs }
    }

    /// The cheapest routes to all points, each from the last system call before it.
    fn shortest_paths(&self) -> Vec<PathStep> {
        let mut paths: Vec<PathStep> = Vec::with_capacity(self.points.len());
        let mut calls = self.system_calls.iter().copied().peekable();
        let mut start = 0;
        for at in 0..self.points.len() {
            if calls.next_if_eq(&at).is_some() {
                start = at;
            }
            paths.push(self.shortest_path(&paths, start, at));
        }
        paths
    }

    fn shortest_path(&self, paths: &[PathStep], start: usize, at: usize) -> PathStep {
        if at == start {
            return PathStep { cost: 0, from: at, visit: None };
        }
        let TracePoint { address, visit } = self.points[at];
        let mut best = PathStep { cost: paths[at - 1].cost + 1, from: at - 1, visit: None };
        let mut consider = |from: usize, visit: usize| {
            let leg = visit * (BREAKPOINT_COST + 1) - 1;
            // The child must not stand at the breakpoint already.
            if self.points[from].address != address && paths[from].cost + leg < best.cost {
                best = PathStep { cost: paths[from].cost + leg, from, visit: Some(visit) };
            }
            leg < best.cost
        };
        consider(start, visit);
        let mut visit = 1;
        for from in (start.max(at.saturating_sub(LONGEST_LEG))..at).rev() {
            if !consider(from, visit) {
                break;
            }
            visit += usize::from(self.points[from].address == address);
        }
        best
    }
}
