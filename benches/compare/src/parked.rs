//! There and back where both sides sleep: on one CPU, where nobody runs while the other does, or on two.
//!
//! Both are processes of their own that have never been allowed more than one CPU, so breezeway does not spin in them.

use std::time::Duration;

use breezeway_bench::kernel::affinity::{Cpu, OUR_CPU, PEER_CPU};
use breezeway_bench::queues::SpscLink;
use breezeway_bench::peer_process::{Job, PeerProcess};
use breezeway_bench::round_trip::baseline::Flags;
use breezeway_bench::round_trip::{Pinger, echo};
use breezeway_bench::runner::Entry;
use breezeway_bench::stream::CAPACITY;

use crate::selection::Selection;
use crate::round_trip::ends;

pub const SPSC_ONE: &str = "parked, one CPU, 64 B: breezeway spsc";
pub const SPSC_TWO: &str = "parked, two CPUs, 64 B: breezeway spsc";
pub const FUTEX_ONE: &str = "parked, one CPU: bare futexes";
pub const FUTEX_TWO: &str = "parked, two CPUs: bare futexes";

/// The switches between the two must be many, to the one that begins and ends them.
const BATCH: Duration = Duration::from_millis(2);

/// To be called before this process has found out how many CPUs it may use: a forked one takes it for granted.
pub fn add_processes(selection: &mut Selection) {
    selection.add(SPSC_ONE, |name| spsc(name, OUR_CPU));
    selection.add(SPSC_TWO, |name| spsc(name, PEER_CPU));
    selection.add(FUTEX_ONE, |name| bare(name, OUR_CPU));
    selection.add(FUTEX_TWO, |name| bare(name, PEER_CPU));
}

/// One who asks, on our CPU, and answers how many nanoseconds it took; and one who answers, on `cpu`.
pub fn side(
    name: &'static str,
    cpu: Cpu,
    ask: impl FnOnce() -> Job,
    echo: impl FnOnce() -> Job,
) -> Entry<'static> {
    let asker = PeerProcess::fork_to(OUR_CPU, || vec![ask()]);
    let echoer = PeerProcess::fork_to(cpu, || vec![echo()]);
    let side = Entry::new(name, move |times| {
        let echo = echoer.begin(0, times);
        let elapsed = Duration::from_nanos(asker.begin(0, times).answer_asleep());
        assert_eq!(echo.answer_asleep(), times);
        elapsed
    });
    side.lasting(BATCH)
}

pub fn asking(mut asker: impl Pinger + 'static) -> Job {
    Box::new(move |times, _| asker.time(times).as_nanos() as u64)
}

fn spsc(name: &'static str, cpu: Cpu) -> Entry<'static> {
    let [there, back] = [(); 2].map(|()| SpscLink::new::<[u64; 8]>(CAPACITY).expect("a queue"));
    side(
        name,
        cpu,
        || asking(ends::<[u64; 8]>(there.tx(), back.rx())),
        || echo::<[u64; 8]>(there.rx(), back.tx()),
    )
}

fn bare(name: &'static str, cpu: Cpu) -> Entry<'static> {
    let (ours, theirs) = Flags::ends();
    side(name, cpu, || asking(ours), || theirs.echo())
}
