//! Waiting as futures: under every executor, in every process, dropped at any time.

#[path = "futures/account.rs"]
mod account;
#[path = "futures/astray.rs"]
mod astray;
#[path = "futures/cancelling.rs"]
mod cancelling;
#[path = "futures/deaths.rs"]
mod deaths;
#[path = "futures/executors.rs"]
mod executors;
#[path = "futures/fallback.rs"]
mod fallback;
#[path = "futures/forked.rs"]
mod forked;
#[path = "futures/locks.rs"]
mod locks;
#[path = "futures/many.rs"]
mod many;
#[path = "futures/polled.rs"]
mod polled;
#[path = "futures/processes.rs"]
mod processes;
#[path = "futures/prompt.rs"]
mod prompt;
#[path = "futures/runtimes.rs"]
mod runtimes;
#[allow(unreachable_pub)]
mod support;
#[path = "futures/wakers.rs"]
mod wakers;
