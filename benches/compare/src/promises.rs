//! What breezeway promises.

use breezeway_bench::report::Bound::{AtLeast, AtMost};
use breezeway_bench::report::Promise;

use crate::{bulk, futures, mpmc_4x4, parked, round_trip, stream, sync};

pub const PROMISES: [Promise; 21] = [
    Promise {
        what: "round trip 64 B, to one line",
        of: round_trip::SPSC,
        to: &[round_trip::ONE_LINE, round_trip::ONE_LINE_PAUSING],
        bound: AtMost(1.6),
    },
    Promise {
        what: "a pipe's round trip, to ours",
        of: round_trip::PIPE,
        to: &[round_trip::SPSC],
        bound: AtLeast(100.0),
    },
    Promise {
        what: "parked, one CPU, to bare futexes",
        of: parked::SPSC_ONE,
        to: &[parked::FUTEX_ONE],
        bound: AtMost(1.15),
    },
    Promise {
        what: "pinned to a CPU each, to polled",
        of: parked::SPSC_TWO,
        to: &[parked::SPSC_POLLED],
        bound: AtMost(1.2),
    },
    Promise {
        what: "pinned to a CPU each, 100 after pauses",
        of: parked::SPSC_AFTER_PAUSES,
        to: &[parked::SPSC_POLLED],
        bound: AtMost(1.2),
    },
    Promise {
        what: "parked tasks, one CPU, to parked threads",
        of: futures::SPSC_ONE,
        to: &[parked::SPSC_ONE],
        bound: AtMost(1.3),
    },
    Promise {
        what: "parked tasks, two CPUs, to bare futexes",
        of: futures::SPSC_TWO,
        to: &[parked::FUTEX_TWO],
        bound: AtMost(1.3),
    },
    Promise {
        what: "parked tasks of futures-lite, two CPUs",
        of: futures::ELSEWHERE_TWO,
        to: &[parked::FUTEX_TWO],
        bound: AtMost(1.3),
    },
    Promise {
        what: "stream 8 B, to rtrb between threads",
        of: stream::SPSC,
        to: &[stream::RTRB],
        bound: AtMost(1.5),
    },
    Promise {
        what: "stream 8 B in batches of 64, ns a message",
        of: stream::SPSC_BATCHES,
        to: &[],
        bound: AtMost(1.0),
    },
    Promise {
        what: "a pipe's stream of 64 B, to ours",
        of: stream::PIPE,
        to: &[stream::SPSC_LINES],
        bound: AtLeast(20.0),
    },
    Promise {
        what: "1 to 1, to ArrayQueue between threads",
        of: stream::QUEUE,
        to: &[stream::ARRAY_QUEUE],
        bound: AtMost(1.5),
    },
    Promise {
        what: "4 to 4, to ArrayQueue between threads",
        of: mpmc_4x4::QUEUE,
        to: &[mpmc_4x4::ARRAY_QUEUE],
        bound: AtMost(1.5),
    },
    Promise { what: "a pipe's 64 KiB, to ours", of: bulk::PIPE, to: &[bulk::BYTES], bound: AtLeast(8.0) },
    Promise { what: "Semaphore, to sem_t", of: sync::SEMAPHORE, to: &[sync::SEM_T], bound: AtMost(1.2) },
    Promise { what: "Event::is_set, ns", of: sync::IS_SET, to: &[], bound: AtMost(2.0) },
    Promise {
        what: "RwLock, read lock and unlock, to Mutex",
        of: sync::READ,
        to: &[sync::MUTEX],
        bound: AtMost(1.5),
    },
    Promise {
        what: "RwLock, beside another reader, to alone",
        of: sync::TWO_READERS,
        to: &[sync::READ],
        bound: AtMost(1.2),
    },
    Promise { what: "Condvar::notify_one, no waiters, ns", of: sync::NOTIFY, to: &[], bound: AtMost(20.0) },
    Promise {
        what: "Condvar, one CPU, to bare futexes",
        of: sync::CONDVAR_ONE,
        to: &[parked::FUTEX_ONE],
        bound: AtMost(1.2),
    },
    Promise {
        what: "Condvar, two CPUs, to bare futexes",
        of: sync::CONDVAR_TWO,
        to: &[parked::FUTEX_TWO],
        bound: AtMost(1.2),
    },
];
