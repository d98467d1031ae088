//! An adder, another process, answers over a pipe that goes both ways: numbers first, then texts.
//!
//! Prints `7`, `Hello, World!`, and, from the adder at the end of file, `Done!`.

use breezeway::pipe::{self, Connection};
use serde::{Deserialize, Serialize};

#[path = "support/mod.rs"]
mod support;

use support::{Outcome, join, role, start};

/// What can be added.
#[derive(Serialize, Deserialize)]
enum Item {
    Number(i64),
    Text(String),
}

fn main() -> Outcome {
    if let Some((_, end)) = role() {
        return add(serde_json::from_str(&end)?);
    }
    let (mut here, there) = pipe::duplex::<(Item, Item), Item>()?;
    let adder = start("adder", &serde_json::to_string(&there)?)?;
    here.send((Item::Number(3), Item::Number(4)))?;
    print(here.recv()?);
    here.send((Item::Text("Hello, ".to_owned()), Item::Text("World!".to_owned())))?;
    print(here.recv()?);
    // The adder's end of file.
    drop(here);
    join(adder)
}

fn add(mut end: Connection<Item, (Item, Item)>) -> Outcome {
    while let Ok(pair) = end.recv() {
        end.send(match pair {
            (Item::Number(x), Item::Number(y)) => Item::Number(x + y),
            (Item::Text(x), Item::Text(y)) => Item::Text(x + &y),
            _ => return Err("a number and a text".into()),
        })?;
    }
    println!("Done!");
    Ok(())
}

fn print(item: Item) {
    match item {
        Item::Number(number) => println!("{number}"),
        Item::Text(text) => println!("{text}"),
    }
}
