//! Processes that square a number four times: one process for 2, then three at the same time for 1,
//! 2 and 3.
//!
//! Prints `65536`, then `1`, `65536` and `43046721` in the order in which the processes are done.

use std::error::Error;

use breezeway::process::Process;
use breezeway::queue::Queue;

fn main() -> Result<(), Box<dyn Error>> {
    let results = Queue::<u64>::new(3)?;
    Process::spawn(power, (2, results.clone()))?.result()?;
    println!("{}", results.pop()?);

    let mut children = Vec::new();
    for x in 1..=3 {
        children.push(Process::spawn(power, (x, results.clone()))?);
    }
    for _ in &children {
        println!("{}", results.pop()?);
    }
    Ok(children.into_iter().try_for_each(Process::result)?)
}

fn power((mut x, results): (u64, Queue<u64>)) {
    for _ in 0..4 {
        x *= x;
    }
    results.push(x).unwrap();
}
