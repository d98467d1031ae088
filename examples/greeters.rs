//! Two processes greet each other through a two-way pipe, and report through a queue what they have
//! received.
//!
//! Prints `put_1: nice to meet you` and `put_2: hello`.

use breezeway::pipe::{self, Connection};
use breezeway::queue::MessageQueue;

#[path = "support/mod.rs"]
mod support;

use support::{Outcome, join, role, start};

/// A child's arguments: its end of the pipe, and the queue of the reports.
type Arguments = (Connection<String, String>, MessageQueue<String>);

fn main() -> Outcome {
    if let Some((role, arguments)) = role() {
        let (mut end, reports): Arguments = serde_json::from_str(&arguments)?;
        let greeting = if role == "put_1" { "hello" } else { "nice to meet you" };
        end.send(greeting.to_owned())?;
        reports.push(format!("{role}: {}", end.recv()?))?;
        return Ok(());
    }
    let (one, two) = pipe::duplex::<String, String>()?;
    let reports = MessageQueue::<String>::new(10)?;
    // The copies that are left here keep the pipe's memory until the children have attached it.
    let children = [
        start("put_1", &serde_json::to_string(&(&one, &reports))?)?,
        start("put_2", &serde_json::to_string(&(&two, &reports))?)?,
    ];
    children.into_iter().try_for_each(join)?;
    let mut received = [reports.pop()?, reports.pop()?];
    received.sort();
    received.iter().for_each(|report| println!("{report}"));
    Ok(())
}
