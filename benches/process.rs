//! What it costs to start a process that calls a function, beside starting this same program and having it end at once.
//!
//! Both in turns, so that what disturbs one disturbs the other; the medians and their ratio are printed.

use std::process::Command;
use std::time::{Duration, Instant};

use breezeway::process::Process;

const ROUNDS: usize = 200;

/// The argument with which this program ends at once.
const END: &str = "end-at-once";

/// No more than this times the bare process.
const PROMISED: f64 = 1.5;

fn main() {
    if std::env::args().nth(1).is_some_and(|argument| argument == END) {
        return;
    }
    let sides: [fn(); 2] = [bare, ours];
    let mut times = [const { Vec::new() }; 2];
    for round in 0..ROUNDS + 5 {
        for (side, times) in sides.iter().zip(&mut times) {
            let start = Instant::now();
            side();
            // The first find cold caches.
            if round >= 5 {
                times.push(start.elapsed());
            }
        }
    }
    let [bare, ours] = times.map(median);
    let ratio = ours.as_secs_f64() / bare.as_secs_f64();
    println!(
        "bare process {bare:.0?}, Process::spawn and join {ours:.0?}: {ratio:.2} times (promised: {PROMISED})"
    );
}

fn bare() {
    assert!(Command::new("/proc/self/exe").arg(END).status().expect("a process").success());
}

fn ours() {
    assert_eq!(Process::spawn(|()| (), ()).expect("a process").join().expect("its end"), 0);
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}
