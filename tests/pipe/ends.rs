//! Whose an end is: serialised, sent inside a message, forked.

use std::time::Duration;

use breezeway::pipe::{self, Connection, Receiver, Sender};
use breezeway::{PopError, PushError};
use serde::{Deserialize, Serialize};

use crate::support::fork::fork;
use crate::support::{Role, Watchdog, role};
use crate::{SOON, message, of};

#[test]
fn an_end_that_is_sent_is_the_reader_s() {
    let (mut tx, mut rx) = of::<u32>(256);
    tx.send(1).unwrap();
    let text = serde_json::to_string(&tx).unwrap();
    assert!(matches!(tx.send(2), Err(PushError::HandedOver(2))));
    assert!(matches!(tx.send_bytes(&[2; 2000]), Err(PushError::HandedOver(()))));
    assert!(serde_json::to_string(&tx).is_err(), "sent twice");
    assert_eq!(rx.recv().unwrap(), 1);
    // On its way it is not gone.
    assert!(matches!(rx.recv_timeout(SOON), Err(PopError::Timeout)));
    let mut again: Sender<u32> = serde_json::from_str(&text).unwrap();
    // Nor when the copy that is left goes.
    drop(tx);
    assert!(matches!(rx.try_recv(), Err(PopError::Empty)));
    again.send(2).unwrap();
    assert_eq!(rx.recv().unwrap(), 2);
    assert!(serde_json::from_str::<Sender<u32>>(&text).is_err(), "received twice");
    drop(again);
    assert!(matches!(rx.recv(), Err(PopError::Disconnected)));
}

/// What a worker is sent: where to answer, and something of any length, before it or behind it.
#[derive(Serialize, Deserialize)]
struct Task {
    before: Vec<u8>,
    answer: Sender<String>,
    behind: Vec<u8>,
}

/// A message is encoded once, wherever it comes to lie: twice would give its ends away twice.
#[test]
fn ends_travel_in_messages_of_any_length() {
    let _watchdog = Watchdog::start(60);
    for capacity in [256, 4096] {
        let (mut tasks, mut work) = of::<Task>(capacity);
        let worker = std::thread::spawn(move || {
            while let Ok(mut task) = work.recv() {
                task.answer.send(format!("{} {}", task.before.len(), task.behind.len())).unwrap();
            }
        });
        for (before, behind) in [(0, 0), (40, 0), (0, 60), (70, 0), (300, 2000), (5000, 1)] {
            let (answer, mut rx) = pipe::simplex().unwrap();
            let task = Task { before: message(before, 1), answer, behind: message(behind, 2) };
            tasks.send(task).unwrap();
            assert_eq!(rx.recv().unwrap(), format!("{before} {behind}"));
            assert!(matches!(rx.recv(), Err(PopError::Disconnected)));
        }
        drop(tasks);
        worker.join().unwrap();
    }
}

/// Where there is no room for it, or nobody to receive it, the value comes back as it was.
#[test]
fn ends_in_a_message_that_is_refused_are_still_ours() {
    let (mut tasks, work) = of::<Task>(256);
    while tasks.try_send_bytes(&[0; 8]).is_ok() {}
    let (answer, mut rx) = pipe::simplex().unwrap();
    let task = Task { before: vec![], answer, behind: vec![] };
    let Err(PushError::Full(task)) = tasks.try_send(task) else { panic!("full") };
    let Err(PushError::Timeout(task)) = tasks.send_timeout(task, Duration::ZERO) else { panic!("full") };
    drop(work);
    let Err(PushError::Disconnected(mut task)) = tasks.send(task) else { panic!("broken") };
    task.answer.send("here".to_owned()).unwrap();
    assert_eq!(rx.recv().unwrap(), "here");
}

#[test]
fn both_halves_of_a_connection_travel() {
    let (here, mut there) = pipe::duplex::<u8, u16>().unwrap();
    let text = serde_json::to_string(&here).unwrap();
    assert!(serde_json::to_string(&here).is_err(), "sent twice");
    let mut again: Connection<u8, u16> = serde_json::from_str(&text).unwrap();
    drop(here);
    again.send(1).unwrap();
    there.send(2).unwrap();
    assert_eq!((there.recv().unwrap(), again.recv().unwrap()), (1, 2));
    assert!(there.is_connected());
    let bytes = postcard::to_allocvec(&again).unwrap();
    let mut again: Connection<u8, u16> = postcard::from_bytes(&bytes).unwrap();
    again.send(3).unwrap();
    assert_eq!(there.recv().unwrap(), 3);
    drop(again);
    assert!(matches!(there.recv(), Err(PopError::Disconnected)));
    assert!(matches!(there.send(4), Err(PushError::Disconnected(4))));
}

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
fn a_forked_child_has_no_say() {
    let _watchdog = Watchdog::start(60);
    assert!(Role::spawn("ends::parent", &[]).join().success());
}
