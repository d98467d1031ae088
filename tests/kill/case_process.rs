//! The process of one case: it forks the worker that runs the case, judges how that ended, and
//! removes what it has left.

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use breezeway::Segment;

use super::affinity;
use super::process::{self, describe_status};
use super::progress::ProgressPage;
use super::runner::{Case, CaseReport};

/// Names the case that this process is started for.
const CASE: &str = "BREEZEWAY_KILL_CASE";
/// The index of the CPU that the case runs on, among those that this process may use.
const CPU: &str = "BREEZEWAY_KILL_CPU";

const SHARED_MEMORY: &str = "/dev/shm";

/// How much nicer a busy case is than a blocking one, whose steps must be done before its timeout
/// expires.
const BUSY_NICENESS: libc::c_int = 5;

/// Starts a process for the case, and waits for its end. Fails with what it has written.
pub(crate) fn spawn_and_wait(case: &Case, cpu: usize) -> Result<CaseReport, String> {
    let binary = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut command = Command::new(binary);
    command.env(CASE, case.name).env(CPU, cpu.to_string()).stdin(Stdio::null());
    let output = command.output().map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        let messages = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{}: {}{messages}", output.status, text.trim_end()));
    }
    let (summary, kills) = text.trim_end().rsplit_once('\n').ok_or("the case has reported nothing")?;
    let kills = kills.parse().map_err(|_| format!("{kills} is no number of kills"))?;
    Ok(CaseReport { kills, summary: summary.to_owned() })
}

/// Runs the case that the environment names. `None` if it names none.
pub(crate) fn run_requested(cases: &[Case]) -> Option<ExitCode> {
    let name = std::env::var(CASE).ok()?;
    process::die_with_parent();
    let cpu = std::env::var(CPU).ok().and_then(|cpu| cpu.parse().ok()).unwrap_or(0);
    let case = cases.iter().find(|case| case.name == name).expect("a case of this name");
    Some(match run(case, cpu) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            println!("{reason}");
            ExitCode::FAILURE
        }
    })
}

/// Runs the case in a forked worker, prints its report, and removes what it has left.
fn run(case: &Case, cpu: usize) -> Result<(), String> {
    let page = ProgressPage::new();
    let segment = segment_name(case.name);
    let worker = process::fork(|| {
        page.install();
        affinity::assign(cpu);
        if !case.is_blocking {
            // SAFETY: no memory is passed.
            unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, BUSY_NICENESS) };
        }
        let no_core = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: reads a local.
        unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const no_core) };
        println!("{}", (case.run)(&segment));
        0
    });
    let status = worker.wait_status();
    let mut verdict = Ok(());
    if status == 0 {
        println!("{}", page.kills());
    } else {
        verdict = Err(format!("{}, last seen: {}", describe_status(status), page.stage()));
        // Creating any segment removes those that dead processes have not finished.
        drop(Segment::create(&segment_name("sweep"), 1 << 16));
    }
    for folder in [Path::new(SHARED_MEMORY), &std::env::temp_dir()] {
        if names_in(folder).any(|left| left == segment) {
            let path = folder.join(&segment);
            let _ = fs::remove_file(&path).or_else(|_| fs::remove_dir_all(&path));
            verdict = verdict.and_then(|()| Err(format!("left {} behind", path.display())));
        }
    }
    verdict
}

/// The name of a case's segment.
fn segment_name(case: &str) -> String {
    format!("breezeway-kill-{}-{case}", std::process::id())
}

/// The names of a folder's files.
pub(crate) fn names_in(folder: &Path) -> impl Iterator<Item = String> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok())
}
