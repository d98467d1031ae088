//! A pool of three workers raises 1, 2 and 3 to the 16th power in three ways: with `map`, with
//! callbacks, and with a function of two arguments.
//!
//! Prints `1`, `65536` and `43046721` for each way.

use std::error::Error;
use std::sync::mpsc::channel;

use breezeway::TaskError;
use breezeway::process::Pool;

fn main() -> Result<(), Box<dyn Error>> {
    let pool = Pool::new(3)?;
    println!("map: {:?}", pool.map(power, [1, 2, 3])?);

    let (sender, receiver) = channel();
    for x in [1, 2, 3] {
        let sender = sender.clone();
        let callback =
            move |result: &Result<u64, TaskError>| sender.send(*result.as_ref().unwrap_or(&0)).unwrap();
        drop(pool.submit_with(power, x, callback)?);
    }
    drop(sender);
    // They arrive in the order in which the tasks are done.
    let mut results: Vec<u64> = receiver.iter().collect();
    results.sort();
    println!("callbacks: {results:?}");

    // Several arguments are a tuple. An argument that is common to all calls goes into each tuple.
    println!("tuples: {:?}", pool.map(|(x, n)| u64::pow(x, n), [1, 2, 3].map(|x| (x, 16)))?);

    pool.close();
    pool.join()?;
    Ok(())
}

fn power(mut x: u64) -> u64 {
    for _ in 0..4 {
        x *= x;
    }
    x
}
