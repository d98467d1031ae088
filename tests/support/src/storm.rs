//! What happens in a storm, and when: drawn from a seed, which replays it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The environment variable that holds the seed of a storm to replay.
const SEED: &str = "BREEZEWAY_STORM_SEED";

/// The seed of all that is left to chance in a storm: `BREEZEWAY_STORM_SEED`, or a new one.
pub fn seed() -> u64 {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    if let Ok(text) = std::env::var(SEED) {
        return text.parse().expect("a seed is a number");
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
    now ^ COUNT.fetch_add(1 << 56, Ordering::Relaxed)
}

/// What a watchdog says of a storm that fails.
pub fn how_to_replay(seed: u64) -> String {
    format!("{SEED}={seed} replays the kills, stops and closings")
}

/// Random numbers.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Those of one process of a storm; 0 is the process that raises it.
    pub fn of(seed: u64, process: u64) -> Self {
        let mut random = Self(seed ^ process.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        random.below(1);
        random
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// One round of a storm: who is killed when, and who is stopped meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Round {
    pub pause: Duration,
    pub victim: usize,
    /// Stopped before the kill, wherever it is, and for how long after it.
    pub stopped: Option<(usize, Duration)>,
}

impl Round {
    /// The next round among this many processes, after a pause of at most `longest` microseconds.
    pub fn next(random: &mut Random, processes: usize, longest: u64) -> Self {
        let pause = Duration::from_micros(random.below(longest));
        let [victim, bystander] = [(); 2].map(|()| random.below(processes as u64) as usize);
        let (stops, time) = (random.below(4) == 0, Duration::from_micros(random.below(3_000)));
        Self { pause, victim, stopped: (stops && bystander != victim).then_some((bystander, time)) }
    }
}

/// When a process of a storm closes every descriptor from 3 on: one in three does, between two of
/// its operations.
#[derive(Debug)]
pub struct Closing {
    left: Option<u64>,
}

impl Closing {
    /// The closing of this process, which draws it from a seed.
    pub fn of(seed: u64, process: u64) -> Self {
        let mut random = Random::of(!seed, process);
        Self { left: (random.below(3) == 0).then(|| random.below(512)) }
    }

    /// Called after each operation.
    pub fn step(&mut self) {
        match &mut self.left {
            None => {}
            Some(0) => {
                self.left = None;
                crate::descriptors::close_all();
            }
            Some(left) => *left -= 1,
        }
    }
}

/// Replaying is to be relied on.
#[must_use]
pub fn replays(seed: u64) -> bool {
    let rounds = |random: &mut Random| (0..100).map(|_| Round::next(random, 8, 6_000)).collect::<Vec<_>>();
    rounds(&mut Random::of(seed, 0)) == rounds(&mut Random::of(seed, 0))
        && rounds(&mut Random::of(seed, 0)) != rounds(&mut Random::of(seed + 1, 0))
}
