//! A producer puts 1, 2, 3, 4 and a sentinel; a consumer, another process, prints until the sentinel.
//!
//! Prints `1`, `2`, `3`, `4`, a line each.

use breezeway::queue::MessageQueue;

#[path = "support/mod.rs"]
mod support;

use support::{Outcome, join, name, role, start};

/// `None` is the sentinel.
type Numbers = MessageQueue<Option<i32>>;

fn main() -> Outcome {
    match role() {
        Some((_, queue)) => consume(&Numbers::open(&queue)?),
        None => {
            let name = name("producer-consumer");
            let queue = Numbers::create(&name, 10)?;
            let consumer = start("consumer", &name)?;
            for number in 1..=4 {
                queue.push(Some(number))?;
            }
            queue.push(None)?;
            join(consumer)
        }
    }
}

fn consume(queue: &Numbers) -> Outcome {
    while let Some(number) = queue.pop()? {
        println!("{number}");
    }
    Ok(())
}
