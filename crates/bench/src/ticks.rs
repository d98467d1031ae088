//! The clock of single round trips: the processor's counter of cycles where it runs at one rate, the kernel's clock elsewhere.

#![allow(unsafe_code)]

use std::time::{Duration, Instant};

use super::kernel::clock;

/// How often the clock is looked at to learn what a look costs.
const LOOKS: usize = 4_001;
/// And how long it is compared with the kernel's.
const COMPARED: Duration = Duration::from_millis(20);

/// What a tick of the clock is.
#[derive(Clone, Copy, Debug)]
pub struct Ticks {
    picos_per_tick: f64,
    /// Ticks that pass between two looks with nothing in between: a part of every time, and no part of what is measured. On the average:
    /// the clock may go in steps that are longer.
    cost: f64,
    /// The shortest way between two times that are not the same.
    step: u64,
}

impl Ticks {
    /// Compares it with the kernel's clock.
    ///
    /// # Panics
    /// Where the kernel has none.
    pub fn new() -> Self {
        let (start, first) = (Instant::now(), now());
        while start.elapsed() < COMPARED {
            std::hint::spin_loop();
        }
        let (elapsed, ticks) = (start.elapsed(), now() - first);
        let mut costs: Vec<u64> = (0..LOOKS)
            .map(|_| {
                let before = now();
                now() - before
            })
            .collect();
        costs.sort_unstable();
        // Not the slowest: something came between them.
        let usual = &costs[LOOKS / 10..LOOKS - LOOKS / 10];
        let steps = costs.windows(2).map(|pair| pair[1] - pair[0]);
        Self {
            picos_per_tick: elapsed.as_nanos() as f64 * 1e3 / ticks as f64,
            cost: usual.iter().sum::<u64>() as f64 / usual.len() as f64,
            step: steps.filter(|step| *step > 0).min().unwrap_or(1),
        }
    }

    /// How many picoseconds so many ticks are, without what it costs to look.
    pub fn picos(self, ticks: u64) -> u64 {
        ((ticks as f64 - self.cost).max(0.0) * self.picos_per_tick) as u64
    }

    /// What is taken off each, in nanoseconds.
    pub fn cost(self) -> f64 {
        self.cost * self.picos_per_tick / 1e3
    }

    /// The shortest time that it can tell from none, in nanoseconds, as far as it has shown.
    pub fn step(self) -> f64 {
        self.step as f64 * self.picos_per_tick / 1e3
    }

    /// Which clock it is.
    pub fn name() -> &'static str {
        if has_steady_counter() { "tsc" } else { "CLOCK_MONOTONIC" }
    }
}

impl Default for Ticks {
    fn default() -> Self {
        Self::new()
    }
}

/// The clock.
///
/// # Panics
/// Where the kernel has none.
#[inline(always)]
pub fn now() -> u64 {
    #[cfg(target_arch = "x86_64")]
    if has_steady_counter() {
        let mut cpu = 0;
        // SAFETY: the processor has the instruction, as just seen. It waits until everything before it is done.
        return unsafe { std::arch::x86_64::__rdtscp(&raw mut cpu) };
    }
    clock::now()
}

/// Whether the counter runs at one rate, whatever the processor does, and can be read in order, as it says of itself.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn has_steady_counter() -> bool {
    use std::sync::OnceLock;

    static IS_STEADY: OnceLock<bool> = OnceLock::new();
    *IS_STEADY.get_or_init(|| {
        const FEATURES: u32 = 0x8000_0001;
        const IN_ORDER: u32 = 1 << 27;
        const POWER: u32 = 0x8000_0007;
        const INVARIANT: u32 = 1 << 8;
        let leaf = |leaf| std::arch::x86_64::__cpuid(leaf);
        leaf(0x8000_0000).eax >= POWER
            && leaf(FEATURES).edx & IN_ORDER != 0
            && leaf(POWER).edx & INVARIANT != 0
    })
}

#[cfg(not(target_arch = "x86_64"))]
fn has_steady_counter() -> bool {
    false
}
