//! Runs each case in a process of its own, and clears up behind it however it ended.

use std::fs;
use std::path::Path;
use std::time::Instant;

use breezeway::Segment;

use super::process::{self, end_in_words};
use super::progress;
use super::tally::Tally;

/// A test case.
#[derive(Clone, Copy)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) run: fn(&str) -> Tally,
}

const SHARED_MEMORY: &str = "/dev/shm";

/// Runs the cases one after the other, each on a segment name of its own. Says whether all have passed.
pub(crate) fn run(cases: &[Case]) -> bool {
    progress::prepare();
    let start = Instant::now();
    let failed = cases.iter().filter(|case| !passes(case)).count();
    println!(
        "total: {} kill points in {} cases ({failed} failed), {:.1} s",
        progress::kills(),
        cases.len(),
        start.elapsed().as_secs_f64()
    );
    failed == 0
}

fn passes(case: &Case) -> bool {
    let prefix = format!("breezeway-kill-{}-", std::process::id());
    let process = process::fork(|| {
        let no_core = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: reads a local.
        unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const no_core) };
        let tally = (case.run)(&format!("{prefix}{}", case.name));
        println!("{}: {tally}", case.name);
        0
    });
    let status = process.wait();
    let mut verdict = Ok(());
    if status != 0 {
        verdict = Err(format!("{}, last seen: {}", end_in_words(status), progress::last()));
        // Making any segment clears away those that the dead have not finished.
        drop(Segment::create(&format!("{prefix}sweep"), 1 << 16));
    }
    for name in names_in(Path::new(SHARED_MEMORY)).filter(|name| name.starts_with(&prefix)) {
        let _ = fs::remove_file(Path::new(SHARED_MEMORY).join(&name));
        verdict = verdict.and_then(|()| Err(format!("left {name} behind")));
    }
    if let Err(reason) = &verdict {
        println!("{}: FAILED, {reason}", case.name);
    }
    verdict.is_ok()
}

/// The names of a folder's files.
pub(crate) fn names_in(folder: &Path) -> impl Iterator<Item = String> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok())
}
