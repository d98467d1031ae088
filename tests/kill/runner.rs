//! Runs the cases by libtest-mimic: arguments, listing, filters and reports are those of every test
//! binary.
//!
//! Each case runs in a process of its own, which is this binary again, so that a case has one
//! thread, may fork, and may hang or crash without taking the others along.

use std::process::ExitCode;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Failed, Trial};

use super::affinity;
use super::case_process;
use super::kill_counts::KillCounts;

/// A test case.
#[derive(Clone, Copy)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// Runs the case on a segment of the given name.
    pub(crate) run: fn(&str) -> KillCounts,
    /// Whether most of its time goes in blocking: until its child is in a futex wait, or until a
    /// timeout expires.
    pub(crate) is_blocking: bool,
    /// Whether it takes much CPU time, so that it must not be among the last to start.
    pub(crate) is_long: bool,
}

/// What a case that has passed reports.
pub(crate) struct CaseReport {
    pub(crate) kills: usize,
    /// The kills by outcome, in words.
    pub(crate) summary: String,
}

/// A report, and how long the case took.
type Finished = (&'static str, CaseReport, Duration);

/// Runs one case where this process was started for it, and otherwise those that the command line
/// asks for.
pub(crate) fn main(cases: &[Case]) -> ExitCode {
    if let Some(code) = case_process::run_requested(cases) {
        return code;
    }
    let mut arguments = Arguments::from_args();
    let scheduler = Arc::new(Scheduler::new(arguments.test_threads));
    // The blocking ones take almost no CPU time, so all of them may run at a time.
    let blocking = cases.iter().filter(|case| case.is_blocking).count();
    arguments.test_threads.get_or_insert(scheduler.busy_limit + blocking);

    let finished = Arc::new(Mutex::new(Vec::new()));
    let trial = |case: &Case| trial(*case, Arc::clone(&scheduler), Arc::clone(&finished));
    // What takes longest goes first, so that no CPU is idle at the end.
    let mut order: Vec<&Case> = cases.iter().collect();
    order.sort_by_key(|case| (!case.is_blocking, !case.is_long));
    let start = Instant::now();
    let conclusion = libtest_mimic::run(&arguments, order.into_iter().map(trial).collect());
    if !arguments.list {
        print_totals(&mut finished.lock().unwrap(), conclusion.num_failed, start.elapsed());
    }
    conclusion.exit_code()
}

fn trial(case: Case, scheduler: Arc<Scheduler>, finished: Arc<Mutex<Vec<Finished>>>) -> Trial {
    Trial::test(case.name, move || {
        let seat = scheduler.take_seat(case.is_blocking);
        let start = Instant::now();
        let report = case_process::spawn_and_wait(&case, seat.cpu).map_err(Failed::from)?;
        finished.lock().unwrap().push((case.name, report, start.elapsed()));
        Ok(())
    })
}

fn print_totals(finished: &mut [Finished], failed: u64, elapsed: Duration) {
    finished.sort_unstable_by_key(|(name, ..)| *name);
    for (name, report, elapsed) in &*finished {
        println!("{name}: {}, {:.1} s", report.summary, elapsed.as_secs_f64());
    }
    let kills: usize = finished.iter().map(|(_, report, _)| report.kills).sum();
    let cases = finished.len() as u64 + failed;
    println!("total: {kills} kill points in {cases} cases ({failed} failed), {:.1} s", elapsed.as_secs_f64());
}

/// Says on which CPU a case runs, and lets it wait until there is room.
struct Scheduler {
    /// How many cases may run at a time that are busy.
    busy_limit: usize,
    /// By CPU: how many of the busy and of the blocking cases run there.
    running: Mutex<Vec<[usize; 2]>>,
    has_room: Condvar,
}

impl Scheduler {
    /// By default two busy cases for each CPU: they block now and then, too.
    fn new(threads: Option<usize>) -> Self {
        let cpus = affinity::cpu_count();
        let busy_limit = threads.unwrap_or(2 * cpus).max(1);
        Self { busy_limit, running: Mutex::new(vec![[0; 2]; cpus]), has_room: Condvar::new() }
    }

    /// The CPU with the fewest cases of this kind, once a busy case may run.
    fn take_seat(&self, is_blocking: bool) -> Seat<'_> {
        let kind = usize::from(is_blocking);
        let busy = |running: &[[usize; 2]]| running.iter().map(|counts| counts[0]).sum::<usize>();
        let mut running = self.running.lock().unwrap();
        while !is_blocking && busy(&running) >= self.busy_limit {
            running = self.has_room.wait(running).unwrap();
        }
        // Where each case has a runner of its own, as under nextest, not all begin with the same
        // CPU.
        let first = std::process::id() as usize;
        let cpus = (first..first + running.len()).map(|cpu| cpu % running.len());
        let cpu = cpus.min_by_key(|cpu| running[*cpu][kind]).expect("a CPU");
        running[cpu][kind] += 1;
        Seat { scheduler: self, cpu, kind }
    }
}

/// A case's place among those that run.
struct Seat<'a> {
    scheduler: &'a Scheduler,
    cpu: usize,
    kind: usize,
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.scheduler.running.lock().unwrap()[self.cpu][self.kind] -= 1;
        self.scheduler.has_room.notify_all();
    }
}
