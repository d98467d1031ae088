//! What the tests share: names of their own, real child processes, watchdogs.
//!
//! A child is this test binary again, running one of its tests in a *role*: that test returns at once unless the role's
//! arguments are there, so that an ordinary run passes over it.

#![allow(dead_code)] // Each test binary uses its part.

pub mod death;
pub mod fork;
pub mod locking;
pub mod numbered;
pub mod process;
pub mod scratch;
pub mod waiting;

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Signal, set_parent_process_death_signal};

const ROLE_ARGUMENTS: &str = "BREEZEWAY_TEST_ROLE";
const SEPARATOR: &str = "\u{1f}";
const MARK: &str = "role says: ";

/// A segment name that no other test, and no other run, uses.
pub fn unique(what: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("breezeway-test-{what}-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// A child process in a role. Dropped, it is killed.
pub struct Role {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Role {
    /// Runs the test function `test` (its path in the test binary) of this binary in a process of its own.
    pub fn spawn(test: &str, arguments: &[&str]) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture", "--test-threads=1"])
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

/// Aborts the process if it is not dropped within the time: a hang becomes a failure.
pub struct Watchdog {
    done: Arc<AtomicBool>,
}

impl Watchdog {
    pub fn start(seconds: u64) -> Self {
        let done = Arc::new(AtomicBool::new(false));
        let deadline = Instant::now() + Duration::from_secs(seconds);
        std::thread::spawn({
            let done = Arc::clone(&done);
            move || {
                while Instant::now() < deadline {
                    if done.load(Ordering::Relaxed) {
                        return;
                    }
                    std::thread::sleep(Duration::from_millis(20));
                }
                eprintln!("the watchdog's time is up: something hangs");
                std::process::abort();
            }
        });
        Self { done }
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.done.store(true, Ordering::Relaxed);
    }
}
