//! The clock of single round trips: the processor's cycle counter if it runs at a constant rate,
//! else the kernel's clock.

#![allow(unsafe_code)]

use std::time::{Duration, Instant};

use super::kernel::clock;

/// Reads from which the cost of one is learnt.
const COST_READS: usize = 4_001;
/// How long the counter is compared with the kernel's clock.
const COMPARISON: Duration = Duration::from_millis(20);

/// The unit and the cost of [`now`].
#[derive(Clone, Copy, Debug)]
pub struct Ticks {
    picos_per_tick: f64,
    /// Mean ticks between two reads with nothing in between: part of each sample and not of what is
    /// measured.
    cost: f64,
    /// The shortest difference seen, in ticks.
    step: u64,
}

impl Ticks {
    /// Compares the counter with the kernel's clock.
    pub fn new() -> Self {
        let (start, first) = (Instant::now(), now());
        while start.elapsed() < COMPARISON {
            std::hint::spin_loop();
        }
        let (elapsed, ticks) = (start.elapsed(), now() - first);
        let mut costs: Vec<u64> = (0..COST_READS)
            .map(|_| {
                let before = now();
                now() - before
            })
            .collect();
        costs.sort_unstable();
        // Reads that were interrupted do not count.
        let usual = &costs[COST_READS / 10..COST_READS - COST_READS / 10];
        let steps = costs.windows(2).map(|pair| pair[1] - pair[0]);
        Self {
            picos_per_tick: elapsed.as_nanos() as f64 * 1e3 / ticks as f64,
            cost: usual.iter().sum::<u64>() as f64 / usual.len() as f64,
            step: steps.filter(|step| *step > 0).min().unwrap_or(1),
        }
    }

    /// Ticks as picoseconds, less the cost of a read.
    pub fn picos(self, ticks: u64) -> u64 {
        ((ticks as f64 - self.cost).max(0.0) * self.picos_per_tick) as u64
    }

    /// The cost of a read, in nanoseconds.
    pub fn cost(self) -> f64 {
        self.cost * self.picos_per_tick / 1e3
    }

    /// The shortest difference between two times that was seen, in nanoseconds.
    pub fn step(self) -> f64 {
        self.step as f64 * self.picos_per_tick / 1e3
    }

    /// Which clock it is.
    pub fn name() -> &'static str {
        if has_constant_counter() { "tsc" } else { "CLOCK_MONOTONIC" }
    }
}

impl Default for Ticks {
    fn default() -> Self {
        Self::new()
    }
}

/// The time, in ticks.
#[inline(always)]
pub fn now() -> u64 {
    #[cfg(target_arch = "x86_64")]
    if has_constant_counter() {
        let mut cpu = 0;
        // SAFETY: the processor has the instruction, as just checked. It waits until everything
        // before it is done.
        return unsafe { std::arch::x86_64::__rdtscp(&raw mut cpu) };
    }
    clock::now()
}

/// Whether CPUID says that the counter runs at a constant rate and can be read in order.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn has_constant_counter() -> bool {
    use std::sync::OnceLock;

    static IS_CONSTANT: OnceLock<bool> = OnceLock::new();
    *IS_CONSTANT.get_or_init(|| {
        const FEATURES: u32 = 0x8000_0001;
        const RDTSCP: u32 = 1 << 27;
        const POWER: u32 = 0x8000_0007;
        const INVARIANT: u32 = 1 << 8;
        let leaf = |leaf| std::arch::x86_64::__cpuid(leaf);
        leaf(0x8000_0000).eax >= POWER && leaf(FEATURES).edx & RDTSCP != 0 && leaf(POWER).edx & INVARIANT != 0
    })
}

#[cfg(not(target_arch = "x86_64"))]
fn has_constant_counter() -> bool {
    false
}
