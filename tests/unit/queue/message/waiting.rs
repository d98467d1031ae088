//! Waiting for messages and for room, with and without a timeout, in one process.

use std::thread;
use std::time::{Duration, Instant};

use breezeway::queue::{Limits, MessageQueue};
use breezeway::{PopError, PushError};
use support::Watchdog;
use support::process::{thread_id, until, until_parked};
use support::waiting::{A_WHILE, LONG};

#[test]
fn try_pop_and_pop_timeout_when_empty() {
    let _watchdog = Watchdog::start(60);
    let queue = MessageQueue::<u8>::new(1).unwrap();
    assert!(matches!(queue.try_pop(), Err(PopError::Empty)));
    assert!(matches!(queue.pop_timeout(Duration::ZERO), Err(PopError::Timeout)));
    let start = Instant::now();
    assert!(matches!(queue.pop_timeout(A_WHILE), Err(PopError::Timeout)));
    assert!(start.elapsed() >= A_WHILE);
    queue.push(5).unwrap();
    assert_eq!(queue.pop_timeout(Duration::ZERO).unwrap(), 5);
    queue.push(6).unwrap();
    assert_eq!(queue.pop_timeout(LONG).unwrap(), 6);
}

#[test]
fn try_push_and_push_timeout_when_full() {
    let _watchdog = Watchdog::start(60);
    let queue = MessageQueue::<u8>::new(1).unwrap();
    queue.push_timeout(1, Duration::ZERO).unwrap();
    assert!(matches!(queue.try_push(2), Err(PushError::Full(2))));
    assert!(matches!(queue.push_timeout(2, Duration::ZERO), Err(PushError::Timeout(2))));
    let start = Instant::now();
    assert!(matches!(queue.push_timeout(2, A_WHILE), Err(PushError::Timeout(2))));
    assert!(start.elapsed() >= A_WHILE);
    assert_eq!(queue.pop().unwrap(), 1);
    queue.push_timeout(3, LONG).unwrap();
    assert_eq!(queue.pop().unwrap(), 3);
}

#[test]
fn push_of_small_not_blocked_behind_larger_waiter() {
    let _watchdog = Watchdog::start(60);
    let queue = MessageQueue::<Vec<u8>>::new(Limits { messages: 4, bytes: 4096 }).unwrap();
    queue.push(vec![0; 1500]).unwrap();
    queue.push(vec![1; 2800]).unwrap();
    thread::scope(|scope| {
        // The large one sleeps first, so it is the first to be woken; and it has to wait for both.
        for length in [4000, 1000] {
            let (queue, (tell, told)) = (queue.clone(), std::sync::mpsc::channel());
            scope.spawn(move || {
                tell.send(thread_id()).unwrap();
                queue.push(vec![2; length]).unwrap();
            });
            until_parked(&told.recv().unwrap());
        }
        assert_eq!(queue.pop().unwrap().len(), 1500);
        until(|| queue.len() == 2);
        assert_eq!([(); 3].map(|()| queue.pop().unwrap().len()), [2800, 1000, 4000]);
    });
}

#[test]
fn close_wakes_push_waiting_for_room() {
    let _watchdog = Watchdog::start(60);
    let queue = MessageQueue::<u8>::new(1).unwrap();
    queue.push(1).unwrap();
    thread::scope(|scope| {
        let (tell, told) = std::sync::mpsc::channel();
        let pusher = scope.spawn({
            let queue = queue.clone();
            move || {
                tell.send(thread_id()).unwrap();
                queue.push(2)
            }
        });
        until_parked(&told.recv().unwrap());
        queue.close();
        assert!(matches!(pusher.join().unwrap(), Err(PushError::Closed(2))));
    });
    assert_eq!(queue.pop().unwrap(), 1);
    assert!(matches!(queue.pop(), Err(PopError::Closed)));
}
