//! Waiting as futures: under every executor, in every process, dropped at any time.

#[path = "futures/account.rs"]
mod account;
#[path = "futures/executors.rs"]
mod executors;
#[path = "futures/locks.rs"]
mod locks;
#[path = "futures/polled.rs"]
mod polled;
#[allow(unreachable_pub)]
mod support;
