//! The crash contract, proved instruction by instruction.
//!
//! A case is an operation and what its survivors check (`tests/kill/cases/`). For every n:
//!
//! 1. The test process, which has one thread, forks a child. The child opens a handle of its own, stops, does the
//!    operation, and stops again.
//! 2. Under ptrace, the child goes n instructions into the operation, and is killed there with SIGKILL.
//! 3. The survivors check what the operation's type promises, while a watchdog runs: they may not hang either. Then the
//!    next child takes n + 1, until one completes the operation.
//!
//! **The first run, and short cuts.** At first the operation is stepped through once, which is when readers that take no
//! lock look at it after every instruction. By this trace, each later child finds a short way to its point: past system
//! calls, to a breakpoint, a few steps more. One that comes out at another address than the trace says makes way for one
//! that goes step by step. So killing everywhere takes about a millisecond a point, not the square of the operation's length.
//!
//! **Long operations** (making, opening, leaving a segment: up to 100,000 instructions) are killed before and after each
//! instruction that changes what anybody else can see, which is the segment's bytes, the thread's robust list (the kernel
//! reads it at death), and whatever the kernel knows, hence every system call; and at a sample of the rest, 150 points
//! unless `BREEZEWAY_KILL_SAMPLE` says otherwise.
//!
//! **Asleep.** A child in a system call that does not return is killed in it, too.
//!
//! **Second order.** Cases named for a death (`_recoverer`, `_after_death`) kill a first child where its lock is held or
//! its journal counts, or in each state of a queue's slots that it leaves behind; and then the one that clears up, everywhere.
//!
//! **Standing still.** A child that is stopped in the middle of its work is alive. Cases of queues (`_frozen`, `_with_a_slow_…`,
//! `_successor`) stop one at each instruction, let others work around it and perhaps be killed there, and let it go on.
//!
//! **Sleepers.** Cases `_with_sleeper` kill the one whom another process sleeps for.
//!
//! SIGKILL falls between two instructions, and what the victim has stored until then is seen by all. So for one operation
//! and one way through it this is no sample. What living processes do to each other at the same time it does
//! not show: that is for loom and for storms.
//!
//! The file is its own test harness, because libtest has threads. `--list`, `--exact`, `--skip`, `--test-threads` and
//! filters work as usual, and so does nextest. Each case runs in a process of its own, under a supervisor that clears up
//! behind it.
#![allow(unsafe_code, clippy::multiple_unsafe_ops_per_block)] // ptrace, and a look at shared memory from outside
#![allow(clippy::unwrap_used, clippy::expect_used)] // a failed expectation is a failed case

use std::process::ExitCode;

mod affinity;
mod arch;
mod case_process;
mod cases;
mod child;
mod kill;
mod kill_counts;
mod observe;
mod process;
mod progress;
mod runner;
mod trace;

fn main() -> ExitCode {
    runner::main(cases::CASES)
}
