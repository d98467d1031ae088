//! There and back where both sides sleep: on one CPU, where nobody runs while the other does, or on two.
//!
//! Both are processes of their own that have never been allowed more than one CPU, so breezeway does not spin in them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::ends::kernel::pipe;
use crate::ends::ours::{ByteRing, Ring};
use crate::ends::pipes::Raw;
use crate::program::Program;
use crate::round_trip;
use crate::stream::CAPACITY;
use crate::support::cpu::{OUR_CPU, PARTNER_CPU};
use crate::support::futex;
use crate::support::page::Page;
use crate::support::partner::{Job, Partner};
use crate::support::sides::Side;

pub const SPSC_ONE: &str = "parked, one CPU, 64 B: breezeway spsc";
pub const SPSC_TWO: &str = "parked, two CPUs, 64 B: breezeway spsc";
pub const OUR_PIPE_ONE: &str = "parked, one CPU, 64 B: breezeway pipe";
pub const OUR_PIPE_TWO: &str = "parked, two CPUs, 64 B: breezeway pipe";
pub const PIPE_ONE: &str = "parked, one CPU, 64 B: pipes";
pub const PIPE_TWO: &str = "parked, two CPUs, 64 B: pipes";
pub const FUTEX_ONE: &str = "parked, one CPU: bare futexes";
pub const FUTEX_TWO: &str = "parked, two CPUs: bare futexes";

/// The switches between the two must be many, to the one that begins and ends them.
const BATCH: Duration = Duration::from_millis(2);

/// To be called before this process has found out how many CPUs it may use: a forked one takes it for granted.
pub fn add_processes(program: &mut Program) {
    program.add(SPSC_ONE, |name| spsc(name, OUR_CPU));
    program.add(SPSC_TWO, |name| spsc(name, PARTNER_CPU));
    program.add(OUR_PIPE_ONE, |name| our_pipe(name, OUR_CPU));
    program.add(OUR_PIPE_TWO, |name| our_pipe(name, PARTNER_CPU));
    program.add(PIPE_ONE, |name| kernel_pipe(name, OUR_CPU));
    program.add(PIPE_TWO, |name| kernel_pipe(name, PARTNER_CPU));
    program.add(FUTEX_ONE, |name| bare(name, OUR_CPU));
    program.add(FUTEX_TWO, |name| bare(name, PARTNER_CPU));
}

/// One who asks, on our CPU, and answers how many nanoseconds it took; and one who answers, on `cpu`.
pub fn side(
    name: &'static str,
    cpu: usize,
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

fn spsc(name: &'static str, cpu: usize) -> Side<'static> {
    let (there, back) = (Ring::new::<[u64; 8]>(CAPACITY), Ring::new::<[u64; 8]>(CAPACITY));
    side(
        name,
        cpu,
        || {
            let (mut tx, mut rx) = (there.tx::<[u64; 8]>(), back.rx());
            Box::new(move |times, _| round_trip::ask(&mut tx, &mut rx, times).as_nanos() as u64)
        },
        || round_trip::echo::<[u64; 8]>(there.rx(), back.tx()),
    )
}

fn our_pipe(name: &'static str, cpu: usize) -> Side<'static> {
    let (there, back) = (ByteRing::new(round_trip::PIPE_HOLDS), ByteRing::new(round_trip::PIPE_HOLDS));
    side(
        name,
        cpu,
        || {
            let (mut tx, mut rx) = (Raw(there.tx().into()), Raw(back.rx().into()));
            let ask = move |times| round_trip::ask::<[u64; 8]>(&mut tx, &mut rx, times);
            asking(ask)
        },
        || round_trip::echo::<[u64; 8]>(Raw(there.rx().into()), Raw(back.tx().into())),
    )
}

fn kernel_pipe(name: &'static str, cpu: usize) -> Side<'static> {
    let ((their_rx, mut tx), (mut rx, their_tx)) = (pipe(), pipe());
    side(
        name,
        cpu,
        || asking(move |times| round_trip::ask::<[u64; 8]>(&mut tx, &mut rx, times)),
        || round_trip::echo::<[u64; 8]>(their_rx, their_tx),
    )
}

fn asking(mut ask: impl FnMut(u64) -> Duration + 'static) -> Job {
    Box::new(move |times, _| ask(times).as_nanos() as u64)
}

fn bare(name: &'static str, cpu: usize) -> Side<'static> {
    let page = Page::new();
    let (there, back) = (Flag::new(page, 0), Flag::new(page, 1));
    side(name, cpu, || flag_ask(there, back), || flag_echo(there, back))
}

/// A number that is raised, and slept on until it has been.
#[derive(Clone, Copy)]
struct Flag {
    word: &'static AtomicU64,
    /// As this process knows it.
    number: u64,
}

impl Flag {
    fn new(page: Page, line: usize) -> Self {
        Self { word: page.word(line), number: 0 }
    }

    fn raise(&mut self) {
        self.number += 1;
        self.word.store(self.number, Ordering::Release);
        futex::wake_one(self.word);
    }

    fn wait_until_raised(&mut self) {
        while self.word.load(Ordering::Acquire) == self.number {
            futex::wait_forever(self.word, self.number);
        }
        self.number += 1;
        assert_eq!(self.word.load(Ordering::Relaxed), self.number, "raised once");
    }
}

fn flag_ask(mut there: Flag, mut back: Flag) -> Job {
    Box::new(move |times, _| {
        let mut start = Instant::now();
        for n in 0..=times {
            there.raise();
            back.wait_until_raised();
            if n == 0 {
                start = Instant::now();
            }
        }
        start.elapsed().as_nanos() as u64
    })
}

fn flag_echo(mut there: Flag, mut back: Flag) -> Job {
    Box::new(move |times, _| {
        for _ in 0..=times {
            there.wait_until_raised();
            back.raise();
        }
        times
    })
}
