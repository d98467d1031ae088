//! There and back where both sides sleep: on one CPU, where nobody runs while the other does, or on two.
//!
//! Both are processes of their own that have never been allowed more than one CPU, so breezeway does not spin in them.

use std::time::Duration;

use breezeway_bench::kernel::affinity::{Cpu, OUR_CPU, PARTNER_CPU};
use breezeway_bench::ours::Ring;
use breezeway_bench::partner::{Job, Partner};
use breezeway_bench::round_trip::yardstick::Flags;
use breezeway_bench::round_trip::{Ask, echo};
use breezeway_bench::sides::Side;
use breezeway_bench::stream::CAPACITY;

use crate::program::Program;
use crate::round_trip::ends;

pub const SPSC_ONE: &str = "parked, one CPU, 64 B: breezeway spsc";
pub const SPSC_TWO: &str = "parked, two CPUs, 64 B: breezeway spsc";
pub const FUTEX_ONE: &str = "parked, one CPU: bare futexes";
pub const FUTEX_TWO: &str = "parked, two CPUs: bare futexes";

/// The switches between the two must be many, to the one that begins and ends them.
const BATCH: Duration = Duration::from_millis(2);

/// To be called before this process has found out how many CPUs it may use: a forked one takes it for granted.
pub fn add_processes(program: &mut Program) {
    program.add(SPSC_ONE, |name| spsc(name, OUR_CPU));
    program.add(SPSC_TWO, |name| spsc(name, PARTNER_CPU));
    program.add(FUTEX_ONE, |name| bare(name, OUR_CPU));
    program.add(FUTEX_TWO, |name| bare(name, PARTNER_CPU));
}

/// One who asks, on our CPU, and answers how many nanoseconds it took; and one who answers, on `cpu`.
pub fn side(
    name: &'static str,
    cpu: Cpu,
    ask: impl FnOnce() -> Job,
    echo: impl FnOnce() -> Job,
) -> Side<'static> {
    let asker = Partner::fork_to(OUR_CPU, || vec![ask()]);
    let echoer = Partner::fork_to(cpu, || vec![echo()]);
    let side = Side::new(name, move |times| {
        let echo = echoer.begin(0, times);
        let elapsed = Duration::from_nanos(asker.begin(0, times).answer_asleep());
        assert_eq!(echo.answer_asleep(), times);
        elapsed
    });
    side.lasting(BATCH)
}

pub fn asking(mut asker: impl Ask + 'static) -> Job {
    Box::new(move |times, _| asker.time(times).as_nanos() as u64)
}

fn spsc(name: &'static str, cpu: Cpu) -> Side<'static> {
    let [there, back] = [(); 2].map(|()| Ring::new::<[u64; 8]>(CAPACITY).expect("a queue"));
    side(
        name,
        cpu,
        || asking(ends::<[u64; 8]>(there.tx(), back.rx())),
        || echo::<[u64; 8]>(there.rx(), back.tx()),
    )
}

fn bare(name: &'static str, cpu: Cpu) -> Side<'static> {
    let (ours, theirs) = Flags::ends();
    side(name, cpu, || asking(ours), || theirs.echo())
}
