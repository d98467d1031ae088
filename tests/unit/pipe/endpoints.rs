//! Endpoints that are serialised, and endpoints inside a message.

use std::time::Duration;

use breezeway::pipe::{self, Connection, Sender};
use breezeway::{PopError, PushError};
use serde::{Deserialize, Serialize};
use support::Watchdog;
use support::numbered::message;

use super::{SOON, of};

#[test]
fn serialized_sender_belongs_to_receiver() {
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
fn send_sender_inside_message_of_any_length() {
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
fn send_refused_returns_sender_inside_message() {
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
fn serialized_connection_moves_both_halves() {
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
