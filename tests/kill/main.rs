//! The crash contract, proved instruction by instruction.
//!
//! A case is an operation and what its survivors check; `cases.rs` lists all of them, by names of the
//! form `<type>_<operation>_<situation>`. For every n:
//!
//! 1. The case's process, which has one thread, forks a child. The child opens its own handle, stops,
//!    performs the operation, and stops again.
//! 2. Under ptrace, the child executes n instructions of the operation, and is killed with SIGKILL.
//! 3. The survivors check what the operation's type promises. A watchdog runs: they must not hang.
//!    Then the next child executes n + 1, until one completes the operation.
//!
//! **First run and routes.** The first run steps through the whole operation, and after every
//! instruction readers that take no lock check what they read. From its trace, each later child gets
//! a short route to its point: past system calls, to a breakpoint, a few steps more. If a child comes
//! out at another address than that of the trace, the next one steps all the way. So killing
//! everywhere takes about a millisecond a point, and is linear in the operation's length.
//!
//! **Long operations** (creating, opening, dropping a segment: up to 100,000 instructions) are killed
//! before and after each instruction that changes what other processes can see: the segment's bytes,
//! and whatever the kernel knows, hence at every system call. Of the other instructions, a sample of 150 is killed, or as many as
//! `BREEZEWAY_KILL_SAMPLE` says.
//!
//! **Blocked.** A child in a system call that does not return is killed in it, too.
//!
//! **Second order** (`_after_death`). A first child is killed where it holds its lock, where its
//! journal is armed, or in each state of a queue's slots that it leaves behind; then the process that
//! repairs this is killed at every instruction.
//!
//! **Stopped** (`stop_`, `_contended_`, `_successor`). A child that is stopped in its operation is alive.
//! The cases named `stop_` stop one after each instruction, let other processes operate around it, and
//! let it go on: it is not robbed, they wait for what it holds and for nothing else, and it completes
//! as if it had not been stopped. A long operation is stopped where it changes something, and at a
//! sample of its other instructions. In the cases of the other names, the processes around the stopped
//! one are killed.
//!
//! **Waiters** (`_with_waiter`). The killed child is the one for which another process waits.
//!
//! SIGKILL falls between two instructions, and whatever the victim has stored before is visible to
//! every process. So for one operation and one path through it, the kill points are complete, not a
//! sample. Races between live processes are not covered: for these there are loom models and storms.
#![allow(unsafe_code, clippy::multiple_unsafe_ops_per_block)] // ptrace, and shared memory read from outside
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
mod stop;
mod trace;
mod trace_lock;

fn main() -> ExitCode {
    runner::main(cases::CASES)
}
