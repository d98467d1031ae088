//! Measuring cases by two pairs of processes.
//!
//! The processes of one pair have learnt that there are many CPUs, as processes usually do, and
//! spin before they sleep. Those of the other have learnt that there is one, so that their blocking
//! calls sleep at once: they make the round trips between sleeping processes.

use std::panic::{self, AssertUnwindSafe};
use std::rc::Rc;
use std::time::Duration;

use super::case::{Case, Failure, JobPair, Key, MakeJob, Mode, Readout};
use super::kernel::affinity::{self, Cpu};
use super::outcome::Measured;
use super::peer_process::{Job, PeerProcess};
use super::record::Record;
use super::runner::{Batch, Entry, Runner};
use super::shared_samples::SharedSamples;
use super::ticks::Ticks;

impl Runner {
    /// A few minutes for all cases.
    pub fn full() -> Self {
        let (batch_time, time_limit) = (Duration::from_micros(1500), Duration::from_secs(240));
        Self { rounds: 11, batches: 30, batch_time, time_limit }
    }

    /// A few seconds.
    pub fn quick() -> Self {
        let (batch_time, time_limit) = (Duration::from_millis(1), Duration::from_secs(15));
        Self { rounds: 5, batches: 6, batch_time, time_limit }
    }
}

/// Cases ready to be measured.
pub struct Bench {
    runner: Runner,
    ticks: Ticks,
    keys: Vec<(Key, Option<&'static str>)>,
    entries: Vec<Entry<'static>>,
    /// Kept alive even without entries, so that a killed process is a failure.
    _pairs: [Rc<ProcessPair>; 2],
    /// The cases that could not be made, and why.
    pub left_out: Vec<(Key, Failure)>,
}

/// The jobs of a pair of processes.
#[derive(Default)]
struct Jobs {
    ours: Vec<MakeJob>,
    theirs: Vec<MakeJob>,
}

/// The pair whose processes have a CPU each.
const APART: usize = 0;
/// The pair whose processes share a CPU.
const TOGETHER: usize = 1;

impl Bench {
    /// Makes the cases, and the processes that do them, which run on `cpus`. The calling process
    /// must have one thread.
    ///
    /// # Errors
    /// - [`Failure::Nothing`] if there are no cases.
    /// - The first case's failure if no case can be made.
    /// - [`Failure::Os`] if a process cannot be forked.
    pub fn new(cases: Vec<Case>, runner: Runner, cpus: [Cpu; 2]) -> Result<Self, Failure> {
        let mut jobs = [Jobs::default(), Jobs::default()];
        let (mut made, mut left_out) = (Vec::new(), Vec::new());
        for Case { key, baseline, readout, make } in cases {
            let JobPair { ours, theirs } = match make() {
                Ok(pair) => pair,
                Err(failure) => {
                    left_out.push((key, failure));
                    continue;
                }
            };
            let pair = if key.mode == Mode::Parked { TOGETHER } else { APART };
            made.push((key, baseline, readout, pair, jobs[pair].ours.len(), theirs.is_some()));
            jobs[pair].ours.push(ours);
            jobs[pair].theirs.push(theirs.unwrap_or_else(|| Box::new(|_| no_job())));
        }
        if made.is_empty() {
            return Err(left_out.into_iter().next().map_or(Failure::Nothing, |(_, failure)| failure));
        }
        let ticks = Ticks::new();
        let [apart, together] = jobs;
        let pairs = [
            Rc::new(ProcessPair::spawn(apart, ticks, cpus)?),
            Rc::new(ProcessPair::spawn(together, ticks, [cpus[0]; 2])?),
        ];
        let (mut keys, mut entries) = (Vec::new(), Vec::new());
        for (key, baseline, readout, pair, job, has_peer) in made {
            let pair = Rc::clone(&pairs[pair]);
            keys.push((key, baseline));
            let batch = CaseBatch { readout, pair, job, has_peer, all_handovers: 0, handovers: 0 };
            entries.push(Entry::new(key.to_string(), batch));
        }
        Ok(Self { runner, ticks, keys, entries, _pairs: pairs, left_out })
    }

    /// The clock of single round trips.
    pub fn ticks(&self) -> Ticks {
        self.ticks
    }

    /// Measures all cases. Before each sweep, `progress` is called with the number of sweeps done
    /// and of all.
    ///
    /// # Errors
    /// [`Failure::Ended`] if a process received a wrong message, or was killed.
    pub fn run(mut self, progress: impl FnMut(usize, usize)) -> Result<Vec<Measured>, Failure> {
        // The failure tells of a panic here; the measuring processes print theirs themselves.
        let hook = panic::take_hook();
        panic::set_hook(Box::new(|_| {}));
        let result = panic::catch_unwind(AssertUnwindSafe(|| self.runner.run(&mut self.entries, progress)));
        panic::set_hook(hook);
        result.map_err(|payload| {
            let text = payload.downcast_ref::<&str>().copied().map(str::to_owned);
            let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
            Failure::Ended(text.unwrap_or_else(|| "a process has panicked".to_owned()))
        })?;
        let records = self.entries.into_iter().map(Entry::into_record);
        let measured = self.keys.into_iter().zip(records);
        Ok(measured.map(|((key, baseline), record)| Measured { key, baseline, record }).collect())
    }
}

/// A measuring process, its peer, and the memory they share.
struct ProcessPair {
    ours: PeerProcess,
    theirs: PeerProcess,
    shared: SharedSamples,
}

impl ProcessPair {
    fn spawn(jobs: Jobs, ticks: Ticks, cpus: [Cpu; 2]) -> Result<Self, Failure> {
        let (shared, [our_cpu, their_cpu]) = (SharedSamples::new(ticks), cpus);
        Ok(Self {
            ours: spawn_worker(our_cpu, shared, jobs.ours)?,
            theirs: spawn_worker(their_cpu, shared.for_peer(), jobs.theirs)?,
            shared,
        })
    }
}

/// Forks a process that goes to its CPU and does these jobs.
fn spawn_worker(cpu: Cpu, shared: SharedSamples, jobs: Vec<MakeJob>) -> Result<PeerProcess, Failure> {
    let worker = PeerProcess::try_fork(|| {
        affinity::pin(cpu);
        jobs.into_iter().map(|make| make(shared)).collect()
    });
    Ok(worker?)
}

/// The job of a peer that has no part in a case.
fn no_job() -> Job {
    Box::new(|_, _| 0)
}

/// Batches of a case.
struct CaseBatch {
    readout: Readout,
    pair: Rc<ProcessPair>,
    /// The case's index among the pair's jobs.
    job: usize,
    has_peer: bool,
    /// How often the lock has changed hands so far.
    all_handovers: u64,
    /// How often it did in the last batch.
    handovers: u64,
}

impl Batch for CaseBatch {
    fn run(&mut self, times: u64) -> Duration {
        let ProcessPair { ours, theirs, shared } = &*self.pair;
        let their_answer = self.has_peer.then(|| theirs.submit(self.job, times));
        let our_answer = ours.submit(self.job, times).sleep_for_answer();
        let their_answer = their_answer.map_or(0, |answer| answer.sleep_for_answer());
        let nanos = match self.readout {
            Readout::Samples => {
                shared.samples(times).map(|sample| shared.ticks.picos(sample)).sum::<u64>() / 1000
            }
            Readout::Span => their_answer.saturating_sub(our_answer),
            Readout::Elapsed => our_answer,
            Readout::Race | Readout::Together => {
                if self.readout == Readout::Race {
                    self.handovers = shared.handovers() - self.all_handovers;
                    self.all_handovers = shared.handovers();
                }
                let all = our_answer + their_answer;
                assert_eq!(all, times, "the lock excludes one process while the other counts");
                shared.race_nanos()
            }
        };
        Duration::from_nanos(nanos)
    }

    fn record(&mut self, times: u64, elapsed: Duration, record: &mut Record) {
        if self.readout == Readout::Race {
            record.add_handovers(self.handovers, times);
        }
        if self.readout == Readout::Samples {
            let shared = self.pair.shared;
            shared.samples(times).for_each(|sample| record.add(shared.ticks.picos(sample)));
        } else {
            record.add_mean(times, elapsed);
        }
    }

    fn max_times(&self) -> u64 {
        if self.readout == Readout::Samples { SharedSamples::CAPACITY as u64 } else { u64::MAX / 2 }
    }
}
