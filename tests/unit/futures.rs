//! Waiting as futures: under every executor, in every process, dropped at any time.

mod astray;
mod cancelling;
mod locks;
mod prompt;
mod runtimes;
mod wakers;
