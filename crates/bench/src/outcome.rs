//! What a measurement comes to.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use super::case::{Key, Mode, Work};
use super::catalogue::{LINE, is_pipe_for, is_baseline};
use super::runner::median;

/// All that was measured of one case.
pub struct Measured {
    /// What it is known by.
    pub key: Key,
    /// What the same work is compared with, besides the pipe.
    pub baseline: Option<&'static str>,
    /// Picoseconds: of each round trip, or of a message or a section on the average of a batch.
    times: Histogram<u32>,
    /// Those of the round that is under way.
    round: Histogram<u32>,
    /// What is typical of each round, in nanoseconds.
    rounds: Vec<f64>,
    /// How often a lock changed hands, in how many sections.
    turns: [u64; 2],
}

/// Of what is kept of a time.
const DIGITS: u8 = 3;
/// More than any time is, in picoseconds; what is longer counts as this.
const LONGEST: u64 = Duration::from_secs(60).as_nanos() as u64 * 1_000;

impl Measured {
    /// Nothing yet.
    pub(super) fn new(key: Key, baseline: Option<&'static str>) -> Self {
        let histogram = || Histogram::new_with_bounds(1, LONGEST, DIGITS).expect("sensible bounds");
        Self { key, baseline, times: histogram(), round: histogram(), rounds: Vec::new(), turns: [0; 2] }
    }

    /// Keeps a time, in picoseconds.
    pub(super) fn record(&mut self, picos: u64) {
        self.round.saturating_record(picos.max(1));
    }

    /// Keeps how often a lock changed hands in so many sections.
    pub(super) fn note_turns(&mut self, turns: u64, sections: u64) {
        self.turns[0] += turns;
        self.turns[1] += sections;
    }

    /// ChannelPinger a round that has all its batches.
    pub(super) fn end_round(&mut self) {
        self.rounds.push(middle(&self.round) / 1e3);
        self.times.add(&self.round).expect("histograms of one kind");
        self.round.reset();
    }

    /// ChannelPinger before all rounds are over. The one that is cut off counts as a round only where there is no other; its times count.
    pub(super) fn end(&mut self) {
        if self.rounds.is_empty() {
            self.end_round();
        } else {
            self.times.add(&self.round).expect("histograms of one kind");
            self.round.reset();
        }
    }

    /// The median of the rounds, each the mean of the middle half of its times, in nanoseconds.
    pub fn median(&self) -> f64 {
        median(&self.rounds)
    }

    /// What so many of all times are at most, in nanoseconds.
    pub fn at(&self, share: f64) -> f64 {
        self.times.value_at_quantile(share) as f64 / 1e3
    }

    /// The same, where there are enough to say it: at least one in so many is slower.
    fn at_if_known(&self, share: f64) -> Option<f64> {
        let few = self.times.len() as f64 * (1.0 - share);
        // A hundred times less 99 % are a bit less than one.
        (few > 0.999).then(|| self.at(share))
    }

    /// How many times there are.
    pub fn count(&self) -> u64 {
        self.times.len()
    }

    /// How many rounds there were.
    pub fn rounds(&self) -> usize {
        self.rounds.len()
    }

    fn fastest_round(&self) -> f64 {
        self.rounds.iter().copied().fold(f64::MAX, f64::min)
    }

    fn slowest_round(&self) -> f64 {
        self.rounds.iter().copied().fold(0.0, f64::max)
    }
}

/// The mean of the middle half. As the median, it does not care how slow the slow ones are; and it is finer than the clock, whose steps
/// are a tenth of the shortest times.
/// There must be some.
fn middle(times: &Histogram<u32>) -> f64 {
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

/// What is told of a case.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// What is done: `round-trip`, `stream`, `lock`.
    pub case: Work,
    /// With what.
    pub peer: &'static str,
    /// How long a message is; 0 for a lock.
    pub bytes: usize,
    /// How: `hot`, `parked`; for a lock, `alone`, `contended`.
    pub mode: Mode,
    /// What the numbers are: `time` of a round trip, of a message, of a section; or `throughput`.
    pub metric: &'static str,
    /// `ns` or `GB/s`.
    pub unit: &'static str,
    /// The median of the rounds, each the mean of the middle half of what was measured in it.
    pub median: f64,
    /// So many of all were as good or better: round trips, or batches of messages or sections.
    pub p50: f64,
    /// See `p50`. None where there are too few to say.
    pub p90: Option<f64>,
    /// See `p90`.
    pub p99: Option<f64>,
    /// See `p90`.
    pub p999: Option<f64>,
    /// The slowest of all.
    pub slowest: f64,
    /// The round with the least.
    pub min: f64,
    /// The round with the most.
    pub max: f64,
    /// Of a lock that two want: of how many sections the one before was the other's, as a share. A lock that seldom changes hands looks fast.
    pub turns: Option<f64>,
    /// How many times better than a pipe with blocking reads and writes, for messages of that length.
    pub ratio_to_pipe: Option<f64>,
    /// How many times as long as the one line, pausing or not, where both look all the time.
    pub ratio_to_line: Option<f64>,
    /// What does the same work, and nothing else.
    pub baseline: Option<&'static str>,
    /// How many times as long as that.
    pub ratio_to_baseline: Option<f64>,
}

/// What is told of all.
pub fn outcomes(all: &[Measured]) -> Vec<Outcome> {
    all.iter().flat_map(|measured| of_one(measured, all)).collect()
}

fn of_one(measured: &Measured, all: &[Measured]) -> Vec<Outcome> {
    let time = Outcome {
        case: measured.key.work,
        peer: measured.key.peer,
        bytes: measured.key.bytes,
        mode: measured.key.mode,
        metric: "time",
        unit: "ns",
        median: measured.median(),
        p50: measured.at(0.5),
        p90: measured.at_if_known(0.9),
        p99: measured.at_if_known(0.99),
        p999: measured.at_if_known(0.999),
        slowest: measured.at(1.0),
        min: measured.fastest_round(),
        max: measured.slowest_round(),
        turns: (measured.turns[1] > 0).then(|| measured.turns[0] as f64 / measured.turns[1] as f64),
        ratio_to_pipe: median_of(all, |key| is_pipe_for(&measured.key, key))
            .map(|pipe| pipe / measured.median()),
        ratio_to_line: median_of(all, |key| is_baseline(Some(LINE), &measured.key, key))
            .map(|line| measured.median() / line),
        baseline: measured.baseline,
        ratio_to_baseline: median_of(all, |key| is_baseline(measured.baseline, &measured.key, key))
            .map(|baseline| measured.median() / baseline),
    };
    if measured.key.work != Work::Stream {
        return vec![time];
    }
    let throughput = throughput(&time);
    vec![time, throughput]
}

/// The fastest of those that are meant.
fn median_of(all: &[Measured], is_meant: impl Fn(&Key) -> bool) -> Option<f64> {
    all.iter().filter(|measured| is_meant(&measured.key)).map(Measured::median).reduce(f64::min)
}

/// The same as bytes for time. What was slow is little.
fn throughput(time: &Outcome) -> Outcome {
    let rate = |nanos: f64| time.bytes as f64 / nanos;
    Outcome {
        metric: "throughput",
        unit: "GB/s",
        median: rate(time.median),
        p50: rate(time.p50),
        p90: time.p90.map(rate),
        p99: time.p99.map(rate),
        p999: time.p999.map(rate),
        slowest: rate(time.slowest),
        min: rate(time.max),
        max: rate(time.min),
        ..time.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Key = Key { work: Work::Stream, peer: "", bytes: 8, mode: Mode::Hot };

    #[test]
    fn the_middle_half_is_finer_than_the_clock_and_does_not_know_the_slow() {
        let mut measured = Measured::new(KEY, None);
        (0..60).for_each(|_| measured.record(100_000));
        (0..40).for_each(|_| measured.record(110_000));
        (0..4).for_each(|_| measured.record(1_000_000_000));
        measured.end_round();
        assert!((102.5..104.5).contains(&measured.median()), "{}", measured.median());
    }

    #[test]
    fn a_round_that_is_cut_off_is_no_round_but_where_there_is_no_other() {
        let mut measured = Measured::new(KEY, None);
        measured.record(100_000);
        measured.end();
        assert_eq!(measured.rounds(), 1);
        measured.record(900_000);
        measured.end();
        assert_eq!((measured.rounds(), measured.count()), (1, 2));
        assert!(measured.median() < 101.0);
    }

    #[test]
    fn few_times_do_not_say_how_slow_the_slowest_in_a_hundred_is() {
        let mut measured = Measured::new(KEY, None);
        (0..99).for_each(|n| measured.record(1000 + n));
        measured.end_round();
        assert!(measured.at_if_known(0.9).is_some() && measured.at_if_known(0.99).is_none());
        measured.record(1);
        measured.end_round();
        assert!(measured.at_if_known(0.99).is_some() && measured.at_if_known(0.999).is_none());
    }
}
