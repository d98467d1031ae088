//! A child puts a message of two types into a queue; its parent gets it.
//!
//! Prints `[42, "python"]`.

use std::fmt;

use breezeway::queue::MessageQueue;
use serde::{Deserialize, Serialize};

#[path = "support/mod.rs"]
mod support;

use support::{Outcome, join, name, role, start};

#[derive(Serialize, Deserialize)]
enum Item {
    Number(i64),
    Text(String),
}

impl fmt::Debug for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
}

fn main() -> Outcome {
    if let Some((_, queue)) = role() {
        let queue = MessageQueue::<Vec<Item>>::open(&queue)?;
        queue.push(vec![Item::Number(42), Item::Text("python".to_owned())])?;
        return Ok(());
    }
    let name = name("queue");
    let queue = MessageQueue::<Vec<Item>>::create(&name, 10)?;
    let child = start("child", &name)?;
    println!("{:?}", queue.pop()?);
    join(child)
}
