//! Async waits in one process: under every executor, woken in time, dropped at any time.

mod cancellation;
mod closed_queues;
mod locks;
mod lost_wakeup;
mod runtimes;
mod wake_before_recheck;
mod wakers;
