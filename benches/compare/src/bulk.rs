//! Messages of 64 KiB, out of private memory and into private memory.

use breezeway_bench::kernel::fd_channel::{pipe, pipe_holding};
use breezeway_bench::queues::BytesLink;
use breezeway_bench::peer_process::PeerProcess;
use breezeway_bench::runner::Entry;

use crate::selection::Selection;
use crate::stream::{receive_all, side};

pub const BYTES: &str = "bulk 64 KiB: breezeway bytes";
pub const PIPE: &str = "bulk 64 KiB: pipe";
pub const LARGE_PIPE: &str = "bulk 64 KiB: pipe that holds 1 MiB";

/// A message.
type Bulk = [u64; 8 << 10];
/// The length of a queue, in bytes: more than a core's own cache. What is still in there when it is read must be fetched from that core,
/// and that takes three times as long as from the cache that all share.
const CAPACITY: usize = 2 << 20;
/// As much as a pipe may hold without a privilege.
const LARGE: usize = 1 << 20;

pub fn add_processes(selection: &mut Selection) {
    selection.add(BYTES, |name| {
        let ring = BytesLink::new(CAPACITY).expect("a queue");
        let peer = PeerProcess::fork(|| vec![receive_all::<Bulk>(ring.rx())]);
        side::<Bulk>(name, ring.tx(), peer)
    });
    selection.add(PIPE, |name| {
        let (rx, tx) = pipe().expect("a pipe");
        side::<Bulk>(name, tx, PeerProcess::fork(|| vec![receive_all::<Bulk>(rx)]))
    });
    selection.add(LARGE_PIPE, |name| {
        let (rx, tx) = pipe_holding(LARGE).expect("a pipe that large");
        side::<Bulk>(name, tx, PeerProcess::fork(|| vec![receive_all::<Bulk>(rx)]))
    });
}

/// How many gigabytes a second the sides come to.
pub fn report(sides: &[Entry<'_>]) {
    println!();
    for side in sides.iter().filter(|side| side.name().starts_with("bulk")) {
        println!("{:<44} {:>11.2} GB/s", side.name(), size_of::<Bulk>() as f64 / side.median());
    }
}
