//! Ownership of an endpoint: opened, released, dropped, taken over from a dead owner.

use std::time::Duration;

use breezeway::queue::spsc::{self, Consumer, Producer};
use breezeway::{PopError, PushError, SegmentError};
use support::process::{resume, stop};
use support::{Watchdog, unique};

use super::child::{ask, spawn};

const SOON: Duration = Duration::from_millis(150);

#[track_caller]
fn assert_taken<T>(end: Result<T, SegmentError>, by: u32) {
    match end.err() {
        Some(SegmentError::EndpointTaken { pid }) => assert_eq!(pid, by),
        other => panic!("{other:?}"),
    }
}

#[test]
fn open_returns_endpoint_taken_while_owner_lives() {
    let _watchdog = Watchdog::start(60);
    let name = unique("spsc-taken");
    let me = std::process::id();
    let (tx, rx) = spsc::create::<u64>(&name, 4).unwrap();
    assert_taken(Producer::<u64>::open(&name), me);
    assert_taken(Consumer::<u64>::open(&name), me);
    assert_taken(tx.segment().get::<Consumer<u64>>("root"), me);
    assert!(tx.is_connected() && rx.is_connected());
    rx.release();
    assert!(!tx.is_connected());

    let child = spawn("consumer", &name);
    assert!(tx.is_connected());
    assert_taken(Consumer::<u64>::open(&name), child.pid());
    // The other end's owner makes no difference.
    assert_taken(Producer::<u64>::open(&name), me);
    stop(child.pid());
    assert_taken(Consumer::<u64>::open(&name), child.pid());
    assert!(tx.is_connected(), "a stopped process is alive");
    resume(child.pid());
    child.kill();
    assert!(!tx.is_connected());
    Consumer::<u64>::open(&name).unwrap();
}

#[test]
fn push_timeout_pop_timeout_elapse_while_peer_is_vacant() {
    let _watchdog = Watchdog::start(60);
    let name = unique("spsc-vacant");
    let mut tx = Producer::<u64>::create(&name, 2).unwrap();
    let _keeps_the_name = tx.segment().clone();
    assert!(!tx.is_connected());
    tx.push_slice(&[1, 2]).unwrap();
    assert!(matches!(tx.try_push(3), Err(PushError::Full(3))));
    assert!(matches!(tx.push_timeout(3, SOON), Err(PushError::Timeout(3))));
    let mut rx = Consumer::<u64>::open(&name).unwrap();
    assert_eq!((rx.pop().unwrap(), rx.pop().unwrap()), (1, 2));

    tx.release();
    assert!(matches!(rx.pop_timeout(SOON), Err(PopError::Timeout)));
    assert!(matches!(rx.try_pop(), Err(PopError::Empty)));
    let mut child = spawn("producer", &name);
    assert_eq!(ask(&mut child, "push 3"), "Ok(())");
    assert_eq!(rx.pop().unwrap(), 3);
}

#[test]
fn release_hands_endpoint_over_without_disconnect() {
    let _watchdog = Watchdog::start(60);
    let name = unique("spsc-released");
    let (tx, mut rx) = spsc::create::<u64>(&name, 8).unwrap();
    let _keeps_the_name = tx.segment().clone();
    tx.release();
    let mut first = spawn("producer", &name);
    assert_eq!(ask(&mut first, "push 1 2"), "Ok(())");
    assert_eq!(ask(&mut first, "release"), "released");
    let mut second = spawn("producer", &name);
    assert_eq!(ask(&mut second, "push 3 4 5"), "Ok(())");
    let mut out = [0; 8];
    assert_eq!(rx.pop_slice(&mut out).unwrap(), 5);
    assert_eq!(out[..5], [1, 2, 3, 4, 5]);
    // The first's end has no say any more.
    first.kill();
    assert!(matches!(rx.pop_timeout(SOON), Err(PopError::Timeout)));

    rx.release();
    let mut third = spawn("consumer", &name);
    assert_eq!(ask(&mut second, "push 6"), "Ok(())");
    assert_eq!(ask(&mut third, "pop"), "Ok(6)");
}

#[test]
fn pop_after_producer_drop_drains_then_disconnected() {
    let _watchdog = Watchdog::start(60);
    let name = unique("spsc-dropped");
    let (tx, mut rx) = spsc::create::<u64>(&name, 8).unwrap();
    tx.release();
    let mut child = spawn("producer", &name);
    assert_eq!(ask(&mut child, "push 1 2"), "Ok(())");
    assert_eq!(ask(&mut child, "drop"), "dropped");
    assert_eq!((rx.pop().unwrap(), rx.try_pop().unwrap()), (1, 2));
    assert!(matches!(rx.try_pop(), Err(PopError::Disconnected)));
    assert!(matches!(rx.pop(), Err(PopError::Disconnected)));
    assert!(!rx.is_closed());
    // Until another comes.
    let mut other = spawn("producer", &name);
    assert!(matches!(rx.try_pop(), Err(PopError::Empty)));
    assert_eq!(ask(&mut other, "push 3"), "Ok(())");
    assert_eq!(rx.pop().unwrap(), 3);
}

#[test]
fn push_after_consumer_drop_disconnected_until_successor() {
    let _watchdog = Watchdog::start(60);
    let name = unique("spsc-deaf");
    let (mut tx, rx) = spsc::create::<u64>(&name, 8).unwrap();
    rx.release();
    let mut child = spawn("consumer", &name);
    tx.push_slice(&[1, 2, 3]).unwrap();
    assert_eq!(ask(&mut child, "pop"), "Ok(1)");
    assert_eq!(ask(&mut child, "drop"), "dropped");
    assert!(matches!(tx.push(4), Err(PushError::Disconnected(4))));
    assert!(matches!(tx.try_push(4), Err(PushError::Disconnected(4))));
    assert!(matches!(tx.push_slice(&[4]), Err(PushError::Disconnected(0))));
    let mut other = spawn("consumer", &name);
    tx.push(4).unwrap();
    for n in 2..=4 {
        assert_eq!(ask(&mut other, "pop"), format!("Ok({n})"));
    }
}

#[test]
fn open_after_owner_death_continues_where_it_stopped() {
    let _watchdog = Watchdog::start(60);
    let name = unique("spsc-takeover");
    let (tx, rx) = spsc::create::<u64>(&name, 5).unwrap();
    let _keeps_the_name = tx.segment().clone();
    tx.release();
    rx.release();
    let mut next = 0;
    let mut popped = 0;
    for round in 0..6 {
        let (mut producer, mut consumer) = (spawn("producer", &name), spawn("consumer", &name));
        for _ in 0..3 {
            assert_eq!(ask(&mut producer, &format!("push {next}")), "Ok(())");
            next += 1;
        }
        while next - popped > 2 {
            assert_eq!(ask(&mut consumer, "pop"), format!("Ok({popped})"));
            popped += 1;
        }
        // Both ends, one after the other and at once.
        if round % 3 != 0 {
            producer.kill();
        }
        if round % 3 != 1 {
            consumer.kill();
        }
    }
}

#[test]
fn pop_after_producer_killed_midstream_is_in_order() {
    let _watchdog = Watchdog::start(60);
    let name = unique("spsc-midstream");
    let (tx, mut rx) = spsc::create::<u64>(&name, 64).unwrap();
    tx.release();
    let mut next = 0;
    for round in 1..=10 {
        let mut child = spawn("producer", &name);
        child.tell(&format!("hammer {next}"));
        for _ in 0..round * 50 {
            assert_eq!(rx.pop().unwrap(), next);
            next += 1;
        }
        support::process::kill_running(child);
        loop {
            match rx.pop() {
                Ok(value) => assert_eq!(value, next),
                Err(error) => break assert!(matches!(error, PopError::Disconnected)),
            }
            next += 1;
        }
    }
}
