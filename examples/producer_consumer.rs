//! A producer puts 1, 2, 3, 4 and a sentinel; a consumer, another process, prints until the sentinel.
//!
//! Prints `1`, `2`, `3`, `4`, a line each.

use std::error::Error;

use breezeway::process::Process;
use breezeway::queue::MessageQueue;

/// `None` is the sentinel.
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
