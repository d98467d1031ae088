//! Where it is measured.

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
    /// How much other processes wanted to do when it began: the load average of a minute.
    pub load: Option<f64>,
    /// The CPUs of the two processes; none, where that is the scheduler's choice.
    pub pinned_to: [Cpu; 2],
    /// The clock of single round trips.
    pub clock: &'static str,
    /// What it costs to look at it, in nanoseconds; taken off each.
    pub clock_cost: f64,
    /// The steps it goes in, in nanoseconds: percentiles of single round trips are no finer.
    pub clock_step: f64,
    /// The crate's version.
    pub breezeway: &'static str,
}

impl Machine {
    /// This one.
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
                "both processes are pinned to CPU {a} and take turns there: what is hot, contended or a stream measures the scheduler"
            ));
        }
        if let Some(warning) = self.load.and_then(|load| busy(load, self.cpus)) {
            warnings.push(warning);
        }
        warnings
    }
}
/// What is to be said where others leave less than two CPUs to two processes.
fn busy(load: f64, cpus: usize) -> Option<String> {
    /// A process that wants something now and then leaves a CPU free enough.
    const LITTLE: f64 = 0.5;
    (load + 2.0 > cpus as f64 + LITTLE).then(|| {
        format!(
            "the load average was {load:.2} on {cpus} CPUs before it began, and two processes measure: numbers may be several times \
             those of an idle machine, and differ as much from one run to the next"
        )
    })
}

/// Two CPUs to be pinned to: the first that this process may use, and the next that is not a thread of the same core. The next,
/// where all are; the same, where there is no other.
pub fn two_cpus() -> [Cpu; 2] {
    let allowed = affinity::allowed();
    let Some((&first, others)) = allowed.split_first() else { return [None, None] };
    let core = core_of(first);
    let other = others.iter().find(|cpu| core.is_none() || core_of(**cpu) != core).or(others.first());
    [Some(first), Some(*other.unwrap_or(&first))]
}

/// The threads of the core that this CPU is one of.
fn core_of(cpu: usize) -> Option<String> {
    fs::read_to_string(format!("/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")).ok()
}

#[cfg(test)]
mod tests {
    use super::busy;

    #[test]
    fn two_processes_want_two_cpus() {
        assert!(busy(0.1, 2).is_none() && busy(0.9, 2).is_some());
        assert!(busy(5.0, 8).is_none() && busy(7.0, 8).is_some());
        assert!(busy(0.0, 1).is_some());
    }
}
