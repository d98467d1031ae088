//! Runs each case in a process of its own, and clears up behind it however it ended.

use std::fs;
use std::path::Path;
use std::time::Instant;

use breezeway::Segment;

use super::process::{self, Process, end_in_words};
use super::progress::Page;
use super::tally::Tally;

/// A test case.
#[derive(Clone, Copy)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) run: fn(&str) -> Tally,
}

const SHARED_MEMORY: &str = "/dev/shm";

/// A case in its process.
struct Running {
    case: Case,
    process: Process,
    page: Page,
}

/// Runs the cases, so many at a time, each on a segment name of its own. Says whether all have passed.
pub(crate) fn run(cases: &[Case], at_a_time: usize) -> bool {
    let start = Instant::now();
    let mut waiting = cases.iter();
    let mut running: Vec<Running> = Vec::new();
    let mut kills = 0;
    let mut failed = 0;
    loop {
        running.extend(waiting.by_ref().take(at_a_time - running.len()).map(begin));
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

/// What the segment of a case is called.
fn segment_name(case: &str) -> String {
    format!("breezeway-kill-{}-{case}", std::process::id())
}

fn begin(case: &Case) -> Running {
    let page = Page::new();
    let name = segment_name(case.name);
    let process = process::fork(|| {
        page.adopt();
        let no_core = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: reads a local.
        unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const no_core) };
        let tally = (case.run)(&name);
        println!("{}: {tally}", case.name);
        0
    });
    Running { case: *case, process, page }
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
