//! What it costs to wait: the CPU time of a process that sleeps in a blocking pop.

use std::thread;
use std::time::Duration;

use breezeway_bench::kernel::clock;
use breezeway_bench::message::{Receiver, Sender};
use breezeway_bench::ours::Ring;
use breezeway_bench::partner::{Job, Partner};
use breezeway::queue::Queue;

use crate::futures::Task;
use crate::program::Program;

/// How long nothing comes.
const PAUSE: Duration = Duration::from_secs(2);

const SPSC: &str = "idle: breezeway spsc";
const QUEUE: &str = "idle: breezeway Queue";
const TASK: &str = "idle: breezeway Queue, a task";

/// One who waits, and what ends its wait.
type Sleeper = (Partner, Box<dyn Sender<u64>>);

type Make = fn() -> Sleeper;

/// Those that were asked for, with their names.
pub struct WakePolicy(Vec<(&'static str, Sleeper)>);

impl WakePolicy {
    pub fn new(program: &Program) -> Self {
        let asked_for = [(SPSC, spsc as Make), (QUEUE, queue), (TASK, task)]
            .into_iter()
            .filter(|(name, _)| program.has(name));
        Self(asked_for.map(|(name, make)| (name, make())).collect())
    }

    /// Has them sleep, one after the other.
    pub fn report(self) {
        println!();
        for (name, (partner, mut tx)) in self.0 {
            let waiting = partner.begin(0, 7);
            thread::sleep(PAUSE);
            tx.send(&7);
            let milliseconds = waiting.answer() as f64 / 1e6;
            println!("{name:<44} {:>11.3} ms of CPU a second", milliseconds / PAUSE.as_secs_f64());
        }
    }
}

fn spsc() -> Sleeper {
    let ring = Ring::new::<u64>(1).expect("a queue");
    let partner = Partner::fork(|| vec![wait(ring.rx())]);
    (partner, Box::new(ring.tx::<u64>()))
}

fn queue() -> Sleeper {
    let queue = Queue::<u64>::new(1).expect("a queue");
    let partner = Partner::fork(|| vec![wait(queue.clone())]);
    (partner, Box::new(queue))
}

fn task() -> Sleeper {
    let queue = Queue::<u64>::new(1).expect("a queue");
    let partner = Partner::fork(|| vec![wait(Task(queue.clone()))]);
    (partner, Box::new(queue))
}

/// Waits for this message, and answers how many nanoseconds of CPU time that took.
fn wait(mut rx: impl Receiver<u64> + 'static) -> Job {
    Box::new(move |message, _| {
        let before = clock::spent();
        let mut received = 0;
        rx.receive(&mut received);
        assert_eq!(received, message);
        clock::spent() - before
    })
}
