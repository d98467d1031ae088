//! Pools whose workers run functions of this test binary.

mod callbacks;
mod deaths;
mod kill_steps;
mod map_iter;
mod shutdown;
mod tasks;
mod workers;
