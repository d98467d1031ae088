//! How many waiters a queue wakes: no more than have something to do.

use breezeway::queue::Queue;
#[cfg(feature = "serde")]
use breezeway::queue::{JoinableQueue, MessageQueue};
use breezeway::{PopError, Segment};
use support::Watchdog;
use support::scratch::Name;
use support::waiting::{asleep, sleeps_of};

/// A process that detaches and had nothing of the queue wakes no waiter.
#[test]
fn detach_of_idle_participant_wakes_no_waiter() {
    const DETACHES: u64 = 100;
    let _watchdog = Watchdog::start(60);
    let name = Name::new("queue-detach");
    let segment = Segment::builder().participants(4).create(&name, 1 << 16).unwrap();
    let queue = segment.add::<Queue<u64>>("queue", 4).unwrap();
    // The leases that there were are over.
    queue.push(1).unwrap();
    queue.lease().unwrap().ack().unwrap();
    let popper = asleep({
        let queue = queue.clone();
        move || queue.pop()
    });
    let before = sleeps_of(&popper.thread);
    for _ in 0..DETACHES {
        drop(Segment::open(&name).unwrap());
    }
    // It looks again ten times a second by itself.
    let sleeps = sleeps_of(&popper.thread) - before;
    assert!(sleeps < DETACHES / 2, "it was woken {sleeps} times");
    queue.close();
    assert_eq!(popper.wake(), Err(PopError::Closed));
}

/// Of many producers that wait for a slot, a pop wakes one.
#[cfg(feature = "serde")]
#[test]
fn message_queue_pop_wakes_one_producer() {
    const POPS: u64 = 60;
    const PRODUCERS: usize = 8;
    let _watchdog = Watchdog::start(60);
    let queue = MessageQueue::<u64>::new(1).unwrap();
    queue.push(0).unwrap();
    let producers: Vec<_> = (0..PRODUCERS)
        .map(|_| {
            let queue = queue.clone();
            asleep(move || while queue.push(0).is_ok() {})
        })
        .collect();
    // Until each is in a park of its longest.
    std::thread::sleep(std::time::Duration::from_millis(30));
    let sleeps = || producers.iter().map(|producer| sleeps_of(&producer.thread)).sum::<u64>();
    let before = sleeps();
    for _ in 0..POPS {
        queue.pop().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    let sleeps = sleeps() - before;
    assert!(sleeps < POPS * PRODUCERS as u64 / 2, "the producers slept {sleeps} times");
    queue.close();
    for producer in producers {
        producer.wake();
    }
}

/// The producer that is woken for the slot cannot use it, for want of bytes: another one can.
#[cfg(feature = "serde")]
#[test]
fn joinable_queue_ack_wakes_producer_of_small_job_behind_large() {
    use breezeway::queue::Limits;
    let _watchdog = Watchdog::start(60);
    let queue = JoinableQueue::<Vec<u8>>::new(Limits { messages: 2, bytes: 1120 }).unwrap();
    queue.push(vec![0; 200]).unwrap();
    queue.push(vec![1; 700]).unwrap();
    let pushers = [900, 100].map(|length| {
        let queue = queue.clone();
        asleep(move || queue.push(vec![2; length]).unwrap())
    });
    assert_eq!(queue.pop().unwrap().len(), 200);
    let [large, small] = pushers;
    small.wake();
    assert!(!large.is_done());
    assert_eq!([(); 2].map(|()| queue.pop().unwrap().len()), [700, 100]);
    large.wake();
    assert_eq!(queue.pop().unwrap().len(), 900);
}
