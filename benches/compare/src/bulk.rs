//! Messages of 64 KiB, copied out of private memory and into private memory.

use breezeway_bench::kernel::fd_channel::{pipe, pipe_with_capacity};
use breezeway_bench::peer_process::PeerProcess;
use breezeway_bench::queues::BytesLink;

use crate::selection::Selection;
use crate::stream::{entry, receive_all};

pub const BYTES: &str = "bulk 64 KiB: breezeway bytes";
pub const PIPE: &str = "bulk 64 KiB: pipe";
pub const LARGE_PIPE: &str = "bulk 64 KiB: pipe that holds 1 MiB";

type Bulk = [u64; 8 << 10];
/// The length of a queue, in bytes: more than a core's own cache. A message that is still in that
/// cache when it is read takes three times as long as one that has reached the shared cache.
const CAPACITY: usize = 2 << 20;
/// The largest pipe that an unprivileged process may have.
const LARGE: usize = 1 << 20;

pub fn add_processes(selection: &mut Selection) {
    selection.add(BYTES, |name| {
        let link = BytesLink::new(CAPACITY).expect("a queue");
        let peer = PeerProcess::fork(|| vec![receive_all::<Bulk>(link.rx())]);
        entry::<Bulk>(name, link.tx(), peer).bytes(size_of::<Bulk>())
    });
    selection.add(PIPE, |name| {
        let (rx, tx) = pipe().expect("a pipe");
        let peer = PeerProcess::fork(|| vec![receive_all::<Bulk>(rx)]);
        entry::<Bulk>(name, tx, peer).bytes(size_of::<Bulk>())
    });
    selection.add(LARGE_PIPE, |name| {
        let (rx, tx) = pipe_with_capacity(LARGE).expect("a pipe that large");
        let peer = PeerProcess::fork(|| vec![receive_all::<Bulk>(rx)]);
        entry::<Bulk>(name, tx, peer).bytes(size_of::<Bulk>())
    });
}
