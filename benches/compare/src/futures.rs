//! The cost of waiting in a task instead of a thread, and of a pop that need not wait.

use std::time::Instant;

use breezeway::queue::{Queue, spsc};
use breezeway_bench::kernel::affinity::{Cpu, OUR_CPU, PEER_CPU};
use breezeway_bench::message::Receiver;
use breezeway_bench::peer_process::Job;
use breezeway_bench::queues::SpscLink;
use breezeway_bench::report::median;
use breezeway_bench::round_trip::Pinger;
use breezeway_bench::runner::Entry;
use breezeway_bench::stream::CAPACITY;
use futures_lite::future::block_on;

use crate::parked::{entry, pinging};
use crate::selection::Selection;

pub const SPSC_ONE: &str = "parked, one CPU, 64 B: tasks, block_on";
pub const SPSC_TWO: &str = "parked, two CPUs, 64 B: tasks, block_on";
pub const ELSEWHERE_ONE: &str = "parked, one CPU, 64 B: tasks, futures-lite";
pub const ELSEWHERE_TWO: &str = "parked, two CPUs, 64 B: tasks, futures-lite";
const TRY_POP: &str = "ready: push and try_pop";
const POP_ASYNC: &str = "ready: push and pop_async";
const TRY_POP_SPSC: &str = "ready: push and try_pop, spsc";
const POP_ASYNC_SPSC: &str = "ready: push and pop_async, spsc";

type Message = [u64; 8];

/// The ends of a task's two queues. With `OURS` the task's thread runs [`breezeway::block_on`] and
/// sleeps on the queue's own word; else it runs another executor and sleeps until breezeway's
/// thread wakes it.
struct TaskPinger<const OURS: bool> {
    tx: spsc::Producer<Message>,
    rx: spsc::Consumer<Message>,
}

fn run<const OURS: bool, F: Future>(task: F) -> F::Output {
    if OURS { breezeway::block_on(task) } else { block_on(task) }
}

impl<const OURS: bool> Pinger for TaskPinger<OURS> {
    fn ping(&mut self, times: u64, mut after: impl FnMut(u64)) {
        let Self { tx, rx } = self;
        run::<OURS, _>(async {
            for n in 0..=times {
                tx.push_async([n; 8]).await.expect("room");
                let answer = rx.pop_async().await.expect("an answer");
                assert_eq!(answer, [n + 1; 8], "the answer to this message");
                after(n);
            }
        });
    }
}

impl<const OURS: bool> TaskPinger<OURS> {
    /// The job of the side that answers.
    fn echo(mut self) -> Job {
        Box::new(move |times, _| {
            let Self { tx, rx } = &mut self;
            run::<OURS, _>(async {
                for n in 0..=times {
                    let message = rx.pop_async().await.expect("a message");
                    assert_eq!(message, [n; 8], "the next message");
                    tx.push_async([n + 1; 8]).await.expect("room");
                }
            });
            times
        })
    }
}

/// Called when [`parked::add_processes`](crate::parked::add_processes) is.
pub fn add_parked(selection: &mut Selection) {
    selection.add(SPSC_ONE, |name| parked::<true>(name, OUR_CPU));
    selection.add(SPSC_TWO, |name| parked::<true>(name, PEER_CPU));
    selection.add(ELSEWHERE_ONE, |name| parked::<false>(name, OUR_CPU));
    selection.add(ELSEWHERE_TWO, |name| parked::<false>(name, PEER_CPU));
}

fn parked<const OURS: bool>(name: &'static str, cpu: Cpu) -> Entry<'static> {
    let [there, back] = [(); 2].map(|()| SpscLink::new::<Message>(CAPACITY).expect("a queue"));
    let ours = || TaskPinger::<OURS> { tx: there.tx(), rx: back.rx() };
    let theirs = || TaskPinger::<OURS> { tx: back.tx(), rx: there.rx() };
    entry(name, cpu, || pinging(ours()), || theirs().echo())
}

/// Pops that find a message: this thread has both ends.
pub fn add_ready(selection: &mut Selection) {
    selection.add(TRY_POP, |name| {
        let queue = Queue::<u64>::new(CAPACITY).expect("a queue");
        alone(name, move |n| {
            queue.try_push(n).expect("room");
            queue.try_pop().expect("a message")
        })
    });
    selection.add(POP_ASYNC, |name| {
        let queue = Queue::<u64>::new(CAPACITY).expect("a queue");
        Entry::new(name, move |times| {
            block_on(async {
                let start = Instant::now();
                for n in 0..times {
                    queue.try_push(n).expect("room");
                    assert_eq!(queue.pop_async().await.expect("a message"), n);
                }
                start.elapsed()
            })
        })
    });
    selection.add(TRY_POP_SPSC, |name| {
        let (mut tx, mut rx) = spsc::new::<u64>(CAPACITY).expect("a queue");
        alone(name, move |n| {
            tx.try_push(n).expect("room");
            rx.try_pop().expect("a message")
        })
    });
    selection.add(POP_ASYNC_SPSC, |name| {
        let (mut tx, mut rx) = spsc::new::<u64>(CAPACITY).expect("a queue");
        Entry::new(name, move |times| {
            block_on(async {
                let start = Instant::now();
                for n in 0..times {
                    tx.try_push(n).expect("room");
                    assert_eq!(rx.pop_async().await.expect("a message"), n);
                }
                start.elapsed()
            })
        })
    });
}

fn alone(name: &'static str, mut pass: impl FnMut(u64) -> u64 + 'static) -> Entry<'static> {
    Entry::new(name, move |times| {
        let start = Instant::now();
        (0..times).for_each(|n| assert_eq!(pass(n), n));
        start.elapsed()
    })
}

/// Prints how much longer a ready `pop_async` takes than `try_pop`.
pub fn report(entries: &[Entry<'_>]) {
    for (what, of, to) in [
        ("a ready pop_async over try_pop", POP_ASYNC, TRY_POP),
        ("a ready pop_async over try_pop, spsc", POP_ASYNC_SPSC, TRY_POP_SPSC),
    ] {
        if let (Some(of), Some(to)) = (median(entries, of), median(entries, to)) {
            println!("{what:<44} {:>11.2} ns (promised: at most 10)", of - to);
        }
    }
}

/// A receiver that pops in a task.
pub struct TaskReceiver(pub Queue<u64>);

impl Receiver<u64> for TaskReceiver {
    fn receive(&mut self, message: &mut u64) {
        *message = breezeway::block_on(self.0.pop_async()).expect("a message");
    }
}
