//! Measuring cases in interleaved rounds, by two pairs of processes.
//!
//! All cases take turns, a short batch each, so that what else the machine does meets them all alike. The one pair takes it for
//! granted that there are many CPUs, as processes do; the other, that there is one, and so its blocking calls sleep at once. It has the
//! round trips of those who sleep.

use std::panic::{self, AssertUnwindSafe};
use std::time::{Duration, Instant};

use super::case::{Case, SharedSamples, Failure, Key, MakeJob, Mode, Pair, Readout, Work};
use super::kernel::affinity::{self, Cpu};
use super::outcome::Measured;
use super::peer_process::{Job, PeerProcess};
use super::ticks::Ticks;

/// How much is measured, and where.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// A case's number is the median of so many.
    pub rounds: usize,
    /// Batches of each case in a round.
    pub batches: usize,
    /// How long a batch takes, about.
    pub lasting: Duration,
    /// When this is over, no new batches are begun, though there are fewer rounds then. One batch of each there is.
    pub at_most: Duration,
    /// Where the one process runs whose time counts, and where the other.
    pub cpus: [Cpu; 2],
}

impl Settings {
    /// A few minutes for all there is.
    pub fn full(cpus: [Cpu; 2]) -> Self {
        Self {
            rounds: 11,
            batches: 30,
            lasting: Duration::from_micros(1500),
            at_most: Duration::from_secs(240),
            cpus,
        }
    }

    /// A few seconds.
    pub fn quick(cpus: [Cpu; 2]) -> Self {
        Self {
            rounds: 5,
            batches: 6,
            lasting: Duration::from_millis(1),
            at_most: Duration::from_secs(15),
            cpus,
        }
    }
}

/// A case, made.
struct Running {
    measured: Measured,
    reading: Readout,
    /// Which pair has it, and as which job.
    pair: usize,
    job: usize,
    has_peer: bool,
    /// How many times make a batch.
    times: u64,
    /// How often its lock has changed hands so far.
    turns: u64,
}

/// Two processes, and where they lay their results.
struct ProcessPair {
    ours: PeerProcess,
    theirs: PeerProcess,
    desk: SharedSamples,
}

/// Cases ready to be measured.
pub struct Bench {
    settings: Settings,
    ticks: Ticks,
    running: Vec<Running>,
    pairs: Vec<ProcessPair>,
    /// Of each case that could not be made, why.
    pub left_out: Vec<(Key, Failure)>,
}

/// Those that take it for granted that there are many CPUs.
const SPINNING: usize = 0;
/// And those that there is one.
const PARKING: usize = 1;

impl Bench {
    /// Makes the cases, and the processes that do them. There must be no other threads yet.
    ///
    /// # Errors
    /// `Nothing`, where none of them can be made; `Os`.
    pub fn new(cases: Vec<Case>, settings: Settings) -> Result<Self, Failure> {
        let mut jobs = [(Vec::new(), Vec::new()), (Vec::new(), Vec::new())];
        let (mut running, mut left_out) = (Vec::new(), Vec::new());
        for case in cases {
            let Pair { ours, theirs } = match (case.make)() {
                Ok(pair) => pair,
                Err(failure) => {
                    left_out.push((case.key, failure));
                    continue;
                }
            };
            let is_sleepy = case.key.mode == Mode::Parked && case.key.work == Work::RoundTrip;
            let pair = if is_sleepy { PARKING } else { SPINNING };
            let (our_jobs, their_jobs): &mut (Vec<MakeJob>, Vec<MakeJob>) = &mut jobs[pair];
            running.push(Running {
                measured: Measured::new(case.key, case.baseline),
                reading: case.reading,
                pair,
                job: our_jobs.len(),
                has_peer: theirs.is_some(),
                times: 1,
                turns: 0,
            });
            our_jobs.push(ours);
            their_jobs.push(theirs.unwrap_or_else(|| Box::new(|_| nothing())));
        }
        if running.is_empty() {
            return Err(left_out.into_iter().next().map_or(Failure::Nothing, |(_, failure)| failure));
        }
        let ticks = Ticks::new();
        let pairs: Result<Vec<ProcessPair>, Failure> = jobs
            .into_iter()
            .enumerate()
            .map(|(pair, (ours, theirs))| {
                let desk = SharedSamples::new(ticks);
                let [our_cpu, their_cpu] = settings.cpus;
                Ok(ProcessPair {
                    ours: spawn_worker(pair, our_cpu, desk, ours)?,
                    theirs: spawn_worker(pair, their_cpu, desk.seen_from_there(), theirs)?,
                    desk,
                })
            })
            .collect();
        Ok(Self { settings, ticks, running, pairs: pairs?, left_out })
    }

    /// The clock of single round trips.
    pub fn ticks(&self) -> Ticks {
        self.ticks
    }

    /// Measures them all. Now and then, `progress` is called with how much is done, and how much there is.
    ///
    /// # Errors
    /// `Ended`, where something that arrived is not what was sent, or somebody has killed one who takes part.
    pub fn run(mut self, mut progress: impl FnMut(usize, usize)) -> Result<Vec<Measured>, Failure> {
        let start = Instant::now();
        let measuring = AssertUnwindSafe(|| {
            let all = self.settings.rounds * self.settings.batches;
            let mut order: Vec<usize> = (0..self.running.len()).collect();
            self.calibrate();
            for done in 0..all {
                progress(done, all);
                shuffle(&mut order, done as u64);
                order.iter().for_each(|n| self.running[*n].play(&self.pairs));
                let is_over = start.elapsed() > self.settings.at_most;
                if (done + 1) % self.settings.batches == 0 {
                    self.running.iter_mut().for_each(|running| running.measured.end_round());
                }
                if is_over {
                    self.running.iter_mut().for_each(|running| running.measured.end());
                    break;
                }
            }
            self.running.into_iter().map(|running| running.measured).collect()
        });
        // A panic here is told by the failure; what the other processes have to say, they have said.
        let hook = panic::take_hook();
        panic::set_hook(Box::new(|_| {}));
        let measured = panic::catch_unwind(measuring);
        panic::set_hook(hook);
        measured.map_err(|payload| {
            let text = payload.downcast_ref::<&str>().copied().map(str::to_owned);
            let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
            Failure::Ended(text.unwrap_or_else(|| "a process has panicked".to_owned()))
        })
    }

    fn calibrate(&mut self) {
        let most = |running: &Running| {
            if running.reading == Readout::Samples { SharedSamples::ROOM as u64 } else { u64::MAX / 2 }
        };
        for running in &mut self.running {
            // Whatever else the machine does may make a batch long, but seldom two in a row.
            let is_brief = |running: &mut Running| running.batch(&self.pairs) < self.settings.lasting;
            while running.times < most(running) && (is_brief(running) || is_brief(running)) {
                running.times *= 2;
            }
        }
    }
}

impl Running {
    /// Does a batch, and keeps what it took.
    fn play(&mut self, pairs: &[ProcessPair]) {
        let turns_before = self.turns;
        let elapsed = self.batch(pairs);
        if self.reading == Readout::Race {
            self.measured.note_turns(self.turns - turns_before, self.times);
        }
        if self.reading == Readout::Samples {
            let desk = pairs[self.pair].desk;
            desk.samples(self.times).for_each(|ticks| self.measured.record(desk.ticks.picos(ticks)));
        } else {
            self.measured.record((elapsed.as_nanos() * 1000 / u128::from(self.times)) as u64);
        }
    }

    /// Does a batch, and says how long it took.
    fn batch(&mut self, pairs: &[ProcessPair]) -> Duration {
        let ProcessPair { ours, theirs, desk } = &pairs[self.pair];
        let their_answer = self.has_peer.then(|| theirs.ask(self.job, self.times));
        let our_answer = ours.ask(self.job, self.times).answer_asleep();
        let their_answer = their_answer.map_or(0, |answer| answer.answer_asleep());
        let nanos = match self.reading {
            Readout::Samples => {
                desk.samples(self.times).map(|ticks| desk.ticks.picos(ticks)).sum::<u64>() / 1000
            }
            Readout::Span => their_answer.saturating_sub(our_answer),
            Readout::Elapsed => our_answer,
            Readout::Race | Readout::Together => {
                if self.reading == Readout::Race {
                    self.turns = desk.turns();
                }
                let all = our_answer + their_answer;
                assert_eq!(all, self.times, "the lock keeps one out while the other counts");
                desk.race_took()
            }
        };
        Duration::from_nanos(nanos)
    }
}

/// Another order for each sweep: it should make no difference what was measured before.
fn shuffle(order: &mut [usize], seed: u64) {
    // The splitmix generator, by Sebastiano Vigna.
    let mut state = seed;
    let mut random = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    };
    for n in (1..order.len()).rev() {
        order.swap(n, (random() % (n as u64 + 1)) as usize);
    }
}

/// A process that has learnt to be eager or sleepy, and does these jobs.
fn spawn_worker(pair: usize, cpu: Cpu, desk: SharedSamples, jobs: Vec<MakeJob>) -> Result<PeerProcess, Failure> {
    let peer = PeerProcess::try_fork(|| {
        let allowed = affinity::allowed();
        if pair == PARKING {
            affinity::pin(cpu.or(allowed.first().copied()));
            affinity::count_cpus();
            affinity::allow(&allowed);
        } else {
            affinity::count_cpus();
        }
        affinity::pin(cpu);
        jobs.into_iter().map(|make| make(desk)).collect()
    });
    Ok(peer?)
}

/// The job of who has nothing to do.
fn nothing() -> Job {
    Box::new(|_, _| 0)
}
