//! Pipes, processes and pools as futures.

#![cfg(all(feature = "async", feature = "process"))]

#[path = "futures_process/executors.rs"]
mod executors;
#[path = "futures_process/joining.rs"]
mod joining;
#[path = "futures_process/pipes.rs"]
mod pipes;
#[path = "futures_process/pipes_cut.rs"]
mod pipes_cut;
#[path = "futures_process/pools.rs"]
mod pools;
mod support;

/// A message that tells its length and its number.
fn message(len: usize, n: usize) -> Vec<u8> {
    (0..len).map(|at| (at * 7 + at / 251 + n * 31 + len) as u8).collect()
}
