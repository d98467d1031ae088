//! What it costs to wait in a task instead of a thread, and to find something without waiting.
//!
//! The executor is one that does next to nothing: a thread that sleeps until its one task is woken.

use std::time::Instant;

use breezeway::Shareable;
use breezeway::bench::kernel::affinity::{Cpu, OUR_CPU, PARTNER_CPU};
use breezeway::bench::message::{Receiver, Sender};
use breezeway::bench::ours::Ring;
use breezeway::bench::round_trip::echo;
use breezeway::bench::sides::Side;
use breezeway::bench::stream::CAPACITY;
use breezeway::queue::{Queue, spsc};
use futures_lite::future::block_on;

use crate::parked::{asking, side};
use crate::program::Program;
use crate::round_trip::ends;

pub const SPSC_ONE: &str = "parked, one CPU, 64 B: breezeway spsc, tasks";
pub const SPSC_TWO: &str = "parked, two CPUs, 64 B: breezeway spsc, tasks";
const TRY_POP: &str = "ready: push and try_pop";
const POP_ASYNC: &str = "ready: push and pop_async";
const TRY_POP_SPSC: &str = "ready: push and try_pop, spsc";
const POP_ASYNC_SPSC: &str = "ready: push and pop_async, spsc";

/// An end that is used by a task.
struct Awaited<E>(E);

impl<M: Shareable> Sender<M> for Awaited<spsc::Producer<M>> {
    fn send(&mut self, message: &M) {
        block_on(self.0.push_async(*message)).expect("room");
    }
}

impl<M: Shareable> Receiver<M> for Awaited<spsc::Consumer<M>> {
    fn receive(&mut self, message: &mut M) {
        *message = block_on(self.0.pop_async()).expect("a message");
    }
}

/// To be called where [`parked::add_processes`](crate::parked::add_processes) is.
pub fn add_parked(program: &mut Program) {
    program.add(SPSC_ONE, |name| parked(name, OUR_CPU));
    program.add(SPSC_TWO, |name| parked(name, PARTNER_CPU));
}

fn parked(name: &'static str, cpu: Cpu) -> Side<'static> {
    let [there, back] = [(); 2].map(|()| Ring::new::<[u64; 8]>(CAPACITY).expect("a queue"));
    side(
        name,
        cpu,
        || asking(ends::<[u64; 8]>(Awaited(there.tx()), Awaited(back.rx()))),
        || echo::<[u64; 8]>(Awaited(there.rx()), Awaited(back.tx())),
    )
}

/// In this thread, which has both ends.
pub fn add_ready(program: &mut Program) {
    program.add(TRY_POP, |name| {
        let queue = Queue::<u64>::new(CAPACITY).expect("a queue");
        alone(name, move |n| {
            queue.try_push(n).expect("room");
            queue.try_pop().expect("a message")
        })
    });
    program.add(POP_ASYNC, |name| {
        let queue = Queue::<u64>::new(CAPACITY).expect("a queue");
        Side::new(name, move |times| {
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
    program.add(TRY_POP_SPSC, |name| {
        let (mut tx, mut rx) = spsc::new::<u64>(CAPACITY).expect("a queue");
        alone(name, move |n| {
            tx.try_push(n).expect("room");
            rx.try_pop().expect("a message")
        })
    });
    program.add(POP_ASYNC_SPSC, |name| {
        let (mut tx, mut rx) = spsc::new::<u64>(CAPACITY).expect("a queue");
        Side::new(name, move |times| {
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

fn alone(name: &'static str, mut pass: impl FnMut(u64) -> u64 + 'static) -> Side<'static> {
    Side::new(name, move |times| {
        let start = Instant::now();
        (0..times).for_each(|n| assert_eq!(pass(n), n));
        start.elapsed()
    })
}

/// How much longer the ready ones take than those that do not wait.
pub fn report(sides: &[Side<'_>]) {
    let median = |name| sides.iter().find(|side| side.name() == name).map(Side::median);
    for (what, of, to) in [
        ("a ready pop_async over try_pop", POP_ASYNC, TRY_POP),
        ("a ready pop_async over try_pop, spsc", POP_ASYNC_SPSC, TRY_POP_SPSC),
    ] {
        if let (Some(of), Some(to)) = (median(of), median(to)) {
            println!("{what:<44} {:>11.2} ns (promised: at most 10)", of - to);
        }
    }
}

/// Makes a task wait for a message at a [`Queue`].
pub struct Task(pub Queue<u64>);

impl Receiver<u64> for Task {
    fn receive(&mut self, message: &mut u64) {
        *message = block_on(self.0.pop_async()).expect("a message");
    }
}
