//! Async waits in several processes, under every executor.

mod deaths;
mod fallback;
mod forked;
mod locks;
mod many;
mod processes;
