//! Programs in other languages: Boost's message queue in C++, and Python's multiprocessing.
//!
//! Each program is started with the name of its work and the two CPUs to do it on. It forks a peer
//! of its own. For each line with a number it does the work that many times, checks what arrives,
//! and prints the nanoseconds it took. It ends at the end of its input.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use breezeway_bench::kernel::affinity::{OUR_CPU, PEER_CPU};
use breezeway_bench::runner::Entry;

use super::{
    ADD, BATCH_TIME, BOOST, BULK, LOCK, MANY_8, MANY_64_WAITING, PARKED, PARKED_MANY, PYTHON, READ,
    ROUND_TRIP, STREAM_8, STREAM_8_WAITING, STREAM_64, STREAM_64_WAITING, TASK, add, name_of,
};
use crate::selection::Selection;

/// The works of Boost's program, and what it calls them. Its one queue is from many to many; it is
/// compared with both `spsc` and `Queue`.
const OF_BOOST: [(&str, &str); 11] = [
    (ROUND_TRIP, "round-trip-64-tried"),
    (PARKED, "round-trip-64"),
    (PARKED_MANY, "round-trip-64"),
    (STREAM_8, "stream-8-tried"),
    (STREAM_64, "stream-64-tried"),
    (STREAM_8_WAITING, "stream-8"),
    (STREAM_64_WAITING, "stream-64"),
    (MANY_8, "stream-8-tried"),
    (MANY_64_WAITING, "stream-64"),
    (BULK, "stream-65536"),
    (LOCK, "mutex"),
];

/// The works of Python's program, and what it calls them.
const OF_PYTHON: [(&str, &str); 10] = [
    (PARKED, "pipe-round-trip-64"),
    (PARKED_MANY, "queue-round-trip-64"),
    (STREAM_8_WAITING, "pipe-stream-8"),
    (STREAM_64_WAITING, "pipe-stream-64"),
    (MANY_64_WAITING, "queue-stream-64"),
    (BULK, "pipe-stream-65536"),
    (LOCK, "lock"),
    (ADD, "value-add"),
    (READ, "value-read"),
    (TASK, "pool-map"),
];

/// Adds what is installed, and returns what is missing and why.
pub fn add_processes(selection: &mut Selection) -> Vec<String> {
    let mut missing = Vec::new();
    if is_selected(selection, BOOST, &OF_BOOST) {
        match compile() {
            Ok(binary) => add_all(selection, BOOST, &OF_BOOST, || Command::new(&binary)),
            Err(why) => missing.push(format!("Boost: {why}")),
        }
    }
    if !is_selected(selection, PYTHON, &OF_PYTHON) {
        return missing;
    }
    if !env::args().any(|argument| argument == "--python") {
        missing.push("Python: only with --python".to_owned());
    } else if Command::new("python3").arg("--version").output().is_ok_and(|version| version.status.success())
    {
        add_all(selection, PYTHON, &OF_PYTHON, || {
            let mut python = Command::new("python3");
            python.arg(source("multiprocessing_figures.py"));
            python
        });
    } else {
        missing.push("Python: there is no python3".to_owned());
    }
    missing
}

fn is_selected(selection: &Selection, peer: &str, works: &[(&str, &str)]) -> bool {
    works.iter().any(|(work, _)| selection.has(&name_of(work, peer)))
}

fn add_all(
    selection: &mut Selection,
    peer: &str,
    works: &[(&str, &'static str)],
    command: impl Fn() -> Command,
) {
    for (work, argument) in works {
        add(selection, work, peer, |name| {
            let mut program = ExternalProgram::start(command().arg(argument));
            Entry::new(name, move |times| program.time(times)).min_batch_time(BATCH_TIME)
        });
    }
}

/// One of the files beside this package's manifest.
fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Compiles Boost's program beside this one, unless it is up to date. The compiler looks for
/// Boost's headers in its own places and in `CPLUS_INCLUDE_PATH`.
fn compile() -> Result<PathBuf, String> {
    let source = source("boost_mq.cpp");
    let binary = env::current_exe().map_err(|error| error.to_string())?.with_file_name("boost_mq");
    let changed = |path: &Path| fs::metadata(path).and_then(|facts| facts.modified()).ok();
    if changed(&binary).is_some_and(|compiled| changed(&source).is_some_and(|written| written < compiled)) {
        return Ok(binary);
    }
    let mut compiler = Command::new("g++");
    compiler.args(["-std=c++17", "-O3", "-DNDEBUG", "-Wall", "-pthread", "-o"]).arg(&binary).arg(&source);
    let output = compiler.arg("-lrt").output().map_err(|error| format!("no g++: {error}"))?;
    if output.status.success() {
        return Ok(binary);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let why = said.lines().find(|line| line.contains("error")).unwrap_or("it prints no error");
    Err(format!("g++ does not compile it: {why}"))
}

/// A program that runs batches on request.
struct ExternalProgram {
    process: Child,
    /// `None` once it is to end.
    requests: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl ExternalProgram {
    fn start(command: &mut Command) -> Self {
        let cpus = [OUR_CPU, PEER_CPU].map(|cpu| cpu.map_or(String::new(), |cpu| cpu.to_string()));
        command.args(cpus).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().expect("a program");
        let requests = process.stdin.take();
        let answers = BufReader::new(process.stdout.take().expect("its answers"));
        Self { process, requests, answers }
    }

    fn time(&mut self, times: u64) -> Duration {
        let mut requests = self.requests.as_ref().expect("a program that has not ended");
        writeln!(requests, "{times}").expect("a program that reads");
        let mut answer = String::new();
        self.answers.read_line(&mut answer).expect("an answer");
        Duration::from_nanos(answer.trim().parse().expect("a number, unless the program has failed"))
    }
}

impl Drop for ExternalProgram {
    fn drop(&mut self) {
        // At the end of its input the program ends.
        self.requests = None;
        let _ = self.process.wait();
    }
}
