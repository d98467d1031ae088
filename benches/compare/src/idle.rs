//! The cost of waiting: the CPU time of a process that sleeps in a blocking pop.

use std::thread;
use std::time::Duration;

use breezeway::queue::Queue;
use breezeway_bench::kernel::clock;
use breezeway_bench::message::{Receiver, Sender};
use breezeway_bench::peer_process::{Job, PeerProcess};
use breezeway_bench::queues::SpscLink;

use crate::futures::TaskReceiver;
use crate::selection::Selection;

/// How long no message comes.
const PAUSE: Duration = Duration::from_secs(2);

const SPSC: &str = "idle: breezeway spsc";
const QUEUE: &str = "idle: breezeway Queue";
const TASK: &str = "idle: breezeway Queue, a task";

/// A waiting process, and the sender that ends its wait.
type Waiter = (PeerProcess, Box<dyn Sender<u64>>);

/// The selected waiters, with their names.
pub struct Waiters(Vec<(&'static str, Waiter)>);

impl Waiters {
    pub fn new(selection: &Selection) -> Self {
        let all = [(SPSC, spsc as fn() -> Waiter), (QUEUE, queue), (TASK, task)];
        let selected = all.into_iter().filter(|(name, _)| selection.has(name));
        Self(selected.map(|(name, make)| (name, make())).collect())
    }

    /// Has them wait, one after the other, and prints the CPU time that each took.
    pub fn report(self) {
        println!();
        for (name, (peer, mut tx)) in self.0 {
            let waiting = peer.begin(0, 7);
            thread::sleep(PAUSE);
            tx.send(&7);
            let milliseconds = waiting.spin_for_answer() as f64 / 1e6;
            println!("{name:<44} {:>11.3} ms of CPU a second", milliseconds / PAUSE.as_secs_f64());
        }
    }
}

fn spsc() -> Waiter {
    let link = SpscLink::new::<u64>(1).expect("a queue");
    let peer = PeerProcess::fork(|| vec![wait(link.rx())]);
    (peer, Box::new(link.tx::<u64>()))
}

fn queue() -> Waiter {
    let queue = Queue::<u64>::new(1).expect("a queue");
    let peer = PeerProcess::fork(|| vec![wait(queue.clone())]);
    (peer, Box::new(queue))
}

fn task() -> Waiter {
    let queue = Queue::<u64>::new(1).expect("a queue");
    let peer = PeerProcess::fork(|| vec![wait(TaskReceiver(queue.clone()))]);
    (peer, Box::new(queue))
}

/// Waits for the message that the job is asked for, and answers how many nanoseconds of CPU time
/// that took.
fn wait(mut rx: impl Receiver<u64> + 'static) -> Job {
    Box::new(move |message, _| {
        let before = clock::cpu_time();
        let mut received = 0;
        rx.receive(&mut received);
        assert_eq!(received, message);
        clock::cpu_time() - before
    })
}
