//! CPython's test cases for `multiprocessing`, under its names without the `test_`: what they promise, with real children. What
//! the tests of each part check at length is here the case itself. And what CPython cannot pass: a SIGKILL in the middle.

mod connection;
mod pool;
mod process;
mod queue;
mod sharedctypes;
mod sigkill;

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
