//! A forked child's copies of its parent's endpoints have no effect.

use breezeway::queue::spsc::{self, Consumer};
use breezeway::{PopError, PushError, SegmentError};
use support::fork::fork;
use support::{Role, Watchdog, role};

/// Child: forks with both ends in its hands.
#[test]
fn parent() {
    if role().is_none() {
        return;
    }
    let (mut tx, mut rx) = spsc::new::<u64>(4).unwrap();
    tx.push_slice(&[1, 2]).unwrap();
    let segment = tx.segment().clone();
    let me = std::process::id();
    let (mut ends, all) = (Some((tx, rx)), segment.clone());
    fork(|| {
        let (mut tx, mut rx) = ends.take().unwrap();
        assert!(matches!(tx.push(3), Err(PushError::HandedOver(3))));
        assert!(matches!(tx.try_push_slice(&[3]), Err(PushError::HandedOver(0))));
        assert!(matches!(rx.pop(), Err(PopError::HandedOver)));
        assert!(matches!(rx.try_pop(), Err(PopError::HandedOver)));
        assert_eq!((tx.len(), rx.len()), (2, 2));
        let taken = all.get::<Consumer<u64>>("root").err();
        assert!(matches!(taken, Some(SegmentError::EndpointTaken { pid }) if pid == me), "{taken:?}");
        drop(tx);
        rx.release();
    })
    .join();
    (tx, rx) = ends.take().unwrap();
    assert!(tx.is_connected() && rx.is_connected());
    tx.push(3).unwrap();
    assert_eq!((rx.pop().unwrap(), rx.pop().unwrap(), rx.pop().unwrap()), (1, 2, 3));

    // An end that was let go of is the child's to take.
    rx.release();
    let child = fork(|| {
        let mut rx = segment.get::<Consumer<u64>>("root").unwrap();
        assert_eq!(rx.pop().unwrap(), 4);
        std::mem::forget(rx);
    });
    tx.push(4).unwrap();
    child.join();
    // It has died with it.
    tx.push_slice(&[5, 6, 7, 8]).unwrap();
    assert!(matches!(tx.push(9), Err(PushError::Disconnected(9))));
}

#[test]
fn endpoints_in_forked_child_return_handed_over() {
    let _watchdog = Watchdog::start(60);
    assert!(Role::spawn(parent, &[]).join().success());
}
