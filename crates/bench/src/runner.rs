//! Measuring several things in interleaved rounds, and what was promised of them.
//!
//! The machines this runs on are shared: the same loop takes twice the time a moment later. So all sides take turns, a short
//! batch each, until each has had its share of the round; a side's number is the median of its rounds, each the median of its
//! batches; and only ratios of those mean anything.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// How long a batch takes, about.
const BATCH: Duration = Duration::from_micros(400);
/// How many batches of each side a round has.
const BATCHES: usize = 50;

/// How many batches in a row must be long enough.
const SURE: usize = 3;

/// One thing to be measured.
pub struct Entry<'a> {
    name: &'static str,
    /// Does the thing so many times and says how long that took.
    batch: Box<dyn FnMut(u64) -> Duration + 'a>,
    /// How long a batch is to take.
    lasting: Duration,
    /// How many times make a batch.
    times: u64,
    /// Nanoseconds, a number for each batch of the round.
    batches: Vec<f64>,
    /// Nanoseconds, a number for each round.
    rounds: Vec<f64>,
}

impl<'a> Entry<'a> {
    /// A side that does the thing so many times, and says how long that took.
    pub fn new(name: &'static str, batch: impl FnMut(u64) -> Duration + 'a) -> Self {
        let (batches, rounds) = (Vec::new(), Vec::new());
        Self { name, batch: Box::new(batch), lasting: BATCH, times: 1, batches, rounds }
    }

    /// A side whose batch is a loop.
    pub fn looped<R>(name: &'static str, once: impl Fn() -> R + 'a) -> Self {
        Self::new(name, move |times| timed(times, &once))
    }

    /// A side whose batches are longer than usual, because it takes a while until all who take part are at it.
    pub fn lasting(mut self, time: Duration) -> Self {
        self.lasting = time;
        self
    }

    /// What it is called.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Nanoseconds.
    pub fn median(&self) -> f64 {
        median(&self.rounds)
    }

    /// Does a batch, and keeps how long it took.
    pub fn play_batch(&mut self) {
        self.batches.push((self.batch)(self.times).as_nanos() as f64 / self.times as f64);
    }

    /// Finds how many times make a batch. One that takes long may have been interrupted: only several in a row tell.
    fn calibrate(&mut self) {
        while (0..SURE).any(|_| (self.batch)(self.times) < self.lasting) {
            self.times *= 2;
        }
    }

    fn end_round(&mut self) {
        self.rounds.push(median(&self.batches));
        self.batches.clear();
    }
}

/// Measures them all, in so many rounds.
pub fn play(sides: &mut [Entry<'_>], rounds: usize) {
    sides.iter_mut().for_each(Entry::calibrate);
    for _ in 0..rounds {
        (0..BATCHES).for_each(|_| sides.iter_mut().for_each(Entry::play_batch));
        sides.iter_mut().for_each(Entry::end_round);
    }
}

/// How long it takes to do something so many times.
#[inline(always)]
pub fn timed<R>(times: u64, mut once: impl FnMut() -> R) -> Duration {
    let start = Instant::now();
    for _ in 0..times {
        black_box(once());
    }
    start.elapsed()
}

/// How the time of a side compares with that of the fastest of some others; with none, how many nanoseconds it is.
pub struct Promise {
    /// In words.
    pub what: &'static str,
    /// The side's name.
    pub of: &'static str,
    /// The others' names.
    pub to: &'static [&'static str],
    /// What was promised.
    pub bound: Bound,
}

/// A promise.
pub enum Bound {
    /// No more.
    AtMost(f64),
    /// No less.
    AtLeast(f64),
}

/// Prints what was measured, and which promises are kept. Of a promise whose sides were not all measured, nothing is said.
pub fn report(sides: &[Entry<'_>], promises: &[Promise]) {
    println!("{:<44} {:>11} {:>22}", "side", "median, ns", "fastest..slowest round");
    for side in sides {
        let fastest = side.rounds.iter().copied().fold(f64::MAX, f64::min);
        let slowest = side.rounds.iter().copied().fold(0.0, f64::max);
        println!("{:<44} {:>11.2} {fastest:>11.2}..{slowest:.2}", side.name, side.median());
    }
    println!("\n{:<44} {:>11} {:>11}", "promise", "measured", "promised");
    for Promise { what, of, to, bound } in promises {
        let Some(measured) = ratio(sides, of, to) else { continue };
        let (promised, kept) = match *bound {
            Bound::AtMost(most) => (format!("<= {most:.2}"), measured <= most),
            Bound::AtLeast(least) => (format!(">= {least:.2}"), measured >= least),
        };
        println!("{what:<44} {measured:>11.2} {promised:>11} {}", if kept { "kept" } else { "MISSED" });
    }
}

fn ratio(sides: &[Entry<'_>], of: &str, to: &[&str]) -> Option<f64> {
    let time = |name: &str| sides.iter().find(|side| side.name == name).map(Entry::median);
    let others: Option<Vec<f64>> = to.iter().map(|name| time(name)).collect();
    let baseline = others?.into_iter().reduce(f64::min).unwrap_or(1.0);
    Some(time(of)? / baseline)
}

/// What follows an option among this program's arguments.
pub fn argument(option: &str) -> Option<String> {
    std::env::args().skip_while(|argument| argument != option).nth(1)
}

/// How many rounds were asked for.
///
/// # Panics
/// Where it is not a number.
pub fn rounds() -> usize {
    argument("--rounds").map_or(15, |rounds| rounds.parse().expect("a number of rounds"))
}

/// The one in the middle; of an even number of them, the upper.
///
/// # Panics
/// Where there are none.
pub fn median(numbers: &[f64]) -> f64 {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}
