//! What the tests share: names of their own, real child processes, watchdogs.
//!
//! A child is this test binary again, running one of its tests in a *role*: that test returns at once unless the role's
//! arguments are there, so that an ordinary run passes over it. A role is named by its function, which the compiler finds
//! wherever the test moves.
//!
//! All tests of a binary share one process. A test that changes or counts what belongs to the process runs
//! [in one of its own](in_own_process).

pub mod cpu_share;
pub mod death;
pub mod descriptors;
#[cfg(feature = "executors")]
pub mod executors;
pub mod fork;
pub mod ledger;
pub mod locking;
pub mod numbered;
pub mod polled;
pub mod process;
pub mod sandbox;
pub mod scratch;
pub mod storm;
pub mod waiting;

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Signal, set_parent_process_death_signal};

const ROLE_ARGUMENTS: &str = "BREEZEWAY_TEST_ROLE";
const ALONE: &str = "BREEZEWAY_TEST_ALONE";
const SEPARATOR: &str = "\u{1f}";
const MARK: &str = "role says: ";

/// A segment name that no other test, and no other run, uses.
pub fn unique(what: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("breezeway-test-{what}-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// The path of a test function in its binary, as the test harness wants it.
pub fn path_of<F: Fn()>(_test: &F) -> &'static str {
    let (_, path) = std::any::type_name::<F>().split_once("::").expect("a function is in a crate");
    assert!(!path.contains('{'), "{path} is a closure, and no test");
    path
}

/// This binary again, to run one of its tests.
fn alone(test: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]);
    command
}

/// Runs `test`, which calls this first, in a child: whether this is that child. Elsewhere the child has succeeded when this
/// returns.
///
/// For tests of what a process has only one of: its descriptors, threads, children, limits, signals.
///
/// ```ignore
/// #[test]
/// fn no_thread_is_left() {
///     if !in_own_process(no_thread_is_left) {
///         return;
///     }
///     // No other test runs in this process.
/// }
/// ```
#[must_use = "the test itself is to run in the child only"]
pub fn in_own_process(test: impl Fn()) -> bool {
    let path = path_of(&test);
    if std::env::var(ALONE).is_ok_and(|alone| alone == path) {
        set_parent_process_death_signal(Some(Signal::KILL)).unwrap();
        return true;
    }
    let output = alone(path).env(ALONE, path).output().unwrap();
    let [out, err] = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    assert!(output.status.success(), "in a process of its own: {}\n{out}\n{err}", output.status);
    // Its name may not have been found.
    assert!(out.contains("1 passed"), "{out}");
    false
}

/// A child process in a role. Dropped, it is killed.
pub struct Role {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Role {
    /// Runs the test function `test` of this binary in a child.
    pub fn spawn(test: impl Fn(), arguments: &[&str]) -> Self {
        let mut child = alone(path_of(&test))
            .env(ROLE_ARGUMENTS, arguments.join(SEPARATOR))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { child, input, output }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What the child says next with [`say`]. Panics where it ends instead.
    pub fn hear(&mut self) -> String {
        loop {
            let mut line = String::new();
            assert_ne!(self.output.read_line(&mut line).unwrap(), 0, "the child ended without a word");
            // The test harness prints before the test on the same line.
            if let Some((_, word)) = line.split_once(MARK) {
                return word.trim_end().to_owned();
            }
        }
    }

    /// Lets the child go on from [`listen`].
    pub fn tell(&mut self, word: &str) {
        writeln!(self.input, "{word}").unwrap();
    }

    /// SIGKILL, and wait until the kernel has cleared up.
    pub fn kill(mut self) -> ExitStatus {
        self.child.kill().unwrap();
        self.child.wait().unwrap()
    }

    /// Waits for the child to end.
    pub fn join(mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The arguments of the role this process was started for, which dies with its parent; `None` in an ordinary run.
pub fn role() -> Option<Vec<String>> {
    let arguments = std::env::var(ROLE_ARGUMENTS).ok()?;
    // A role may wait for what only its parent can bring about.
    set_parent_process_death_signal(Some(Signal::KILL)).unwrap();
    Some(arguments.split(SEPARATOR).map(str::to_owned).collect())
}

/// In a role: says a word to the parent.
pub fn say(word: &str) {
    println!("{MARK}{word}");
    std::io::stdout().flush().unwrap();
}

/// In a role: waits for the parent's word; ends the process where the parent is gone.
pub fn listen() -> String {
    let mut line = String::new();
    if std::io::stdin().read_line(&mut line).unwrap() == 0 {
        std::process::exit(1);
    }
    line.trim_end().to_owned()
}

/// How many times as long as it says a watchdog waits: a binary's tests run at the same time, and the machine may be busy
/// with other things.
const SLACK: u32 = 5;

/// Aborts the process if it is not dropped within the time: a hang becomes a failure. Seconds are those of a machine that
/// has nothing else to do.
pub struct Watchdog {
    done: Arc<AtomicBool>,
    /// What to say where the test fails.
    note: String,
}

impl Watchdog {
    pub fn start(seconds: u64) -> Self {
        Self::with_note(seconds, String::new())
    }

    /// Says `note` as well where the test hangs or panics.
    pub fn with_note(seconds: u64, note: String) -> Self {
        let done = Arc::new(AtomicBool::new(false));
        let deadline = Instant::now() + SLACK * Duration::from_secs(seconds);
        let test = std::thread::current().name().unwrap_or("a thread").to_owned();
        std::thread::spawn({
            let (done, note) = (Arc::clone(&done), note.clone());
            move || {
                while Instant::now() < deadline {
                    if done.load(Ordering::Relaxed) {
                        return;
                    }
                    std::thread::sleep(Duration::from_millis(20));
                }
                eprintln!("the watchdog's time is up: {test} hangs\n{note}");
                std::process::abort();
            }
        });
        Self { done, note }
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.done.store(true, Ordering::Relaxed);
        if std::thread::panicking() && !self.note.is_empty() {
            eprintln!("{}", self.note);
        }
    }
}
