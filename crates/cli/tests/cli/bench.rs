//! `breezeway bench`, as a user calls it.

use std::fs::File;
use std::io::Read;
use std::os::fd::FromRawFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use std::{fs, io, process, ptr, thread};

use assert_cmd::Command;
use assert_cmd::assert::OutputAssertExt;
use predicates::prelude::PredicateBooleanExt;
use predicates::str::{contains, is_empty};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::breezeway;

/// Arguments for the shortest measurement.
const BRIEF: [&str; 5] = ["bench", "--quick", "--rounds", "1", "--only"];

/// The command with these arguments after [`BRIEF`].
fn measured(only: &str) -> Command {
    let mut command = breezeway(&BRIEF);
    command.arg(only);
    command
}

/// A folder that is removed after the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn bench_table_has_the_cases_asked_for_and_their_baselines() {
    let output = measured("round-trip spsc 64 B").assert().success().stderr(is_empty());
    let rows = ["round trip, hot", "one line", "round trip, parked", "bare futex", "spsc", "pipe", "× pipe"];
    for row in rows {
        output.get_output().stdout.windows(row.len()).find(|text| *text == row.as_bytes()).expect(row);
    }
    output.stdout(contains("Queue").not().and(contains("pinned to CPU").or(contains("CPUs"))));
}

#[test]
fn bench_table_has_locks_beside_the_c_librarys() {
    let all = ["Mutex", "pthread mutex, robust", "Value::get", "Semaphore", "sem_t", "RwLock, read"];
    let output = measured("lock alone").assert().success().get_output().stdout.clone();
    let output = String::from_utf8(output).unwrap();
    all.iter().for_each(|name| assert!(output.contains(name), "{name} in {output}"));
    measured("lock contended Mutex").assert().success().stdout(contains("lock, two processes"));
}

/// A lock that seldom changes hands looks fast.
#[test]
fn bench_handovers_are_counted_of_contended_locks() {
    let output = measured("lock contended").args(["--json", "-"]).assert().success();
    let document: Value = serde_json::from_slice(&output.get_output().stdout).unwrap();
    for result in document["results"].as_array().unwrap() {
        let is_reading = result["peer"].as_str().unwrap().ends_with("read");
        let share = result["handovers"].as_f64();
        assert!(if is_reading { share.is_none() } else { (0.0..=1.0).contains(&share.unwrap()) }, "{result}");
    }
    let readers = |result: &&Value| result["peer"] == "RwLock, read";
    assert_eq!(document["results"].as_array().unwrap().iter().filter(readers).count(), 1);
    measured("lock contended Mutex").assert().success().stdout(contains("changes hands").and(contains(" %")));
}

#[test]
fn bench_json_keeps_to_its_schema() {
    let output = measured("64 B").args(["--json", "-"]).assert().success().get_output().stdout.clone();
    let document: Value = serde_json::from_slice(&output).unwrap();
    assert_eq!(document["schema"], 1);
    assert_eq!(document["rounds"], 1);
    for text in ["cpu", "kernel", "architecture", "clock", "breezeway"] {
        assert!(document["machine"][text].is_string(), "{text} in {document}");
    }
    let results = document["results"].as_array().unwrap();
    for result in results {
        assert_schema(result);
    }
    let find = |case: &str, peer: &str, mode: &str, metric: &str| {
        let wanted = [("case", case), ("peer", peer), ("mode", mode), ("metric", metric)];
        let is_it = |result: &&Value| {
            wanted.iter().all(|(key, value)| result[key] == *value) && result["bytes"] == 64
        };
        results.iter().find(is_it).unwrap_or_else(|| panic!("{wanted:?} in {document}"))
    };
    for peer in
        ["spsc", "Queue", "bytes", "MessageQueue", "breezeway pipe", "pipe", "unix stream", "unix seqpacket"]
    {
        let modes =
            [("round-trip", "hot"), ("round-trip", "parked"), ("stream", "hot"), ("stream", "blocking")];
        for (case, mode) in modes {
            assert!(find(case, peer, mode, "time")["ratio_to_pipe"].as_f64().unwrap() > 0.0);
        }
        for mode in ["hot", "blocking"] {
            assert!(find("stream", peer, mode, "throughput")["ratio_to_pipe"].as_f64().unwrap() > 0.0);
        }
    }
    assert_eq!(find("round-trip", "pipe", "parked", "time")["ratio_to_pipe"], 1.0);
    assert!(find("round-trip", "spsc", "hot", "time")["ratio_to_line"].is_f64());
    assert!(find("round-trip", "spsc", "parked", "time")["ratio_to_line"].is_null());
    assert_eq!(find("round-trip", "spsc", "parked", "time")["baseline"], "bare futex");
    assert!(find("round-trip", "spsc", "blocking", "time")["ratio_to_line"].is_f64());
    assert_eq!(find("stream", "spsc, batches", "hot", "time")["unit"], "ns");
    let (time, rate) = (find("stream", "spsc", "hot", "time"), find("stream", "spsc", "hot", "throughput"));
    let bytes = time["median"].as_f64().unwrap() * rate["median"].as_f64().unwrap();
    assert!((bytes - 64.0).abs() < 0.01, "{bytes} are 64");
}

fn assert_schema(result: &Value) {
    let text = |key: &str| result[key].as_str().unwrap_or_else(|| panic!("{key} in {result}"));
    let number = |key: &str| result[key].as_f64().unwrap_or_else(|| panic!("{key} in {result}"));
    assert!(["round-trip", "stream", "lock"].contains(&text("case")));
    assert!(["hot", "blocking", "parked", "alone", "contended"].contains(&text("mode")));
    assert!([("time", "ns"), ("throughput", "GB/s")].contains(&(text("metric"), text("unit"))));
    assert!(!text("peer").is_empty() && result["bytes"].is_u64());
    assert!(number("min") <= number("median") && number("median") <= number("max"), "{result}");
    let percentiles = ["p50", "p90", "p99", "p999", "slowest"];
    let percentiles: Vec<f64> =
        percentiles.into_iter().filter(|key| !result[key].is_null()).map(number).collect();
    // A round of six batches is too short for the 99th percentile.
    assert!(text("case") == "round-trip" || result["p99"].is_null(), "{result}");
    assert!(result["p50"].is_f64() && result["slowest"].is_f64() && result.get("p999").is_some());
    let from_good_to_bad =
        |pair: &[f64]| if text("unit") == "ns" { pair[0] <= pair[1] } else { pair[0] >= pair[1] };
    assert!(percentiles.windows(2).all(from_good_to_bad), "{result}");
    assert!(percentiles.iter().all(|number| *number > 0.0), "{result}");
    for ratio in ["ratio_to_pipe", "ratio_to_line", "ratio_to_baseline"] {
        assert!(result.get(ratio).is_some_and(|ratio| ratio.is_null() || ratio.is_f64()), "{result}");
    }
}

#[test]
fn bench_plot_draws_charts_and_a_page() {
    let folder = Folder::new("plots");
    let json = folder.0.join("numbers.json");
    let plots = folder.0.join("new/folder");
    measured("spsc B")
        .arg("--plot")
        .arg(&plots)
        .arg("--json")
        .arg(&json)
        .assert()
        .success()
        .stdout(contains("round trip, hot"));
    let document: Value = serde_json::from_slice(&fs::read(json).unwrap()).unwrap();
    assert_eq!(document["schema"], 1);
    for name in ["latency", "throughput", "distribution"] {
        let svg = fs::read_to_string(plots.join(format!("{name}.svg"))).unwrap();
        assert!(svg.starts_with("<svg ") && svg.contains("xmlns=\"http://www.w3.org/2000/svg\""), "{name}");
        let panels = ["Both processes poll", if name == "throughput" { "blocking calls" } else { "sleep" }];
        assert!(panels.iter().all(|title| svg.contains(title)), "{name} has a panel for each mode");
        assert!(svg.contains("prefers-color-scheme:dark") && svg.contains("\nspsc\n</text>"), "{name}");
        assert_well_formed(&svg);
    }
    let page = fs::read_to_string(plots.join("report.html")).unwrap();
    assert_eq!(page.matches("<svg").count(), 3);
    assert!(page.contains("A round trip of 64 bytes takes") && page.contains("<th>round trip, hot</th>"));
    let links = ["src=", "href=", "@import", "url("];
    assert!(links.iter().all(|link| !page.contains(link)), "the page needs nothing else");
}

/// Tags are closed in order, attributes quoted, numbers finite, and characters escaped.
fn assert_well_formed(xml: &str) {
    let mut open = Vec::new();
    let mut rest = xml;
    while let Some(at) = rest.find('<') {
        assert!(!rest[..at].contains('>'), "a stray > before {rest:.80}");
        let end = at + rest[at..].find('>').expect("the end of a tag");
        let tag = &rest[at + 1..end];
        assert_eq!(tag.matches('"').count() % 2, 0, "quotes in <{tag}>");
        assert!(!tag.contains("NaN") && !tag.contains("inf"), "numbers in <{tag}>");
        let name = |tag: &str| tag.split(' ').next().unwrap().to_owned();
        match tag.strip_prefix('/') {
            Some(closed) => assert_eq!(open.pop().as_deref(), Some(closed), "in order"),
            None if tag.ends_with('/') => {}
            None => open.push(name(tag)),
        }
        let text = &rest[end + 1..];
        let next = text.find('<').unwrap_or(text.len());
        let entities = ["&amp;", "&lt;", "&gt;", "&quot;", "&apos;"];
        let stray = text[..next]
            .match_indices('&')
            .find(|(at, _)| !entities.iter().any(|entity| text[*at..].starts_with(entity)));
        assert!(stray.is_none(), "a stray & in {text:.80}");
        rest = text;
    }
    assert!(open.is_empty(), "{open:?} left open");
}

#[test]
fn bench_cpus_that_do_not_exist_are_a_usage_error() {
    for (cpus, message) in [
        ("0,100000", "may not use CPU 100000"),
        ("0", "two numbers are needed"),
        ("one,two", "two numbers are needed"),
    ] {
        breezeway(&["bench", "--cpus", cpus])
            .assert()
            .code(2)
            .stdout(is_empty())
            .stderr(contains(message).and(contains("--cpus")));
    }
    breezeway(&["bench", "--cpus", "0,0", "--unpinned"]).assert().code(2);
}

#[test]
fn bench_cpus_warns_of_two_processes_on_one() {
    let allowed = fs::read_to_string("/proc/self/status").unwrap();
    let allowed = allowed.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap().trim();
    let first = allowed.split(['-', ',']).next().unwrap();
    measured("stream blocking POSIX 8 B")
        .args(["--cpus", &format!("{first},{first}")])
        .assert()
        .success()
        .stdout(contains("warning: both processes are pinned to CPU").and(contains("0.00 GB/s").not()))
        .stdout(contains(" MB/s").or(contains(" GB/s")));
}

#[test]
fn bench_only_without_a_match_is_a_usage_error() {
    measured("carrier pigeon").assert().code(2).stderr(contains("no case has all these words"));
    breezeway(&["bench", "--rounds", "0"]).assert().code(2);
}

/// Before anything is measured: a full run takes minutes.
#[test]
fn bench_json_and_plot_fail_at_once_if_not_writable() {
    for option in ["--json", "--plot"] {
        breezeway(&["bench", option, "/proc/no/such/folder/x"])
            // Half of what a full run takes.
            .timeout(Duration::from_secs(120))
            .assert()
            .code(1)
            .stdout(is_empty())
            .stderr(contains("/proc/no/such/folder/x").and(contains("panicked").not()));
    }
}

/// `bench --plot DIR --json FILE | head`
#[test]
fn bench_files_are_written_despite_a_closed_pipe() {
    let folder = Folder::new("head");
    let (json, plots) = (folder.0.join("numbers.json"), folder.0.join("plots"));
    fs::write(&json, "what was there before, ".repeat(1000)).unwrap();
    let mut command = process::Command::new(env!("CARGO_BIN_EXE_breezeway"));
    command.args(BRIEF).arg("round-trip parked spsc").arg("--plot").arg(&plots).arg("--json").arg(&json);
    let mut bench = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(bench.stdout.take());
    bench.wait_with_output().unwrap().assert().success().stderr(is_empty());
    let document: Value = serde_json::from_slice(&fs::read(json).unwrap()).unwrap();
    assert_eq!(document["schema"], 1);
    assert!(plots.join("latency.svg").exists() && plots.join("report.html").exists());
}

#[test]
fn bench_unpinned_measures() {
    measured("lock contended Semaphore")
        .arg("--unpinned")
        .assert()
        .success()
        .stdout(contains("two processes, not pinned").and(contains("sem_t")));
}

#[test]
fn bench_fails_when_a_measuring_process_is_killed() {
    let mut command = process::Command::new(env!("CARGO_BIN_EXE_breezeway"));
    let command = command.args(["bench", "--only", "lock"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let bench = command.spawn().unwrap();
    let children = format!("/proc/{0}/task/{0}/children", bench.id());
    let child: u32 = loop {
        let children = fs::read_to_string(&children).unwrap();
        // With all four processes there, the measurement has begun or is about to.
        if let [_, _, _, last] = children.split_whitespace().collect::<Vec<_>>()[..] {
            break last.parse().unwrap();
        }
        thread::sleep(Duration::from_millis(1));
    };
    kill_process(Pid::from_raw(child as i32).unwrap(), Signal::KILL).unwrap();
    bench.wait_with_output().unwrap().assert().code(1).stdout(is_empty()).stderr(
        contains("breezeway: the measurement has failed: a peer process has ended")
            .and(contains("panicked").not()),
    );
}

#[test]
#[allow(unsafe_code)]
fn bench_leaves_out_message_queues_that_the_kernel_refuses() {
    let mut command = process::Command::new(env!("CARGO_BIN_EXE_breezeway"));
    command.args(BRIEF).arg("round-trip parked 8 B");
    let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    let renounce = move || {
        // SAFETY: the limit is a local.
        let failed = unsafe { libc::setrlimit(libc::RLIMIT_MSGQUEUE, &raw const none) };
        if failed == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    };
    // SAFETY: between fork and exec, it makes one system call.
    unsafe { command.pre_exec(renounce) };
    Command::from_std(command)
        .assert()
        .success()
        .stdout(contains("not measured: round-trip parked POSIX mq 8 B: ").and(contains("unix seqpacket")));
}

#[test]
fn bench_help_explains_every_json_field() {
    let output = measured("lock contended Semaphore").args(["--json", "-"]).assert().success();
    let document: Value = serde_json::from_slice(&output.get_output().stdout).unwrap();
    let help = breezeway(&["bench", "--help"]).assert().success().get_output().stdout.clone();
    let help = String::from_utf8(help).unwrap();
    let fields = [&document, &document["machine"], &document["results"][0]];
    for field in fields.iter().flat_map(|fields| fields.as_object().unwrap().keys()) {
        let is_word = |word: &str| word.trim_matches(|c: char| !c.is_alphanumeric()) == field;
        assert!(help.split_whitespace().any(is_word), "{field} in {help}");
    }
    breezeway(&["bench", "-h"]).assert().success().stdout(contains("ratio_to_pipe").not());
}

#[test]
#[allow(unsafe_code)]
fn bench_progress_bar_is_drawn_at_a_terminal_and_erased() {
    let (mut outer, mut inner) = (-1, -1);
    let size = libc::winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the numbers and the size are locals; a name and settings are not asked for.
    let failed = unsafe {
        libc::openpty(&raw mut outer, &raw mut inner, ptr::null_mut(), ptr::null(), &raw const size)
    };
    assert_eq!(failed, 0, "a terminal");
    // SAFETY: both are open, and owned by nothing else.
    let [outer, inner] = [outer, inner].map(|end| unsafe { File::from_raw_fd(end) });
    let mut command = process::Command::new(env!("CARGO_BIN_EXE_breezeway"));
    command.args(BRIEF).arg("lock").env("TERM", "xterm").stderr(inner).stdout(Stdio::piped());
    let bench = command.spawn().unwrap();
    // This process must not keep the other end open.
    drop(command);
    let reader = thread::spawn(move || {
        let mut text = Vec::new();
        // Reading fails once the other end is closed.
        let _ = (&outer).read_to_end(&mut text);
        String::from_utf8_lossy(&text).into_owned()
    });
    bench.wait_with_output().unwrap().assert().success().stdout(contains("measuring").not());
    let drawn = reader.join().unwrap();
    assert!(drawn.contains("measuring") && drawn.contains('%'), "{drawn:?}");
    let last = drawn.rfind("measuring").unwrap();
    assert!(drawn[last..].contains("\u{1b}[2K"), "wiped away: {drawn:?}");
}
