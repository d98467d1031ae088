//! How the kills of a case came out.

use std::fmt;

/// Kills by outcome.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    outcomes: Vec<(&'static str, usize)>,
    /// How long the operation was, where it was not killed at every instruction.
    steps: Option<usize>,
    /// How many were killed asleep in a system call.
    asleep: usize,
}

impl Tally {
    /// For an operation that is killed at some of its instructions.
    pub(crate) fn of_steps(steps: usize) -> Self {
        Self { steps: Some(steps), ..Self::default() }
    }

    pub(crate) fn count(&mut self, outcome: &'static str) {
        self.add(outcome, 1);
    }

    /// Notes that one of the kills was one in a system call.
    pub(crate) fn count_asleep(&mut self) {
        self.asleep += 1;
    }

    pub(crate) fn has_asleep(&self) -> bool {
        self.asleep > 0
    }

    fn add(&mut self, outcome: &'static str, count: usize) {
        match self.outcomes.iter_mut().find(|(name, _)| *name == outcome) {
            Some((_, sum)) => *sum += count,
            None => self.outcomes.push((outcome, count)),
        }
    }

    /// Adds what another round of the same case brought.
    pub(crate) fn merge(&mut self, other: &Self) {
        for &(outcome, count) in &other.outcomes {
            self.add(outcome, count);
        }
        self.asleep += other.asleep;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kills: usize = self.outcomes.iter().map(|(_, count)| count).sum();
        write!(f, "{kills} kill points")?;
        if self.asleep > 0 {
            write!(f, " ({} asleep)", self.asleep)?;
        }
        if let Some(steps) = self.steps {
            write!(f, " of {steps} instructions")?;
        }
        let outcomes: Vec<String> =
            self.outcomes.iter().map(|(name, count)| format!("{name} {count}")).collect();
        let plural = if outcomes.len() == 1 { "" } else { "s" };
        write!(f, ", {} outcome{plural} ({})", outcomes.len(), outcomes.join(", "))
    }
}
