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
mod crowd;
mod futures;
mod idle;
mod parked;
#[cfg(feature = "peers")]
mod peers;
mod program;
mod promises;
mod round_trip;
mod stream;
mod sync;
mod threads;

use breezeway_bench::kernel::affinity;
use breezeway_bench::sides;
use program::Program;

fn main() {
    let mut program = Program::asked_for();
    parked::add_processes(&mut program);
    futures::add_parked(&mut program);
    sync::add_parked(&mut program);
    #[cfg(feature = "peers")]
    let _files = peers::iceoryx::Files::new();
    #[cfg(feature = "peers")]
    peers::add_parked(&mut program);
    affinity::settle();
    round_trip::add_processes(&mut program);
    stream::add_processes(&mut program);
    crowd::add_processes(&mut program);
    bulk::add_processes(&mut program);
    sync::add_processes(&mut program);
    futures::add_ready(&mut program);
    #[cfg(feature = "peers")]
    let missing = peers::add_processes(&mut program);
    let sleepers = idle::WakePolicy::new(&program);
    // Threads are the last: a process that has some does not fork.
    stream::add_threads(&mut program);
    crowd::add_threads(&mut program);
    #[cfg(feature = "peers")]
    peers::add_threads(&mut program);

    let mut sides = program.sides;
    sides::play(&mut sides, sides::rounds());
    sides::report(&sides, &promises::PROMISES);
    bulk::report(&sides);
    sleepers.report();
    futures::report(&sides);
    #[cfg(feature = "peers")]
    peers::table::report(&sides, &missing);
}
