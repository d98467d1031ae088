//! Round trips by blocking calls between two processes: both on one CPU, where one runs while the
//! other sleeps, or pinned to a CPU each, where both spin.

use std::thread;
use std::time::{Duration, Instant};

use breezeway_bench::kernel::affinity::{Cpu, OUR_CPU, PEER_CPU};
use breezeway_bench::peer_process::{Job, PeerProcess};
use breezeway_bench::queues::{Polled, SpscLink};
use breezeway_bench::round_trip::baseline::FutexPair;
use breezeway_bench::round_trip::{ChannelPinger, Pinger, echo};
use breezeway_bench::runner::Entry;
use breezeway_bench::stream::CAPACITY;

use crate::selection::Selection;

pub const SPSC_ONE: &str = "parked, one CPU, 64 B: breezeway spsc";
pub const SPSC_TWO: &str = "pinned, two CPUs, 64 B: breezeway spsc";
pub const SPSC_POLLED: &str = "pinned, two CPUs, 64 B: breezeway spsc, polled";
pub const SPSC_AFTER_PAUSES: &str = "pinned, two CPUs, 64 B: breezeway spsc, after pauses";
pub const FUTEX_ONE: &str = "parked, one CPU: bare futexes";
pub const FUTEX_TWO: &str = "parked, two CPUs: bare futexes";

/// A batch begins and ends with a switch from and to this process, so it must contain many others.
const BATCH_TIME: Duration = Duration::from_millis(2);

/// A message of 64 bytes.
type Message = [u64; 8];

pub fn add_processes(selection: &mut Selection) {
    selection.add(SPSC_ONE, |name| spsc(name, OUR_CPU));
    selection.add(SPSC_TWO, |name| spsc(name, PEER_CPU));
    selection.add(SPSC_POLLED, spsc_polled);
    selection.add(SPSC_AFTER_PAUSES, spsc_after_pauses);
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

/// Both sides look all the time.
fn spsc_polled(name: &'static str) -> Entry<'static> {
    let [there, back] = [(); 2].map(|()| SpscLink::new::<Message>(CAPACITY).expect("a queue"));
    entry(
        name,
        PEER_CPU,
        || pinging(ChannelPinger::<Message, _, _>::new(Polled(there.tx()), Polled(back.rx()))),
        || echo::<Message>(Polled(there.rx()), Polled(back.tx())),
    )
}

/// How often a pinger pauses before its round trips, for how long, and how many round trips it has to
/// find back to spinning.
const PAUSES: u64 = 8;
const PAUSE: Duration = Duration::from_micros(500);
const ROUND_TRIPS_TO_RECOVER: u64 = 100;

/// The round trips after those in which both sides sleep before each message.
fn spsc_after_pauses(name: &'static str) -> Entry<'static> {
    let [there, back] = [(); 2].map(|()| SpscLink::new::<Message>(CAPACITY).expect("a queue"));
    let before = PAUSES + ROUND_TRIPS_TO_RECOVER;
    let ping = || -> Job {
        let mut pinger = ChannelPinger::<Message, _, _>::new(there.tx(), back.rx());
        Box::new(move |times, _| {
            let mut start = Instant::now();
            pinger.ping(before + times, |n| {
                if n < PAUSES {
                    thread::sleep(PAUSE);
                } else if n == before {
                    start = Instant::now();
                }
            });
            start.elapsed().as_nanos() as u64
        })
    };
    let echo = || -> Job {
        let mut echo = echo::<Message>(there.rx(), back.tx());
        Box::new(move |times, shared| echo(before + times, shared) - before)
    };
    entry(name, PEER_CPU, ping, echo)
}

fn futexes(name: &'static str, cpu: Cpu) -> Entry<'static> {
    let (ours, theirs) = FutexPair::ends();
    entry(name, cpu, || pinging(ours), || theirs.echo())
}
