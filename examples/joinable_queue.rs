//! A producer puts jobs and waits until two workers, other processes, have done them all.
//!
//! Prints the items, each by the worker that does it, and `all done` when the last is.

use breezeway::queue::JoinableQueue;

#[path = "support/mod.rs"]
mod support;

use support::{Outcome, join, name, role, start};

fn main() -> Outcome {
    match role() {
        Some((_, queue)) => work(&JoinableQueue::open(&queue)?),
        None => {
            let name = name("joinable");
            let queue = JoinableQueue::<String>::create(&name, 10)?;
            let workers = [start("worker", &name)?, start("worker", &name)?];
            for number in 1..=4 {
                queue.push(format!("item {number}"))?;
            }
            queue.join()?;
            println!("all done");
            queue.close();
            workers.into_iter().try_for_each(join)
        }
    }
}

fn work(queue: &JoinableQueue<String>) -> Outcome {
    // Until the queue is closed. A worker that is killed in the middle leaves its job to the other.
    while let Ok(job) = queue.get() {
        println!("{}", *job);
        job.done()?;
    }
    Ok(())
}
