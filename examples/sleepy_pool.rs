//! Five tasks that sleep, for four workers: four tasks start at once, the fifth when one of them is
//! done.
//!
//! Prints `task N starts` and `task N is done` as tasks start and end, then `All subprocesses
//! done!`.

use std::error::Error;
use std::io::{Write, stdout};
use std::thread::sleep;
use std::time::Duration;

use breezeway::process::Pool;
use breezeway::queue::Queue;

fn main() -> Result<(), Box<dyn Error>> {
    // A token that only one process has at a time: the one that prints a line.
    let turn = Queue::<u8>::new(1)?;
    turn.push(0)?;
    let pool = Pool::new(4)?;
    for task in 0..5 {
        drop(pool.submit(long_time_task, (task, turn.clone()))?);
    }
    println!("Waiting for all subprocesses done...");
    pool.close();
    pool.join()?;
    println!("All subprocesses done!");
    Ok(())
}

fn long_time_task((task, turn): (u64, Queue<u8>)) {
    say(&turn, &format!("task {task} starts"));
    sleep(Duration::from_millis(300 + 100 * task));
    say(&turn, &format!("task {task} is done"));
}

fn say(turn: &Queue<u8>, line: &str) {
    let token = turn.pop().unwrap();
    println!("{line}");
    stdout().flush().unwrap();
    turn.push(token).unwrap();
}
