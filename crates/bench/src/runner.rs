//! The measuring engine: entries take turns, a short batch each, in rounds.
//!
//! On a shared machine the same loop may take twice the time a moment later. Interleaving exposes
//! all entries to the same disturbances, so ratios within one run are meaningful and single numbers
//! are not.

use std::borrow::Cow;
use std::hint::black_box;
use std::time::{Duration, Instant};

use super::record::Record;

/// Batches in a row that must last long enough before the batch size is accepted: a single long
/// batch may have been interrupted.
const CALIBRATION_BATCHES: usize = 3;

/// Work that is measured in batches.
pub trait Batch {
    /// Does the work `times` times and returns how long that took.
    fn run(&mut self, times: u64) -> Duration;

    /// Records the batch that was just run. By default that is its mean time.
    fn record(&mut self, times: u64, elapsed: Duration, record: &mut Record) {
        record.add_mean(times, elapsed);
    }

    /// The largest batch.
    fn max_times(&self) -> u64 {
        u64::MAX / 2
    }
}

impl<F: FnMut(u64) -> Duration> Batch for F {
    fn run(&mut self, times: u64) -> Duration {
        self(times)
    }
}

/// One thing to be measured, and what was measured of it.
pub struct Entry<'a> {
    name: Cow<'static, str>,
    batch: Box<dyn Batch + 'a>,
    min_batch_time: Duration,
    bytes: Option<usize>,
    /// The calibrated size of a batch.
    times: u64,
    record: Record,
}

impl<'a> Entry<'a> {
    /// An entry whose batches are measured by `batch`.
    pub fn new(name: impl Into<Cow<'static, str>>, batch: impl Batch + 'a) -> Self {
        let (name, batch) = (name.into(), Box::new(batch));
        Self { name, batch, min_batch_time: Duration::ZERO, bytes: None, times: 1, record: Record::new() }
    }

    /// An entry whose batch calls `once` in a loop.
    pub fn looped<R>(name: impl Into<Cow<'static, str>>, once: impl Fn() -> R + 'a) -> Self {
        Self::new(name, move |times| timed(times, &once))
    }

    /// Asks for longer batches than the runner's, for work that is slow to start.
    pub fn min_batch_time(mut self, time: Duration) -> Self {
        self.min_batch_time = time;
        self
    }

    /// Says how many bytes the work moves, so that the report shows a rate.
    pub fn bytes(mut self, bytes: usize) -> Self {
        self.bytes = Some(bytes);
        self
    }

    /// What it is called in the report.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What was measured.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// What was measured, without the entry.
    pub fn into_record(self) -> Record {
        self.record
    }

    /// Gigabytes a second, if the work moves bytes.
    pub fn gigabytes_per_second(&self) -> Option<f64> {
        self.bytes.map(|bytes| bytes as f64 / self.record.median())
    }

    fn calibrate(&mut self, batch_time: Duration) {
        let wanted = batch_time.max(self.min_batch_time);
        let max = self.batch.max_times();
        while self.times < max && (0..CALIBRATION_BATCHES).any(|_| self.batch.run(self.times) < wanted) {
            self.times *= 2;
        }
    }

    fn run_batch(&mut self) {
        let elapsed = self.batch.run(self.times);
        self.batch.record(self.times, elapsed, &mut self.record);
    }
}

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub struct Runner {
    /// An entry's number is the median of this many rounds.
    pub rounds: usize,
    /// Batches of each entry in a round.
    pub batches: usize,
    /// How long a batch lasts at least.
    pub batch_time: Duration,
    /// After this time no sweep begins, even if rounds are missing. One sweep always runs.
    pub time_limit: Duration,
}

impl Default for Runner {
    /// 15 rounds of 50 batches of 400 µs.
    fn default() -> Self {
        let batch_time = Duration::from_micros(400);
        Self { rounds: 15, batches: 50, batch_time, time_limit: Duration::MAX }
    }
}

impl Runner {
    /// A single call of each entry, which checks that it works.
    pub const CHECK: Self =
        Self { rounds: 1, batches: 1, batch_time: Duration::ZERO, time_limit: Duration::MAX };

    /// Measures all entries. Before each sweep, `progress` is called with the number of sweeps done
    /// and the number of all.
    pub fn run(&self, entries: &mut [Entry<'_>], mut progress: impl FnMut(usize, usize)) {
        let start = Instant::now();
        entries.iter_mut().for_each(|entry| entry.calibrate(self.batch_time));
        let sweeps = self.rounds * self.batches;
        let mut random = fastrand::Rng::with_seed(0);
        let mut order: Vec<usize> = (0..entries.len()).collect();
        for done in 0..sweeps {
            progress(done, sweeps);
            // A new order for each sweep: what ran before an entry must not favour it.
            random.shuffle(&mut order);
            order.iter().for_each(|n| entries[*n].run_batch());
            if (done + 1) % self.batches == 0 {
                entries.iter_mut().for_each(|entry| entry.record.end_round());
            }
            if start.elapsed() > self.time_limit {
                entries.iter_mut().for_each(|entry| entry.record.end());
                break;
            }
        }
    }
}

/// Calls `once` `times` times and returns how long that took.
#[inline(always)]
pub fn timed<R>(times: u64, mut once: impl FnMut() -> R) -> Duration {
    let start = Instant::now();
    for _ in 0..times {
        black_box(once());
    }
    start.elapsed()
}
