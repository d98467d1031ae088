//! Breezeway's queues and locks beside the hardware, the kernel and other crates, measured in interleaved rounds.
//!
//! Run by `cargo run --release`, with `-- --rounds N` for other than 15 and `-- --only PATTERN` for the sides whose name has
//! that in it. See the README.
//!
//! - [`round_trip`], [`parked`], [`stream`], [`crowd`], [`bulk`]: what is measured, with the promises' sides in each
//! - [`sync`]: semaphores, events, readers' locks and condition variables
//! - [`futures`]: tasks that wait
//! - [`idle`]: what it costs to wait
//! - [`peers`] (feature `peers`): the same work by other crates, Boost and Python, in one table
//! - [`threads`]: the crates whose queues join threads, behind breezeway's own benches' traits

mod bulk;
mod mpmc_4x4;
mod futures;
mod idle;
mod parked;
#[cfg(feature = "peers")]
mod peers;
mod selection;
mod promises;
mod round_trip;
mod stream;
mod sync;
mod threads;

use breezeway_bench::kernel::affinity;
use breezeway_bench::sides;
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
    affinity::settle();
    round_trip::add_processes(&mut selection);
    stream::add_processes(&mut selection);
    mpmc_4x4::add_processes(&mut selection);
    bulk::add_processes(&mut selection);
    sync::add_processes(&mut selection);
    futures::add_ready(&mut selection);
    #[cfg(feature = "peers")]
    let missing = peers::add_processes(&mut selection);
    let sleepers = idle::Sleepers::new(&selection);
    // Threads are the last: a process that has some does not fork.
    stream::add_threads(&mut selection);
    mpmc_4x4::add_threads(&mut selection);
    #[cfg(feature = "peers")]
    peers::add_threads(&mut selection);

    let mut sides = selection.sides;
    runner::play(&mut sides, runner::rounds());
    runner::report(&sides, &promises::PROMISES);
    bulk::report(&sides);
    sleepers.report();
    futures::report(&sides);
    #[cfg(feature = "peers")]
    peers::table::report(&sides, &missing);
}
