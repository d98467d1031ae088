//! What it costs to wait: the CPU time of a process that sleeps in a blocking pop.

use std::thread;
use std::time::Duration;

use breezeway_bench::kernel::clock;
use breezeway_bench::message::{Receiver, Sender};
use breezeway_bench::queues::SpscLink;
use breezeway_bench::peer_process::{Job, PeerProcess};
use breezeway::queue::Queue;

use crate::futures::Task;
use crate::selection::Selection;

/// How long nothing comes.
const PAUSE: Duration = Duration::from_secs(2);

const SPSC: &str = "idle: breezeway spsc";
const QUEUE: &str = "idle: breezeway Queue";
const TASK: &str = "idle: breezeway Queue, a task";

/// One who waits, and what ends its wait.
type Sleeper = (PeerProcess, Box<dyn Sender<u64>>);

type Make = fn() -> Sleeper;

/// Those that were asked for, with their names.
pub struct Sleepers(Vec<(&'static str, Sleeper)>);

impl Sleepers {
    pub fn new(selection: &Selection) -> Self {
        let asked_for = [(SPSC, spsc as Make), (QUEUE, queue), (TASK, task)]
            .into_iter()
            .filter(|(name, _)| selection.has(name));
        Self(asked_for.map(|(name, make)| (name, make())).collect())
    }

    /// Has them sleep, one after the other.
    pub fn report(self) {
        println!();
        for (name, (peer, mut tx)) in self.0 {
            let waiting = peer.begin(0, 7);
            thread::sleep(PAUSE);
            tx.send(&7);
            let milliseconds = waiting.answer() as f64 / 1e6;
            println!("{name:<44} {:>11.3} ms of CPU a second", milliseconds / PAUSE.as_secs_f64());
        }
    }
}

fn spsc() -> Sleeper {
    let ring = SpscLink::new::<u64>(1).expect("a queue");
    let peer = PeerProcess::fork(|| vec![wait(ring.rx())]);
    (peer, Box::new(ring.tx::<u64>()))
}

fn queue() -> Sleeper {
    let queue = Queue::<u64>::new(1).expect("a queue");
    let peer = PeerProcess::fork(|| vec![wait(queue.clone())]);
    (peer, Box::new(queue))
}

fn task() -> Sleeper {
    let queue = Queue::<u64>::new(1).expect("a queue");
    let peer = PeerProcess::fork(|| vec![wait(Task(queue.clone()))]);
    (peer, Box::new(queue))
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
