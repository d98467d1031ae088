//! How many kills a case has had, by outcome.

use std::fmt;

/// The numbers of kills, by outcome.
#[derive(Clone, Debug, Default)]
pub(crate) struct KillCounts {
    outcomes: Vec<(&'static str, usize)>,
    /// The length of the operation, if it was not killed at every instruction.
    steps: Option<usize>,
    /// How many children were killed while they were blocked in a system call.
    blocked: usize,
}

impl KillCounts {
    /// For an operation of this many instructions that is killed at some of them.
    pub(crate) fn of_steps(steps: usize) -> Self {
        Self { steps: Some(steps), ..Self::default() }
    }

    pub(crate) fn count(&mut self, outcome: &'static str) {
        self.add(outcome, 1);
    }

    /// Counts a kill in a system call.
    pub(crate) fn count_blocked(&mut self) {
        self.blocked += 1;
    }

    pub(crate) fn has_blocked(&self) -> bool {
        self.blocked > 0
    }

    fn add(&mut self, outcome: &'static str, count: usize) {
        match self.outcomes.iter_mut().find(|(name, _)| *name == outcome) {
            Some((_, sum)) => *sum += count,
            None => self.outcomes.push((outcome, count)),
        }
    }

    /// Adds the kills of another part of the case.
    pub(crate) fn merge(&mut self, other: &Self) {
        for &(outcome, count) in &other.outcomes {
            self.add(outcome, count);
        }
        self.blocked += other.blocked;
    }
}

impl fmt::Display for KillCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kills: usize = self.outcomes.iter().map(|(_, count)| count).sum();
        write!(f, "{kills} kill points")?;
        if self.blocked > 0 {
            write!(f, " ({} blocked)", self.blocked)?;
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
