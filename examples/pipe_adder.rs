//! An adder in another process answers through a two-way pipe: it adds numbers, then joins texts.
//!
//! Prints `7`, `Hello, World!`, and, from the adder at the end of file, `Done!`.

use breezeway::PopError;
use breezeway::pipe::{self, Connection};
use serde::{Deserialize, Serialize};

#[path = "support/mod.rs"]
mod support;

use support::{Outcome, join, role, start};

/// A value that can be added to one of its kind.
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
    loop {
        let sum = match end.recv() {
            Ok((Item::Number(x), Item::Number(y))) => Item::Number(x + y),
            Ok((Item::Text(x), Item::Text(y))) => Item::Text(x + &y),
            Ok(_) => return Err("a number and a text".into()),
            Err(PopError::Disconnected) => break,
            Err(error) => return Err(error.into()),
        };
        end.send(sum)?;
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
