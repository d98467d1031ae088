//! Pools of workers that run functions of this test binary.

mod callbacks;
mod deaths;
mod ends;
mod imap;
mod steps;
mod tasks;
mod workers;
