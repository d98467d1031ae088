//! A producer pushes jobs, and waits until two workers in other processes have done them all.
//!
//! Prints `item 1` to `item 4`, each in the worker that does it, and `all done` after the last.

use std::error::Error;

use breezeway::process::Process;
use breezeway::queue::JoinableQueue;

fn main() -> Result<(), Box<dyn Error>> {
    let queue = JoinableQueue::<String>::new(10)?;
    let workers = [Process::spawn(work, queue.clone())?, Process::spawn(work, queue.clone())?];
    for number in 1..=4 {
        queue.push(format!("item {number}"))?;
    }
    queue.join()?;
    println!("all done");
    queue.close();
    Ok(workers.into_iter().try_for_each(Process::result)?)
}

fn work(queue: JoinableQueue<String>) {
    // Until the queue is closed. If a worker is killed in the middle, its job goes to the other one.
    for job in &queue {
        let job = job.unwrap();
        println!("{}", *job);
        job.ack().unwrap();
    }
}
