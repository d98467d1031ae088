//! The machine that is measured.

use std::fs;

use serde::Serialize;

use super::kernel::affinity::{self, Cpu};
use super::ticks::Ticks;

/// What numbers depend on.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    /// The CPU's model.
    pub cpu: String,
    /// How many CPUs this process may use.
    pub cpus: usize,
    /// The kernel's release.
    pub kernel: String,
    /// The architecture.
    pub architecture: &'static str,
    /// The load average of the minute before.
    pub load: Option<f64>,
    /// The CPUs of the two processes; `None` where the scheduler chooses.
    pub pinned_to: [Cpu; 2],
    /// The clock of single round trips.
    pub clock: &'static str,
    /// The cost of reading the clock in nanoseconds, which is subtracted from each round trip.
    pub clock_cost: f64,
    /// The clock's resolution in nanoseconds: percentiles of single round trips are no finer.
    pub clock_step: f64,
    /// The version of breezeway.
    pub breezeway: &'static str,
}

impl Machine {
    /// Describes this machine.
    pub fn here(pinned_to: [Cpu; 2], ticks: Ticks) -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let (cpuinfo, load) = (read("/proc/cpuinfo"), read("/proc/loadavg"));
        let model =
            cpuinfo.lines().find(|line| line.starts_with("model name") || line.starts_with("CPU part"));
        let model = model.and_then(|line| line.split(':').nth(1)).map(str::trim);
        Self {
            cpu: model.unwrap_or("unknown").to_owned(),
            cpus: affinity::allowed().len(),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            architecture: std::env::consts::ARCH,
            load: load.split(' ').next().and_then(|load| load.parse().ok()),
            pinned_to,
            clock: Ticks::name(),
            clock_cost: ticks.cost(),
            clock_step: ticks.step(),
            breezeway: env!("CARGO_PKG_VERSION"),
        }
    }

    /// Why its numbers may mean little.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if let [Some(a), Some(b)] = self.pinned_to
            && a == b
        {
            warnings.push(format!(
                "both processes are pinned to CPU {a} and take turns there: hot round trips, contended locks and \
                 streams measure the scheduler"
            ));
        }
        warnings.extend(self.load.and_then(|load| load_warning(load, self.cpus)));
        warnings
    }
}

/// A warning if other processes leave fewer than two CPUs idle.
fn load_warning(load: f64, cpus: usize) -> Option<String> {
    /// A load that does not disturb.
    const NEGLIGIBLE: f64 = 0.5;
    (load + 2.0 > cpus as f64 + NEGLIGIBLE).then(|| {
        format!(
            "the load average was {load:.2} on {cpus} CPUs before the measurement, which takes two: numbers may be \
             several times those of an idle machine, and differ as much between runs"
        )
    })
}

/// Two CPUs to pin processes to: the first that this process may use, and the next on another core.
/// If there is no other core, the next CPU; if there is one CPU, that one twice.
pub fn two_cpus() -> [Cpu; 2] {
    let allowed = affinity::allowed();
    let Some((&first, others)) = allowed.split_first() else { return [None, None] };
    let core = core_of(first);
    let other = others.iter().find(|cpu| core.is_none() || core_of(**cpu) != core).or(others.first());
    [Some(first), Some(*other.unwrap_or(&first))]
}

/// The hardware threads of the core that this CPU belongs to.
fn core_of(cpu: usize) -> Option<String> {
    fs::read_to_string(format!("/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")).ok()
}

#[cfg(test)]
mod tests {
    use super::load_warning;

    #[test]
    fn load_warning_unless_two_cpus_are_idle() {
        assert!(load_warning(0.1, 2).is_none() && load_warning(0.9, 2).is_some());
        assert!(load_warning(5.0, 8).is_none() && load_warning(7.0, 8).is_some());
        assert!(load_warning(0.0, 1).is_some());
    }
}
