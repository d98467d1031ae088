//! What is reported of a case: its times, their percentiles, and ratios to the pipe and to its
//! baseline.

use serde::Serialize;

use super::case::{Key, Mode, Work};
use super::catalogue::{ONE_LINE, is_baseline, is_pipe_for};
use super::record::Record;

/// A case that was measured.
pub struct Measured {
    /// What identifies it.
    pub key: Key,
    /// The peer that it is compared with, besides the pipe.
    pub baseline: Option<&'static str>,
    /// Its times: of single round trips, or of a message or a section on the average of a batch.
    pub record: Record,
}

/// A metric of a case, as it is serialised.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// What is done: `round-trip`, `stream`, `lock`.
    pub case: Work,
    /// With what it is done.
    pub peer: &'static str,
    /// The length of a message; 0 for a lock.
    pub bytes: usize,
    /// How it is done: `hot`, `parked`; for a lock, `alone`, `contended`.
    pub mode: Mode,
    /// `time` of a round trip, of a message, of a section; or `throughput`.
    pub metric: &'static str,
    /// `ns` or `GB/s`.
    pub unit: &'static str,
    /// The median of the rounds, each the mean of the middle half of its times.
    pub median: f64,
    /// Half of all times were as good or better: of round trips, or of batches of messages or
    /// sections.
    pub p50: f64,
    /// The 90th percentile; `None` if there are too few times to tell.
    pub p90: Option<f64>,
    /// The 99th percentile; `None` if there are too few times to tell.
    pub p99: Option<f64>,
    /// The 99.9th percentile; `None` if there are too few times to tell.
    pub p999: Option<f64>,
    /// The slowest of all times.
    pub slowest: f64,
    /// The round with the lowest number.
    pub min: f64,
    /// The round with the highest number.
    pub max: f64,
    /// The share of a contended lock's sections before which the lock changed hands. A lock that
    /// seldom does looks fast.
    pub handovers: Option<f64>,
    /// How many times better than a pipe with blocking reads and writes, for messages of that
    /// length.
    pub ratio_to_pipe: Option<f64>,
    /// How many times as long as one cache line that goes to and fro, if both processes poll.
    pub ratio_to_line: Option<f64>,
    /// The peer that does the same work and nothing else.
    pub baseline: Option<&'static str>,
    /// How many times as long as the baseline.
    pub ratio_to_baseline: Option<f64>,
}

/// The outcomes of all cases.
pub fn outcomes(all: &[Measured]) -> Vec<Outcome> {
    all.iter().flat_map(|measured| outcomes_of(measured, all)).collect()
}

fn outcomes_of(Measured { key, baseline, record }: &Measured, all: &[Measured]) -> Vec<Outcome> {
    let median = record.median();
    let time = Outcome {
        case: key.work,
        peer: key.peer,
        bytes: key.bytes,
        mode: key.mode,
        metric: "time",
        unit: "ns",
        median,
        p50: record.quantile(0.5),
        p90: record.quantile_if_known(0.9),
        p99: record.quantile_if_known(0.99),
        p999: record.quantile_if_known(0.999),
        slowest: record.quantile(1.0),
        min: record.fastest_round(),
        max: record.slowest_round(),
        handovers: record.handovers(),
        ratio_to_pipe: fastest(all, |other| is_pipe_for(key, other)).map(|pipe| pipe / median),
        ratio_to_line: fastest(all, |other| is_baseline(Some(ONE_LINE), key, other))
            .map(|line| median / line),
        baseline: *baseline,
        ratio_to_baseline: fastest(all, |other| is_baseline(*baseline, key, other)).map(|time| median / time),
    };
    if key.work != Work::Stream {
        return vec![time];
    }
    let throughput = throughput(&time);
    vec![time, throughput]
}

/// The median of the fastest matching case.
fn fastest(all: &[Measured], matches: impl Fn(&Key) -> bool) -> Option<f64> {
    all.iter().filter(|other| matches(&other.key)).map(|other| other.record.median()).reduce(f64::min)
}

/// The throughput at these times. A slow time is a low throughput.
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
