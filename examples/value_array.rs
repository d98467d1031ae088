//! A parent shares a value and an array with a child process, which changes both.
//!
//! Prints `50.0 [10, 11, 12, 13, 14, 15, 16, 17, 18, 19]`.

use std::error::Error;
use std::process::Command;

use breezeway::{Array, Value};

fn main() -> Result<(), Box<dyn Error>> {
    let names: Vec<String> = std::env::args().skip(1).collect();
    match names.as_slice() {
        [value, array] => child(value, array),
        _ => parent(),
    }
}

fn parent() -> Result<(), Box<dyn Error>> {
    // Names are this machine's: the pid keeps two runs of the example apart.
    let names = ["value", "array"].map(|what| format!("breezeway-example-{what}-{}", std::process::id()));
    let value = Value::<f64>::create(&names[0], 20.0)?;
    let array = Array::<i32>::create(&names[1], 0..10)?;

    let status = Command::new(std::env::current_exe()?).args(&names).status()?;
    if !status.success() {
        return Err(format!("the child failed: {status}").into());
    }
    println!("{:.1} {:?}", value.get(), array.to_vec());
    Ok(())
}

fn child(value: &str, array: &str) -> Result<(), Box<dyn Error>> {
    let value = Value::<f64>::open(value)?;
    let array = Array::<i32>::open(array)?;
    value.set(50.0)?;
    for x in array.lock()?.iter_mut() {
        *x += 10;
    }
    Ok(())
}
