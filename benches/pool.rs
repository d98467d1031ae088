//! What a task of a pool costs: a `map` of trivial calls, one a task, and one call at a time, there and back.
//!
//! Medians of rounds; `benches/pool.py` does the same with Python's pool, and runs beside it where there is a `python3`.

use std::process::Command;
use std::time::{Duration, Instant};

use breezeway::process::Pool;

const TASKS: u64 = 100_000;
const CALLS: u32 = 2_000;
const ROUNDS: usize = 9;
const WORKERS: usize = 2;

/// No more than this a task.
const PROMISED: Duration = Duration::from_micros(2);

fn main() {
    let pool = Pool::new(WORKERS).expect("a pool");
    let expected: u64 = (1..=TASKS).sum();
    let (mut mapped, mut called) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let results = pool.map_chunked(|x: u64| x + 1, 0..TASKS, 1).expect("results");
        mapped.push(start.elapsed() / TASKS as u32);
        assert_eq!(results.iter().sum::<u64>(), expected);
        let start = Instant::now();
        for x in 0..u64::from(CALLS) {
            assert_eq!(pool.call(|x: u64| x + 1, x).expect("a result"), x + 1);
        }
        called.push(start.elapsed() / CALLS);
    }
    let (mapped, called) = (median(mapped), median(called));
    println!("map, chunk 1: {mapped:.0?} a task (promised: {PROMISED:?}); apply: {called:.0?}");
    let python = Command::new("python3")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/benches/pool.py"))
        .arg(TASKS.to_string())
        .output();
    if let Ok(output) = python {
        print!("{}", String::from_utf8_lossy(&output.stdout));
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}
