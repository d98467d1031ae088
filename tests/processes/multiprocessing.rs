//! CPython's test cases for `multiprocessing`, under its names without the `test_`: what they promise, with real children. What
//! the tests of each part check at length is here the case itself. And what CPython cannot pass: a SIGKILL in the middle.

#![cfg(feature = "process")]

#[path = "multiprocessing/connection.rs"]
mod connection;
#[path = "multiprocessing/pool.rs"]
mod pool;
#[path = "multiprocessing/process.rs"]
mod process;
#[path = "multiprocessing/queue.rs"]
mod queue;
#[path = "multiprocessing/sharedctypes.rs"]
mod sharedctypes;
#[path = "multiprocessing/sigkill.rs"]
mod sigkill;
#[allow(unreachable_pub)]
mod support;

use std::thread::sleep;
use std::time::Duration;

/// A time that passes in a test.
const SOON: Duration = Duration::from_millis(30);

/// What a child does that somebody has to end: a daemon, so that a test that fails ends, too.
fn for_ever() {
    loop {
        sleep(Duration::from_secs(3600));
    }
}
