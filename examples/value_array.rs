//! A parent shares a value and an array with a child, which changes both.
//!
//! Prints `50.0 [10, 11, 12, 13, 14, 15, 16, 17, 18, 19]`.

use std::error::Error;

use breezeway::process::Process;
use breezeway::{Array, Value};

fn main() -> Result<(), Box<dyn Error>> {
    let value = Value::<f64>::new(20.0)?;
    let array = Array::<i32>::new(0..10)?;
    Process::spawn(change, (value.clone(), array.clone()))?.result()?;
    println!("{:.1} {:?}", value.get(), array.to_vec());
    Ok(())
}

fn change((value, array): (Value<f64>, Array<i32>)) {
    value.set(50.0).unwrap();
    for x in array.lock().unwrap().iter_mut() {
        *x += 10;
    }
}
