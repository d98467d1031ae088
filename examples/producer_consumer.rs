//! A producer pushes 1, 2, 3, 4 and a sentinel. A consumer in another process prints the numbers
//! until the sentinel.
//!
//! Prints `1`, `2`, `3`, `4`, a line each.

use std::error::Error;

use breezeway::process::Process;
use breezeway::queue::MessageQueue;

/// A queue of numbers, in which `None` is the sentinel.
type Numbers = MessageQueue<Option<i32>>;

fn main() -> Result<(), Box<dyn Error>> {
    let queue = Numbers::new(10)?;
    let consumer = Process::spawn(consume, queue.clone())?;
    for number in 1..=4 {
        queue.push(Some(number))?;
    }
    queue.push(None)?;
    Ok(consumer.result()?)
}

fn consume(queue: Numbers) {
    while let Some(number) = queue.pop().unwrap() {
        println!("{number}");
    }
}
