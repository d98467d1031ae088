//! What was measured of one entry.

use std::time::Duration;

use hdrhistogram::Histogram;

/// Significant digits that are kept of a time.
const DIGITS: u8 = 3;
/// Longer times, in picoseconds, count as this one.
const LONGEST: u64 = Duration::from_secs(60).as_nanos() as u64 * 1_000;

/// The times of an entry, and what is typical of each round.
pub struct Record {
    /// Picoseconds: of single round trips, or of a message or a section on the average of a batch.
    times: Histogram<u32>,
    /// The times of the unfinished round.
    round: Histogram<u32>,
    /// The typical time of each round, in nanoseconds.
    rounds: Vec<f64>,
    /// How often a lock changed hands.
    handovers: u64,
    /// Sections in which handovers were counted.
    sections: u64,
}

impl Record {
    pub(crate) fn new() -> Self {
        let histogram = || Histogram::new_with_bounds(1, LONGEST, DIGITS).expect("sensible bounds");
        Self { times: histogram(), round: histogram(), rounds: Vec::new(), handovers: 0, sections: 0 }
    }

    /// Adds a time in picoseconds.
    pub fn add(&mut self, picos: u64) {
        self.round.saturating_record(picos.max(1));
    }

    /// Adds the mean time of a batch.
    pub fn add_mean(&mut self, times: u64, elapsed: Duration) {
        self.add((elapsed.as_nanos() * 1000 / u128::from(times)) as u64);
    }

    /// Adds how often a lock changed hands in `sections` sections.
    pub fn add_handovers(&mut self, handovers: u64, sections: u64) {
        self.handovers += handovers;
        self.sections += sections;
    }

    /// Ends a round that has all its batches.
    pub(crate) fn end_round(&mut self) {
        self.rounds.push(midmean(&self.round) / 1e3);
        self.keep_times();
    }

    /// Ends the record before its last round is complete. The times of the cut-off round count; the
    /// round itself counts only if it is the first.
    pub(crate) fn end(&mut self) {
        if self.rounds.is_empty() {
            self.end_round();
        } else {
            self.keep_times();
        }
    }

    fn keep_times(&mut self) {
        self.times.add(&self.round).expect("histograms of one kind");
        self.round.reset();
    }

    /// The median of the rounds in nanoseconds; a round counts by the mean of the middle half of
    /// its times. There must be a round.
    pub fn median(&self) -> f64 {
        let mut sorted = self.rounds.clone();
        sorted.sort_by(f64::total_cmp);
        sorted[sorted.len() / 2]
    }

    /// The time, in nanoseconds, that the given share of all times does not exceed.
    pub fn quantile(&self, share: f64) -> f64 {
        self.times.value_at_quantile(share) as f64 / 1e3
    }

    /// [`quantile`](Self::quantile), if there are enough times to tell: at least one must lie
    /// beyond it.
    pub fn quantile_if_known(&self, share: f64) -> Option<f64> {
        let beyond = self.times.len() as f64 * (1.0 - share);
        // In floating point, a hundred times one minus 0.99 is a little less than one.
        (beyond > 0.999).then(|| self.quantile(share))
    }

    /// The number of times.
    pub fn count(&self) -> u64 {
        self.times.len()
    }

    /// The number of rounds.
    pub fn rounds(&self) -> usize {
        self.rounds.len()
    }

    /// The typical time of the fastest round, in nanoseconds.
    pub fn fastest_round(&self) -> f64 {
        self.rounds.iter().copied().fold(f64::MAX, f64::min)
    }

    /// The typical time of the slowest round, in nanoseconds.
    pub fn slowest_round(&self) -> f64 {
        self.rounds.iter().copied().fold(0.0, f64::max)
    }

    /// The share of sections before which the lock changed hands, if that was counted.
    pub fn handovers(&self) -> Option<f64> {
        (self.sections > 0).then(|| self.handovers as f64 / self.sections as f64)
    }
}

/// The mean of the middle half of some times. Like a median it ignores outliers; unlike a median it
/// is finer than the clock, whose steps are a tenth of the shortest times.
fn midmean(times: &Histogram<u32>) -> f64 {
    let quarter = times.len() as f64 / 4.0;
    let (first, last) = (quarter, 3.0 * quarter);
    let (mut before, mut sum) = (0.0, 0.0);
    for bucket in times.iter_recorded() {
        let after = before + bucket.count_at_value() as f64;
        let inside = f64::max(0.0, last.min(after) - first.max(before));
        sum += inside * bucket.value_iterated_to() as f64;
        before = after;
    }
    sum / (last - first)
}

#[cfg(test)]
mod tests {
    use super::Record;

    #[test]
    fn record_median_is_finer_than_the_clock_and_ignores_outliers() {
        let mut record = Record::new();
        (0..60).for_each(|_| record.add(100_000));
        (0..40).for_each(|_| record.add(110_000));
        (0..4).for_each(|_| record.add(1_000_000_000));
        record.end_round();
        assert!((102.5..104.5).contains(&record.median()), "{}", record.median());
    }

    #[test]
    fn record_end_counts_a_cut_off_round_only_if_it_is_the_first() {
        let mut record = Record::new();
        record.add(100_000);
        record.end();
        assert_eq!(record.rounds(), 1);
        record.add(900_000);
        record.end();
        assert_eq!((record.rounds(), record.count()), (1, 2));
        assert!(record.median() < 101.0);
    }

    #[test]
    fn record_quantile_is_unknown_of_too_few_times() {
        let mut record = Record::new();
        (0..99).for_each(|n| record.add(1000 + n));
        record.end_round();
        assert!(record.quantile_if_known(0.9).is_some() && record.quantile_if_known(0.99).is_none());
        record.add(1);
        record.end_round();
        assert!(record.quantile_if_known(0.99).is_some() && record.quantile_if_known(0.999).is_none());
    }
}
