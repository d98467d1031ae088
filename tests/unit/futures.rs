//! Waiting as futures in one process: under every executor, woken in time, dropped at any time.

mod astray;
mod cancelling;
mod locks;
mod prompt;
mod runtimes;
mod wakers;
