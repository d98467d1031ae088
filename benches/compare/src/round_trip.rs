//! Round trips between two polling processes on CPUs of their own.

use breezeway_bench::kernel::fd_channel::pipe;
use breezeway_bench::peer_process::PeerProcess;
use breezeway_bench::queues::SpscLink;
use breezeway_bench::round_trip::baseline::OneLine;
use breezeway_bench::round_trip::{CAPACITY, ChannelPinger, Pinger, echo};
use breezeway_bench::runner::Entry;

use crate::selection::Selection;

pub const SPSC: &str = "round trip 64 B: breezeway spsc";
pub const ONE_LINE: &str = "round trip: one line";
pub const ONE_LINE_PAUSING: &str = "round trip: one line, pausing";
pub const PIPE: &str = "round trip 64 B: pipes";

/// A message of 64 bytes.
type Message = [u64; 8];

pub fn add_processes(selection: &mut Selection) {
    selection.add(SPSC, |name| {
        let [there, back] = [(); 2].map(|()| SpscLink::new::<Message>(CAPACITY).expect("a queue"));
        let peer = PeerProcess::fork(|| vec![echo::<Message>(there.rx(), back.tx())]);
        entry(name, ChannelPinger::<Message, _, _>::new(there.tx(), back.rx()), peer)
    });
    selection.add(ONE_LINE, one_line::<false>);
    selection.add(ONE_LINE_PAUSING, one_line::<true>);
    selection.add(PIPE, |name| {
        let [(their_rx, tx), (rx, their_tx)] = [(); 2].map(|()| pipe().expect("a pipe"));
        let peer = PeerProcess::fork(|| vec![echo::<Message>(their_rx, their_tx)]);
        entry(name, ChannelPinger::<Message, _, _>::new(tx, rx), peer)
    });
}

/// This process pings, and the peer answers.
pub fn entry(name: &'static str, mut pinger: impl Pinger + 'static, peer: PeerProcess) -> Entry<'static> {
    Entry::new(name, move |times| {
        let echo = peer.begin(0, times);
        let elapsed = pinger.time(times);
        assert_eq!(echo.spin_for_answer(), times);
        elapsed
    })
}

/// The baseline: one cache line that goes to and fro.
fn one_line<const PAUSING: bool>(name: &'static str) -> Entry<'static> {
    let (ours, theirs) = OneLine::<PAUSING>::ends();
    entry(name, ours, PeerProcess::fork(|| vec![theirs.echo()]))
}
