//! Pipes, processes and pools, waited for as futures.

mod executors;
mod join_async;
mod pipes;
mod pipes_cut;
mod pools;
