//! The cost of waiting: the CPU time of a process that sleeps in a blocking pop.

use std::thread;
use std::time::Duration;

use breezeway::queue::Queue;
use breezeway::sync::Mutex;
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
const MANY_CONSUMERS: &str = "idle: 200 consumers of a Queue";
const MANY_LOCKERS: &str = "idle: 200 lockers of a Mutex";
const MANY: usize = 200;

/// A waiting process, and the sender that ends its wait.
type Waiter = (PeerProcess, Box<dyn Sender<u64>>);

/// Processes that wait for the same, and what ends their wait.
type Crowd = (Vec<PeerProcess>, Box<dyn FnOnce()>);

/// The selected waiters, with their names.
pub struct Waiters {
    single: Vec<(&'static str, Waiter)>,
    crowds: Vec<(&'static str, Crowd)>,
}

impl Waiters {
    pub fn new(selection: &Selection) -> Self {
        let all = [(SPSC, spsc as fn() -> Waiter), (QUEUE, queue), (TASK, task)];
        let selected = all.into_iter().filter(|(name, _)| selection.has(name));
        let single = selected.map(|(name, make)| (name, make())).collect();
        let all = [(MANY_CONSUMERS, consumers as fn() -> Crowd), (MANY_LOCKERS, lockers)];
        let selected = all.into_iter().filter(|(name, _)| selection.has(name));
        let crowds = selected.map(|(name, make)| (name, make())).collect();
        Self { single, crowds }
    }

    /// Has them wait, one after the other, and prints the CPU time that each took.
    pub fn report(self) {
        println!();
        for (name, (peer, mut tx)) in self.single {
            let waiting = peer.begin(0, 7);
            thread::sleep(PAUSE);
            tx.send(&7);
            print(name, waiting.spin_for_answer());
        }
        for (name, (peers, release)) in self.crowds {
            let waiting: Vec<_> = peers.iter().map(|peer| peer.begin(0, 7)).collect();
            thread::sleep(PAUSE);
            release();
            print(name, waiting.into_iter().map(|job| job.sleep_for_answer()).sum());
        }
    }
}

fn print(name: &str, nanos: u64) {
    println!("{name:<44} {:>11.3} ms of CPU a second", nanos as f64 / 1e6 / PAUSE.as_secs_f64());
}

fn consumers() -> Crowd {
    let queue = Queue::<u64>::new(MANY).expect("a queue");
    let peers = (0..MANY).map(|_| PeerProcess::fork_on(None, || vec![wait(queue.clone())])).collect();
    (peers, Box::new(move || (0..MANY).for_each(|_| queue.push(7).expect("room"))))
}

fn lockers() -> Crowd {
    let mutex = Mutex::new().expect("a mutex");
    let job = |mutex: Mutex| -> Job {
        Box::new(move |_, _| {
            let before = clock::cpu_time();
            drop(mutex.lock().expect("the lock"));
            clock::cpu_time() - before
        })
    };
    let peers = (0..MANY).map(|_| PeerProcess::fork_on(None, || vec![job(mutex.clone())])).collect();
    // For as long as the program runs, so that the guard can go with the closure.
    let held = Box::leak(Box::new(mutex));
    let guard = held.lock().expect("the lock");
    (peers, Box::new(move || drop(guard)))
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
