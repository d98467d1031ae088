//! The cost of a pool's task: in a `map` of trivial calls with one call a task, and one call at a
//! time, there and back.
//!
//! `benches/pool.py` does the same with Python's pool, and runs as well if there is a `python3`.

use std::process::Command;
use std::time::{Duration, Instant};

use breezeway::process::Pool;
use breezeway_bench::report::{self, Bound::AtMost, Promise};
use breezeway_bench::runner::Entry;

const WORKERS: usize = 2;
/// The tasks of Python's `map`.
const TASKS: u64 = 100_000;
/// Long enough for tens of thousands of tasks.
const BATCH_TIME: Duration = Duration::from_millis(20);

const MAP: &str = "map, chunk 1: a task";
const APPLY: &str = "apply: there and back";

const PROMISES: [Promise; 1] =
    [Promise { what: "map, chunk 1: ns a task", of: MAP, to: &[], bound: AtMost(2_000.0) }];

fn main() {
    let pool = Pool::new(WORKERS).expect("a pool");
    let map = |times: u64| {
        let start = Instant::now();
        let results = pool.map_chunked(|x: u64| x + 1, 0..times, 1).expect("results");
        let elapsed = start.elapsed();
        assert_eq!(results.iter().sum::<u64>(), (1..=times).sum());
        elapsed
    };
    let apply = || assert_eq!(pool.call(|x: u64| x + 1, 7).expect("a result"), 8);
    let mut entries = [Entry::new(MAP, map).min_batch_time(BATCH_TIME), Entry::looped(APPLY, apply)];
    if !report::run(&mut entries) {
        return;
    }
    report::print(&entries);
    report::print_promises(&entries, &PROMISES);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../benches/pool.py");
    if let Ok(output) = Command::new("python3").arg(script).arg(TASKS.to_string()).output() {
        print!("\n{}", String::from_utf8_lossy(&output.stdout));
    }
}
