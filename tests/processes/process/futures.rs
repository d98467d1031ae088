//! Pipes, processes and pools as futures.

mod executors;
mod joining;
mod pipes;
mod pipes_cut;
mod pools;
