//! Breezeway's queues and locks beside the hardware, the kernel and other crates.
//!
//! Run by `cargo run --release`, with `-- --rounds N` for other than 15 and `-- --only TEXT` for
//! the entries whose name contains it. See the README.
//!
//! - [`selection`]: which entries are measured; [`promises`]: what breezeway promises of them
//! - [`round_trip`], [`parked`], [`stream`], [`mpmc_4x4`], [`bulk`]: queues
//! - [`sync`]: semaphores, events, readers–writer locks and condition variables
//! - [`futures`]: waiting tasks
//! - [`idle`]: the cost of waiting
//! - [`peers`] (feature `peers`): other crates, Boost and Python at the same work, in one table
//! - [`threads`]: the crates whose queues join threads, behind the traits of `breezeway-bench`

mod bulk;
mod futures;
mod idle;
mod mpmc_4x4;
mod parked;
#[cfg(feature = "peers")]
mod peers;
mod promises;
mod round_trip;
mod selection;
mod stream;
mod sync;
mod threads;

use breezeway_bench::kernel::affinity;
use breezeway_bench::report;
use selection::Selection;

fn main() {
    let mut selection = Selection::from_arguments();
    parked::add_processes(&mut selection);
    futures::add_parked(&mut selection);
    sync::add_parked(&mut selection);
    #[cfg(feature = "peers")]
    let _files = peers::iceoryx::Files::new();
    #[cfg(feature = "peers")]
    peers::add_parked(&mut selection);
    affinity::pin_to_our_cpu();
    round_trip::add_processes(&mut selection);
    stream::add_processes(&mut selection);
    mpmc_4x4::add_processes(&mut selection);
    bulk::add_processes(&mut selection);
    sync::add_processes(&mut selection);
    futures::add_ready(&mut selection);
    #[cfg(feature = "peers")]
    let missing = peers::add_processes(&mut selection);
    let waiters = idle::Waiters::new(&selection);
    // Threads come last: a process with threads must not fork.
    stream::add_threads(&mut selection);
    mpmc_4x4::add_threads(&mut selection);
    #[cfg(feature = "peers")]
    peers::add_threads(&mut selection);

    let mut entries = selection.entries;
    report::runner().run(&mut entries, |_, _| {});
    report::print(&entries);
    report::print_promises(&entries, &promises::PROMISES);
    waiters.report();
    futures::report(&entries);
    #[cfg(feature = "peers")]
    peers::table::report(&entries, &missing);
}
