//! The way of an operation through its instructions, and how to get to any of them without a step for each.

use std::cell::OnceCell;
use std::collections::HashMap;

/// The operation, as it went once.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    points: Vec<Passed>,
    /// Points where a system call has just returned.
    system_calls: Vec<usize>,
    /// Points from which the next step is one into sleep.
    sleeps: Vec<usize>,
    /// How often each address was come to since the last system call.
    visits: HashMap<u64, usize>,
    /// The cheapest ways to the points, once the operation has come to its end.
    ways: OnceCell<Vec<Way>>,
}

/// Where the operation stood after so many steps.
#[derive(Clone, Copy, Debug)]
struct Passed {
    /// Of the next instruction.
    address: u64,
    /// The how-manieth time it stood there, since the last system call.
    visit: usize,
}

/// A way to a point of an operation: past system calls, then by breakpoints and steps.
///
/// What leads there does not matter to the contract, only that the process is killed between two instructions. Stepping all the
/// way costs two context switches an instruction, which makes killing everywhere quadratic; this is nearly linear.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Route {
    /// System calls to pass.
    pub(crate) system_calls: usize,
    pub(crate) legs: Vec<Leg>,
}

/// A piece of the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leg {
    /// So many instructions.
    Steps(usize),
    Halt(Halt),
}

/// A breakpoint on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Halt {
    pub(crate) address: u64,
    /// At which visit to stop there: 1 is the first.
    pub(crate) visit: usize,
    /// How many instructions it is to there, in case that no breakpoint can be set.
    pub(crate) steps: usize,
}

/// What running into a breakpoint costs, in steps. To pass it is one more.
const HALT_COST: usize = 1;

/// How far back a leg may begin, unless that is at the start. Loops in loops are seldom longer.
const LONGEST_LEG: usize = 400;

/// The cheapest way to a point, but for its last leg, is that to another one.
#[derive(Clone, Copy, Debug)]
struct Way {
    cost: usize,
    /// Where the last leg begins, and at which visit it ends, if it is not a step.
    from: usize,
    visit: Option<usize>,
}

impl Route {
    /// The plain way.
    pub(crate) fn steps(steps: usize) -> Self {
        Self { system_calls: 0, legs: vec![Leg::Steps(steps)] }
    }
}

impl Trace {
    /// Notes where the child stands; `returned`: the last step was a system call.
    pub(crate) fn push(&mut self, address: u64, returned: bool) {
        if returned {
            self.system_calls.push(self.points.len());
            self.visits.clear();
        }
        let visit = self.visits.entry(address).or_default();
        *visit += 1;
        self.points.push(Passed { address, visit: *visit });
    }

    /// Notes that the step from the last point put the child to sleep.
    pub(crate) fn push_sleep(&mut self) {
        self.sleeps.push(self.last());
    }

    /// The last point before the end of the operation.
    pub(crate) fn last(&self) -> usize {
        self.points.len() - 1
    }

    /// Points from which the next step is one into sleep.
    pub(crate) fn sleeps(&self) -> &[usize] {
        &self.sleeps
    }

    /// Points where a system call has just returned.
    pub(crate) fn system_calls(&self) -> &[usize] {
        &self.system_calls
    }

    /// Where the child stands at point `n`, if this goes as it went then.
    pub(crate) fn address(&self, n: usize) -> Option<u64> {
        self.points.get(n).map(|point| point.address)
    }

    /// The way to point `n` that steps from the last system call on.
    pub(crate) fn stepped_route(&self, n: usize) -> Route {
        let (system_calls, start) = self.start_of(n);
        Route { system_calls, legs: vec![Leg::Steps(n - start)] }
    }

    /// How many system calls lie before point `n`, and the point at which the last of them has returned.
    fn start_of(&self, n: usize) -> (usize, usize) {
        let system_calls = self.system_calls.partition_point(|&at| at <= n);
        let start = if system_calls == 0 { 0 } else { self.system_calls[system_calls - 1] };
        (system_calls, start)
    }

    /// The cheapest way to point `n`.
    pub(crate) fn route(&self, n: usize) -> Route {
        let ways = self.ways.get_or_init(|| self.find_ways());
        let known = n.min(self.last());
        let (system_calls, start) = self.start_of(known);
        let mut legs = Vec::new();
        let mut steps = n - known;
        let mut at = known;
        while at > start {
            let way = ways[at];
            match way.visit {
                None => steps += 1,
                Some(visit) => {
                    legs.push(Leg::Steps(core::mem::take(&mut steps)));
                    legs.push(Leg::Halt(Halt {
                        address: self.points[at].address,
                        visit,
                        steps: at - way.from,
                    }));
                }
            }
            at = way.from;
        }
        legs.push(Leg::Steps(steps));
        legs.reverse();
        Route { system_calls, legs }
    }

    /// The cheapest ways to all points, each from the last system call before it.
    fn find_ways(&self) -> Vec<Way> {
        let mut ways: Vec<Way> = Vec::with_capacity(self.points.len());
        let mut calls = self.system_calls.iter().copied().peekable();
        let mut start = 0;
        for at in 0..self.points.len() {
            if calls.next_if_eq(&at).is_some() {
                start = at;
            }
            ways.push(self.find_way(&ways, start, at));
        }
        ways
    }

    fn find_way(&self, ways: &[Way], start: usize, at: usize) -> Way {
        if at == start {
            return Way { cost: 0, from: at, visit: None };
        }
        let Passed { address, visit } = self.points[at];
        let mut best = Way { cost: ways[at - 1].cost + 1, from: at - 1, visit: None };
        let mut consider = |from: usize, visit: usize| {
            let leg = visit * (HALT_COST + 1) - 1;
            // The breakpoint must not be where the child already stands.
            if self.points[from].address != address && ways[from].cost + leg < best.cost {
                best = Way { cost: ways[from].cost + leg, from, visit: Some(visit) };
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
