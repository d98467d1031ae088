//! A child pushes a message with items of two types into a queue. Its parent pops the message.
//!
//! Prints `[42, "python"]`.

use std::error::Error;
use std::fmt;

use breezeway::process::Process;
use breezeway::queue::MessageQueue;
use serde::{Deserialize, Serialize};

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

fn main() -> Result<(), Box<dyn Error>> {
    let queue = MessageQueue::new(10)?;
    let child = Process::spawn(produce, queue.clone())?;
    println!("{:?}", queue.pop()?);
    Ok(child.result()?)
}

fn produce(queue: MessageQueue<Vec<Item>>) {
    queue.push(vec![Item::Number(42), Item::Text("python".to_owned())]).unwrap();
}
