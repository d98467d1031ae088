//! A clock in a process of its own, for which `main` does not wait.
//!
//! `clock` prints `tick 1` to `tick 5`, the last of them after `the end of main`: the clock
//! outlives `main`. `clock daemon` prints no tick after `main` has ended, however many were left.

use std::error::Error;
use std::time::Duration;

use breezeway::TaskError;
use breezeway::process::Process;

/// The clock's second, which is shorter than ours.
const SECOND: Duration = Duration::from_millis(100);

fn main() -> Result<(), Box<dyn Error>> {
    let is_daemon = std::env::args().nth(1).is_some_and(|argument| argument == "daemon");
    let ticks = if is_daemon { u64::MAX } else { 5 };
    let clock = Process::builder().name("clock").daemon(is_daemon).spawn(tick, ticks)?;
    match clock.join_timeout(SECOND * 3) {
        Ok(_) | Err(TaskError::Timeout) => println!("the end of main"),
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

fn tick(ticks: u64) {
    for number in 1..=ticks {
        std::thread::sleep(SECOND);
        println!("tick {number}");
    }
}
