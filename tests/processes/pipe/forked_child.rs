//! Endpoints in a forked child.

use breezeway::pipe::{Receiver, Sender};
use breezeway::{PopError, PushError};
use support::fork::fork;
use support::{Role, Watchdog, role};

use super::of;

/// Child: forks with ends in its hands, one with a message that has been looked at.
#[test]
fn parent() {
    if role().is_none() {
        return;
    }
    let (mut tx, mut rx) = of::<u64>(256);
    tx.send(1).unwrap();
    tx.send(2).unwrap();
    assert!(rx.is_ready());
    let mut ends = Some((tx, rx));
    fork(|| {
        let (mut tx, mut rx) = ends.take().unwrap();
        assert!(matches!(tx.send(3), Err(PushError::HandedOver(3))));
        assert!(matches!(
            tx.try_send_bytes(&[3; 1000]),
            Err(PushError::HandedOver(()) | PushError::TooLarge { .. })
        ));
        assert!(matches!(rx.recv(), Err(PopError::HandedOver)));
        assert!(matches!(rx.try_recv_bytes(), Err(PopError::HandedOver)));
        assert!(rx.is_ready(), "an error does not wait");
        assert!(serde_json::to_string(&rx).is_err());
    })
    .join();
    let (mut tx, mut rx) = ends.take().unwrap();
    tx.send(3).unwrap();
    assert_eq!((rx.recv().unwrap(), rx.recv().unwrap(), rx.recv().unwrap()), (1, 2, 3));
    let (tx, mut rx): (Sender<u64>, Receiver<u64>) = (tx, rx);
    fork(|| drop(serde_json::to_string(&tx))).join();
    drop(tx);
    assert!(matches!(rx.recv(), Err(PopError::Disconnected)));
}

#[test]
fn endpoints_in_forked_child_return_handed_over() {
    let _watchdog = Watchdog::start(60);
    assert!(Role::spawn(parent, &[]).join().success());
}
