//! The way of an operation through its instructions, and how to get to any of them without a step for each.

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
}

/// Where the operation stood after so many steps.
#[derive(Clone, Copy, Debug)]
struct Passed {
    /// Of the next instruction.
    address: u64,
    /// The how-manieth time it stood there, since the last system call.
    visit: usize,
}

/// A way to a point of an operation: past system calls, then to a breakpoint, then step by step.
///
/// What leads there does not matter to the contract, only that the process is killed between two instructions. Stepping all the
/// way costs two context switches an instruction, which makes killing everywhere quadratic; this is nearly linear.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Route {
    /// System calls to pass.
    pub(crate) system_calls: usize,
    pub(crate) breakpoint: Option<Halt>,
    /// Instructions from there.
    pub(crate) steps: usize,
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

/// What running into a breakpoint costs, in steps.
const HALT_COST: usize = 3;

impl Route {
    /// The plain way.
    pub(crate) fn steps(steps: usize) -> Self {
        Self { steps, ..Self::default() }
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
        Route { system_calls, breakpoint: None, steps: n - start }
    }

    /// How many system calls lie before point `n`, and the point at which the last of them has returned.
    fn start_of(&self, n: usize) -> (usize, usize) {
        let system_calls = self.system_calls.partition_point(|&at| at <= n);
        let start = if system_calls == 0 { 0 } else { self.system_calls[system_calls - 1] };
        (system_calls, start)
    }

    /// The cheapest way to point `n`.
    pub(crate) fn route(&self, n: usize) -> Route {
        let known = n.min(self.last());
        let (system_calls, start) = self.start_of(known);
        let mut best = known - start;
        let mut halt = None;
        for at in (start + 1..=known).rev() {
            if known - at + HALT_COST >= best {
                break;
            }
            let Passed { address, visit } = self.points[at];
            let cost = visit * HALT_COST + known - at;
            // The breakpoint must not be where the child already stands.
            if cost < best && address != self.points[start].address {
                best = cost;
                halt = Some(Halt { address, visit, steps: at - start });
            }
        }
        let behind = known - start - halt.map_or(0, |halt: Halt| halt.steps);
        Route { system_calls, breakpoint: halt, steps: behind + n - known }
    }
}
