//! Round trips between two sleeping processes, on one CPU, where one runs while the other sleeps,
//! or on two.
//!
//! Both are peer processes that were never allowed more than one CPU, so breezeway does not spin in
//! them.

use std::time::Duration;

use breezeway_bench::kernel::affinity::{Cpu, OUR_CPU, PEER_CPU};
use breezeway_bench::peer_process::{Job, PeerProcess};
use breezeway_bench::queues::SpscLink;
use breezeway_bench::round_trip::baseline::FutexPair;
use breezeway_bench::round_trip::{ChannelPinger, Pinger, echo};
use breezeway_bench::runner::Entry;
use breezeway_bench::stream::CAPACITY;

use crate::selection::Selection;

pub const SPSC_ONE: &str = "parked, one CPU, 64 B: breezeway spsc";
pub const SPSC_TWO: &str = "parked, two CPUs, 64 B: breezeway spsc";
pub const FUTEX_ONE: &str = "parked, one CPU: bare futexes";
pub const FUTEX_TWO: &str = "parked, two CPUs: bare futexes";

/// A batch begins and ends with a switch from and to this process, so it must contain many others.
const BATCH_TIME: Duration = Duration::from_millis(2);

/// A message of 64 bytes.
type Message = [u64; 8];

/// Called before this process counts its CPUs, because forked processes inherit the count.
pub fn add_processes(selection: &mut Selection) {
    selection.add(SPSC_ONE, |name| spsc(name, OUR_CPU));
    selection.add(SPSC_TWO, |name| spsc(name, PEER_CPU));
    selection.add(FUTEX_ONE, |name| futexes(name, OUR_CPU));
    selection.add(FUTEX_TWO, |name| futexes(name, PEER_CPU));
}

/// A process on this CPU pings, and answers how many nanoseconds that took; one on `cpu` echoes.
pub fn entry(
    name: &'static str,
    cpu: Cpu,
    ping: impl FnOnce() -> Job,
    echo: impl FnOnce() -> Job,
) -> Entry<'static> {
    let pinger = PeerProcess::fork_on(OUR_CPU, || vec![ping()]);
    let echoer = PeerProcess::fork_on(cpu, || vec![echo()]);
    let entry = Entry::new(name, move |times| {
        let echo = echoer.begin(0, times);
        let elapsed = Duration::from_nanos(pinger.begin(0, times).sleep_for_answer());
        assert_eq!(echo.sleep_for_answer(), times);
        elapsed
    });
    entry.min_batch_time(BATCH_TIME)
}

/// The job of a pinger, which answers how many nanoseconds it took.
pub fn pinging(mut pinger: impl Pinger + 'static) -> Job {
    Box::new(move |times, _| pinger.time(times).as_nanos() as u64)
}

fn spsc(name: &'static str, cpu: Cpu) -> Entry<'static> {
    let [there, back] = [(); 2].map(|()| SpscLink::new::<Message>(CAPACITY).expect("a queue"));
    entry(
        name,
        cpu,
        || pinging(ChannelPinger::<Message, _, _>::new(there.tx(), back.rx())),
        || echo::<Message>(there.rx(), back.tx()),
    )
}

fn futexes(name: &'static str, cpu: Cpu) -> Entry<'static> {
    let (ours, theirs) = FutexPair::ends();
    entry(name, cpu, || pinging(ours), || theirs.echo())
}
