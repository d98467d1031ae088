//! `_TestQueue`.

use std::time::{Duration, Instant};

use breezeway::process::Process;
use breezeway::queue::{JoinableQueue, MessageQueue, Queue};
use breezeway::sync::Event;
use breezeway::{DoneError, PopError, PushError};
use serde::{Deserialize, Serialize, Serializer};
use support::Watchdog;

use super::SOON;

/// What `f` returns, which took `least` or longer.
fn timed<R>(least: Duration, f: impl FnOnce() -> R) -> R {
    let start = Instant::now();
    let result = f();
    assert!(start.elapsed() >= least, "{:?} of {least:?}", start.elapsed());
    result
}

/// The six ways to find a queue full.
#[test]
fn put() {
    let _watchdog = Watchdog::start(120);
    let (fixed, any) = (Queue::<u32>::new(6).unwrap(), MessageQueue::<String>::new(6).unwrap());
    (0..fixed.capacity() as u32).for_each(|n| fixed.push(n).unwrap());
    (0..any.capacity()).for_each(|n| any.push(n.to_string()).unwrap());
    let text = || "7".to_owned();
    assert!(matches!(fixed.try_push(7), Err(PushError::Full(7))));
    assert!(matches!(fixed.push_timeout(7, Duration::ZERO), Err(PushError::Timeout(7))));
    assert!(matches!(timed(SOON, || fixed.push_timeout(7, SOON)), Err(PushError::Timeout(7))));
    assert!(matches!(any.try_push(text()), Err(PushError::Full(value)) if value == "7"));
    assert!(matches!(any.push_timeout(text(), Duration::ZERO), Err(PushError::Timeout(_))));
    assert!(matches!(timed(SOON, || any.push_timeout(text(), SOON)), Err(PushError::Timeout(_))));
    let drain = |(fixed, any): (Queue<u32>, MessageQueue<String>)| {
        let all = std::iter::from_fn(|| fixed.try_pop().ok());
        (all.collect(), std::iter::from_fn(|| any.try_pop().ok()).collect())
    };
    let (numbers, texts): (Vec<u32>, Vec<String>) =
        Process::spawn(drain, (fixed.clone(), any.clone())).unwrap().result().unwrap();
    assert!(numbers.into_iter().eq(0..fixed.capacity() as u32));
    assert!(texts.into_iter().eq((0..any.capacity()).map(|n| n.to_string())));
    assert!(fixed.is_empty() && any.is_empty());
}

/// The six ways to find it empty, after a child's items.
#[test]
fn get() {
    let _watchdog = Watchdog::start(120);
    let (fixed, any) = (Queue::<u32>::new(6).unwrap(), MessageQueue::<String>::new(6).unwrap());
    let fill = |(fixed, any): (Queue<u32>, MessageQueue<String>)| {
        (2..6).for_each(|n| fixed.push(n).unwrap());
        (2..6).for_each(|n| any.push(n.to_string()).unwrap());
    };
    let child = Process::spawn(fill, (fixed.clone(), any.clone())).unwrap();
    assert_eq!([(); 4].map(|()| fixed.pop().unwrap()), [2, 3, 4, 5]);
    assert_eq!([(); 4].map(|()| any.pop().unwrap()), ["2", "3", "4", "5"]);
    assert!(matches!(fixed.try_pop(), Err(PopError::Empty)));
    assert!(matches!(fixed.pop_timeout(Duration::ZERO), Err(PopError::Timeout)));
    assert!(matches!(timed(SOON, || fixed.pop_timeout(SOON)), Err(PopError::Timeout)));
    assert!(matches!(any.try_pop(), Err(PopError::Empty)));
    assert!(matches!(any.pop_timeout(Duration::ZERO), Err(PopError::Timeout)));
    assert!(matches!(timed(SOON, || any.pop_timeout(SOON)), Err(PopError::Timeout)));
    assert_eq!(child.join().unwrap(), 0);
}

/// Used before and after it is inherited, with items in it.
#[test]
fn fork() {
    let _watchdog = Watchdog::start(120);
    let queue = MessageQueue::<u32>::new(32).unwrap();
    (0..10).for_each(|n| queue.push(n).unwrap());
    let work = |queue: MessageQueue<u32>| (10..20).for_each(|n| queue.push(n).unwrap());
    assert_eq!(Process::spawn(work, queue.clone()).unwrap().join().unwrap(), 0);
    // Joined before it is drained: no thread has to feed it.
    assert_eq!([(); 20].map(|()| queue.pop().unwrap()), std::array::from_fn(|n| n as u32));
    assert!(matches!(queue.try_pop(), Err(PopError::Empty)));
}

#[test]
fn qsize() {
    let _watchdog = Watchdog::start(120);
    let queue = MessageQueue::<u32>::new(8).unwrap();
    let look = |queue: MessageQueue<u32>| {
        let before = queue.len();
        queue.push(5).unwrap();
        (before, queue.len())
    };
    assert_eq!(queue.len(), 0);
    queue.push(1).unwrap();
    assert_eq!(Process::spawn(look, queue.clone()).unwrap().result().unwrap(), (1, 2));
    assert_eq!(queue.len(), 2);
    queue.pop().unwrap();
    assert_eq!(queue.len(), 1);
}

#[test]
fn task_done() {
    let _watchdog = Watchdog::start(120);
    let queue = JoinableQueue::<u32>::new(32).unwrap();
    let work = |queue: JoinableQueue<u32>| {
        let mut jobs = 0;
        for job in &queue {
            std::thread::sleep(Duration::from_millis(5));
            let (_, id) = job.unwrap().into_parts();
            queue.ack(id).unwrap();
            // One too many.
            assert!(matches!(queue.ack(id), Err(DoneError::NotHeld)));
            jobs += 1;
        }
        jobs
    };
    let workers = [(); 4].map(|()| Process::spawn(work, queue.clone()).unwrap());
    (0..10).for_each(|n| queue.push(n).unwrap());
    queue.join().unwrap();
    assert_eq!(queue.unfinished(), 0);
    queue.close();
    assert_eq!(workers.map(|worker| worker.result().unwrap()).iter().sum::<u32>(), 10);
}

#[test]
fn timeout() {
    let _watchdog = Watchdog::start(120);
    let wait = |queue: MessageQueue<u32>| {
        let least = Duration::from_millis(100);
        matches!(timed(least, || queue.pop_timeout(least)), Err(PopError::Timeout))
    };
    assert!(Process::spawn(wait, MessageQueue::new(4).unwrap()).unwrap().result().unwrap());
}

#[test]
fn closed_queue_put_get_exceptions() {
    let _watchdog = Watchdog::start(120);
    let queue = MessageQueue::<u32>::new(4).unwrap();
    let asleep = Event::new().unwrap();
    let wait = |(queue, asleep): (MessageQueue<u32>, Event)| {
        asleep.set();
        matches!(queue.pop(), Err(PopError::Closed)) && matches!(queue.push(1), Err(PushError::Closed(1)))
    };
    let child = Process::spawn(wait, (queue.clone(), asleep.clone())).unwrap();
    asleep.wait().unwrap();
    assert!(queue.close());
    assert!(child.result().unwrap(), "who waits is told, too");
    assert!(matches!(queue.push(1), Err(PushError::Closed(1))));
    assert!(matches!(queue.try_pop(), Err(PopError::Closed)));
}

/// What can be encoded unless it is bad.
#[derive(Debug, Deserialize)]
struct Item {
    is_bad: bool,
}

impl Serialize for Item {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.is_bad {
            return Err(serde::ser::Error::custom("on purpose"));
        }
        (self.is_bad,).serialize(serializer)
    }
}

/// In CPython the item vanishes in a thread, and its slot stays taken (gh-84376).
#[test]
fn queue_feeder_donot_stop_onexc() {
    let _watchdog = Watchdog::start(120);
    let queue = MessageQueue::<Item>::new(1).unwrap();
    let work = |queue: MessageQueue<Item>| {
        for _ in 0..10 {
            let error = queue.push(Item { is_bad: true }).unwrap_err();
            assert!(matches!(error, PushError::Encode { value: Item { is_bad: true }, .. }));
        }
        assert!(queue.is_empty());
        queue.try_push(Item { is_bad: false }).unwrap();
    };
    let child = Process::spawn(work, queue.clone()).unwrap();
    assert_eq!(child.join().unwrap(), 0);
    assert_eq!(queue.len(), 1);
    assert!(!queue.pop().unwrap().is_bad);
}
