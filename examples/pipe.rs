//! A parent sends 1, 2, 3, 4 through a pipe. A consumer in another process prints them until the
//! end of file.
//!
//! Prints `1`, `2`, `3`, `4`, a line each.

use breezeway::pipe::{self, Receiver};

#[path = "support/mod.rs"]
mod support;

use support::{Outcome, join, role, start};

fn main() -> Outcome {
    if let Some((_, end)) = role() {
        return consume(serde_json::from_str(&end)?);
    }
    let (mut tx, rx) = pipe::simplex::<i32>()?;
    // Serialised, the receiver belongs to the child.
    let consumer = start("consumer", &serde_json::to_string(&rx)?)?;
    for number in 1..=4 {
        tx.send(number)?;
    }
    // The end of file: no other process has this end.
    drop(tx);
    join(consumer)
}

fn consume(numbers: Receiver<i32>) -> Outcome {
    for number in numbers {
        println!("{}", number?);
    }
    Ok(())
}
