//! Runs each case in a process of its own, and clears up behind it however it ended.

use std::collections::VecDeque;
use std::fs;
use std::path::Path;
use std::time::Instant;

use breezeway::Segment;

use super::cpu;
use super::process::{self, Process, end_in_words};
use super::progress::Page;
use super::tally::Tally;

/// A test case.
#[derive(Clone, Copy)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) run: fn(&str) -> Tally,
    /// Whether most of its time goes in waiting: for its child to fall asleep, or for a time to be up.
    pub(crate) is_sleepy: bool,
}

const SHARED_MEMORY: &str = "/dev/shm";

/// A case in its process.
struct Running {
    case: Case,
    seat: usize,
    process: Process,
    page: Page,
}

/// How many cases run at a time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AtATime {
    all: usize,
    /// Of those that want the CPU most of the time.
    busy: usize,
}

impl AtATime {
    pub(crate) fn of(count: usize) -> Self {
        Self { all: count.max(1), busy: count.max(1) }
    }
}

impl Default for AtATime {
    /// Busy ones have a wait now and then, too: two for each CPU. Sleepers take a twentieth of one each.
    fn default() -> Self {
        let busy = 2 * cpu::seats();
        Self { all: 4 * busy, busy }
    }
}

/// Runs the cases, so many at a time, each on a segment name of its own. Says whether all have passed.
pub(crate) fn run(cases: &[Case], at_a_time: AtATime) -> bool {
    let start = Instant::now();
    let mut waiting: VecDeque<&Case> = cases.iter().collect();
    let mut running: Vec<Running> = Vec::new();
    let mut kills = 0;
    let mut failed = 0;
    loop {
        while let Some(next) = next(&waiting, &running, at_a_time) {
            let case = waiting.remove(next).expect("one of them");
            let seat = least_taken(&running, case.is_sleepy);
            running.push(begin(case, seat));
        }
        if running.is_empty() {
            break;
        }
        let (pid, status) = process::wait_for_any();
        if let Some(at) = running.iter().position(|one| one.process.pid() == pid) {
            let ended = running.swap_remove(at);
            kills += ended.page.kills();
            failed += usize::from(!passed(&ended, status));
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    println!("total: {kills} kill points in {} cases ({failed} failed), {seconds:.1} s", cases.len());
    failed == 0
}

/// Which case to begin now. Sleepers go first: they take longest, and leave the CPU to others.
fn next(waiting: &VecDeque<&Case>, running: &[Running], at_a_time: AtATime) -> Option<usize> {
    let busy = running.iter().filter(|one| !one.case.is_sleepy).count();
    let sleepy = waiting.iter().position(|case| case.is_sleepy);
    let sleepy = sleepy.filter(|_| running.len() - busy < at_a_time.all - at_a_time.busy);
    let any = || (!waiting.is_empty() && running.len() < at_a_time.all && busy < at_a_time.busy).then_some(0);
    sleepy.or_else(any)
}

/// What the segment of a case is called.
fn segment_name(case: &str) -> String {
    format!("breezeway-kill-{}-{case}", std::process::id())
}

/// The CPU that fewest cases of the kind run on.
fn least_taken(running: &[Running], is_sleepy: bool) -> usize {
    let alike = |one: &&Running| one.case.is_sleepy == is_sleepy;
    let taken = |seat: &usize| running.iter().filter(alike).filter(|one| one.seat == *seat).count();
    // Where each case is run by a supervisor of its own, they do not all begin with the same one.
    let first = std::process::id() as usize;
    let seats = cpu::seats();
    (first..first + seats).map(|seat| seat % seats).min_by_key(taken).expect("a CPU")
}

fn begin(case: &Case, seat: usize) -> Running {
    let page = Page::new();
    let name = segment_name(case.name);
    let process = process::fork(|| {
        page.adopt();
        cpu::take(seat);
        let start = Instant::now();
        let no_core = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: reads a local.
        unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const no_core) };
        let tally = (case.run)(&name);
        println!("{}: {tally}, {:.1} s", case.name, start.elapsed().as_secs_f64());
        0
    });
    Running { case: *case, seat, process, page }
}

/// Judges a case that has ended, and removes what it has left.
fn passed(ended: &Running, status: libc::c_int) -> bool {
    let name = ended.case.name;
    let mut verdict = Ok(());
    if status != 0 {
        verdict = Err(format!("{}, last seen: {}", end_in_words(status), ended.page.last()));
        // Making any segment clears away those that the dead have not finished.
        drop(Segment::create(&segment_name("sweep"), 1 << 16));
    }
    let segment = segment_name(name);
    for folder in [Path::new(SHARED_MEMORY), &std::env::temp_dir()] {
        if names_in(folder).any(|left| left == segment) {
            let path = folder.join(&segment);
            let _ = fs::remove_file(&path).or_else(|_| fs::remove_dir_all(&path));
            verdict = verdict.and_then(|()| Err(format!("left {} behind", path.display())));
        }
    }
    if let Err(reason) = &verdict {
        println!("{name}: FAILED, {reason}");
    }
    verdict.is_ok()
}

/// The names of a folder's files.
pub(crate) fn names_in(folder: &Path) -> impl Iterator<Item = String> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok())
}
