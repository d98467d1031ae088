//! There and back between two CPUs that do nothing else: a message is answered with the next number.

use breezeway_bench::kernel::fd_channel::pipe;
use breezeway_bench::message::{Message, Receiver, Sender};
use breezeway_bench::queues::SpscLink;
use breezeway_bench::peer_process::PeerProcess;
use breezeway_bench::round_trip::baseline::Line;
use breezeway_bench::round_trip::{Pinger, ChannelPinger, FEW, echo};
use breezeway_bench::runner::Entry;

use crate::selection::Selection;

pub const SPSC: &str = "round trip 64 B: breezeway spsc";
pub const LINE: &str = "round trip: one line";
pub const LINE_PAUSING: &str = "round trip: one line, pausing";
pub const PIPE: &str = "round trip 64 B: pipes";

pub fn add_processes(selection: &mut Selection) {
    selection.add(SPSC, |name| {
        let [there, back] = [(); 2].map(|()| SpscLink::new::<[u64; 8]>(FEW).expect("a queue"));
        let peer = PeerProcess::fork(|| vec![echo::<[u64; 8]>(there.rx(), back.tx())]);
        side(name, ends::<[u64; 8]>(there.tx(), back.rx()), peer)
    });
    selection.add(LINE, bounce::<false>);
    selection.add(LINE_PAUSING, bounce::<true>);
    selection.add(PIPE, |name| {
        let [(their_rx, tx), (rx, their_tx)] = [(); 2].map(|()| pipe().expect("a pipe"));
        let peer = PeerProcess::fork(|| vec![echo::<[u64; 8]>(their_rx, their_tx)]);
        side(name, ends::<[u64; 8]>(tx, rx), peer)
    });
}

pub fn ends<M: Message>(tx: impl Sender<M> + 'static, rx: impl Receiver<M> + 'static) -> impl Pinger + 'static {
    ChannelPinger::new(tx, rx)
}

/// We ask, and the peer answers.
pub fn side(name: &'static str, mut asker: impl Pinger + 'static, peer: PeerProcess) -> Entry<'static> {
    Entry::new(name, move |times| {
        let echo = peer.begin(0, times);
        let elapsed = asker.time(times);
        assert_eq!(echo.answer(), times);
        elapsed
    })
}

/// One cache line that goes to and fro: what no queue is faster than.
fn bounce<const PAUSING: bool>(name: &'static str) -> Entry<'static> {
    let (ours, theirs) = Line::<PAUSING>::ends();
    side(name, ours, PeerProcess::fork(|| vec![theirs.echo()]))
}
