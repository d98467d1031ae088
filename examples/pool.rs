//! A pool of three workers that square numbers four times: mapped, with callbacks, and a function of two arguments.
//!
//! Prints `1`, `65536` and `43046721` for each of the three.

use std::error::Error;
use std::sync::mpsc::channel;

use breezeway::TaskError;
use breezeway::process::Pool;

fn main() -> Result<(), Box<dyn Error>> {
    let pool = Pool::new(3)?;
    println!("map: {:?}", pool.map(power, [1, 2, 3])?);

    let (tell, hear) = channel();
    for x in [1, 2, 3] {
        let tell = tell.clone();
        let callback =
            move |result: &Result<u64, TaskError>| tell.send(*result.as_ref().unwrap_or(&0)).unwrap();
        drop(pool.submit_with(power, x, callback)?);
    }
    drop(tell);
    // In the order in which they are done.
    let mut results: Vec<u64> = hear.iter().collect();
    results.sort();
    println!("callbacks: {results:?}");

    // Several arguments are a tuple; one that is the same for all goes into each.
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
