//! The death of the peer, as a polling and as a blocked process sees it.

use breezeway::queue::spsc;
use breezeway::{PopError, PushError};
use support::process::{resume, stop, until};
use support::waiting::asleep;
use support::{Watchdog, unique};

use super::child::{ask, spawn};

#[test]
fn pop_after_producer_death_drains_then_disconnected() {
    let _watchdog = Watchdog::start(60);
    let name = unique("spsc-killed");
    for polls in [false, true] {
        let (tx, mut rx) = spsc::create::<u64>(&name, 8).unwrap();
        tx.release();
        let mut child = spawn("producer", &name);
        assert_eq!(ask(&mut child, "push 1 2 3"), "Ok(())");
        assert_eq!(rx.pop().unwrap(), 1);
        child.kill();
        assert_eq!((rx.pop().unwrap(), rx.try_pop().unwrap()), (2, 3));
        if polls {
            until(|| match rx.try_pop_slice(&mut [0; 2]) {
                Err(PopError::Empty) => false,
                Err(PopError::Disconnected) => true,
                other => panic!("{other:?}"),
            });
        }
        assert!(matches!(rx.pop(), Err(PopError::Disconnected)));
        assert!(matches!(rx.try_pop(), Err(PopError::Disconnected)));
    }
}

#[test]
fn pop_blocked_woken_by_producer_death() {
    let _watchdog = Watchdog::start(60);
    let name = unique("spsc-killed-asleep");
    let (tx, mut rx) = spsc::create::<u64>(&name, 8).unwrap();
    tx.release();
    let child = spawn("producer", &name);
    let popper = asleep(move || (rx.pop().err(), rx));
    child.kill();
    let (error, rx) = popper.wake();
    assert!(matches!(error, Some(PopError::Disconnected)));
    assert!(!rx.is_connected() && !rx.is_closed());
}

#[test]
fn push_on_full_queue_detects_consumer_death() {
    let _watchdog = Watchdog::start(60);
    let name = unique("spsc-deaf");
    for polls in [false, true] {
        let (mut tx, rx) = spsc::create::<u64>(&name, 2).unwrap();
        rx.release();
        let child = spawn("consumer", &name);
        tx.push_slice(&[1, 2]).unwrap();
        if polls {
            child.kill();
            until(|| match tx.try_push(3) {
                Err(PushError::Full(3)) => false,
                Err(PushError::Disconnected(3)) => true,
                other => panic!("{other:?}"),
            });
        } else {
            let pusher = asleep(move || (tx.push(3).err(), tx));
            child.kill();
            let error;
            (error, tx) = pusher.wake();
            assert!(matches!(error, Some(PushError::Disconnected(3))));
        }
        // The next consumer finds everything.
        let mut next = spawn("consumer", &name);
        assert_eq!(ask(&mut next, "pop"), "Ok(1)");
        tx.push(3).unwrap();
        assert_eq!((ask(&mut next, "pop"), ask(&mut next, "pop")), ("Ok(2)".to_owned(), "Ok(3)".to_owned()));
    }
}

#[test]
fn pop_waits_for_stopped_producer() {
    let _watchdog = Watchdog::start(60);
    let name = unique("spsc-stopped");
    let (tx, mut rx) = spsc::create::<u64>(&name, 8).unwrap();
    tx.release();
    let mut child = spawn("producer", &name);
    stop(child.pid());
    for _ in 0..5000 {
        assert!(matches!(rx.try_pop(), Err(PopError::Empty)));
    }
    let popper = asleep(move || rx.pop().unwrap());
    std::thread::sleep(std::time::Duration::from_millis(300));
    resume(child.pid());
    assert_eq!(ask(&mut child, "push 7"), "Ok(())");
    assert_eq!(popper.wake(), 7);
}

#[test]
fn close_wakes_blocked_pop_and_push() {
    let _watchdog = Watchdog::start(60);
    let name = unique("spsc-close");
    let (tx, mut rx) = spsc::create::<u64>(&name, 1).unwrap();
    tx.release();
    let mut child = spawn("producer", &name);
    let popper = asleep(move || (rx.pop().err(), rx));
    assert_eq!(ask(&mut child, "close"), "true");
    let (error, rx) = popper.wake();
    assert!(matches!(error, Some(PopError::Closed)));
    drop(rx);

    let (mut tx, rx) = spsc::create::<u64>(&name, 1).unwrap();
    rx.release();
    let mut child = spawn("consumer", &name);
    tx.push(1).unwrap();
    let pusher = asleep(move || (tx.push(2).err(), tx));
    assert_eq!(ask(&mut child, "close"), "true");
    assert!(matches!(pusher.wake().0, Some(PushError::Closed(2))));
    assert_eq!(
        (ask(&mut child, "pop"), ask(&mut child, "pop")),
        ("Ok(1)".to_owned(), "Err(Closed)".to_owned())
    );
}
